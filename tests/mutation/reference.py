"""Have cosmic-ray mutate the reference, module by module, and count what the vectors notice.

`make mutate-reference` runs it; `python -m tests.mutation.reference NAME…` runs some modules only.
The vectors notice a mutant if in some case it does what the case does not allow, in whichever way
it decides what the RFCs leave open. A mutant that no longer knows one of these ways is not wrong.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import SourceFileLoader
from inspect import CO_OPTIMIZED
from itertools import chain, zip_longest
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage

from .record import Record

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reference" / "owamp_reference"
VECTORS = ROOT / "vectors"
PYTHON = ROOT / "build" / "mutate" / "cosmic-ray" / "bin" / "python"
RECORD = Record(Path(__file__).parent / "reference.json", "cosmic-ray", "make mutate-reference")
FIRST = ("token", "keys", "control", "connection", "negotiation", "packets", "messages")
"""The modules that are run first."""
SECONDS = 10
"""Of the processor, for a mutant; all cases take two."""
OCTETS = 2**32
"""Of memory, for a mutant."""
NO_END = -1

Reached = dict[str, dict[int, set[int]]]
"""By the name of a module and a line: the cases that reach it; -1: it is reached by loading."""


class Cases:
    """The cases of all vector files, and the reference as it is loaded."""

    def __init__(self) -> None:
        paths = [path for path in sorted(VECTORS.glob("*.json")) if path.name != "package.json"]
        self._files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
        self.load()

    def load(self) -> None:
        """Load the reference, and what computes cases with it, anew."""
        for name in [name for name in sys.modules if name.startswith("owamp_")]:
            del sys.modules[name]
        catalogue = import_module("owamp_vectors.catalogue")
        stored = import_module("owamp_vectors.vectors.stored")
        self._judging = import_module("owamp_vectors.conform.judging")
        self._protocol = import_module("owamp_vectors.conform.protocol")
        by_file = [
            stored.stored_cases(catalogue.FILES[name], content)
            for name, content in self._files.items()
        ]
        groups = defaultdict(list)
        for case in chain(*by_file):
            groups[id(case.group)].append(case)
        mixed = chain(*zip_longest(*groups.values()))  # the first of each group, the second of …
        self.all = [case for case in mixed if case is not None]

    def fails(self, place: int) -> bool:
        """Whether the reference, as it is loaded, does what a case does not allow."""
        case = self.all[place]
        try:
            ways = case.outcomes()
            answers = [self._protocol.answer_of(way, case.type) for way in ways]
            return not all(self._judging.is_right(case, answer) for answer in answers)
        except BaseException:  # a crash is a failure too, also one of Rust
            return True


def forked(act: Callable[[], Any]) -> Any:
    """What a function returns in a process of its own; NO_END if that is ended."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(writer, act))
    process.start()
    writer.close()
    try:
        found = reader.recv()
    except EOFError:
        found = NO_END
    process.join()
    return found


def _send(writer: Connection, act: Callable[[], Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (OCTETS, OCTETS))
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # what Rust says when it panics
    writer.send(act())


def reached(cases: Cases) -> Reached:
    """Which cases reach which line of the reference."""
    measured = coverage.Coverage(data_file=None, include=[f"{REFERENCE}/*"])
    measured.start()
    cases.load()
    for place in range(len(cases.all)):
        measured.switch_context(str(place))
        if cases.fails(place):
            raise AssertionError(f"expected the reference to pass {cases.all[place].title}")
    measured.stop()
    data = measured.get_data()
    return {
        path.stem: {
            line: {int(context or -1) for context in contexts}
            for line, contexts in data.contexts_by_lineno(str(path)).items()
        }
        for path in REFERENCE.glob("*.py")
    }


class Module:
    """A module of the reference, of which mutants are asked."""

    def __init__(self, name: str, cases: Cases, lines: dict[int, set[int]]) -> None:
        self.name, self.cases, self.lines = name, cases, lines
        self.path = REFERENCE / f"{name}.py"
        self.source = self.path.read_text(encoding="utf-8")
        self.code = self._compiled(self.source)
        self.functions = [
            item
            for item in gc.get_objects()
            if isinstance(item, FunctionType) and item.__code__.co_filename == str(self.path)
        ]
        self.best: list[int] = []  # the cases that noticed a mutant, the last one first

    def _compiled(self, source: str) -> CodeType:
        return compile(source, str(self.path), "exec", dont_inherit=True)

    def first_failed(self, source: str, changed: range) -> int | None:
        """The first case that a mutant of some lines fails; None: none."""
        places: set[int] = set().union(*(self.lines.get(line, ()) for line in changed))
        is_loading = -1 in places or at_loading(self.code) != at_loading(self._compiled(source))
        asked = set(range(len(self.cases.all))) if is_loading else places
        order = [place for place in self.best if place in asked]
        order += sorted(asked - {-1, *order})
        found: int | None = forked(lambda: self._ask(source, order, anew=is_loading))
        if found is not None and found != NO_END:
            self.best = [found, *(place for place in self.best if place != found)]
        return found

    def _ask(self, source: str, order: list[int], *, anew: bool) -> int | None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        code = self._compiled(source)
        try:
            if anew:
                self._load(code)
            else:
                self._replace(code)
        except Exception:  # the mutant cannot be loaded
            return order[0]
        return next((place for place in order if self.cases.fails(place)), None)

    def _load(self, code: CodeType) -> None:
        get_code = SourceFileLoader.get_code

        def mutated(loader: SourceFileLoader, name: str) -> CodeType | None:
            return code if name == f"owamp_reference.{self.name}" else get_code(loader, name)

        SourceFileLoader.get_code = mutated  # type: ignore[assignment,method-assign]
        self.cases.load()

    def _replace(self, code: CodeType) -> None:
        codes = {item.co_qualname: item for item in _codes(code)}
        for function in self.functions:
            if not function.__code__.co_name.startswith("<"):
                function.__code__ = codes[function.__code__.co_qualname]


def _codes(code: CodeType) -> list[CodeType]:
    inner = [item for item in code.co_consts if isinstance(item, CodeType)]
    return [code, *(found for item in inner for found in _codes(item))]


def at_loading(code: CodeType) -> Any:
    """What is done when a module is loaded: all but what is inside functions."""
    consts = [
        (at_loading(item) if not item.co_flags & CO_OPTIMIZED or item.co_name[0] == "<" else 0)
        if isinstance(item, CodeType)
        else (type(item), item)
        for item in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_varnames, consts


def run(module: Module) -> None:
    """Ask the mutants of a module, and record what came of them."""
    survivors, killed = [], 0
    for mutant in _printed(str(Path(__file__).parent / "mutants.py"), str(module.path)):
        changed = range(mutant["first"], mutant["last"] + 1)
        if module.first_failed(mutant["source"], changed) is None:
            survivors.append((mutant["line"], mutant["replacement"]))
        else:
            killed += 1
    what = "import json, importlib.metadata as m; print(json.dumps(m.version('cosmic-ray')))"
    [version] = _printed("-c", what)
    RECORD.add(version, module.path.name, killed, survivors)


def _printed(*arguments: str) -> list[Any]:
    """The lines of JSON that a program in cosmic-ray's environment prints."""
    command = [str(PYTHON), "-W", "ignore", *arguments]
    return [json.loads(line) for line in subprocess.check_output(command, text=True).splitlines()]


def main(names: list[str]) -> None:
    known = [path.stem for path in sorted(REFERENCE.glob("*.py")) if path.stem != "__init__"]
    if unknown := set(names) - set(known):
        listed = ", ".join(known)
        sys.exit(f"modules: expected some of {listed}, found {', '.join(sorted(unknown))}")
    cases = Cases()
    lines: Reached = forked(lambda: reached(cases))
    for name in names or [*FIRST, *(name for name in known if name not in FIRST)]:
        run(Module(name, cases, lines[name]))
    RECORD.print_share()


if __name__ == "__main__":
    main(sys.argv[1:])
