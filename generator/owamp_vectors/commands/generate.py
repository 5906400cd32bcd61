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
from .about_files import counts, each_key_derived_once, rows_json, summarize
from .console import EXIT_CODES, clear_errors, progress, say_good, say_removed, write_json
from .named import VectorFileName
from .options import output_option, reporting


@click.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME]...", type=VectorFileName())
@output_option("Directory to write to; it is made if it does not exist.", "vectors")
@reporting
def generate(names: tuple[str, ...], output: Path, json_path: Path | None) -> None:
    """Make the named files, or all, and their JSON Schemas; check them; say what was made.

    Nothing is written unless every value of every named file has been computed and checked.

    \b
    Examples:
      owamp-vectors generate
      owamp-vectors generate handshake --output /tmp/vectors
    """
    started = time.perf_counter()
    chosen = [FILES[Path(name).stem] for name in names] or list(FILES.values())
    texts, rows = {}, []
    with clear_errors(), each_key_derived_once():
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
        removed = disk.write_set(output, texts, "generate", whole=not names)
    summarize(rows)
    say_removed(removed)
    write_json(json_path, {"files": rows_json(rows), "removed": removed})
    seconds = time.perf_counter() - started
    say_good(
        f"\nMade, checked against the schemas and recomputed in {seconds:.1f} s; in {output}/."
    )
