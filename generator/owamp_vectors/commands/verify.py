"""The command ``verify``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import catalogue, disk
from ..disk import FileError
from ..vectors import stored
from ..vectors.declaration import GENERATOR_VERSION, VectorFile
from ..vectors.schema import file_schema
from ..vectors.verify import Difference, verify_file
from .about_files import counts, summarize
from .console import DIFFERENT, EXIT_CODES, clear_errors, progress

_MAX_DIFFERENCES = 20


@click.command(epilog=EXIT_CODES)
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
def verify(paths: tuple[Path, ...]) -> None:
    """Recompute every value of vector files with the reference, and check their schemas.

    PATH is a file, or a directory whose *.json files are meant. A schema that lies beside a file
    in schema/ must be the one that this generator would write.

    \b
    Examples:
      owamp-vectors verify vectors/
      owamp-vectors verify token.json binding.json
    """
    started = time.perf_counter()
    rows: list[tuple[str, ...]] = []
    differences: list[Difference] = []
    with clear_errors():
        for directory in filter(Path.is_dir, paths):
            for name in disk.missing_of_set(directory):
                raise FileError(f"{directory / name}: listed in {disk.MANIFEST}, and missing")
        for path in progress(stored.find_files(list(paths)), "recomputing"):
            text = disk.read_text(path)
            file, content = catalogue.parse_file(path, text)
            _check_schema_beside(path, file)
            differences += verify_file(file, content)
            rows.append((path.name, *counts(file, content), disk.digest(text)[:16]))
    summarize(rows)
    seconds = time.perf_counter() - started
    if differences:
        click.echo()
        for difference in differences[:_MAX_DIFFERENCES]:
            click.echo(str(difference), err=True)
        if len(differences) > _MAX_DIFFERENCES:
            click.echo(f"… and {len(differences) - _MAX_DIFFERENCES} more", err=True)
        click.echo(f"{len(differences)} values differ.", err=True)
        raise click.exceptions.Exit(DIFFERENT)
    click.echo(f"\nEvery value recomputed in {seconds:.1f} s; all agree.")


def _check_schema_beside(path: Path, file: VectorFile) -> None:
    schema = path.parent / stored.SCHEMA_DIRECTORY / file.schema_name
    if schema.exists() and disk.read_text(schema) != disk.to_text(file_schema(file)):
        raise FileError(
            f"{schema}: expected the schema of generator {GENERATOR_VERSION}, found another"
        )
