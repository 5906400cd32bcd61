"""The traces that Tamarin writes as JSON, read as steps in the order of time."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..disk import FileError, parse_json
from ..vectors.declaration import Json
from .declared import Job

ADVERSARY = "Adversary"

_INFIX = {"Xor": " ⊕ ", "Mult": "*", "Union": " ++ ", "NatPlus": " %+ ", "exp": "^"}
_NOT_SHOWN = ("jgnShow", "jgnFactShow")


@dataclass(frozen=True)
class Column:
    """A line of the chart: an instance of a role, the adversary, or what sets the stage.

    Attributes:
        title: its name, with a number if there are several of the role.
        kind: "role", "adversary" or "setup".
    """

    title: str
    kind: str


@dataclass(frozen=True)
class RuleStep:
    """A rule of the model, applied.

    Attributes:
        column: who applies it.
        rule: its name.
        actions: the facts that lemmas speak of.
        receives, sends: messages, from and to the adversary.
        is_leak: hands a secret to the adversary, and does nothing else.
    """

    column: Column
    rule: str
    actions: tuple[str, ...]
    receives: tuple[str, ...]
    sends: tuple[str, ...]
    is_leak: bool


@dataclass(frozen=True)
class AdversaryStep:
    """What the adversary works out, one line each; `knows` are those that the lemma speaks of."""

    lines: tuple[str, ...]
    knows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """A trace.

    Attributes:
        job: the lemma that it is about.
        columns: as they first act, set-up first; the adversary last.
        steps: in an order that fits all that the trace says about time.
        legend: abbreviations and what they stand for, as they first occur.
    """

    job: Job
    columns: tuple[Column, ...]
    steps: tuple[RuleStep | AdversaryStep, ...]
    legend: tuple[tuple[str, str], ...]


def slim(text: str) -> str:
    """Tamarin's JSON without what can be computed from the rest, a node or edge a line.

    Emptied are the texts of terms and facts (as Tamarin itself does when not asked for pretty
    ones); they grow with the square of a term's size.

    Raises:
        FileError: the text is not JSON.
    """
    content = _parse(text)

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: "" if k in _NOT_SHOWN else strip(v) for k, v in sorted(value.items())}
        return [strip(item) for item in value] if isinstance(value, list) else value

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    graphs = []
    for graph in strip(content)["graphs"]:
        parts = []
        for key, value in graph.items():
            is_rows = isinstance(value, list) and value
            rows = "[\n" + ",\n".join(map(compact, value)) + "\n]" if is_rows else compact(value)
            parts.append(f'"{key}":{rows}')
        graphs.append("{\n" + ",\n".join(parts) + "\n}")
    return '{"graphs":[' + ",".join(graphs) + "]}\n"


def _parse(text: str) -> Json:
    content = parse_json("not a trace", text)
    graphs = content.get("graphs") if isinstance(content, dict) else None
    if not isinstance(graphs, list) or not graphs or not all(isinstance(g, dict) for g in graphs):
        raise FileError("not a trace: no graphs")
    return {"graphs": graphs}


_LEAKS = ("Reveal_", "Learn_")


def read_trace(text: str, job: Job) -> Trace:
    """The first trace in Tamarin's JSON.

    Raises:
        FileError: not such JSON, or it says that something happens before itself.
    """
    graph = _parse(text)["graphs"][0]
    with _malformed():
        return _Reader(graph, job).read()


def ordered_nodes(text: str) -> list[Node]:
    """The nodes of the first trace in Tamarin's JSON, each after all that come before it.

    Raises:
        FileError: as `read_trace`.
    """
    graph = _parse(text)["graphs"][0]
    with _malformed():
        return _Reader(graph, Job("", (), "")).order()


@contextmanager
def _malformed() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        raise FileError(f"not a trace: {type(error).__name__} {error}") from None


@dataclass
class Node:
    """A node of the graph: a rule's or the adversary's step, with its facts as the JSON has them.

    Attributes:
        before: the nodes that are known to come earlier.
        inputs: for a premise, by its number, the node and the number of the conclusion it is from.
    """

    id: str
    label: str
    type: str
    premises: list[Json]
    actions: list[Json]
    conclusions: list[Json]
    before: list[str] = field(default_factory=list)
    inputs: dict[int, tuple[str, int]] = field(default_factory=dict)
    is_used: bool = False

    def facts(self, facts: list[Json], tag: str) -> list[Json]:
        """Those of the facts that have a tag, such as "InFact"."""
        return [fact for fact in facts if fact["jgnFactTag"] == tag]

    @property
    def is_rule(self) -> bool:
        """Whether it is a rule of the model."""
        return self.type == "isProtocolRule"

    def has_linear(self, facts: list[Json]) -> bool:
        """Whether one of the facts is used up when it is consumed."""
        return any(not fact["jgnFactMult"] for fact in self.facts(facts, "ProtoFact"))

    @property
    def is_setup(self) -> bool:
        """Whether it is no role's doing: it provides persistent facts, or hands out a secret."""
        if self.facts(self.premises, "InFact") or self.has_linear(self.premises):
            return False
        if self.is_leak or not self.facts(self.conclusions, "OutFact"):
            return True
        kept = self.facts(self.conclusions, "ProtoFact")
        return bool(kept) and not self.has_linear(self.conclusions)

    @property
    def is_setup_rule(self) -> bool:
        """Whether it is a rule that is no role's doing."""
        return self.is_rule and self.is_setup

    @property
    def is_leak(self) -> bool:
        """Whether it hands a secret to the adversary; the models name such rules so."""
        return self.label.startswith(_LEAKS) and bool(self.facts(self.conclusions, "OutFact"))


class _Terms:
    """Writes terms, abbreviated as Tamarin's graph abbreviates them."""

    def __init__(self, abbreviations: list[Json]) -> None:
        self._names: dict[str, str] = {}
        self._terms: dict[str, Any] = {}
        self._used: list[str] = []
        self._counts: Counter[str] = Counter()
        self._sent: set[str] = set()
        for item in abbreviations:
            term = item["jgaTerm"]
            if "jgnFunct" in term and term["jgnParams"]:
                name = str(item["jgaAbbrev"]["jgnConst"])
                self._names[self.key(term)] = name
                self._terms[name] = term

    def forget_rare(self) -> None:
        """Start anew without the abbreviations that have been used but once."""
        list(self.legend())
        self._names = {k: name for k, name in self._names.items() if self._counts[name] > 1}
        self._used.clear()
        self._counts.clear()
        self._sent.clear()

    @staticmethod
    def key(term: Any) -> str:
        """A term as a text that is the same for equal terms."""

        def bare(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: bare(v) for k, v in value.items() if k not in _NOT_SHOWN}
            return [bare(item) for item in value] if isinstance(value, list) else value

        return json.dumps(bare(term), sort_keys=True)

    def text(self, term: Any, *, whole: bool = False) -> str:
        if "jgnConst" in term:
            return str(term["jgnConst"])
        if not whole and (name := self._names.get(self.key(term))):
            if name not in self._used:
                self._used.append(name)
            self._counts[name] += 1
            return name
        function, parameters = str(term["jgnFunct"]), list(term["jgnParams"])
        if function == "pair" and len(parameters) == 2:
            while "jgnFunct" in (last := parameters[-1]) and last["jgnFunct"] == "pair":
                if self.key(last) in self._names:
                    break
                parameters[-1:] = last["jgnParams"]
            return f"<{', '.join(map(self.text, parameters))}>"
        if function in _INFIX:
            return _INFIX[function].join(map(self._operand, parameters))
        inside = ", ".join(map(self.text, parameters))
        return f"{function}({inside})" if parameters else function

    def _operand(self, term: Any) -> str:
        text = self.text(term)
        is_compound = "jgnFunct" in term and term["jgnFunct"] in _INFIX
        return f"({text})" if is_compound and not re.fullmatch(r"\w+", text) else text

    def fact(self, fact: Json) -> str:
        return f"{fact['jgnFactName']}({', '.join(map(self.text, fact['jgnFactTerms']))})"

    def message(self, fact: Json) -> str:
        return ", ".join(map(self.text, fact["jgnFactTerms"]))

    def sent(self, fact: Json) -> str:
        """A message; where it is an abbreviation, the first time with what it stands for."""
        text = self.message(fact)
        if text not in self._terms or text in self._sent:
            return text
        self._sent.add(text)
        return f"{text} = {self.text(self._terms[text], whole=True)}"

    def legend(self) -> Iterator[tuple[str, str]]:
        """The abbreviations used so far, and those that these use."""
        for name in self._used:  # grows while it is read
            yield name, self.text(self._terms[name], whole=True)


class _Reader:
    def __init__(self, graph: Json, job: Job) -> None:
        self._job = job
        self._terms = _Terms(graph["jgAbbrevs"])
        self._nodes: dict[str, Node] = {}
        for raw in graph["jgNodes"]:
            facts = raw.get("jgnMetadata") or {}
            self._nodes[raw["jgnId"]] = Node(
                id=raw["jgnId"],
                label=raw["jgnLabel"],
                type=raw["jgnType"],
                premises=list(facts.get("jgnPrems", [])),
                actions=list(facts.get("jgnActs", [])),
                conclusions=list(facts.get("jgnConcs", [])),
            )
        for edge in graph["jgEdges"]:
            source, _, conclusion = edge["jgeSource"].partition(":c")
            target, _, premise = edge["jgeTarget"].partition(":p")
            if source not in self._nodes or target not in self._nodes:
                continue
            node = self._nodes[target]
            if premise:
                node.inputs[int(premise)] = (source, int(conclusion))
                self._nodes[source].is_used = True
            else:
                node.before.append(source)

    def read(self) -> Trace:
        order = self.order()
        owners = self._owners(order)
        columns = self._columns(order, owners)
        self._steps(order, owners, columns)
        self._terms.forget_rare()
        steps = self._steps(order, owners, columns)
        found = tuple(dict.fromkeys(columns.values()))
        setup = [column for column in found if column.kind == "setup"]
        roles = [column for column in found if column.kind == "role"]
        everyone = (*setup, *roles, Column(ADVERSARY, "adversary"))
        return Trace(self._job, everyone, tuple(steps), tuple(self._terms.legend()))

    def _steps(
        self, order: list[Node], owners: dict[str, str], columns: dict[str, Column]
    ) -> list[RuleStep | AdversaryStep]:
        steps: list[RuleStep | AdversaryStep] = []
        lines: list[str] = []
        knows: list[str] = []

        def flush() -> None:
            if lines or knows:
                unique = tuple(dict.fromkeys(lines))
                steps.append(AdversaryStep(unique, tuple(dict.fromkeys(knows))))
                lines.clear()
                knows.clear()

        for node in order:
            if node.is_rule:
                flush()
                steps.append(self._rule_step(node, columns[owners[node.id]]))
            else:
                lines += self._deduction(node)
                if node.label == "Send" and not node.is_used:
                    knows += [self._terms.message(fact) for fact in node.actions]
        flush()
        return steps

    def order(self) -> list[Node]:
        """The nodes, each after all that must come before it, and that as late as possible.

        What sets the stage and needs nothing comes first.
        """
        done: dict[str, bool] = {}  # False while what must come before is being placed
        order: list[Node] = []
        nodes = self._nodes.values()
        has_later = {name for node in nodes for name in self._earlier(node)}
        stage = [node for node in nodes if node.is_setup_rule and not self._earlier(node)]
        last = [node for node in nodes if node.id not in has_later]
        for start in [node.id for node in (*stage, *last, *nodes)]:
            stack = [start] if start not in done else []
            while stack:
                node = self._nodes[stack[-1]]
                if node.id not in done:
                    done[node.id] = False
                waiting = [name for name in self._earlier(node) if not done.get(name)]
                if not waiting:
                    if not done[node.id]:
                        done[node.id] = True
                        order.append(node)
                    stack.pop()
                elif done.get(waiting[0]) is False:
                    raise FileError(f"not a trace: {waiting[0]} comes before itself")
                else:
                    stack.append(waiting[0])
        return order

    @staticmethod
    def _earlier(node: Node) -> list[str]:
        return [*(source for _, (source, _) in sorted(node.inputs.items())), *node.before]

    def _owners(self, order: list[Node]) -> dict[str, str]:
        """For each rule the one that began its column: linear facts carry a role's state."""
        owners: dict[str, str] = {}
        last: dict[str, str] = {}
        for node in order:
            if not node.is_rule:
                continue
            owners[node.id] = node.id
            if not node.is_setup:
                for index, (source, _) in sorted(node.inputs.items()):
                    fact = node.premises[index]
                    is_state = fact["jgnFactTag"] == "ProtoFact" and not fact["jgnFactMult"]
                    earlier = self._nodes[source]
                    if is_state and earlier.is_rule and not earlier.is_setup:
                        owner = owners[source]
                        if last.get(owner, owner) == source:
                            owners[node.id] = owner
                            break
            last[owners[node.id]] = node.id
        return owners

    def _columns(self, order: list[Node], owners: dict[str, str]) -> dict[str, Column]:
        rules = [node for node in order if node.is_rule]
        title = "Set-up, leaks" if any(n.is_leak and n.is_setup for n in rules) else "Set-up"
        setup = Column(title, "setup")
        words: dict[str, list[str]] = {}  # the first words of the rules of each role's instance
        for node in rules:
            if not node.is_setup:
                words.setdefault(owners[node.id], []).append(node.label.split("_")[0])
        roles: dict[str, list[str]] = {}
        for owner, names in words.items():
            roles.setdefault(max(names, key=names.count), []).append(owner)
        columns = {node.id: setup for node in rules if node.is_setup}
        for role, ids in roles.items():
            for number, name in enumerate(ids, 1):
                columns[name] = Column(f"{role} {number}" if len(ids) > 1 else role, "role")
        return columns

    def _rule_step(self, node: Node, column: Column) -> RuleStep:
        receives = node.facts(node.premises, "InFact")
        sends = node.facts(node.conclusions, "OutFact")
        return RuleStep(
            column=column,
            rule=node.label,
            actions=tuple(map(self._terms.fact, node.actions)),
            receives=tuple(map(self._terms.message, receives)),
            sends=tuple(map(self._terms.sent, sends)),
            is_leak=node.is_setup and node.is_leak,
        )

    def _deduction(self, node: Node) -> Iterator[str]:
        """What the adversary does in a step; nothing for hearing, sending and pairing."""
        if node.type == "unsolvedActionAtom":
            for fact in node.actions:
                if fact["jgnFactName"] in ("!KU", "K"):
                    is_free = "jgnConst" in fact["jgnFactTerms"][0]
                    yield f"{'picks any' if is_free else 'has'} {self._terms.message(fact)}"
            return
        match = re.fullmatch(r"(Constr|Destr)_?[cd]_(?:\d+_)?(\w+)", node.label)

        def made() -> str:  # asked for only if shown: asking counts as a use of abbreviations
            return self._terms.message(node.conclusions[0])

        if node.label == "Coerce":
            if self._is_part(node):
                yield f"takes out {made()}"
        elif match and match[1] == "Constr" and match[2] != "pair":
            yield f"makes {made()}"
        elif match and match[1] == "Destr" and match[2] not in ("fst", "snd"):
            keys = [self._terms.message(fact) for fact in node.facts(node.premises, "KUFact")]
            using = f" with {', '.join(keys)}" if keys else ""
            yield f"gets {made()} by {match[2]}{using}"
        elif node.label.startswith("Fresh") and node.conclusions:
            yield f"picks {made()}"

    def _is_part(self, node: Node) -> bool:
        """Whether what the adversary now knows is a part of a message taken apart."""
        if 0 not in node.inputs:
            return False
        source = self._nodes[node.inputs[0][0]]
        if source.is_rule or source.label == "Recv":
            term = source.conclusions[node.inputs[0][1]]["jgnFactTerms"]
            return self._terms.key(term) != self._terms.key(node.conclusions[0]["jgnFactTerms"])
        return bool(re.search(r"_(fst|snd)$", source.label)) or bool(
            self._terms.key(source.conclusions[0]["jgnFactTerms"])
            != self._terms.key(node.conclusions[0]["jgnFactTerms"])
        )
