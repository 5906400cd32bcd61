"""How templates are rendered: strict about names, and as laid out."""

from __future__ import annotations

from functools import cache

import jinja2


def new_environment(*, escape: bool) -> jinja2.Environment:
    """Templates of this package, for markup if `escape`; a name without a value is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("owamp_vectors"),
        autoescape=escape,  # noqa: S701  (C, Python and plain text are not markup)
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def environment() -> jinja2.Environment:
    """The one environment of pages and pictures, in which every value is escaped."""
    return new_environment(escape=True)
