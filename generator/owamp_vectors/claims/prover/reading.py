"""What the prover's output says of a lemma, of its theory, of the proof and of the trace."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass

from ...disk import FileError
from ..cast import Cast
from ..chart import chart_of
from ..declared import Claim, Job
from ..inventory import misreading
from ..ledger import CHART, GRAPH, UNPROVED
from ..theory_text import EQUIVALENCE, Theory
from .running import Ran

WELLFORMEDNESS = "wellformedness check failed"
"""How an error begins that is the theory's, and the same for each of its lemmas."""

_HEAP_EXHAUSTED = 251
_SUMMARY = "summary of summaries:"
_WARNINGS = "WARNING: the following wellformedness checks failed!"


def failure(ran: Ran, memory: int, timeout: float) -> tuple[str, str]:
    """Why there is no summary: (a limit that was reached, or "", an error, or "")."""
    text = f"{ran.out}\n{ran.err}"
    if ran.timed_out:
        return f"no result in {timeout:g} s", ""
    if ran.code == _HEAP_EXHAUSTED or re.search(r"heap (exhausted|overflow)", text, re.I):
        return f"needs more than {memory} GiB", ""
    if ran.code == -signal.SIGKILL:
        return "killed, perhaps because memory ran out", ""
    if _WARNINGS in text and ran.code != 0:
        return "", f"{WELLFORMEDNESS}: {_topics(text)}"
    if ran.code != 0:
        return "", f"exit code {ran.code}: {last_lines(ran.err or ran.out)}"
    if _SUMMARY not in ran.out:
        return "", f"no summary in its output: {last_lines(ran.out or ran.err)}"
    return "", ""


@dataclass(frozen=True)
class SummaryLine:
    """What the summary says of a lemma: its trace quantifier, its status, the proof's steps."""

    quantifier: str
    status: str
    steps: int

    @property
    def verdict(self) -> str:
        """The status as one of `VERDICTS`."""
        for verdict in ("verified", "falsified"):
            if self.status == verdict or self.status.startswith(f"{verdict} - "):
                return verdict
        return UNPROVED


def summary_line(ran: Ran, job: Job) -> SummaryLine | None:
    """What the summary of a run, which `failure` has found to have one, says of a job's lemma."""
    summary = ran.out[ran.out.rindex(_SUMMARY) :]
    name = re.escape(job.lemma)
    head = rf"DiffLemma:\s+{name}\s*" if job.diff else rf"{name}\s+\((all-traces|exists-trace)\)"
    pattern = rf"^\s+{head}:\s+(?P<status>[^:]*?)\s+\((?P<steps>\d+)\s+steps\)"
    match = re.search(pattern, summary, re.MULTILINE)
    if match is None:
        return None
    quantifier = "diff" if job.diff else match[1]
    return SummaryLine(quantifier, " ".join(match["status"].split()), int(match["steps"]))


def misread(ran: Ran, theory: Theory, printed: str) -> str:
    """Why a run's verdicts are not about a theory; "" if they are.

    They are if no wellformedness check failed, and what the prover prints as the theory that it
    has read declares what the text that it got does.
    """
    if found := _warnings(ran, theory, printed):
        return found
    found = misreading(theory.text, printed)
    return found and f"the prover has read another theory: {found}"


def _warnings(ran: Ran, theory: Theory, printed: str) -> str:
    """The wellformedness checks that failed though Tamarin went on.

    In --diff mode it cannot name the lemma to prove without a warning that no such lemma exists;
    that one is let pass.
    """
    count = re.search(r"WARNING: (\d+) wellformedness check", ran.out)
    if count is None:
        return ""
    topics = _topics(printed) or _topics(ran.out)
    naming = f"'{EQUIVALENCE}' from arguments"
    if theory.diff and count[1] == "1" and naming in printed:
        return ""
    return f"{WELLFORMEDNESS}: {topics or count[1]}"


def _topics(text: str) -> str:
    """The headings, underlined with =, below Tamarin's warning."""
    _, _, rest = text.partition(_WARNINGS)
    return ", ".join(re.findall(r"^(\S.*)\n=+$", rest, re.MULTILINE))


def last_lines(text: str, count: int = 3) -> str:
    """The last lines of an output in one, for people."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    joined = "; ".join(lines[-count:]) or "it printed nothing"
    return joined if len(joined) <= 300 else "…" + joined[-299:]


def proof_block(theory: str, job: Job) -> tuple[str, str]:
    """From a theory that Tamarin printed: a lemma's block, and of that the proof alone.

    Raises:
        FileError: there is no such block.
    """
    name = re.escape(job.lemma)
    if job.diff:
        head = rf"^diffLemma\s+{name}\s*(?:\[[^\]]*\]\s*)?:\s*"
    else:
        head = (
            rf"^lemma\s+{name}\s*(?:\[[^\]]*\]\s*)?:\s*(?:all-traces|exists-trace)?\s*"
            r'"[^"]*"\s*(?:/\*.*?\*/\s*)?'
        )
    match = re.search(head, theory, re.MULTILINE | re.DOTALL)
    if match is None:
        raise FileError(f"no proof of {job.lemma} in the prover's output")
    proof = theory[match.end() :].split("\n\n", 1)[0].rstrip()
    return match[0] + proof + "\n", proof


def traces_apart(text: str, dot: str, lemmas: list[str]) -> dict[str, tuple[str, str]]:
    """The traces of lemmas in what Tamarin wrote: JSON with one graph, and the picture in dot.

    It writes them in the order of the lemmas, each with the lemma's name in its label. Nothing is
    returned if there are not as many as lemmas, or if a label does not have its lemma's name.
    """
    try:
        graphs = json.loads(text)["graphs"] if text else []
    except (ValueError, KeyError, TypeError):
        return {}
    drawn = re.split(r"^(?=digraph )", dot, flags=re.MULTILINE)[1:]
    if not len(graphs) == len(drawn) == len(lemmas):
        return {}
    for graph, lemma in zip(graphs, lemmas, strict=True):
        if lemma not in graph.get("jgLabel", lemma):
            return {}
    texts = [json.dumps({"graphs": [graph]}) for graph in graphs]
    return dict(zip(lemmas, zip(texts, drawn, strict=True), strict=True))


def pictures(
    claim: Claim, quantifier: str, trace: str, dot: str, cast: Cast
) -> tuple[dict[str, str], list[str]]:
    """The chart and Tamarin's graph of a trace, and remarks on what could not be drawn."""
    drawn: dict[str, str] = {}
    remarks: list[str] = []
    try:
        drawn[CHART] = chart_of(trace, claim.job, claim.statement, quantifier, cast).svg()
    except FileError as error:
        remarks.append(f"no chart: {error}")
    graphviz = shutil.which("dot")
    if graphviz is None:
        remarks.append("no graph: Graphviz' dot is not on PATH")
        return drawn, remarks
    try:
        ran = subprocess.run(  # noqa: S603
            [graphviz, "-Tsvg"], input=dot, capture_output=True, text=True, timeout=120, check=True
        )
        drawn[GRAPH] = _clean_svg(ran.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        remarks.append(f"no graph: {error}")
    return drawn, remarks


def _clean_svg(text: str) -> str:
    """Graphviz' output without its version, its comments and its document type."""
    text = re.sub(r"<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*", "", text, flags=re.DOTALL)
    return text.rstrip() + "\n"
