"""The one environment in which markup is rendered: escaped, strict about names, and as laid out."""

from __future__ import annotations

from functools import cache

import jinja2


@cache
def environment() -> jinja2.Environment:
    """Templates of this package; every value is escaped, and a name without a value is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("owamp_vectors"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
