"""Running ProVerif and CryptoVerif, and what they say."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...disk import FileError, write_file
from ..declared import CRYPTOVERIF, PROVERIF, UNDECIDED, Claims, Job
from ..ledger import UNPROVED, Ledger, Witness
from ..query_text import Query, QueryFile
from .finding import NoProverError, what_it_says
from .reading import last_lines
from .running import Processes, Ran

SECONDS = 120
"""What a run gets, if it is not said otherwise."""

_VERSION = {PROVERIF: ("-help", "Proverif"), CRYPTOVERIF: ("-help", "Cryptoverif")}
_PAGES = {
    PROVERIF: "https://proverif.inria.fr",
    CRYPTOVERIF: "https://cryptoverif.inria.fr",
}
_RESULT = re.compile(r"^RESULT (.*)$", re.MULTILINE)
_SAYS = re.compile(r"^(?P<asked>.*?) (?P<says>is true|is false|cannot be proved)(?: \(.*\))?\.$")
_PROVED = re.compile(r"^Proved .*?(?: up to probability (?P<bound>.*))?$")
_TRUTH = {"is true": True, "is false": False}


@dataclass(frozen=True)
class OtherProver:
    """A ProVerif or a CryptoVerif that answered.

    Attributes:
        name: one of `PROVERS`, also the name of its program.
        path: its executable.
        version: as it says itself.
    """

    name: str
    path: str
    version: str


def find_other(name: str) -> OtherProver:
    """The prover of a name on PATH.

    Raises:
        NoProverError: there is none, or it does not run.
    """
    option, title = _VERSION[name]
    found = shutil.which(name)
    if found is None:
        raise NoProverError(f"{name} is not on PATH; to install it see {_PAGES[name]}")
    ran = what_it_says(found, option, _PAGES[name], 60)
    version = re.search(
        rf"^{title} (\d+(?:\.\d+)+[a-z0-9]*)", ran.stdout + ran.stderr, re.MULTILINE
    )
    if version is None:
        raise NoProverError(f"{found}: is not a working {name}; see {_PAGES[name]}")
    return OtherProver(name, str(Path.cwd() / found), version[1].rstrip("."))


@dataclass(frozen=True)
class Testimony:
    """What came of a query: a witness, or an error, and then nothing is recorded."""

    job: Job
    witness: Witness | None = None
    error: str = ""


def command_of(jobs: list[Job], script: QueryFile) -> str:
    """What answers queries of a file, for a shell in the directory of the models' directory."""
    title = _title(jobs, script)
    file = f"{Path(jobs[0].title).name}{Path(jobs[0].file).suffix}"
    return f"owamp-vectors prove --print-theory {title} > {file} && {jobs[0].prover} {file}"


def _title(jobs: list[Job], script: QueryFile) -> str:
    everything = {job.lemma for job in jobs} == {query.name for query in script.queries}
    return jobs[0].title if everything else "/".join((jobs[0].title, jobs[0].lemma))


def testify(
    provers: dict[str, OtherProver],
    claims: Claims,
    due: list[Job],
    ledger: Ledger,
    timeout: int | None,
    jobs: int,
) -> Iterator[Testimony]:
    """Ask the provers, several at a time, recording what they say when it is said.

    ProVerif answers all queries of a file in one run, since most of its time goes into what they
    share; if nothing comes of that, and always with CryptoVerif, each query has a run of its own.
    """
    runners = {name: Processes(prover.path) for name, prover in provers.items()}
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        futures = [
            pool.submit(_answers, runners[group[0].prover], provers, claims, group, timeout)
            for group in _together(claims, due)
        ]
        for future in as_completed(futures):
            found = future.result()
            new = [said.witness for said in found if said.witness is not None]
            ledger.record_witnesses(
                witness
                for witness in new
                if witness.finished or not ledger.current_witness(witness.job, witness.digest)
            )
            yield from found
    finally:
        for runner in runners.values():
            runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _together(claims: Claims, due: list[Job]) -> list[list[Job]]:
    """The runs: for ProVerif all queries of a file if one of them is due."""
    asked = [job for _, job in claims.asked()]
    runs: dict[str, list[Job]] = {}
    for job in due:
        if job.prover == CRYPTOVERIF:
            runs[str(job)] = [job]
        elif job.title not in runs:
            names = [query.name for query in claims.script(job).queries]
            of_file = [other for other in asked if other.title == job.title]
            runs[job.title] = sorted(of_file, key=lambda other: names.index(other.lemma))
    return sorted(runs.values(), key=len, reverse=True)


def _answers(
    runner: Processes,
    provers: dict[str, OtherProver],
    claims: Claims,
    group: list[Job],
    timeout: int | None,
) -> list[Testimony]:
    prover = provers[group[0].prover]
    try:
        found = _run(runner, prover, claims, group, timeout or SECONDS)
    except FileError as error:
        return [Testimony(job, error=str(error)) for job in group]
    if len(group) > 1 and not all(said.witness and said.witness.finished for said in found):
        alone = ([job] for job in group)
        return [s for one in alone for s in _answers(runner, provers, claims, one, timeout)]
    return found


def _run(
    runner: Processes, prover: OtherProver, claims: Claims, group: list[Job], timeout: int
) -> list[Testimony]:
    """One run of a prover on queries of a file."""
    script = claims.script(group[0])
    with tempfile.TemporaryDirectory(prefix="owamp-prove-") as scratch:
        path = Path(scratch) / f"{Path(group[0].title).name}{script.path.suffix}"
        write_file(path, script.asking([job.lemma for job in group]))
        ran = runner.run([path.name], Path(scratch), timeout)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = [script.query(job.lemma) for job in group]
    try:
        says = _read(prover.name, ran, asked, timeout)
    except ValueError as error:
        return [Testimony(job, error=str(error)) for job in group]
    return [
        Testimony(
            job,
            Witness(
                job,
                script.digest(job.lemma),
                said.verdict,
                ran.seconds,
                len(group),
                prover.version,
                command_of(group, script),
                date,
                said.reason,
                said.bound,
            ),
        )
        for job, said in zip(group, says, strict=True)
    ]


@dataclass(frozen=True)
class _Says:
    verdict: str
    reason: str = ""
    bound: str = ""


def _read(name: str, ran: Ran, asked: list[Query], timeout: int) -> list[_Says]:
    """What a run says of the queries, in order. Raises `ValueError` if that cannot be told."""
    if ran.timed_out:
        return [_Says(UNPROVED, f"no result in {timeout} s")] * len(asked)
    results = _RESULT.findall(ran.out)
    if name == CRYPTOVERIF:
        if ran.code != 0 and not results:
            raise ValueError(f"exit code {ran.code}: {last_lines(ran.err or ran.out)}")
        return [_by_games(results)]
    if ran.code != 0:
        raise ValueError(f"exit code {ran.code}: {last_lines(ran.err or ran.out)}")
    answers = [match for line in results if (match := _SAYS.match(line))]
    if len(answers) != len(results) or len(answers) != len(asked):
        raise ValueError(f"expected {len(asked)} results, found {len(results)}")
    return [_by_clauses(*pair) for pair in zip(answers, asked, strict=True)]


def _by_clauses(answer: re.Match[str], query: Query) -> _Says:
    """What ProVerif says: that a query is true, false, or that it cannot tell."""
    events = re.findall(r"event\((\w+)\(", answer["asked"])
    if sorted(events) != sorted(query.events):
        raise ValueError(f"a result on {answer['asked']!r}, where {query.name} was asked")
    if answer["says"] not in _TRUTH:
        return _Says(UNDECIDED, "ProVerif says: cannot be proved")
    return _Says("verified" if _TRUTH[answer["says"]] != query.is_run else "falsified")


def _by_games(results: Iterable[str]) -> _Says:
    """What CryptoVerif says: a proof with its bound, or that it has found none."""
    for line in results:
        if match := _PROVED.match(line):
            return _Says("verified", bound=match["bound"] or "0")
        if line.startswith("Could not prove"):
            return _Says(UNDECIDED, "CryptoVerif says: could not prove")
    raise ValueError("no result in CryptoVerif's output")
