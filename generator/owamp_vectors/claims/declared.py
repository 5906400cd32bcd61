"""Claims about the models: what each says, which lemma shows it, what the prover is to find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..disk import FileError, read_json, read_toml
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from ..vectors.stored import targets
from ..words import unknown
from .query_text import QueryFile, read_queries
from .theory_text import EQUIVALENCE, Theory, read_theory

TAMARIN, PROVERIF, CRYPTOVERIF = "tamarin", "proverif", "cryptoverif"
PROVERS = (TAMARIN, PROVERIF, CRYPTOVERIF)
OTHERS = {"proverif": (PROVERIF, ".pv"), "computational": (CRYPTOVERIF, ".cv")}
"""The directories beside Tamarin's theories: the prover of what is there, and its suffix."""
SEARCH = "SEQDFS"
"""How Tamarin looks for a trace, if a claim does not say otherwise: straight down."""
UNDECIDED = "undecided"
"""What a prover says that ended with neither a proof nor an attack."""
FURTHER = "further.toml"


@dataclass(frozen=True, order=True)
class Job:
    """What one run of a prover is about: a lemma of a model under flags.

    Attributes:
        model: the model's file name without its suffix, and before it the directory if that is
            one of `OTHERS`: ``rfc4656``, ``proverif/rfc4656``.
        flags: sorted.
        lemma: the lemma's name; with `diff`, "Observational_equivalence".
        diff: whether the prover runs with --diff.
    """

    model: str
    flags: tuple[str, ...]
    lemma: str
    diff: bool = False

    def __str__(self) -> str:
        """``model+FLAG/lemma``: also where its proof is kept, without the extension."""
        return f"{self.title}/{self.lemma}"

    @property
    def title(self) -> str:
        """``model+FLAG``."""
        return "+".join((self.model, *self.flags))

    @property
    def prover(self) -> str:
        """Which of `PROVERS` reads the model."""
        folder, slash, _ = self.model.partition("/")
        return OTHERS[folder][0] if slash else TAMARIN

    @property
    def file(self) -> str:
        """The model's file, from the models' directory."""
        folder, slash, _ = self.model.partition("/")
        return self.model + (OTHERS[folder][1] if slash else ".spthy")


@dataclass(frozen=True)
class Claim:
    """An entry of ``claims.toml``.

    Attributes:
        id: its name, in kebab-case.
        statement: what is claimed, a sentence.
        source: the section that it is about, or "proposal".
        job: the lemma that decides it.
        expected: "verified" or "falsified"; of another prover than Tamarin also "undecided".
        kind: "claim"; "sanity", something that must be possible; "helper", a lemma that only helps
            to prove others; "control", there for another claim alone.
        premise: the sanity claim that shows that what this one speaks of can happen.
        control: the claim that comes out the other way, for the very reason that is given: of a
            verified claim, without the mechanism that it credits; of a falsified one, with what it
            lacks.
        vectors: the vectors that exercise it, each "file:Flag" or "file:GroupType".
        note: what the verdict means, or why it is as it is.
        heading: begins a part of the table.
        search: how Tamarin looks for a trace: what its option --stop-on-trace gets.
    """

    id: str
    statement: str
    source: str
    job: Job
    expected: str
    kind: str = "claim"
    premise: str = ""
    control: str = ""
    vectors: tuple[str, ...] = ()
    note: str = ""
    heading: str = ""
    search: str = SEARCH


@dataclass
class Claims:
    """All claims, and the theories that they are about.

    Attributes:
        models: the directory that holds ``claims.toml`` and the models.
        claims: in the order of the file.
        further: those that no lemma of Tamarin decides, but another prover, from ``further.toml``.
    """

    models: Path
    claims: tuple[Claim, ...]
    further: tuple[Claim, ...] = ()
    _scripts: dict[tuple[str, tuple[str, ...]], QueryFile] = field(default_factory=dict)
    _theories: dict[tuple[str, tuple[str, ...], bool], Theory] = field(default_factory=dict)

    @property
    def every(self) -> tuple[Claim, ...]:
        """The claims of both files."""
        return (*self.claims, *self.further)

    def theory(self, job: Job) -> Theory:
        """The theory of a job. Raises `TheoryError` if it cannot be read."""
        key = (job.model, job.flags, job.diff)
        if key not in self._theories:
            path = self.models / f"{job.model}.spthy"
            self._theories[key] = read_theory(path, job.flags, diff=job.diff)
        return self._theories[key]

    def script(self, job: Job) -> QueryFile:
        """The file of a job of another prover. Raises `FileError` if it cannot be read."""
        key = (job.model, job.flags)
        if key not in self._scripts:
            self._scripts[key] = read_queries(self.models / job.file, job.flags)
        return self._scripts[key]

    def mirror(self, claim: Claim) -> Job | None:
        """Where ProVerif is asked the same as Tamarin: in the file and the query of its names.

        A file that does not know a flag says nothing of the theory under it.
        """
        job = Job(f"proverif/{claim.job.model}", claim.job.flags, claim.job.lemma)
        if claim.job.diff or "/" in claim.job.model or not (self.models / job.file).is_file():
            return None
        script = self.script(job)
        asks = job.lemma in (query.name for query in script.queries)
        return job if asks and script.known_flags.issuperset(job.flags) else None

    def asked(self) -> Iterator[tuple[Claim, Job]]:
        """Each claim with what another prover than Tamarin is asked of it."""
        for claim in self.claims:
            if (job := self.mirror(claim)) is not None:
                yield claim, job
        yield from ((claim, claim.job) for claim in self.further)

    def digest(self, job: Job) -> str:
        """Today's digest of a job (`Theory.digest`, `QueryFile.digest`)."""
        reads = self.theory if job.prover == TAMARIN else self.script
        return reads(job).digest(job.lemma)

    def quantifier(self, job: Job) -> str:
        """The trace quantifier of a job's lemma."""
        return self.theory(job).lemma(job.lemma).quantifier

    def taken_for_granted(self, job: Job) -> Iterator[Job]:
        """The lemmas before a job's that its proof takes for granted (sources, reuse)."""
        if job.diff:
            return
        for lemma in self.theory(job).lemmas:
            if lemma.name == job.lemma:
                return
            if lemma.relied_on:
                yield Job(job.model, job.flags, lemma.name)

    def unclaimed(self) -> Iterator[str]:
        """The lemmas that no claim names, of every model under every set of flags in use.

        In --diff mode Tamarin takes lemmas marked sources or reuse for granted, and no run
        recorded here would show them; those are named too.
        """
        yield from self._unclaimed_queries()
        claimed = {claim.job for claim in self.claims}
        for model, flags, diff in sorted({(j.model, j.flags, j.diff) for j in claimed}):
            for lemma in self.theory(Job(model, flags, "", diff)).lemmas:
                if not diff or lemma.relied_on:
                    job = Job(model, flags, lemma.name, diff)
                    if job not in claimed:
                        yield f"{job}: no claim names this lemma"

    def _unclaimed_queries(self) -> Iterator[str]:
        """The queries of the other provers' files that no claim is about."""
        asked = {job for _, job in self.asked()}
        names = {(job.model, job.lemma) for job in asked}
        for folder, (_, suffix) in OTHERS.items():
            for path in sorted((self.models / folder).glob(f"*{suffix}")):
                model = f"{folder}/{path.stem}"
                flags = sorted({job.flags for job in asked if job.model == model}) or [()]
                for query in (q for key in flags for q in self.script(Job(model, key, "")).queries):
                    if (model, query.name) not in names:
                        yield f"{model}/{query.name}: no claim is about this query"


def load(models: Path, vectors: Path) -> Claims:
    """The claims of ``claims.toml`` and ``further.toml``, checked against models and vectors.

    Raises:
        FileError: anything that does not fit; the text names claim and field.
    """
    path, further = models / "claims.toml", models / FURTHER
    claims = Claims(models, _read(path), _read(further) if further.is_file() else ())
    for claim, problem in _problems(claims, vectors):
        raise FileError(
            f"{further if claim in claims.further else path}: claim {claim.id}, {problem}"
        )
    return claims


def _read(path: Path) -> tuple[Claim, ...]:
    content = read_toml(path)
    found = misfit(content, package_schema("claims.schema.json"))
    if found is not None:
        where = found.place(lambda index: _label(content["claim"][index], index))
        raise FileError(f"{path}: {where}: {found.problem}")
    return tuple(map(_claim, content["claim"]))


def claim_ids(models: Path) -> list[str]:
    """The names of the claims, unchecked. Raises `FileError` if there is no claims.toml."""
    entries = read_toml(models / "claims.toml").get("claim", ())
    return [str(entry.get("id")) for entry in entries if isinstance(entry, dict)]


def _label(entry: object, index: int) -> str:
    identity = entry.get("id") if isinstance(entry, dict) else None
    has_name = isinstance(identity, str) and identity.isprintable()
    return f"claim {identity if has_name else index + 1}"


def _claim(entry: Json) -> Claim:
    """The claim of an entry that fits the schema."""
    more: Json = dict(entry)
    model, lemma, diff = more.pop("model"), more.pop("lemma"), more.pop("diff", False)
    job = Job(model, tuple(sorted(more.pop("flags", ()))), lemma, diff)
    return Claim(job=job, vectors=tuple(more.pop("vectors", ())), **more)


def _problems(claims: Claims, vectors: Path) -> Iterator[tuple[Claim, str]]:
    """What no schema can say, each with its claim: the field, and what is wrong with it."""
    yield from _repeated(claims)
    targets = Targets(vectors)
    for claim in claims.every:
        reads = _of_script if claim in claims.further else _of_model
        yield from ((claim, problem) for problem in reads(claim, claims))
        for vector in claim.vectors:
            problem = targets.problem(vector)
            if problem:
                yield claim, f"vectors: {vector}: {problem}"
        if claim.expected == UNDECIDED and claim not in claims.further:
            yield claim, f"expected: only another prover than Tamarin ends with {UNDECIDED}"
    for claim in claims.claims:
        yield from ((claim, problem) for problem in _of_premise(claim, claims))
    for claim in claims.every:
        yield from ((claim, problem) for problem in _of_control(claim, claims))


def _repeated(claims: Claims) -> Iterator[tuple[Claim, str]]:
    by_id: dict[str, Claim] = {}
    by_job: dict[Job, Claim] = {}
    for claim in claims.every:
        if by_id.setdefault(claim.id, claim) is not claim:
            yield claim, "id: is there twice"
        other = by_job.setdefault(claim.job, claim)
        if other is not claim:
            yield claim, f"lemma: {claim.job} is already that of claim {other.id}"


def _of_model(claim: Claim, claims: Claims) -> Iterator[str]:
    job = claim.job
    if job.diff != (job.lemma == EQUIVALENCE):
        yield f"lemma: {EQUIVALENCE} and diff = true go together, found {job.lemma}"
    path = claims.models / f"{job.model}.spthy"
    if not path.is_file():
        yield f"model: {path}: no such file"
    try:
        theory = claims.theory(job)
    except FileError as error:
        yield f"model: {error}"
        return
    try:
        lemma = theory.lemma(job.lemma)
    except FileError as error:
        yield f"lemma: {error}"
        return
    if lemma.relied_on and claim.expected != "verified":
        expected = "expected verified, as other proofs take the lemma for granted"
        yield f"expected: {expected}, found {claim.expected}"


def _of_script(claim: Claim, claims: Claims) -> Iterator[str]:
    folder = claim.job.model.partition("/")[0] if "/" in claim.job.model else ""
    if folder not in OTHERS:
        yield f"model: expected one of {', '.join(f'{name}/…' for name in OTHERS)}"
        return
    try:
        script = claims.script(claim.job)
        script.query(claim.job.lemma)
    except FileError as error:
        yield f"model: {error}"
        return
    for flag in sorted(set(claim.job.flags) - script.known_flags):
        yield f"flags: {claim.job.file} has no flag {flag}"


def _of_premise(claim: Claim, claims: Claims) -> Iterator[str]:
    if not claim.premise:
        if (
            claim.kind in ("claim", "helper", "control")
            and claim.expected == "verified"
            and claims.quantifier(claim.job) == "all-traces"
        ):
            yield "premise: is missing: what is verified of all traces needs one"
        return
    premise = next((other for other in claims.claims if other.id == claim.premise), None)
    if premise is None:
        yield f"premise: no claim {claim.premise}"
        return
    for fits, problem in (
        (premise.job.model == claim.job.model, f"is about {premise.job.model}"),
        (premise.job.flags == claim.job.flags, f"has flags {list(premise.job.flags)}"),
        (premise.expected == "verified", f"is expected {premise.expected}"),
        (claims.quantifier(premise.job) == "exists-trace", "is not an exists-trace lemma"),
    ):
        if not fits:
            yield f"premise: {claim.premise} {problem}"


def _of_control(claim: Claim, claims: Claims) -> Iterator[str]:
    if not claim.control:
        return
    control = next((other for other in claims.every if other.id == claim.control), None)
    if control is None:
        yield f"control: no claim {claim.control}"
    elif control.expected == claim.expected:
        expected = f"expected the opposite of {claim.expected}"
        yield f"control: {expected}, found {claim.control}, expected the same"
    elif control.job.lemma != claim.job.lemma and not claim.note:
        expected = f"expected the lemma {claim.job.lemma}, or a note that says why"
        yield f"control: {expected}, found {control.job.lemma}"


class Targets:
    """What a claim's vectors can name: the flags and types of the vector files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: dict[str, set[str]] = {}

    def problem(self, vector: str) -> str:
        """Why a vector, "file:Flag" or "file:GroupType", cannot be named; "" if it can."""
        name, target = vector.split(":")
        path = self._directory / f"{name}.json"
        if name not in self._names:
            if "/" in name or not path.is_file():
                return f"{path}: no such file"
            try:
                self._names[name] = targets(read_json(path))
            except (FileError, TypeError, KeyError):
                return f"{path}: not a vector file"
        return "" if target in self._names[name] else f"{path} has no flag and no type {target}"


def by_theory(chosen: Iterable[Claim], *, by_search: bool = False) -> list[list[Claim]]:
    """The claims of each theory under each set of flags, the theories with most claims first.

    Args:
        by_search: whether claims of one theory with different searches come apart.
    """
    groups: dict[tuple[str, bool, str], list[Claim]] = {}
    for claim in chosen:
        search = claim.search if by_search else ""
        groups.setdefault((claim.job.title, claim.job.diff, search), []).append(claim)
    return sorted(groups.values(), key=len, reverse=True)


def select(
    claims: Claims, models: tuple[str, ...], lemmas: tuple[str, ...], ids: tuple[str, ...]
) -> list[Claim]:
    """The claims of the named models, lemmas and ids; an empty tuple stands for all.

    Raises:
        LookupError: a name that no claim has, or names that no claim has together.
    """
    wanted: list[tuple[str, tuple[str, ...], Callable[[Claim], str]]] = [
        ("model", models, lambda claim: claim.job.model),
        ("lemma", lemmas, lambda claim: claim.job.lemma),
        ("claim", ids, lambda claim: claim.id),
    ]
    chosen = list(claims.every)
    for kind, names, value in wanted:
        known = list(dict.fromkeys(map(value, claims.every)))
        for name in names:
            if name not in known:
                raise LookupError(unknown(kind, name, known))
        if names:
            chosen = [claim for claim in chosen if value(claim) in names]
    if not chosen:
        raise LookupError("no claim has this model, lemma and id together")
    return chosen
