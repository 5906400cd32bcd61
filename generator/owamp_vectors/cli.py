"""The command ``owamp-vectors``."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import click

from . import (
    charon_command,
    conform_commands,
    draft_command,
    files,
    live_commands,
    mistakes,
    model_commands,
    render_command,
    replay_command,
    report_command,
    theory_commands,
)
from .console import DIFFERENT, clear_errors, output_option, progress, table
from .files import FileError
from .groups import FILES
from .model import GENERATOR_VERSION, Json, VectorFile
from .schema import file_schema
from .show import show_case
from .verify import Difference, verify_file

EXIT_CODES = """\b
Exit codes:
  0  done, everything agrees
  1  a value differs from what the reference computes
  2  the command line is wrong
  3  a file cannot be read or written, or is not a vector file
"""

_MAX_DIFFERENCES = 20


def _counts(content: Json) -> tuple[str, ...]:
    results = Counter(test["result"] for group in content["testGroups"] for test in group["tests"])
    numbers = [len(content["testGroups"]), results.total()]
    numbers += [results[name] for name in ("valid", "invalid", "acceptable")]
    return tuple(map(str, numbers))


_HEADINGS = ("file", "groups", "cases", "valid", "invalid", "acceptable", "SHA-256")
_NUMBERS = (1, 2, 3, 4, 5)


def _total(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    sums = [str(sum(int(row[column]) for row in rows)) for column in _NUMBERS]
    return ("total", *sums, "")


def _summarize(rows: list[tuple[str, ...]]) -> None:
    table([_HEADINGS, *rows, _total(rows)], _NUMBERS)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(GENERATOR_VERSION, prog_name="owamp-vectors")
def main() -> None:
    """Test vectors for the security of OWAMP and TWAMP, and of their binding to IKEv2.

    \b
    Examples:
      owamp-vectors generate                 all files, to vectors/
      owamp-vectors generate token binding   two of them
      owamp-vectors verify vectors/          recompute every value
      owamp-vectors show token 1             one case, step by step
      owamp-vectors list --flags             what the cases are aimed at
      owamp-vectors conform -- COMMAND       put every case to a program
      owamp-vectors render c                 the vectors as C, Python or an RFC's text
      owamp-vectors probe HOST               take a real server through a session
      owamp-vectors charon LOG               strongSwan's keys, computed anew
      owamp-vectors claims                   what is proved of the models
      owamp-vectors conform-model            whether they describe the reference
      owamp-vectors replay                   recorded attacks and runs, as octets
      owamp-vectors draft                    all of it as an Internet-Draft
      owamp-vectors report                   all of it as pages for a browser
    """


@main.command(epilog=EXIT_CODES)
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
    chosen = [_file(name) for name in names] or list(FILES.values())
    texts, rows = {}, []
    with clear_errors():
        for file in progress(chosen, "making vectors"):
            text = files.to_text(file.build(mistakes.NOTES))
            _, content = files.parse(Path(f"{file.name}.json"), text)
            differences = list(verify_file(file, content))
            if differences:
                raise AssertionError(f"not reproducible: {differences[0]}")
            texts[f"{file.name}.json"] = text
            schema = files.to_text(file_schema(file))
            texts[f"{files.SCHEMA_DIRECTORY}/{file.schema_name}"] = schema
            rows.append((f"{file.name}.json", *_counts(content), files.digest(text)[:16]))
        files.write_files(output, texts)
    _summarize(rows)
    seconds = time.perf_counter() - started
    click.echo(
        f"\nMade, checked against the schemas and recomputed in {seconds:.1f} s; in {output}/."
    )


def _file(name: str) -> VectorFile:
    if name not in FILES:
        known = ", ".join(FILES)
        raise click.BadParameter(f"expected one of {known}, found {name}", param_hint="NAME")
    return FILES[name]


@main.command(epilog=EXIT_CODES)
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
        for path in progress(files.find(list(paths)), "recomputing"):
            text = files.read_text(path)
            file, content = files.parse(path, text)
            _check_schema_beside(path, file)
            differences += verify_file(file, content)
            rows.append((path.name, *_counts(content), files.digest(text)[:16]))
    _summarize(rows)
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
    schema = path.parent / files.SCHEMA_DIRECTORY / file.schema_name
    if schema.exists() and files.read_text(schema) != files.to_text(file_schema(file)):
        raise FileError(
            f"{schema}: expected the schema of generator {GENERATOR_VERSION}, found another"
        )


@main.command(epilog=EXIT_CODES)
@click.argument("name")
@click.argument("tc_id", type=click.IntRange(min=1))
@click.option(
    "--vectors",
    default="vectors",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that holds the files.",
)
def show(name: str, tc_id: int, vectors: Path) -> None:
    """Lay out one case for a human: every value with its octets, every step with its formula.

    \b
    Examples:
      owamp-vectors show token 1
      owamp-vectors show test-session-keys 1 | less
    """
    _file(name)
    path = vectors / f"{name}.json"
    with clear_errors():
        file, content = files.parse(path, files.read_text(path))
    types = {group_type.name: group_type for group_type in file.types}
    for group in content["testGroups"]:
        for test in group["tests"]:
            if test["tcId"] == tc_id:
                click.echo(show_case(file, types[group["type"]], content, group, test), nl=False)
                return
    last = content["numberOfTests"]
    raise click.BadParameter(f"expected 1 to {last}, found {tc_id}", param_hint="TC_ID")


@main.command("list", epilog=EXIT_CODES)
@click.option("--flags", is_flag=True, help="List the named mistakes instead of the files.")
def list_(flags: bool) -> None:
    """List the vector files and their types of test group, or the named mistakes.

    \b
    Examples:
      owamp-vectors list
      owamp-vectors list --flags
    """
    if flags:
        for flag, note in sorted(mistakes.NOTES.items()):
            click.echo(f"{flag} ({note.bug_type})\n    {note.description}")
        return
    for file in FILES.values():
        click.echo(f"{file.name}: {file.algorithm}")
        for group_type in file.types:
            click.echo(f"    {group_type.name}: {group_type.description} [{group_type.source}]")


for command in (
    model_commands.prove,
    model_commands.claims,
    model_commands.trace,
    theory_commands.conform_model,
    theory_commands.chain,
    replay_command.replay_command,
    conform_commands.conform,
    render_command.render,
    draft_command.draft,
    live_commands.serve,
    live_commands.probe,
    charon_command.charon,
    report_command.report,
):
    main.add_command(command)
