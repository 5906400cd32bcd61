"""The ledger of what was proved: one entry a lemma, with its proof and its trace beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..disk import FileError, alone_in, read_json, read_text, to_text, write_files
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from .declared import UNDECIDED, Job

LEDGER = "ledger.json"
_SCHEMA = "ledger.schema.json"
UNPROVED = "not proved here"
VERDICTS = ("verified", "falsified", UNPROVED)

PROOF, TRACE, GRAPH, CHART = ".proof", ".json", ".svg", ".chart.svg"
ARTEFACTS = (PROOF, TRACE, GRAPH, CHART)
"""What may lie beside an entry: proof script, Tamarin's JSON, its graph, the chart."""


@dataclass(frozen=True)
class Entry:
    """What a run of the prover found.

    Attributes:
        job: the lemma.
        quantifier: "all-traces", "exists-trace" or "diff".
        digest: of what was proved (`Theory.digest`).
        verdict: "verified", "falsified", or "not proved here", and then `reason` says why.
        steps: of the proof; 0 if there is none.
        seconds: what the run took.
        covers: how many lemmas that run was about, in one process.
        prover, revision, maude: versions; the revision is the prover's line about its source.
        command: what was run, from the repository's root: the resolved theory, and the prover on
            it. Options that only say where output goes are left out.
        date: of the run, UTC.
        reason: why there is no verdict.
        trace: whether a trace was found and recorded.
    """

    job: Job
    quantifier: str
    digest: str
    verdict: str
    steps: int
    seconds: float
    prover: str
    revision: str
    maude: str
    command: str
    date: str
    reason: str = ""
    trace: bool = False
    covers: int = 1

    @property
    def finished(self) -> bool:
        """Whether it has a verdict."""
        return self.verdict != UNPROVED

    def to_json(self) -> Json:
        """The entry as the ledger keeps it."""
        return {
            "model": self.job.model,
            "flags": list(self.job.flags),
            "lemma": self.job.lemma,
            "diff": self.job.diff,
            "quantifier": self.quantifier,
            "digest": self.digest,
            "verdict": self.verdict,
            **({"reason": self.reason} if self.reason else {}),
            "trace": self.trace,
            "steps": self.steps,
            "seconds": self.seconds,
            "covers": self.covers,
            "prover": self.prover,
            "revision": self.revision,
            "maude": self.maude,
            "command": self.command,
            "date": self.date,
        }


def _entry(content: Json) -> Entry:
    """The entry of one that fits the schema."""
    more: Json = dict(content)
    model, lemma, diff = (more.pop(name) for name in ("model", "lemma", "diff"))
    return Entry(job=Job(model, tuple(sorted(more.pop("flags"))), lemma, diff), **more)


@dataclass(frozen=True)
class Witness:
    """What a run of ProVerif or CryptoVerif found.

    Attributes:
        job: the query.
        digest: of what was asked (`QueryFile.digest`).
        verdict: "verified", "falsified", "undecided", or "not proved here".
        seconds: what the run took.
        covers: how many queries that run was about.
        version: the prover's.
        command: what was run, as of an `Entry`.
        date: of the run, UTC.
        reason: why there is no verdict.
        bound: the adversary's chance as CryptoVerif writes it.
    """

    job: Job
    digest: str
    verdict: str
    seconds: float
    covers: int
    version: str
    command: str
    date: str
    reason: str = ""
    bound: str = ""

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.verdict != UNPROVED

    @property
    def decides(self) -> bool:
        """Whether the prover says yes or no."""
        return self.verdict not in (UNPROVED, UNDECIDED)

    def to_json(self) -> Json:
        """The witness as the ledger keeps it."""
        return {
            "model": self.job.model,
            "flags": list(self.job.flags),
            "lemma": self.job.lemma,
            "digest": self.digest,
            "verdict": self.verdict,
            **({"reason": self.reason} if self.reason else {}),
            **({"bound": self.bound} if self.bound else {}),
            "seconds": self.seconds,
            "covers": self.covers,
            "prover": self.job.prover,
            "version": self.version,
            "command": self.command,
            "date": self.date,
        }


def _witness(content: Json) -> Witness:
    """The witness of one that fits the schema."""
    more: Json = dict(content)
    del more["prover"]  # the model says it
    model, lemma = more.pop("model"), more.pop("lemma")
    return Witness(job=Job(model, tuple(sorted(more.pop("flags"))), lemma), **more)


class Ledger:
    """What was found, one entry or witness a job, and the files beside the entries.

    The directory holds ``ledger.json`` and, for each entry, ``<model>[+FLAG…]/<lemma>.proof`` and
    what was found besides (`ARTEFACTS`).
    """

    def __init__(
        self, directory: Path, entries: Iterable[Entry] = (), witnesses: Iterable[Witness] = ()
    ) -> None:
        self.directory = directory
        self.entries = {entry.job: entry for entry in entries}
        self.witnesses = {witness.job: witness for witness in witnesses}

    @classmethod
    def load(cls, directory: Path) -> Ledger:
        """The ledger of a directory; without a file, an empty one.

        Raises:
            FileError: a file that is not a ledger, or no directory.
        """
        if directory.exists() and not directory.is_dir():
            raise FileError(f"{directory}: expected a directory, found something else")
        path = directory / LEDGER
        return cls.read(path) if path.exists() else cls(directory)

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """The ledger in a file. Raises `FileError` if it is none."""
        content = read_json(path)
        found = misfit(content, package_schema(_SCHEMA))
        if found is not None:
            kind = "witness" if found.path[:1] == ("witnesses",) else "entry"
            where = found.place(lambda index: f"{kind} {index + 1}") or "not a ledger"
            raise FileError(f"{path}: {where}: {found.problem}")
        entries = list(map(_entry, content["entries"]))
        if len({entry.job for entry in entries}) != len(entries):
            raise FileError(f"{path}: two entries for the same lemma")
        witnesses = list(map(_witness, content.get("witnesses", ())))
        if len({witness.job for witness in witnesses}) != len(witnesses):
            raise FileError(f"{path}: two witnesses for the same query")
        return cls(path.parent, entries, witnesses)

    def text(self) -> str:
        """The ledger's file: sorted, so that runs in another order give the same."""
        entries = [self.entries[job].to_json() for job in sorted(self.entries)]
        version = package_schema(_SCHEMA)["properties"]["schemaVersion"]["const"]
        content = {"schemaVersion": version, "entries": entries}
        if self.witnesses:
            content["witnesses"] = [self.witnesses[job].to_json() for job in sorted(self.witnesses)]
        return to_text(content)

    def current(self, job: Job, digest: str) -> Entry | None:
        """The finished entry of a job, if it is about this digest."""
        entry = self.entries.get(job)
        return entry if entry and entry.finished and entry.digest == digest else None

    def current_witness(self, job: Job, digest: str) -> Witness | None:
        """What another prover found on a job, if its run ended and is about this digest."""
        found = self.witnesses.get(job)
        return found if found and found.finished and found.digest == digest else None

    def path(self, job: Job, kind: str) -> Path:
        """Where a job's file of a kind lies, if there is one."""
        return self.directory / f"{job}{kind}"

    def artefact(self, job: Job, kind: str) -> str | None:
        """A job's file of a kind, or None. Raises `FileError` if it cannot be read."""
        path = self.path(job, kind)
        return read_text(path) if path.exists() else None

    def record(self, entry: Entry, artefacts: dict[str, str]) -> None:
        """Put an entry and its files on disk: all of them, the ledger last, or none.

        What other runs have recorded in the meantime is kept. Files of an earlier entry of this
        job that the new one does not have are removed.

        Raises:
            FileError: a file cannot be written.
        """
        files = {f"{entry.job}{kind}": text for kind, text in artefacts.items()}
        with alone_in(self.directory):
            there = Ledger.load(self.directory)
            self.entries = {**self.entries, **there.entries, entry.job: entry}
            self.witnesses = {**self.witnesses, **there.witnesses}
            write_files(self.directory, {**files, LEDGER: self.text()})
            for kind in ARTEFACTS:
                if kind not in artefacts:
                    self.path(entry.job, kind).unlink(missing_ok=True)

    def record_witnesses(self, found: Iterable[Witness]) -> None:
        """Put witnesses on disk, keeping what other runs have recorded in the meantime.

        Raises:
            FileError: the ledger cannot be written.
        """
        with alone_in(self.directory):
            there = Ledger.load(self.directory)
            self.entries = {**self.entries, **there.entries}
            new = {witness.job: witness for witness in found}
            self.witnesses = {**self.witnesses, **there.witnesses, **new}
            write_files(self.directory, {LEDGER: self.text()})


class ConflictError(Exception):
    """Two ledgers that contradict each other; the text is one line for people."""


_Found = TypeVar("_Found", Entry, Witness)


def merge(
    target: Ledger, sources: list[Ledger], digest: Callable[[Job], str | None]
) -> list[tuple[Entry, Ledger]]:
    """The entries that `target` is to take over, each with the ledger that holds its files.

    Of several entries for a job the one with a verdict on today's digest wins, then any that is
    about today's digest, then any with a verdict, then the latest; what is there already stays
    unless another is better.

    Raises:
        ConflictError: two different verdicts on the same digest of a job.
    """
    return _better([(ledger.entries, ledger) for ledger in (target, *sources)], digest)


def merge_witnesses(
    target: Ledger, sources: list[Ledger], digest: Callable[[Job], str | None]
) -> list[Witness]:
    """The witnesses that `target` is to take over, chosen as `merge` chooses entries.

    Raises:
        ConflictError: as `merge` does.
    """
    found = [(ledger.witnesses, ledger) for ledger in (target, *sources)]
    return [witness for witness, _ in _better(found, digest)]


def _better(
    ledgers: list[tuple[dict[Job, _Found], Ledger]], digest: Callable[[Job], str | None]
) -> list[tuple[_Found, Ledger]]:
    """What is better in the others than in the first."""
    taken: list[tuple[_Found, Ledger]] = []
    for job in sorted({job for entries, _ in ledgers for job in entries}):
        today: str | None = digest(job)
        found = [(entries[job], ledger) for entries, ledger in ledgers if job in entries]
        _contradiction(job, [(e.digest, e.verdict, ledger) for e, ledger in found if e.finished])

        def rank(entry: _Found, today: str | None = today) -> tuple[bool, bool]:
            return (entry.digest == today, entry.finished)

        best, home = found[0]
        for entry, ledger in found[1:]:
            is_newer = rank(entry) == rank(best) != (True, True) and entry.date > best.date
            if rank(entry) > rank(best) or is_newer:
                best, home = entry, ledger
        if home is not ledgers[0][1]:
            taken.append((best, home))
    return taken


def _contradiction(job: Job, found: list[tuple[str, str, Ledger]]) -> None:
    """Raise `ConflictError` if the same digest has two verdicts."""
    verdicts: dict[str, tuple[str, Path]] = {}
    for digest, said, ledger in found:
        verdict, where = verdicts.setdefault(digest, (said, ledger.directory))
        if verdict != said:
            raise ConflictError(
                f"{job}: {verdict} in {where}, {said} in {ledger.directory}, for the same digest"
            )
