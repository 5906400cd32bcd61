"""Message sequence charts of traces, as text and as SVG, alone or within a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import count

import jinja2

from ..jinja import environment
from ..vectors.declaration import Json
from .cast import Cast
from .declared import Job
from .trace import ADVERSARY, AdversaryStep, Column, RuleStep, Trace, read_trace

_WHAT = {
    "all-traces": "A run against the claim, found by Tamarin",
    "exists-trace": "A run as claimed, found by Tamarin",
}
_NOTATION = (
    (r"(?<!\w)'\w", "'x': a constant."),
    ("<", "<x, y>: a pair."),
    ("⊕", "⊕: XOR."),
    ("…", "…: what the run does not use."),
)
"""What the notation means, for what occurs in a chart."""

_WIDTH, _NARROWEST, _MARGIN, _PADDING = 736, 180, 20, 8
"""Of all columns, which is legible without scaling on a page of 830 pixels; of one at least."""
_LINE, _CHAR = 16, 7.3  # of 12-pixel monospaced text
_GAP = 12


@dataclass(frozen=True)
class Text:
    """Lines of text from a point; `style` is a class of the picture's style sheet."""

    x: float
    y: float
    lines: tuple[str, ...]
    style: str = "term"


@dataclass(frozen=True)
class Box:
    """A rectangle with lines of text; `number` is that of the message that it tells, if any."""

    x: float
    y: float
    width: float
    height: float
    style: str
    texts: tuple[Text, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class Arrow:
    """A message: a line with a head at its end, and the text above it; `number` counts from 1."""

    start: float
    end: float
    y: float
    label: Box
    number: int


@dataclass(frozen=True)
class ChartEvent:
    """A line of the chart as text.

    Attributes:
        kind: "step", "leak" (a step that hands a secret to the adversary), "record", "message",
            "deduction" or "known" (what the claim says that the adversary must not know).
        text: what happens, is recorded, sent or worked out.
        who: who takes the step, sends the message, or works it out; "" if the adversary is told.
        to: who receives the message.
        number: of the step, or of the message in order of time; 0 for others.
    """

    kind: str
    text: str
    who: str
    to: str = ""
    number: int = 0


@dataclass
class _Layout:
    trace: Trace
    spacing: float
    lifelines: list[tuple[float, str]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    y: float = 0
    messages: int = 0
    centres: dict[Column, float] = field(default_factory=dict)

    @property
    def box(self) -> float:
        """The width of a box."""
        return self.spacing - 16

    @property
    def inside(self) -> int:
        """How many characters fit into a box."""
        return int((self.box - 2 * _PADDING) / _CHAR)

    @property
    def adversary(self) -> float:
        """Where the adversary's column is."""
        return next(x for column, x in self.centres.items() if column.kind == "adversary")


@dataclass(frozen=True)
class Chart:
    """A trace to be shown: the claim's statement, and what the trace says to it."""

    trace: Trace
    statement: str
    quantifier: str

    @property
    def title(self) -> str:
        """One line: what kind of run this is, and of which lemma."""
        return f"{_WHAT.get(self.quantifier, 'A run')}: {self.trace.job}"

    def text(self) -> str:
        """The chart as lines of text."""
        return "\n".join(self._lines()) + "\n"

    def to_json(self) -> Json:
        """The chart as an object: what it shows of which lemma, its columns and its steps."""
        job = self.trace.job
        return {
            "statement": self.statement,
            "model": job.model,
            "flags": list(job.flags),
            "lemma": job.lemma,
            "title": self.title,
            "columns": [asdict(column) for column in self.trace.columns],
            "steps": list(map(_step, self.trace.shown)),
            "where": dict(self.trace.legend),
        }

    def _lines(self) -> Iterator[str]:
        yield self.title
        yield f"Claim: {self.statement}"
        columns = (f"{c.title} ({c.roles})" if c.roles else c.title for c in self.trace.columns)
        yield "Columns: " + ", ".join(columns)
        yield ""
        for event in self.events():
            if event.kind in ("step", "leak"):
                leak = " (leak)" if event.kind == "leak" else ""
                yield f"{event.number:2}. {event.who}{': ' if event.who else ''}{event.text}{leak}"
            elif event.kind == "record":
                yield from _wrapped("      records ", event.text)
            elif event.kind == "message":
                way = f"{event.who} → {event.to}: " if event.who else f"{event.to} learns: "
                yield from _wrapped(f"    {way}", event.text)
            else:
                knows = "knows " if event.kind == "known" else ""
                yield from _wrapped(f"    {event.who}: ", knows + event.text)
        if self.trace.legend:
            yield ""
            yield "where"
            for name, meaning in self.trace.legend:
                yield from _wrapped(f"    {name} = ", meaning)
        if self.notation:
            yield ""
            yield self.notation

    @property
    def notation(self) -> str:
        """What the signs mean that occur in the chart; "" if none does."""
        texts = [event.text for event in self.events()] + [m for _, m in self.trace.legend]
        return " ".join(
            meaning for sign, meaning in _NOTATION if any(re.search(sign, text) for text in texts)
        )

    def events(self) -> Iterator[ChartEvent]:
        """What happens, in the order of time."""
        number, messages = 0, count(1)
        for step in self.trace.shown:
            if isinstance(step, AdversaryStep):
                if step.lines:
                    yield ChartEvent("deduction", "; ".join(step.lines), ADVERSARY)
                yield from (ChartEvent("known", term, ADVERSARY) for term in step.knows)
            else:
                number += 1
                who = "" if step.is_told else step.column.title
                for text in step.receives:
                    yield ChartEvent("message", text, ADVERSARY, who, next(messages))
                yield ChartEvent("leak" if step.is_leak else "step", step.words, who, "", number)
                yield from (ChartEvent("record", action, who) for action in step.actions)
                for text in step.sends:
                    yield ChartEvent("message", text, who, ADVERSARY, next(messages))

    def svg(self) -> str:
        """The chart as a static picture: no script, nothing from elsewhere, readable on white."""
        return self._drawn({}, is_page=False)

    def embedded(self, links: Mapping[int, tuple[str, str]]) -> str:
        """The chart as a part of an HTML page, whose style sheet gives the colours.

        `links` has, for messages by their number in order of time from 1, what each links to and
        its name for who cannot see the picture.
        """
        return self._drawn(links, is_page=True)

    def _drawn(self, links: Mapping[int, tuple[str, str]], *, is_page: bool) -> str:
        columns = len(self.trace.columns)
        layout = _Layout(self.trace, max(_NARROWEST, _WIDTH / columns))
        _place_columns(layout)
        width = 2 * _MARGIN + layout.spacing * columns
        room = int((width - 2 * _MARGIN) / _CHAR)
        head = Text(_MARGIN, 26, tuple(wrap(self.title, int(room * 0.85))), "title")
        y = 26 + _LINE * (len(head.lines) + 1)
        intro = Text(_MARGIN, y, tuple(wrap(f"Claim: {self.statement}", room)), "plain")
        layout.y = y + _LINE * len(intro.lines)
        top = layout.y
        _place_heads(layout)
        number = 0
        for step in self.trace.shown:
            if isinstance(step, AdversaryStep):
                _place_deductions(layout, step)
            else:
                number += 1
                _place_rule(layout, step, number)
        bottom = layout.y
        legend = ["where"] if self.trace.legend else []
        if self.trace.legend:
            width_of_names = max(len(name) for name, _ in self.trace.legend)
            for name, meaning in self.trace.legend:
                indent = " " * (width_of_names + 3)
                lines = wrap(meaning, room - len(indent))
                legend.append(f"{name:>{width_of_names}} = {lines[0]}")
                legend += [indent + line for line in lines[1:]]
            legend.append("")
        legend += wrap(self.notation, room) if self.notation else []
        notes = Text(_MARGIN, bottom + 2 * _LINE, tuple(legend), "term")
        height = bottom + _LINE * (len(legend) + 2 if legend else 1)
        return _template().render(
            title=self.title,
            description=self.text().split("\n", 1)[1].strip(),
            width=_number(width),
            height=_number(height),
            texts=[head, intro, notes],
            lifelines=layout.lifelines,
            top=_number(top),
            bottom=_number(bottom),
            boxes=layout.boxes,
            messages=sorted(
                [*layout.arrows, *(box for box in layout.boxes if box.number)],
                key=lambda item: item.number,
            ),
            line=_LINE,
            links=links,
            is_page=is_page,
        )


def chart_of(
    text: str, job: Job, statement: str, quantifier: str, cast: Cast | None = None
) -> Chart:
    """The chart of the first trace in Tamarin's JSON, with the names of a cast.

    Raises:
        FileError: the text is no such JSON.
    """
    return Chart(read_trace(text, job, cast), statement, quantifier)


def _step(step: RuleStep | AdversaryStep) -> Json:
    if isinstance(step, AdversaryStep):
        return {"column": ADVERSARY, "worksOut": list(step.lines), "knows": list(step.knows)}
    return {
        "column": step.column.title,
        "rule": step.rule,
        "words": step.words,
        "isLeak": step.is_leak,
        "receives": list(step.receives),
        "records": list(step.actions),
        "sends": list(step.sends),
    }


def _wrapped(head: str, text: str) -> list[str]:
    indent = " " * min(len(head), 12)
    lines = wrap(text, 100 - len(head))
    return [head + lines[0], *(indent + line for line in lines[1:])]


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken after spaces, commas and brackets.

    A word that is longer is broken before a capital or after "_", "-" or ".", if it has one.
    """
    width = max(width, 8)
    pieces = re.findall(r"[^\s(<,]*[(<,]+\s?|[^\s(<,]+\s?|\s", text)
    lines, line = [], ""
    for piece in pieces:
        if line.strip() and len((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = "" if piece.isspace() else "  "
        while len((line + piece).rstrip()) > width:
            room = width - len(line)
            breaks = [match.end() for match in re.finditer(r"[_.-]|[^A-Z](?=[A-Z])", piece[:room])]
            cut = breaks[-1] if breaks else room
            lines.append(line + piece[:cut])
            line, piece = "  ", piece[cut:]  # noqa: PLW2901
        line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _place_columns(layout: _Layout) -> None:
    """Give each column its place, the adversary between the roles."""
    *columns, adversary = layout.trace.columns
    kinds: dict[str, list[Column]] = {}
    for column in columns:
        kinds.setdefault(re.sub(r" \d+$", "", column.title), []).append(column)
    groups = list(kinds.values())
    left: list[Column] = []
    while len(groups) > 1 and len(left) + len(groups[0]) <= (len(columns) + 1) // 2:
        left += groups.pop(0)
    right = [column for group in groups for column in group]
    for number, column in enumerate([*left, adversary, *right]):
        layout.centres[column] = _MARGIN + layout.spacing * (number + 0.5)


def _place_heads(layout: _Layout) -> None:
    roles = {c: wrap(c.roles, layout.inside) if c.roles else [] for c in layout.centres}
    height = 30 + _LINE * max(map(len, roles.values()))
    for column, centre in layout.centres.items():
        texts = [Text(centre, layout.y + 20, (column.title,), "head")]
        if roles[column]:
            lines = tuple(line.strip() for line in roles[column])
            texts.append(Text(centre, layout.y + 20 + _LINE, lines, "roles"))
        left = centre - layout.box / 2
        style = f"column {column.kind}"
        layout.boxes.append(Box(left, layout.y, layout.box, height, style, tuple(texts)))
        layout.lifelines.append((centre, column.kind))
    layout.y += height + _GAP


def _box(
    layout: _Layout, centre: float, title: list[str], lines: list[str], style: str, number: int = 0
) -> None:
    height = 2 * _PADDING + _LINE * (len(title) + len(lines)) - 4
    left, first = centre - layout.box / 2, layout.y + _PADDING + 10
    texts = []
    if title:
        texts.append(Text(left + _PADDING, first, tuple(title), "rule"))
    if lines:
        texts.append(Text(left + _PADDING, first + _LINE * len(title), tuple(lines), "term"))
    layout.boxes.append(Box(left, layout.y, layout.box, height, style, tuple(texts), number))
    layout.y += height + _GAP


def _place_rule(layout: _Layout, step: RuleStep, number: int) -> None:
    centre = layout.centres[step.column]
    for message in step.receives:
        _place_arrow(layout, layout.adversary, centre, message)
    title = wrap(f"{number}. {step.words}", int(layout.inside * 0.9))
    if step.is_told:
        for message in step.sends:
            layout.messages += 1
            style = "leak" if step.is_leak else "setup"
            lines = ["the adversary learns", *wrap(message, layout.inside)]
            _box(layout, centre, title, lines, style, layout.messages)
            title = []
        return
    lines = [line for action in step.actions for line in wrap(action, layout.inside)]
    _box(layout, centre, title, lines, f"step {step.column.kind}")
    for message in step.sends:
        _place_arrow(layout, centre, layout.adversary, message)


def _place_deductions(layout: _Layout, step: AdversaryStep) -> None:
    lines = [line for text in step.lines for line in wrap(text, layout.inside)]
    if lines:
        _box(layout, layout.adversary, [], lines, "deduction")
    for term in step.knows:
        _box(layout, layout.adversary, ["knows"], wrap(term, layout.inside), "leak")


def _place_arrow(layout: _Layout, start: float, end: float, message: str) -> None:
    layout.messages += 1
    left, right = min(start, end), max(start, end)
    room = right - left - 40
    lines = wrap(message, int(room / _CHAR))
    width = max(map(len, lines)) * _CHAR + 8
    x = (left + right - width) / 2
    height = _LINE * len(lines) + 2
    text = Text(x + 4, layout.y + 12, tuple(lines), "term")
    label = Box(x, layout.y, width, height, "label", (text,))
    y = layout.y + height + 6
    layout.arrows.append(Arrow(start, end, y, label, layout.messages))
    layout.y = y + _GAP + 4


@cache
def _template() -> jinja2.Template:
    overlay = environment().overlay()
    overlay.filters = {**overlay.filters, "number": _number}
    return overlay.get_template("chart.svg.j2")
