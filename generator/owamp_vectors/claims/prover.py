"""Running tamarin-prover, and reading what it says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..disk import FileError
from .chart import chart_of
from .declared import Claim, Claims, Job
from .ledger import CHART, GRAPH, PROOF, TRACE, UNPROVED, Entry, Ledger
from .theory_text import EQUIVALENCE
from .trace import slim

INSTALL_PAGE = "https://tamarin-prover.com/manual/master/book/002_installation.html"
MINIMUM = (1, 8)
_WRITES_TRACES = (1, 10)
TIMEOUT = 600
MEMORY = 8

_DERIVATION_CHECKS = 300
"""Seconds for the derivation checks; Tamarin's own 5 make a busy machine fail them."""

_HEAP_EXHAUSTED = 251
_SUMMARY = "summary of summaries:"
_WARNINGS = "WARNING: the following wellformedness checks failed!"


class NoProverError(Exception):
    """No usable tamarin-prover; the text is one line for people."""


@dataclass(frozen=True)
class Prover:
    """A tamarin-prover that answered.

    Attributes:
        path: its executable.
        version, revision, maude: as it says itself.
    """

    path: str
    version: str
    revision: str
    maude: str


@dataclass(frozen=True)
class Limits:
    """What a run may take: seconds (of a claim without its own timeout), GiB of memory."""

    memory: int = MEMORY
    timeout: int | None = None

    def seconds(self, claim: Claim) -> int:
        """A given timeout holds for all, otherwise a claim's own, otherwise the usual."""
        return self.timeout or claim.timeout or TIMEOUT


@dataclass(frozen=True)
class Outcome:
    """What came of a run: an entry with its files, or an error, and no verdict is recorded."""

    claim: Claim
    entry: Entry | None = None
    artefacts: dict[str, str] = field(default_factory=dict)
    error: str = ""
    remarks: tuple[str, ...] = ()


def find_prover(path: str | None) -> Prover:
    """The tamarin-prover at a path, or on PATH.

    Raises:
        NoProverError: there is none, it is older than 1.8, has no Maude, or does not run.
    """
    found = shutil.which(path or "tamarin-prover")
    if found is None:
        where = path or "tamarin-prover is not on PATH"
        missing = f"{where}: no such program" if path else where
        raise NoProverError(f"{missing}; to install it see {INSTALL_PAGE}")
    try:
        ran = subprocess.run(  # noqa: S603
            [found, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoProverError(f"{found} --version: {error}; see {INSTALL_PAGE}") from None
    text = ran.stdout + ran.stderr
    version = re.search(r"(?:Tamarin version|tamarin-prover) (\d+(?:\.\d+)+)", text)
    if ran.returncode != 0 or version is None:
        raise NoProverError(f"{found}: is no working tamarin-prover; see {INSTALL_PAGE}")
    minimum = ".".join(map(str, MINIMUM))
    if _numbers(version[1]) < MINIMUM:
        raise NoProverError(
            f"{found}: version {version[1]}, expected {minimum} or later; see {INSTALL_PAGE}"
        )
    maude = re.search(r"Maude version (\d[\w.+-]*)", text)
    if maude is None:
        raise NoProverError(f"{found}: finds no Maude; see {INSTALL_PAGE}")
    revision = re.search(r"Git revision: (.+)", text)
    return Prover(found, version[1], revision[1].strip() if revision else "unknown", maude[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _options(job: Job, derivation_checks: int = _DERIVATION_CHECKS) -> list[str]:
    defines = [f"-D={flag}" for flag in job.flags]
    strict = ["--diff"] if job.diff else ["--quit-on-warning"]
    return [*defines, f"--derivcheck-timeout={derivation_checks}", *strict]


def _runtime(memory: int) -> list[str]:
    return ["+RTS", "-N1", f"-M{memory}g", "-RTS"]


def _theory_run(claims: Claims, job: Job, memory: int) -> list[str]:
    """The run that makes all checks of a job's theory, and proves nothing.

    They take longer than most lemmas, and are the same for each. With --diff there is none:
    such a theory has one lemma.
    """
    return [*_options(job), _model(claims, job), *_runtime(memory)]


def _lemma_run(claims: Claims, job: Job, memory: int) -> list[str]:
    """The run that decides a job's lemma."""
    checks = _DERIVATION_CHECKS if job.diff else 0  # `_theory_run` has made them
    options = [f"--prove={job.lemma}", *_options(job, checks)]
    return [*options, _model(claims, job), *_runtime(memory)]


def _model(claims: Claims, job: Job) -> str:
    """A model's path from the directory that holds the models' directory."""
    return f"{claims.models.resolve().name}/{job.model}.spthy"


def command(claims: Claims, job: Job, memory: int = MEMORY) -> str:
    """What decides a job's lemma, for a shell in the directory that holds the models' directory."""
    runs = [_lemma_run(claims, job, memory)]
    if not job.diff:
        runs.insert(0, _theory_run(claims, job, memory))
    return " && ".join(" ".join(["tamarin-prover", *run]) for run in runs)


class Runner:
    """Starts provers, each in a process group of its own, and can end all of them."""

    def __init__(self, prover: Prover) -> None:
        self.prover = prover
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, arguments: list[str], directory: Path, timeout: float) -> _Ran:
        """Run the prover, and end it with everything that it started when the time is up."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            with self._lock:
                if self._stopped:
                    raise FileError("stopped")
                process = subprocess.Popen(  # noqa: S603
                    [self.prover.path, *arguments],
                    cwd=directory,
                    stdout=out,
                    stderr=err,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                process.wait(timeout)
                timed_out = False
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                _kill_group(process)
                process.wait()
                with self._lock:
                    self._running.discard(process)
            seconds = time.monotonic() - started
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode(errors="replace"))
        return _Ran(process.returncode, timed_out, round(seconds, 1), *texts)

    def stop(self) -> None:
        """End everything that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone already
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class _Ran:
    code: int
    timed_out: bool
    seconds: float
    out: str
    err: str

    def failure(self, memory: int, timeout: float) -> tuple[str, str]:
        """Why there is no summary: (a limit that was reached, or "", an error, or "")."""
        text = f"{self.out}\n{self.err}"
        if self.timed_out:
            return f"no result in {timeout:g} s", ""
        if self.code == _HEAP_EXHAUSTED or re.search(r"heap (exhausted|overflow)", text, re.I):
            return f"needs more than {memory} GiB", ""
        if self.code == -signal.SIGKILL:
            return "killed, perhaps for want of memory", ""
        if _WARNINGS in text and self.code != 0:
            return "", f"wellformedness check failed: {_topics(text)}"
        if self.code != 0:
            return "", f"exit code {self.code}: {_last_lines(self.err or self.out)}"
        if _SUMMARY not in self.out:
            return "", f"no summary in its output: {_last_lines(self.out or self.err)}"
        return "", ""

    def status(self, job: Job) -> tuple[str, str, int] | None:
        """Quantifier, status and steps that the summary gives for a job's lemma."""
        summary = self.out[self.out.rindex(_SUMMARY) :]
        name = re.escape(job.lemma)
        if job.diff:
            pattern = (
                rf"^\s+DiffLemma:\s+{name}\s*:\s+(?P<status>[^:]*?)\s+\((?P<steps>\d+)\s+steps\)"
            )
        else:
            pattern = (
                rf"^\s+{name}\s+\((?P<quantifier>all-traces|exists-trace)\):"
                r"\s+(?P<status>[^:]*?)\s+\((?P<steps>\d+)\s+steps\)"
            )
        match = re.search(pattern, summary, re.MULTILINE)
        if match is None:
            return None
        quantifier = "diff" if job.diff else match["quantifier"]
        return quantifier, " ".join(match["status"].split()), int(match["steps"])

    def warnings(self, theory: str, job: Job) -> str:
        """The wellformedness checks that failed though Tamarin went on.

        In --diff mode it cannot name the lemma to prove without a warning that there is no such
        lemma; that one is let pass.
        """
        count = re.search(r"WARNING: (\d+) wellformedness check", self.out)
        if count is None:
            return ""
        topics = _topics(theory) or _topics(self.out)
        naming = f"'{EQUIVALENCE}' from arguments"
        if job.diff and count[1] == "1" and naming in theory:
            return ""
        return f"wellformedness check failed: {topics or count[1]}"


def _topics(text: str) -> str:
    """The headings, underlined with =, below Tamarin's warning."""
    _, _, rest = text.partition(_WARNINGS)
    return ", ".join(re.findall(r"^(\S.*)\n=+$", rest, re.MULTILINE))


def _last_lines(text: str, count: int = 3) -> str:
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


class TheoryChecks:
    """The checks of theories, each made once, by whoever asks for it first."""

    def __init__(self, runner: Runner, claims: Claims, limits: Limits) -> None:
        self._runner = runner
        self._claims = claims
        self._limits = limits
        self._lock = threading.Lock()
        self._found: dict[str, Future[str]] = {}

    def problem(self, claim: Claim) -> str:
        """What is wrong with a claim's theory, "" if nothing is."""
        job = claim.job
        if job.diff:
            return ""  # its one lemma's run makes them
        with self._lock:
            found = self._found.get(job.title)
            is_first = found is None
            if found is None:
                found = self._found[job.title] = Future()
        if is_first:
            try:
                found.set_result(self._check(claim))
            except BaseException as error:
                found.set_exception(error)
                raise
        return found.result()

    def _check(self, claim: Claim) -> str:
        memory, timeout = self._limits.memory, self._limits.seconds(claim)
        arguments = _theory_run(self._claims, claim.job, memory)
        ran = self._runner.run(arguments, self._claims.models.resolve().parent, timeout)
        reason, error = ran.failure(memory, timeout)
        error = error or ran.warnings(ran.out, claim.job)
        return f"the theory's checks: {reason}" if reason else error


def prove(
    runner: Runner, claims: Claims, claim: Claim, limits: Limits, checks: TheoryChecks
) -> Outcome:
    """Run the prover on a claim's lemma, if its theory passes all checks."""
    try:
        if problem := checks.problem(claim):
            return Outcome(claim, error=problem)
        return _prove(runner, claims, claim, limits)
    except (FileError, OSError) as error:
        return Outcome(claim, error=str(error))


def _prove(runner: Runner, claims: Claims, claim: Claim, limits: Limits) -> Outcome:
    job, timeout = claim.job, limits.seconds(claim)
    digest, quantifier = claims.digest(job), claims.quantifier(job)
    line = _lemma_run(claims, job, limits.memory)
    root = claims.models.resolve().parent
    with tempfile.TemporaryDirectory(prefix="owamp-prove-") as scratch:
        outputs = {name: Path(scratch) / name for name in ("theory", "json", "dot")}
        sinks = [f"--output={outputs['theory']}"]
        writes_traces = not job.diff and _numbers(runner.prover.version) >= _WRITES_TRACES
        if writes_traces:
            sinks += [f"--output-json={outputs['json']}", f"--output-dot={outputs['dot']}"]
        end = line.index("+RTS")
        ran = runner.run([*line[:end], *sinks, *line[end:]], root, timeout)
        texts = {
            name: path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            for name, path in outputs.items()
        }
    reason, error = ran.failure(limits.memory, timeout)
    verdict, steps = UNPROVED, 0
    if not reason and not error:
        status = ran.status(job)
        error = ran.warnings(texts["theory"], job)
        if not error and status is None:
            error = f"no line on {job.lemma} in its summary: {_last_lines(ran.out)}"
        elif not error and status is not None and status[0] != quantifier:
            error = f"it takes the lemma as {status[0]}, this reader as {quantifier}"
        elif status is not None:
            verdict, steps, reason = _verdict(status[1], status[2])
    if error:
        return Outcome(claim, error=error)
    artefacts: dict[str, str] = {}
    remarks: list[str] = []
    if verdict != UNPROVED:
        artefacts[PROOF], _ = proof_block(texts["theory"], job)
        if _has_graph(texts["json"]):
            trace = slim(texts["json"])
            pictures, remarks = _pictures(claim, quantifier, trace, texts["dot"])
            artefacts |= {TRACE: trace, **pictures}
        elif (verdict == "falsified") == (quantifier == "all-traces") and not writes_traces:
            remarks.append(
                "no trace: only tamarin-prover 1.10 and later, not in --diff mode, write it"
            )
    entry = Entry(
        job=job,
        quantifier=quantifier,
        digest=digest,
        verdict=verdict,
        steps=steps,
        seconds=ran.seconds,
        prover=runner.prover.version,
        revision=runner.prover.revision,
        maude=runner.prover.maude,
        command=command(claims, job, limits.memory),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason=reason,
        trace=TRACE in artefacts,
    )
    return Outcome(claim, entry, artefacts, remarks=tuple(remarks))


def _verdict(status: str, steps: int) -> tuple[str, int, str]:
    for verdict in ("verified", "falsified"):
        if status == verdict or status.startswith(f"{verdict} - "):
            return verdict, steps, ""
    return UNPROVED, 0, status


def _has_graph(text: str) -> bool:
    try:
        return bool(text) and bool(json.loads(text)["graphs"])
    except (ValueError, KeyError, TypeError):
        return False


def _pictures(
    claim: Claim, quantifier: str, trace: str, dot: str
) -> tuple[dict[str, str], list[str]]:
    """The chart and Tamarin's graph of a trace, and remarks on what could not be drawn."""
    pictures: dict[str, str] = {}
    remarks: list[str] = []
    try:
        pictures[CHART] = chart_of(trace, claim.job, claim.statement, quantifier).svg()
    except FileError as error:
        remarks.append(f"no chart: {error}")
    graphviz = shutil.which("dot")
    if graphviz is None:
        remarks.append("no graph: Graphviz' dot is not on PATH")
        return pictures, remarks
    try:
        ran = subprocess.run(  # noqa: S603
            [graphviz, "-Tsvg"], input=dot, capture_output=True, text=True, timeout=120, check=True
        )
        pictures[GRAPH] = _clean_svg(ran.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        remarks.append(f"no graph: {error}")
    return pictures, remarks


def _clean_svg(text: str) -> str:
    """Graphviz' output without its version, its comments and its document type."""
    text = re.sub(r"<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*", "", text, flags=re.DOTALL)
    return text.rstrip() + "\n"


def prove_all(
    runner: Runner, claims: Claims, chosen: list[Claim], ledger: Ledger, limits: Limits, jobs: int
) -> Iterator[Outcome]:
    """Run the prover on each claim, several at a time, recording each outcome when it is there.

    A run without a verdict does not replace an entry with a verdict on today's digest. When this
    ends early, by an exception or because the caller stops asking, the provers are ended too.
    """
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        checks = TheoryChecks(runner, claims, limits)
        futures = [
            pool.submit(prove, runner, claims, claim, limits, checks) for claim in _spread(chosen)
        ]
        for future in as_completed(futures):
            outcome = future.result()
            entry = outcome.entry
            if entry and (entry.finished or not ledger.current(entry.job, entry.digest)):
                ledger.record(entry, outcome.artefacts)
            yield outcome
    finally:
        runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _spread(chosen: list[Claim]) -> list[Claim]:
    """The claims, one of each theory in turn, so that nobody waits for another's checks."""
    seen: Counter[str] = Counter()
    turns = []
    for claim in chosen:
        turns.append((seen[claim.job.title], claim))
        seen[claim.job.title] += 1
    return [claim for _, claim in sorted(turns, key=lambda turn: turn[0])]


@dataclass(frozen=True)
class Check:
    """What came of checking a recorded proof: a problem, or "" if it holds."""

    claim: Claim
    problem: str
    seconds: float


def recheck(
    runner: Runner, claims: Claims, chosen: list[Claim], ledger: Ledger, limits: Limits
) -> Iterator[Check]:
    """Let the prover check recorded proofs, without searching: one run a model and flags.

    What it gets is the model as `read_theory` resolves it, with the recorded proofs below their
    lemmas. A proof holds if the prover comes to the recorded verdict by it; what it
    would have to search for counts as unproved.
    """
    groups: dict[tuple[str, tuple[str, ...], bool], list[Claim]] = {}
    for claim in chosen:
        entry = ledger.current(claim.job, claims.digest(claim.job))
        if entry is None:
            yield Check(claim, "no current verdict is recorded", 0.0)
        else:
            key = (claim.job.model, claim.job.flags, claim.job.diff)
            groups.setdefault(key, []).append(claim)
    for group in groups.values():
        yield from _recheck_group(runner, claims, group, ledger, limits)


def _recheck_group(
    runner: Runner, claims: Claims, group: list[Claim], ledger: Ledger, limits: Limits
) -> Iterator[Check]:
    proofs, checked = {}, []
    for claim in group:
        try:
            block = ledger.artefact(claim.job, PROOF)
            if block is None:
                raise FileError("the proof is missing")
            proofs[claim.job.lemma] = proof_block(block, claim.job)[1]
            checked.append(claim)
        except FileError as error:
            yield Check(claim, str(error), 0.0)
    if not checked:
        return
    job = checked[0].job
    timeout = sum(limits.seconds(claim) for claim in checked)
    with tempfile.TemporaryDirectory(prefix="owamp-recheck-") as scratch:
        path, printed = Path(scratch) / f"{job.model}.spthy", Path(scratch) / "printed"
        path.write_text(claims.theory(job).with_proofs(proofs), encoding="utf-8")
        arguments = [*_options(job), f"--output={printed}", str(path), *_runtime(limits.memory)]
        ran = runner.run(arguments, Path(scratch), timeout)
        theory = printed.read_text(encoding="utf-8") if printed.exists() else ""
    problem = next((text for text in ran.failure(limits.memory, timeout) if text), "")
    problem = problem or ran.warnings(theory, job)
    for claim in checked:
        yield Check(claim, problem or _compare(ran, claim, ledger.entries[claim.job]), ran.seconds)


def _compare(ran: _Ran, claim: Claim, entry: Entry) -> str:
    status = ran.status(claim.job)
    if status is None:
        return "the prover says nothing of it"
    verdict, _, reason = _verdict(status[1], status[2])
    if verdict != entry.verdict:
        return f"recorded {entry.verdict}, the prover says {reason or verdict}"
    return ""
