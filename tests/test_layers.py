"""Imports run one way: in the order of the list in README.md, and all to the reference."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from .test_readme import README, ROOT

REFERENCE, GENERATOR = "owamp_reference", "owamp_vectors"
ROOTS = {REFERENCE: ROOT / "reference", GENERATOR: ROOT / "generator"}


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module of a package, a package within it by the name of its __init__."""
    for path in sorted((ROOTS[package] / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOTS[package]).with_suffix("").parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(module: str, tree: ast.Module) -> Iterator[str]:
    """What a module imports, wherever in it: the names of modules, or of what is in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            source = [*parents, *([node.module] if node.module else [])]
            yield from (".".join((*source, alias.name)) for alias in node.names)


def parts() -> list[str]:
    """The parts of the generator in the order of README.md: each may use those after it."""
    block = re.search(rf"^generator/{GENERATOR} .*?\n((?: .*\n)+)", README, re.MULTILINE)
    assert block
    lines = re.findall(r"^ {4}(\S.*?)(?:  |$)", block[1], re.MULTILINE)
    return [name.rstrip("/") for line in lines for name in line.split()]


def test_every_part_is_in_the_list() -> None:
    packages = {path.parent.name for path in (ROOTS[GENERATOR] / GENERATOR).glob("*/__init__.py")}
    files = {path.stem for path in (ROOTS[GENERATOR] / GENERATOR).glob("[!_]*.py")}
    assert packages | files <= set(parts())


def test_each_part_uses_only_those_after_it() -> None:
    order = {name: number for number, name in enumerate(parts())}
    up = set()
    for module, tree in modules(GENERATOR):
        part = module.split(".")[1]
        for name in imported(module, tree):
            package, _, rest = name.partition(".")
            used = rest.split(".")[0]
            if package == GENERATOR and part != "__main__" and order[used] < order[part]:
                up.add((part, used))
    assert not up


def test_the_reference_needs_cryptography_alone() -> None:
    names = {name for module, tree in modules(REFERENCE) for name in imported(module, tree)}
    packages = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert packages == {"cryptography", REFERENCE}


DELIBERATE = {
    **dict.fromkeys(
        ("MACROS", "MESSAGES", "PLAYERS", "ROOM", "RUNS", "SHAPES"),
        "each room of theory/models has its own; theory/shared has those of several",
    ),
    **dict.fromkeys(
        ("ABSTRACTIONS", "FINDINGS", "PRFS", "GENERATOR", "ZERO_IV"),
        "the rows of theory/shared for what is called so",
    ),
    **dict.fromkeys(
        (
            *("ACCEPT", "CHALLENGE", "CLIENT_IV", "COUNT", "KEY_ID", "MODE", "PRF"),
            *("PROTOCOL", "REFLECTOR", "SALT", "SENDER", "SID", "SPI_I", "SPI_R", "T1", "T2"),
            *("TOKEN", "TRACE", "TYPES"),
        ),
        "a value of the protocol: its role in octets, and the fields of cases that hold it",
    ),
    "cases": "each module of groups/handshake makes some",
    **dict.fromkeys(("R", "T", "Packet"), "type variables"),
    "FILE": "each module of groups/ makes one",
    "MISTAKES": "each module of mistakes/ makes some",
    "NOTES": "as MISTAKES",
    "main": "of the command and of the bench",
    "make_groups": "as FILE",
}
"""Names that several modules define, and why."""


def names_in(target: ast.expr) -> Iterator[str]:
    """The names that an assignment to this defines."""
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def defined(tree: ast.Module) -> Iterator[str]:
    """The public names that a module defines."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found = [name]
            case ast.ClassDef(name=name):
                found = [name]
            case ast.Assign(targets=targets):
                found = [name for target in targets for name in names_in(target)]
            case ast.AnnAssign(target=target):
                found = list(names_in(target))
            case _:
                found = []
        yield from (name for name in found if not name.startswith("_"))


def test_a_name_is_defined_once() -> None:
    """A command's function may be called as what it calls."""
    places: dict[str, set[str]] = {}
    for module, tree in (found for package in ROOTS for found in modules(package)):
        for name in defined(tree):
            if module != f"{GENERATOR}.commands.{name}":
                places.setdefault(name, set()).add(module)
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    wrong = [f"{name}: {', '.join(twice[name])}" for name in sorted(twice.keys() - DELIBERATE)]
    assert not wrong, "\n".join(wrong)
    assert twice.keys() >= DELIBERATE.keys(), "DELIBERATE has names that are no longer there twice"
