"""The traces that Tamarin writes as JSON, read as steps in the order of time."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..disk import FileError, parse_json
from ..vectors.declaration import Json
from .cast import Actor, Cast, json_subterms, stem
from .declared import Job

ADVERSARY = "Adversary"

_INFIX = {"Xor": " ⊕ ", "Mult": "*", "Union": " ++ ", "NatPlus": " %+ ", "exp": "^"}
_LEFT_OUT = ("…", "…")
_NOT_SHOWN = ("jgnShow", "jgnFactShow")


@dataclass(frozen=True)
class Column:
    """A line of the chart: a principal, or the adversary, to whom also belongs what sets the stage.

    Attributes:
        title: its name, with a number if there are several of it.
        kind: "role" or "adversary".
        roles: what it is in the run, if the name does not say so.
    """

    title: str
    kind: str
    roles: str = ""


@dataclass(frozen=True)
class RuleStep:
    """A rule of the model, applied.

    Attributes:
        column: who applies it; the adversary, if it hands something to it and is no role's doing.
        rule: its name.
        words: what it does, and in which session of its column if there are several.
        actions: the facts that the lemma speaks of.
        receives, sends: messages, from and to the adversary.
        is_leak: hands a secret to the adversary, and does nothing else.
        is_idle: adds nothing to what the chart shows.
    """

    column: Column
    rule: str
    words: str
    actions: tuple[str, ...]
    receives: tuple[str, ...]
    sends: tuple[str, ...]
    is_leak: bool
    is_idle: bool = False

    @property
    def is_told(self) -> bool:
        """Whether the adversary has what is sent without anyone's sending it."""
        return self.column.kind == "adversary"


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
        columns: as they first act; the adversary last.
        steps: in an order that fits all that the trace says about time.
        legend: names and what they stand for, as they first occur.
    """

    job: Job
    columns: tuple[Column, ...]
    steps: tuple[RuleStep | AdversaryStep, ...]
    legend: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> list[RuleStep | AdversaryStep]:
        """The steps that a chart shows."""
        return [s for s in self.steps if isinstance(s, AdversaryStep) or not s.is_idle]


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


def read_trace(text: str, job: Job, cast: Cast | None = None) -> Trace:
    """The first trace in Tamarin's JSON, with the names of a cast.

    Raises:
        FileError: not such JSON, or it says that something happens before itself.
    """
    graph = _parse(text)["graphs"][0]
    with _malformed():
        return _Reader(graph, job, cast or Cast()).read()


def ordered_nodes(text: str) -> list[Node]:
    """The nodes of the first trace in Tamarin's JSON, each after all that come before it.

    Raises:
        FileError: as `read_trace`.
    """
    graph = _parse(text)["graphs"][0]
    with _malformed():
        return _Reader(graph, Job("", (), ""), Cast()).order()


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


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items() if k not in _NOT_SHOWN}
    return [_bare(item) for item in value] if isinstance(value, list) else value


class _Terms:
    """Writes terms: with the names of the cast, and else as Tamarin's graph abbreviates them."""

    def __init__(self, abbreviations: list[Json], cast: Cast) -> None:
        self._cast = cast
        self._keys: dict[int, tuple[Any, str]] = {}
        self._bases: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._terms: dict[str, Any] = {}
        self._numbered: dict[str, list[str]] = {}
        self._used: list[str] = []
        self._counts: Counter[str] = Counter()
        self._sent: set[str] = set()
        for item in abbreviations:
            term = item["jgaTerm"]
            if "jgnFunct" in term and term["jgnParams"]:
                name = str(item["jgaAbbrev"]["jgnConst"])
                self._names[self.key(term)] = name

    def forget_rare(self) -> None:
        """Start anew without the abbreviations that have been used but once."""
        list(self.legend())
        self._names = {k: name for k, name in self._names.items() if self._counts[name] > 1}
        self._used.clear()
        self._counts.clear()
        self._sent.clear()
        self._numbered.clear()

    def key(self, term: Any) -> str:
        """A term as a text that is the same for equal terms; computed once for each object."""
        found = self._keys.get(id(term))
        if found is None:
            text = json.dumps(_bare(term), sort_keys=True)
            self._keys[id(term)] = found = (term, text)  # the term is kept, and with it its id
        return found[1]

    def _base(self, term: Json) -> str:
        """What the cast calls a term; "" if nothing."""
        key = self.key(term)
        if key not in self._bases:
            self._bases[key] = ""  # while the forms are tried, it has no name
            fits = (name for name, form in self._cast.names if form.matches(term, self._base))
            self._bases[key] = next(fits, "")
        return self._bases[key]

    def _name(self, term: Json) -> str:
        """A term's name, with a number if another one is called so; "" if it has none."""
        key = self.key(term)
        base = self._base(term)
        if not base:
            if "jgnConst" not in term or str(term["jgnConst"]).startswith("'"):
                return self._names.get(key, "")
            base = stem(term["jgnConst"])
        others = self._numbered.setdefault(base, [])
        if key not in others:
            others.append(key)
        number = others.index(key) + 1
        return base if number == 1 else f"{base}.{number}"

    def text(self, term: Any, *, whole: bool = False) -> str:
        name = "" if whole else self._name(term)
        if name:
            self._terms[name] = term
            if name not in self._used:
                self._used.append(name)
            self._counts[name] += 1
            return name
        if "jgnConst" in term:
            return str(term["jgnConst"])
        function, parameters = str(term["jgnFunct"]), list(term["jgnParams"])
        if function == "pair" and len(parameters) == 2:
            return f"<{', '.join(map(self.text, self.parts(term)))}>"
        if function in _INFIX:
            return _INFIX[function].join(map(self._operand, parameters))
        inside = ", ".join(map(self.text, parameters))
        return f"{function}({inside})" if parameters else function

    def parts(self, term: Json) -> list[Json]:
        """What a pair holds, pairs at its end taken apart unless they have a name."""
        if term.get("jgnFunct") != "pair" or len(term["jgnParams"]) != 2:
            return [term]
        first, last = term["jgnParams"]
        return [first, *([last] if self._is_named(last) else self.parts(last))]

    def _is_named(self, term: Json) -> bool:
        return bool(self._base(term)) or self.key(term) in self._names

    def _operand(self, term: Any) -> str:
        text = self.text(term)
        is_compound = "jgnFunct" in term and term["jgnFunct"] in _INFIX
        return f"({text})" if is_compound and not re.fullmatch(r"\w+", text) else text

    def fact(self, fact: Json) -> str:
        return f"{fact['jgnFactName']}({', '.join(map(self.text, fact['jgnFactTerms']))})"

    def message(self, fact: Json, needed: frozenset[str] | None = None) -> str:
        """A message, its name before it if it begins with one; "…" for what is not needed."""
        [term] = fact["jgnFactTerms"]
        parts = [term] if self._is_named(term) else self.parts(term)
        texts = [self.text(part) if self._shows(part, parts, needed) else "…" for part in parts]
        texts = [
            text for n, text in enumerate(texts) if n == 0 or (text, texts[n - 1]) != _LEFT_OUT
        ]
        if len(texts) > 1 and (tag := re.fullmatch(r"'([A-Z][\w-]+)'", texts[0])):
            return f"{tag[1]}: {', '.join(texts[1:])}"
        return ", ".join(texts)

    def _shows(self, part: Json, parts: list[Json], needed: frozenset[str] | None) -> bool:
        is_plain = not part.get("jgnParams")
        return needed is None or len(parts) == 1 or is_plain or self.key(part) in needed

    def needed_parts(self, fact: Json, needed: frozenset[str]) -> tuple[str, ...]:
        """The parts of a message that are needed, as texts that are the same for equal terms."""
        keys = map(self.key, self.parts(fact["jgnFactTerms"][0]))
        return tuple(key for key in keys if key in needed)

    def sent(self, fact: Json, needed: frozenset[str]) -> str:
        """A message; where it is a name, the first time with what it stands for."""
        text = self.message(fact, needed)
        term = fact["jgnFactTerms"][0]
        if text in self._sent or text != self._name(term) or "jgnConst" in term:
            return text
        self._sent.add(text)
        return f"{text} = {self.text(term, whole=True)}"

    def legend(self) -> Iterator[tuple[str, str]]:
        """The names used so far, and those that these use: of terms, and of what may be any."""
        for name in self._used:  # grows while it is read
            term = self._terms[name]
            if term.get("jgnParams"):
                yield name, self.text(term, whole=True)
            elif re.match(r"\w", str(term.get("jgnConst", ""))):
                yield name, "any value, picked by the adversary"


_ADVERSARY = Column(ADVERSARY, "adversary")


@dataclass(frozen=True)
class _Player:
    """Who takes a step.

    Attributes:
        key: the same for the steps of one column.
        role: what it is in this step.
        host: the principal, as it is called; "" if it has no name.
        instance: which of its sessions, or instances, the step belongs to.
        session: the session, if the step has one.
        column, where: what is made of it for the chart.
    """

    key: str
    role: str
    host: str
    instance: str
    session: Json | None = None
    column: Column = _ADVERSARY
    where: str = ""


_SET_UP = _Player("", "", "", "")


class _Reader:
    def __init__(self, graph: Json, job: Job, cast: Cast) -> None:
        self._job = job
        self._cast = cast
        self._terms = _Terms(graph["jgAbbrevs"], cast)
        self._nodes: dict[str, Node] = {}
        self._taken: set[tuple[str, int]] = set()
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
                self._taken.add((source, int(conclusion)))
                self._nodes[source].is_used = True
            else:
                node.before.append(source)

    def read(self) -> Trace:
        order = self.order()
        needed = self._needed(order)
        self._steps(order, self._titled(self._players(order)), needed)
        self._terms.forget_rare()
        players = self._titled(self._players(order))
        steps = self._steps(order, players, needed)
        found = dict.fromkeys(
            step.column for step in steps if isinstance(step, RuleStep) and not step.is_idle
        )
        everyone = (*(column for column in found if column != _ADVERSARY), _ADVERSARY)
        return Trace(self._job, everyone, tuple(steps), tuple(self._terms.legend()))

    def _steps(
        self, order: list[Node], players: dict[str, _Player], needed: frozenset[str]
    ) -> list[RuleStep | AdversaryStep]:
        steps: list[RuleStep | AdversaryStep] = []
        lines: list[str] = []
        knows: list[str] = []
        before: dict[tuple[str, ...], int] = {}
        shown = 0

        def flush() -> None:
            nonlocal shown
            if lines or knows:
                shown += 1
                unique = tuple(dict.fromkeys(lines))
                steps.append(AdversaryStep(unique, tuple(dict.fromkeys(knows))))
                lines.clear()
                knows.clear()

        for node in order:
            if node.is_rule:
                place = shown + bool(lines or knows)
                step = self._rule_step(node, players[node.id], needed, before, place)
                if not step.is_idle:
                    flush()
                    shown += 1
                steps.append(step)
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

    def _needed(self, order: list[Node]) -> frozenset[str]:
        """All terms in what is received, taken apart with a key, or recorded."""
        facts: list[Json] = []
        for node in order:
            if node.is_rule:
                facts += node.facts(node.premises, "InFact")
                facts += [fact for fact in node.actions if self._is_spoken(fact)]
            elif not re.search(r"_(fst|snd)$|^Coerce$|^Recv$", node.label):
                facts += [*node.premises, *(node.actions if node.type != "isIntruderRule" else ())]
        terms = (term for fact in facts for term in fact["jgnFactTerms"])
        return frozenset(self._terms.key(part) for term in terms for part in json_subterms(term))

    def _is_spoken(self, fact: Json) -> bool:
        return self._cast.spoken is None or fact["jgnFactName"] in self._cast.spoken

    def _owners(self, order: list[Node]) -> dict[str, str]:
        """For each rule the one that began its instance: linear facts carry a role's state."""
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

    def _players(self, order: list[Node]) -> dict[str, _Player]:
        """Who takes each rule: as the cast says, else the instance of the role of its words."""
        owners = self._owners(order)
        rules = [node for node in order if node.is_rule and not node.is_setup]
        words: dict[str, list[str]] = {}  # the first words of the rules of each role's instance
        for node in rules:
            words.setdefault(owners[node.id], []).append(node.label.split("_")[0])
        players = {node.id: _SET_UP for node in order if node.is_rule}
        for node in rules:
            owner = owners[node.id]
            names = words[owner]
            role = max(names, key=names.count)
            players[node.id] = self._cast_as(node, owner) or _Player(owner, role, "", owner)
        known = {
            (owners[node], player.role): player
            for node, player in players.items()
            if player.session is not None
        }
        for node in rules:  # what an instance does before it has its session
            player = players[node.id]
            if not player.host and player.session is None:
                players[node.id] = known.get((owners[node.id], player.role), player)
        return players

    def _cast_as(self, node: Node, owner: str) -> _Player | None:
        facts = [*node.premises, *node.conclusions, *node.actions]
        for actor in self._cast.actors:
            for fact in facts:
                if fact["jgnFactName"] == actor.fact:
                    return self._player(actor, fact["jgnFactTerms"], owner)
        return None

    def _player(self, actor: Actor, terms: list[Json], owner: str) -> _Player:
        def at(place: int | None) -> Json | None:
            return terms[place] if place is not None and place < len(terms) else None

        host, session, told = at(actor.host), at(actor.session), at(actor.told)
        role = self._terms.text(told).strip("'") if told else actor.role
        instance = self._terms.key(session) if session else owner
        if host is None:
            return _Player(f"{role} {instance}", role, "", instance, session)
        return _Player(self._terms.key(host), role, self._terms.text(host), instance, session)

    def _titled(self, players: dict[str, _Player]) -> dict[str, _Player]:
        """The players, each with its column and with the session that it acts in, if need be."""
        roles: dict[str, list[str]] = {}
        for player in players.values():
            if player is not _SET_UP and player.role not in roles.setdefault(player.key, []):
                roles[player.key].append(player.role)
        hosts = {player.key: player.host for player in players.values()}
        bare = Counter(names[0] for key, names in roles.items() if not hosts[key])
        numbers: Counter[str] = Counter()
        columns: dict[str, Column] = {}
        for key, names in roles.items():
            title = names[0][:1].upper() + names[0][1:]
            if not hosts[key]:
                numbers[names[0]] += 1
                number = f" {numbers[names[0]]}" if bare[names[0]] > 1 else ""
                columns[key] = Column(title + number, "role")
            elif len(names) == 1:
                columns[key] = Column(f"{title} {hosts[key]}", "role")
            else:
                columns[key] = Column(f"Host {hosts[key]}", "role", ", ".join(names))
        return {
            node: player
            if player is _SET_UP
            else replace(player, column=columns[player.key], where=self._where(player, players))
            for node, player in players.items()
        }

    def _where(self, player: _Player, players: dict[str, _Player]) -> str:
        """Which session a step is in; "" if there is no other to take it for."""
        own = (player.key, player.role, None)
        alike = [p for p in players.values() if (p.key, p.role, p.session) == own]
        if player.session is not None and not player.host:
            return ""  # the session has a column of its own
        if player.session is not None:
            others = {p.instance for p in players.values() if p.session is not None}
            return f"session {self._terms.text(player.session)}" if len(others) > 1 else ""
        instances = list(dict.fromkeys(p.instance for p in alike))
        number = instances.index(player.instance) + 1
        return f"{self._cast.instances} {number}" if len(instances) > 1 else ""

    def _rule_step(
        self,
        node: Node,
        player: _Player,
        needed: frozenset[str],
        before: dict[tuple[str, ...], int],
        place: int,
    ) -> RuleStep:
        words = self._cast.steps.get(node.label, node.label.replace("_", " "))
        spoken = [fact for fact in node.actions if self._is_spoken(fact)]
        if self._is_idle(node, player, spoken, needed, before, place):
            return RuleStep(player.column, node.label, "", (), (), (), node.is_leak, is_idle=True)
        receives = node.facts(node.premises, "InFact")
        sends = node.facts(node.conclusions, "OutFact")
        return RuleStep(
            column=player.column,
            rule=node.label,
            words=", ".join(filter(None, (words or node.label.replace("_", " "), player.where))),
            actions=() if player.column == _ADVERSARY else tuple(map(self._terms.fact, spoken)),
            receives=tuple(map(self._terms.message, receives)),
            sends=tuple(self._terms.sent(fact, needed) for fact in sends),
            is_leak=node.is_setup and node.is_leak,
        )

    def _is_idle(
        self,
        node: Node,
        player: _Player,
        spoken: list[Json],
        needed: frozenset[str],
        before: dict[tuple[str, ...], int],
        place: int,
    ) -> bool:
        """Whether a step hands out and records nothing that is used and new.

        The lemma may order what it speaks of. Such a step is not new only right after its equal.

        Args:
            before: for each step that was taken, how many were shown then, itself included.
            place: how many are shown before this one.
        """
        if self._cast.steps.get(node.label) == "" and not spoken:
            return True
        sends = node.facts(node.conclusions, "OutFact")
        taken = {place for source, place in self._taken if source == node.id}
        is_told = player.column == _ADVERSARY
        if is_told and not any(node.conclusions[place] in sends for place in taken):
            return not any(fact["jgnFactName"] in self._cast.wanted for fact in node.actions)
        if node.facts(node.premises, "InFact") or node.has_linear(node.conclusions):
            return False
        parts = [part for fact in sends for part in self._terms.needed_parts(fact, needed)]
        records = [self._terms.key(fact["jgnFactTerms"]) for fact in spoken]
        what = (player.key, player.instance, node.label, *parts, *records)
        is_known = before.get(what) == place if spoken else what in before
        is_idle = is_known and bool(parts)
        before[what] = place if is_idle else place + 1
        return is_idle

    def _deduction(self, node: Node) -> Iterator[str]:
        """What the adversary does in a step.

        Nothing for what needs no thought: to hear, to send, to pair and take pairs apart, and to
        have a constant or pick any value, of which the legend says so.
        """
        if node.type == "unsolvedActionAtom":
            for fact in node.actions:
                is_plain = not fact["jgnFactTerms"][0].get("jgnParams")
                if fact["jgnFactName"] in ("!KU", "K") and not is_plain:
                    yield f"has {self._terms.text(fact['jgnFactTerms'][0])}"
            return
        match = re.fullmatch(r"(Constr|Destr)_?[cd]_(?:\d+_)?(\w+)", node.label)

        def made() -> str:  # asked for only if shown: asking counts as a use of abbreviations
            return self._terms.text(node.conclusions[0]["jgnFactTerms"][0])

        if match and match[1] == "Constr" and match[2] != "pair":
            yield f"makes {made()}"
        elif match and match[1] == "Destr" and match[2] not in ("fst", "snd"):
            keys = [self._terms.message(fact) for fact in node.facts(node.premises, "KUFact")]
            using = f" with {', '.join(keys)}" if keys else ""
            yield f"gets {made()} by {match[2]}{using}"
        elif node.label.startswith("Fresh") and node.conclusions:
            yield f"picks {made()}"
