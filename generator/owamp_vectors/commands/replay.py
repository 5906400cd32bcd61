"""The command ``replay``: recorded traces as octets, held against the reference."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import click

from ..claims.declared import Claim, Claims, load
from ..claims.ledger import TRACE, Ledger
from ..disk import FileError, write_file
from ..replay.drive import Driven, drive, scripts_text
from ..replay.replay import Replay, ReplayError, replay
from ..theory.parse import read_model
from ..theory.room import is_mutant
from ..theory.terms import Model
from ..words import counted, unknown
from .about_models import clear_model_errors
from .console import (
    DIFFERENT,
    EXIT_CODES,
    as_objects,
    clear_errors,
    echo,
    print_table,
    progress,
    say_bad,
    say_good,
    write_json,
)
from .named import ClaimId
from .options import file_option, models_option, proofs_option, reporting, vectors_option

_HEADINGS = (
    "model",
    "claim",
    "steps",
    "messages",
    "made by adversary",
    "played by endpoints",
    "result",
)
_NUMBERS = (2, 3, 4, 5)


@click.command("replay", epilog=EXIT_CODES)
@click.argument("claim_ids", nargs=-1, metavar="[CLAIM_ID]...", type=ClaimId())
@models_option
@proofs_option
@vectors_option
@click.option("--octets", is_flag=True, help="Show the octets of the names in each trace.")
@file_option(
    "--record",
    "record",
    "Write the inputs of the endpoints, from which traces.json is made.",
)
@reporting
def replay_command(
    json_path: Path | None,
    claim_ids: tuple[str, ...],
    models: Path,
    proofs: Path | None,
    vectors: Path,
    octets: bool,
    record: Path | None,
) -> None:
    """Replay recorded traces, honest runs and attacks, as octets. Tamarin is not needed.

    Each name of a trace stands for octets of its type, the same ones in every run. Each step is
    checked: it must be an instance of its rule, and every fact that it consumes must have been
    produced. Every message that it sends must be the one that the reference computes. Every message
    that it receives must have been sent before, or be one that the adversary can make from what it
    has seen. Then the reference's endpoints play the trace: each receives its messages of the
    trace, and must send its messages of the trace. Without CLAIM_ID, all traces are replayed.

    \b
    Examples:
      owamp-vectors replay
      owamp-vectors replay --octets CLAIM_ID
      owamp-vectors replay --record generator/owamp_vectors/groups/traces.inputs.json
    """
    started = time.perf_counter()
    with clear_model_errors():
        claims = load(models, vectors)
        chosen = _chosen(claims, Ledger.load(proofs or models / "proofs"), claim_ids)
        rows, problems = [], []
        done: list[tuple[Claim, Replay]] = []
        driven: list[tuple[Claim, Driven]] = []
        known: dict[tuple[str, tuple[str, ...]], Model] = {}
        for claim, text in progress(chosen, "replaying"):
            name = claim.job.title
            if claim.job.diff or is_mutant(claim.job.model, claim.job.flags):
                what = "two runs, not a trace" if claim.job.diff else "a mutant"
                rows.append((name, claim.id, "", "", "", "", f"not replayed: {what}"))
                continue
            key = (claim.job.model, claim.job.flags)
            if key not in known:
                known[key] = read_model(models / f"{claim.job.model}.spthy", claim.job.flags)
            try:
                found = replay(text, claim.job, known[key])
                played = drive(found)
            except ReplayError as error:
                problems.append(f"{claim.id}: {error}")
                rows.append((name, claim.id, "", "", "", "", "differs"))
                continue
            done.append((claim, found))
            driven.append((claim, played))
            result = "equal" if found.compared or played.compared else "runs"
            rows.append((name, claim.id, *_numbers(found), str(played.played), result))
    print_table([_HEADINGS, *rows], _NUMBERS)
    results = as_objects(_HEADINGS, rows, _NUMBERS)
    write_json(json_path, {"traces": results, "problems": problems})
    _show_not_bound([found for _, found in done])
    _show_not_played(driven)
    if octets:
        _show_octets(done)
    click.echo()
    for problem in problems:
        echo(problem, err=True)
    if problems:
        say_bad(f"{counted(len(problems), 'trace does', 'traces do')} not replay.")
        raise click.exceptions.Exit(DIFFERENT)
    if record is not None:
        with clear_errors():
            write_file(record, scripts_text(driven))
    messages = sum(found.compared for _, found in done)
    octet_strings = sum(item.compared for _, item in driven)
    seconds = time.perf_counter() - started
    say_good(
        f"{counted(len(done), 'trace')} replayed in {seconds:.1f} s;"
        f" {counted(messages, 'message equals', 'messages equal')} the reference's, octet by octet;"
        f" {counted(octet_strings, 'octet string equals', 'octet strings equal')}"
        " what its endpoints send and derive."
    )


def _chosen(claims: Claims, ledger: Ledger, ids: Iterable[str]) -> list[tuple[Claim, str]]:
    """The claims that have a trace, or those named, with their traces."""
    wanted = list(ids)
    known = {claim.id for claim in claims.claims}
    for name in wanted:
        if name not in known:
            raise click.BadParameter(unknown("claim", name, known), param_hint="CLAIM_ID")
    found = []
    for claim in claims.claims:
        if wanted and claim.id not in wanted:
            continue
        entry, text = ledger.entries.get(claim.job), ledger.artefact(claim.job, TRACE)
        if entry is None or text is None:
            if wanted:
                raise FileError(f"{ledger.path(claim.job, TRACE)}: no trace is recorded")
            continue
        if entry.digest != claims.digest(claim.job):
            path = ledger.path(claim.job, TRACE)
            raise FileError(f"{path}: stale: the model has changed since; run owamp-vectors prove")
        found.append((claim, text))
    if not found:
        raise FileError(f"{ledger.directory}: expected recorded traces, found none")
    return found


def _numbers(found: Replay) -> tuple[str, str, str]:
    return str(len(found.steps)), str(found.compared), str(found.computed)


def _show_not_bound(found: list[Replay]) -> None:
    """The rules whose messages are evaluated as terms, with nothing to compare them with."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for item in found:
        for rule, reason in item.not_bound.items():
            reasons.setdefault((item.job.model, reason), set()).add(rule)
    if reasons:
        click.echo("\nSent by the model's rules, and not compared")
    for (model, reason), rules in reasons.items():
        click.echo(f"  {model}: {', '.join(sorted(rules))}: {reason}")


def _show_not_played(driven: list[tuple[Claim, Driven]]) -> None:
    """The rules that no endpoint plays, and why."""
    reasons: dict[str, dict[str, None]] = {}
    for claim, item in driven:
        for rule, reason in item.script.not_played.items():
            reasons.setdefault(reason, {})[f"{claim.job.model}: {rule}"] = None
    if reasons:
        click.echo("\nPlayed by no endpoint")
    for reason, rules in reasons.items():
        click.echo(f"  {reason}: {', '.join(rules)}")


def _show_octets(done: list[tuple[Claim, Replay]]) -> None:
    for claim, found in done:
        click.echo(f"\n{claim.id}")
        width = max(len(str(name)) for name in found.values)
        for name, value in found.values.items():
            click.echo(f"  {name!s:<{width}}  {value.hex()}")
