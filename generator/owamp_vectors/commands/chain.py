"""The command ``chain``."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from ..replay.chain import LINKS, Chain, follow
from ..vectors.declaration import Json
from ..words import counted
from .about_models import clear_model_errors, shown
from .console import DIFFERENT, EXIT_CODES, say_bad, write_json
from .named import Named
from .options import models_option, reporting, vectors_option


@click.command(epilog=EXIT_CODES)
@click.argument(
    "links", nargs=-1, metavar="[NAME]...", type=Named("value", lambda: [x.id for x in LINKS])
)
@models_option
@vectors_option
@reporting
def chain(links: tuple[str, ...], models: Path, vectors: Path, json_path: Path | None) -> None:
    """Trace a value from the vectors to the line that computes it and to the model's term.

    The term is evaluated with the inputs of every vector that has the value, and compared.

    NAME is token, t3, t4, prf-keymat-sid or prf-sk-d-ippm; all of them without one.

    \b
    Examples:
      owamp-vectors chain
      owamp-vectors chain token t3
    """
    chosen = [link for link in LINKS if not links or link.id in links]
    differing = 0
    results: list[Json] = []
    for number, link in enumerate(chosen):
        with clear_model_errors():
            found = follow(link, models, vectors)
        if number:
            click.echo()
        _print_chain(found)
        results.append(_json(found))
        differing += len(found.differing)
    write_json(json_path, {"values": results})
    if differing:
        say_bad(f"{counted(differing, 'value is', 'values are')} not what the model's term gives.")
        raise click.exceptions.Exit(DIFFERENT)


def _json(found: Chain) -> Json:
    return {
        "name": found.link.id,
        "formula": found.link.formula,
        "source": found.link.source,
        "reference": found.link.reference,
        "definedAt": shown(found.function),
        "boundAt": shown(found.row),
        "model": shown(found.place),
        "flags": list(found.link.flags),
        "term": found.text,
        "vectors": [{"file": item.file, "tcId": item.number} for item in found.vectors],
        "differing": [
            {"file": item.file, "tcId": item.number, "reason": reason}
            for item, reason in found.differing
        ],
    }


def _print_chain(found: Chain) -> None:
    link = found.link
    first = found.vectors[0]
    click.echo(f"{link.id}: {link.formula} [{link.source}]")
    click.echo(f"  vector     {first.file} tcId {first.number}, {first.group}, {link.output}:")
    for line in textwrap.wrap(first.octets.hex(), 64):
        click.echo(f"             {line}")
    click.echo(f"  reference  {shown(found.function)}  {link.reference}")
    click.echo(f"  bound at   {shown(found.row)}")
    flags = f" with {' '.join(link.flags)}" if link.flags else ""
    click.echo(f"  model      {shown(found.place)}{flags}")
    click.echo(f"             {found.text}")
    width = max(len(name) for name, _, _ in found.symbols)
    for name, reference, place in found.symbols:
        click.echo(f"             {name:<{width}}  is {reference}  {shown(place)}")
    equal = len(found.vectors) - len(found.differing)
    result = "equal" if not found.differing else f"{equal} equal"
    click.echo(f"  evaluated  with the inputs of {counted(len(found.vectors), 'vector')}: {result}")
    for vector, reason in found.differing[:5]:
        click.echo(f"             {vector.file} tcId {vector.number}: {reason}", err=True)
