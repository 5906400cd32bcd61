"""The command ``generate``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import catalogue, disk, mistakes
from ..catalogue import FILES
from ..vectors import stored
from ..vectors.schema import file_schema
from ..vectors.verify import verify_file
from .about_files import counts, file_named, summarize
from .console import EXIT_CODES, clear_errors, progress, say_removed
from .options import output_option


@click.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@output_option("Directory to write to; it is made if it does not exist.", "vectors")
def generate(names: tuple[str, ...], output: Path) -> None:
    """Make the named files, or all, and their JSON Schemas; check them; say what was made.

    Nothing is written unless every value of every named file has been computed and checked.

    \b
    Examples:
      owamp-vectors generate
      owamp-vectors generate handshake --output /tmp/vectors
    """
    started = time.perf_counter()
    chosen = [file_named(name) for name in names] or list(FILES.values())
    texts, rows = {}, []
    with clear_errors():
        for file in progress(chosen, "making vectors"):
            text = disk.to_text(file.build(mistakes.NOTES))
            _, content = catalogue.parse_file(Path(f"{file.name}.json"), text)
            differences = list(verify_file(file, content))
            if differences:
                raise AssertionError(f"not reproducible: {differences[0]}")
            texts[f"{file.name}.json"] = text
            schema = disk.to_text(file_schema(file))
            texts[f"{stored.SCHEMA_DIRECTORY}/{file.schema_name}"] = schema
            rows.append((f"{file.name}.json", *counts(file, content), disk.digest(text)[:16]))
        removed = disk.write_set(output, texts, whole=not names)
    summarize(rows)
    say_removed(removed)
    seconds = time.perf_counter() - started
    click.echo(
        f"\nMade, checked against the schemas and recomputed in {seconds:.1f} s; in {output}/."
    )
