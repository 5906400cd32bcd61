"""The command ``verify``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from .. import catalogue, disk
from ..disk import FileError
from ..vectors import stored
from ..vectors.declaration import GENERATOR_VERSION, VectorFile
from ..vectors.schema import file_schema
from ..vectors.verify import Difference, verify_file
from ..words import counted
from .about_files import counts, rows_json, summarize
from .console import DIFFERENT, EXIT_CODES, clear_errors, progress, say_bad, say_good, write_json
from .named import VectorFileName
from .options import data_directory, reporting

_MAX_DIFFERENCES = 20


class _FileOrDirectory(VectorFileName):
    """A vector file by name or path, or a directory."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """What is relative to the directory of the vectors."""
        path = Path(value)
        if path.exists() or len(path.parts) > 1:
            return str(path.absolute())
        return super().convert(value, param, ctx)


@click.command(epilog=EXIT_CODES)
@click.argument("names", nargs=-1, metavar="[NAME|PATH]...", type=_FileOrDirectory())
@reporting
def verify(names: tuple[str, ...], json_path: Path | None) -> None:
    """Compute every value of vector files again with the reference, and check their schemas.

    Give names, files, or directories with *.json files; without them, the files are those of
    vectors/ here, or else of the package. A schema that lies beside a file in schema/ must be the
    one that this generator would write.

    \b
    Examples:
      owamp-vectors verify
      owamp-vectors verify vectors/
      owamp-vectors verify token binding
    """
    started = time.perf_counter()
    rows: list[tuple[str, ...]] = []
    differences: list[Difference] = []
    vectors = data_directory("vectors")
    paths = [vectors / name for name in names] or [vectors]
    with clear_errors():
        for directory in filter(Path.is_dir, paths):
            for name in disk.missing_of_set(directory):
                raise FileError(f"{directory / name}: listed in {disk.MANIFEST}, and missing")
        for path in progress(stored.find_files(paths), "computing"):
            text = disk.read_text(path)
            file, content = catalogue.parse_file(path, text)
            _check_schema_beside(path, file)
            differences += verify_file(file, content)
            rows.append((path.name, *counts(file, content), disk.digest(text)[:16]))
    summarize(rows)
    found = [
        {"file": item.case.file.name, "tcId": item.case.tc_id, "difference": str(item)}
        for item in differences
    ]
    write_json(json_path, {"files": rows_json(rows), "differences": found})
    seconds = time.perf_counter() - started
    if differences:
        click.echo()
        for difference in differences[:_MAX_DIFFERENCES]:
            click.echo(str(difference), err=True)
        if len(differences) > _MAX_DIFFERENCES:
            click.echo(f"… and {len(differences) - _MAX_DIFFERENCES} more", err=True)
        say_bad(f"{counted(len(differences), 'value differs', 'values differ')}.")
        raise click.exceptions.Exit(DIFFERENT)
    say_good(f"\nEvery value computed again in {seconds:.1f} s; all agree.")


def _check_schema_beside(path: Path, file: VectorFile) -> None:
    schema = path.parent / stored.SCHEMA_DIRECTORY / file.schema_name
    if schema.exists() and disk.read_text(schema) != disk.to_text(file_schema(file)):
        raise FileError(
            f"{schema}: expected the schema of generator {GENERATOR_VERSION}, found another"
        )
