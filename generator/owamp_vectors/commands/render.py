"""The command that renders the vectors for other readers than JSON's: ``render``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from .. import disk
from ..render.vector_sources import Source, Texts, read_sources
from ..render.vectors_c import render_c
from ..render.vectors_go import render_go
from ..render.vectors_python import render_python
from ..render.vectors_rust import render_rust
from ..render.vectors_text import render_text
from .console import (
    EXIT_CODES,
    clear_errors,
    echo,
    files_json,
    print_table,
    say_removed,
    write_json,
)
from .named import VectorFileName
from .options import output_option, reporting, vectors_option

FORMATS: dict[str, Callable[[Iterable[Source]], Texts]] = {
    "c": render_c,
    "go": render_go,
    "python": render_python,
    "rust": render_rust,
    "text": render_text,
}


@click.command(epilog=EXIT_CODES)
@vectors_option
@output_option(
    "Directory to write to; it is made if it does not exist.  [default: build/render/FORMAT]"
)
@click.argument("form", metavar="FORMAT", type=click.Choice(list(FORMATS)))
@click.argument("names", nargs=-1, metavar="[NAME]...", type=VectorFileName())
@reporting
def render(
    json_path: Path | None,
    vectors: Path,
    output: Path | None,
    form: str,
    names: tuple[str, ...],
) -> None:
    """Write the named vector files, or all, in another FORMAT: c, go, python, rust or text.

    \b
    c       for each file a header and a source file, C99 and C++11; constant tables, no code
    go      a package, with a file for each; needs only the standard library
    python  one typed module; needs only the standard library
    rust    a module, with a file for each; needs no crate
    text    72 columns, in the manner of an RFC's appendix: each case, step by step

    Each output names the file that it was made from, with its digest, and has all values of this
    file; `owamp-vectors verify` says whether they are right.

    \b
    Examples:
      owamp-vectors render c
      owamp-vectors render text token binding -o appendix
    """
    directory = output or Path("build", "render", form)
    with clear_errors():
        texts = FORMATS[form](read_sources(vectors, names))
        removed = disk.write_set(directory, texts, f"render {form}", whole=not names)
    rows = [(name, str(len(text.encode())), disk.digest(text)[:16]) for name, text in texts.items()]
    print_table([("file", "octets", "SHA-256"), *rows], (1,))
    say_removed(removed)
    write_json(json_path, files_json(directory, texts, removed))
    echo(f"\nWritten to {directory}/.")
