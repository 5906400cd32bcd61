"""The ledger of what was proved: one entry a lemma, with its proof and its trace beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..disk import FileError, alone_in, read_json, read_text, to_text, write_files
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from .declared import Job

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


class Ledger:
    """The entries in a directory, one a job, and the files beside them.

    The directory holds ``ledger.json`` and, for each entry, ``<model>[+FLAG…]/<lemma>.proof`` and
    what was found besides (`ARTEFACTS`).
    """

    def __init__(self, directory: Path, entries: Iterable[Entry] = ()) -> None:
        self.directory = directory
        self.entries = {entry.job: entry for entry in entries}

    @classmethod
    def load(cls, directory: Path) -> Ledger:
        """The ledger of a directory; without a file, an empty one.

        Raises:
            FileError: a file that is not a ledger.
        """
        path = directory / LEDGER
        return cls.read(path) if path.exists() else cls(directory)

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """The ledger in a file. Raises `FileError` if it is none."""
        content = read_json(path)
        found = misfit(content, package_schema(_SCHEMA))
        if found is not None:
            where = found.place(lambda index: f"entry {index + 1}") or "not a ledger"
            raise FileError(f"{path}: {where}: {found.problem}")
        entries = list(map(_entry, content["entries"]))
        if len({entry.job for entry in entries}) != len(entries):
            raise FileError(f"{path}: two entries for the same lemma")
        return cls(path.parent, entries)

    def text(self) -> str:
        """The ledger's file: sorted, so that runs in another order give the same."""
        entries = [self.entries[job].to_json() for job in sorted(self.entries)]
        version = package_schema(_SCHEMA)["properties"]["schemaVersion"]["const"]
        return to_text({"schemaVersion": version, "entries": entries})

    def current(self, job: Job, digest: str) -> Entry | None:
        """The finished entry of a job, if it is about this digest."""
        entry = self.entries.get(job)
        return entry if entry and entry.finished and entry.digest == digest else None

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
            there = Ledger.load(self.directory).entries
            self.entries = {**self.entries, **there, entry.job: entry}
            write_files(self.directory, {**files, LEDGER: self.text()})
            for kind in ARTEFACTS:
                if kind not in artefacts:
                    self.path(entry.job, kind).unlink(missing_ok=True)


class ConflictError(Exception):
    """Two ledgers that contradict each other; the text is one line for people."""


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
    taken: list[tuple[Entry, Ledger]] = []
    jobs = sorted({job for ledger in (target, *sources) for job in ledger.entries})
    for job in jobs:
        today = digest(job)
        found = [
            (ledger.entries[job], ledger) for ledger in (target, *sources) if job in ledger.entries
        ]
        verdicts: dict[str, tuple[str, Path]] = {}
        for entry, ledger in found:
            if not entry.finished:
                continue
            verdict, where = verdicts.setdefault(entry.digest, (entry.verdict, ledger.directory))
            if verdict != entry.verdict:
                raise ConflictError(
                    f"{job}: {verdict} in {where}, {entry.verdict} in {ledger.directory},"
                    " for the same digest"
                )

        def rank(entry: Entry, today: str | None = today) -> tuple[bool, bool]:
            return (entry.digest == today, entry.finished)

        best, home = found[0]
        for entry, ledger in found[1:]:
            is_newer = rank(entry) == rank(best) != (True, True) and entry.date > best.date
            if rank(entry) > rank(best) or is_newer:
                best, home = entry, ledger
        if home is not target:
            taken.append((best, home))
    return taken
