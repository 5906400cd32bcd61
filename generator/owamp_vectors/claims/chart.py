"""Message sequence charts of traces, as text and as SVG, alone or within a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache

import jinja2

from ..jinja import environment
from ..vectors.declaration import Json
from .declared import Job
from .trace import ADVERSARY, AdversaryStep, Column, RuleStep, Trace, read_trace

_WHAT = {
    "all-traces": "A run against the claim, found by Tamarin",
    "exists-trace": "A run as claimed, found by Tamarin",
}
_NOTATION = "~x: fresh value, never used before.  $x: public name.  'x': constant.  <x, y>: pair."

_SPACING, _MARGIN, _PADDING = 250, 20, 8
_BOX = _SPACING - 16
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
    """A rectangle with lines of text."""

    x: float
    y: float
    width: float
    height: float
    style: str
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """A message: a line with a head at its end, and the text above it; `number` counts from 1."""

    start: float
    end: float
    y: float
    label: Box
    number: int


@dataclass
class _Layout:
    trace: Trace
    lifelines: list[tuple[float, str]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    y: float = 0
    centres: dict[Column, float] = field(default_factory=dict)


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
            "steps": list(map(_step, self.trace.steps)),
            "where": dict(self.trace.legend),
        }

    def _lines(self) -> Iterator[str]:
        yield self.title
        yield f"Claim: {self.statement}"
        yield "Columns: " + ", ".join(column.title for column in self.trace.columns)
        yield ""
        number = 0
        for step in self.trace.steps:
            if isinstance(step, AdversaryStep):
                yield from _wrapped(f"    {ADVERSARY}: ", "; ".join(_deductions(step)))
                continue
            number += 1
            for message in step.receives:
                yield from _wrapped(f"    {ADVERSARY} → {step.column.title}: ", message)
            leak = " (leak)" if step.is_leak else ""
            yield f"{number:2}. {step.column.title}: {step.rule}{leak}"
            for action in step.actions:
                yield from _wrapped("      records ", action)
            for message in step.sends:
                yield from _wrapped(f"    {step.column.title} → {ADVERSARY}: ", message)
        if self.trace.legend:
            yield ""
            yield "where"
            for name, meaning in self.trace.legend:
                yield from _wrapped(f"    {name} = ", meaning)
        yield ""
        yield _NOTATION

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
        layout = _Layout(self.trace)
        width = max(_place_columns(layout), 640)
        room = int((width - 2 * _MARGIN) / _CHAR)
        head = Text(_MARGIN, 26, tuple(wrap(self.title, int(room * 0.85))), "title")
        y = 26 + _LINE * (len(head.lines) + 1)
        intro = Text(_MARGIN, y, tuple(wrap(f"Claim: {self.statement}", room)), "plain")
        layout.y = y + _LINE * len(intro.lines)
        top = layout.y
        _place_heads(layout)
        number = 0
        for step in self.trace.steps:
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
        legend += wrap(_NOTATION, room)
        notes = Text(_MARGIN, bottom + 2 * _LINE, tuple(legend), "term")
        height = bottom + 2 * _LINE + _LINE * len(legend)
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
            arrows=layout.arrows,
            line=_LINE,
            links=links,
            is_page=is_page,
        )


def chart_of(text: str, job: Job, statement: str, quantifier: str) -> Chart:
    """The chart of the first trace in Tamarin's JSON.

    Raises:
        FileError: the text is no such JSON.
    """
    return Chart(read_trace(text, job), statement, quantifier)


def _step(step: RuleStep | AdversaryStep) -> Json:
    if isinstance(step, AdversaryStep):
        return {"column": ADVERSARY, "worksOut": list(step.lines), "knows": list(step.knows)}
    return {
        "column": step.column.title,
        "rule": step.rule,
        "isLeak": step.is_leak,
        "receives": list(step.receives),
        "records": list(step.actions),
        "sends": list(step.sends),
    }


def _deductions(step: AdversaryStep) -> list[str]:
    return [*step.lines, *(f"knows {term}" for term in step.knows)]


def _wrapped(head: str, text: str) -> list[str]:
    indent = " " * min(len(head), 12)
    lines = wrap(text, 100 - len(head))
    return [head + lines[0], *(indent + line for line in lines[1:])]


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken after spaces, commas and brackets."""
    width = max(width, 8)
    pieces = re.findall(r"[^\s(<,]*[(<,]+\s?|[^\s(<,]+\s?|\s", text)
    lines, line = [], ""
    for piece in pieces:
        if line and len((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = "" if piece.isspace() else "  "
        while len((line + piece).rstrip()) > width:
            room = width - len(line)
            lines.append(line + piece[:room])
            line, piece = "  ", piece[room:]  # noqa: PLW2901
        line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _place_columns(layout: _Layout) -> float:
    """Give each column its place, the adversary between the roles; the width of all."""
    columns = list(layout.trace.columns)
    adversary = columns.pop()
    kinds: dict[str, list[Column]] = {}
    for column in columns:
        kinds.setdefault(re.sub(r" \d+$", "", column.title), []).append(column)
    groups = list(kinds.values())
    left: list[Column] = []
    while len(groups) > 1 and len(left) + len(groups[0]) <= (len(columns) + 1) // 2:
        left += groups.pop(0)
    right = [column for group in groups for column in group]
    for number, column in enumerate([*left, adversary, *right]):
        layout.centres[column] = _MARGIN + _SPACING * (number + 0.5)
    return 2 * _MARGIN + _SPACING * (len(columns) + 1)


def _place_heads(layout: _Layout) -> None:
    for column, centre in layout.centres.items():
        title = Text(centre, layout.y + 20, (column.title,), "head")
        layout.boxes.append(
            Box(centre - _BOX / 2, layout.y, _BOX, 30, f"column {column.kind}", (title,))
        )
        layout.lifelines.append((centre, column.kind))
    layout.y += 30 + _GAP


def _box(layout: _Layout, centre: float, title: list[str], lines: list[str], style: str) -> None:
    height = 2 * _PADDING + _LINE * (len(title) + len(lines)) - 4
    left, first = centre - _BOX / 2, layout.y + _PADDING + 10
    texts = []
    if title:
        texts.append(Text(left + _PADDING, first, tuple(title), "rule"))
    if lines:
        texts.append(Text(left + _PADDING, first + _LINE * len(title), tuple(lines), "term"))
    layout.boxes.append(Box(left, layout.y, _BOX, height, style, tuple(texts)))
    layout.y += height + _GAP


_INSIDE = int((_BOX - 2 * _PADDING) / _CHAR)


def _place_rule(layout: _Layout, step: RuleStep, number: int) -> None:
    centre = layout.centres[step.column]
    adversary = next(x for column, x in layout.centres.items() if column.kind == "adversary")
    for message in step.receives:
        _place_arrow(layout, adversary, centre, message)
    title = wrap(f"{number}. {step.rule}", int(_INSIDE * 0.9))
    lines = [line for action in step.actions for line in wrap(action, _INSIDE)]
    if step.is_leak:
        lines = ["leaks to the adversary", *lines]
    _box(layout, centre, title, lines, "leak" if step.is_leak else f"step {step.column.kind}")
    for message in step.sends:
        _place_arrow(layout, centre, adversary, message)


def _place_deductions(layout: _Layout, step: AdversaryStep) -> None:
    adversary = next(x for column, x in layout.centres.items() if column.kind == "adversary")
    lines = [line for text in step.lines for line in wrap(text, _INSIDE)]
    if lines:
        _box(layout, adversary, [], lines, "deduction")
    for term in step.knows:
        _box(layout, adversary, ["knows"], wrap(term, _INSIDE), "leak")


def _place_arrow(layout: _Layout, start: float, end: float, message: str) -> None:
    left, right = min(start, end), max(start, end)
    room = right - left - 40
    lines = wrap(message, int(room / _CHAR))
    width = max(map(len, lines)) * _CHAR + 8
    x = (left + right - width) / 2
    height = _LINE * len(lines) + 2
    text = Text(x + 4, layout.y + 12, tuple(lines), "term")
    label = Box(x, layout.y, width, height, "label", (text,))
    y = layout.y + height + 6
    layout.arrows.append(Arrow(start, end, y, label, len(layout.arrows) + 1))
    layout.y = y + _GAP + 4


@cache
def _template() -> jinja2.Template:
    overlay = environment().overlay()
    overlay.filters = {**overlay.filters, "number": _number}
    return overlay.get_template("chart.svg.j2")
