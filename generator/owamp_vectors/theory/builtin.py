"""What Tamarin's builtins declare: function symbols and equations (Tamarin manual, "Cryptographic
messages"). Pairs, with fst and snd, are always there and not listed.
"""

from __future__ import annotations

from collections.abc import Mapping

from .terms import App, Equation, Function, Term, Var

_x, _y, _z, _k = Var("x"), Var("y"), Var("z"), Var("k")


def _app(name: str, *args: Term) -> App:
    return App(name, args)


def _functions(**arities: int) -> tuple[Function, ...]:
    return tuple(Function(name, arity) for name, arity in arities.items())


def _equations(origin: str, *sides: tuple[Term, Term]) -> tuple[Equation, ...]:
    return tuple(Equation(left, right, origin) for left, right in sides)


BUILTIN_FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    "xor": _functions(xor=2, zero=0),
    "diffie-hellman": _functions(exp=2, mult=2, inv=1, one=0, DH_neutral=0),
    "multiset": _functions(union=2),
    "natural-numbers": _functions(nplus=2),
    "hashing": _functions(h=1),
    "symmetric-encryption": _functions(senc=2, sdec=2),
    "asymmetric-encryption": _functions(aenc=2, adec=2, pk=1),
    "signing": _functions(sign=2, verify=3, pk=1, true=0),
    "revealing-signing": _functions(revealSign=2, revealVerify=3, getMessage=1, pk=1, true=0),
}

_one, _zero, _neutral = _app("one"), _app("zero"), _app("DH_neutral")

BUILTIN_EQUATIONS: Mapping[str, tuple[Equation, ...]] = {
    "xor": _equations(
        "xor",
        (_app("xor", _x, _y), _app("xor", _y, _x)),
        (_app("xor", _app("xor", _x, _y), _z), _app("xor", _x, _app("xor", _y, _z))),
        (_app("xor", _x, _zero), _x),
        (_app("xor", _x, _x), _zero),
    ),
    "diffie-hellman": _equations(
        "diffie-hellman",
        (_app("exp", _app("exp", _x, _y), _z), _app("exp", _x, _app("mult", _y, _z))),
        (_app("exp", _x, _one), _x),
        (_app("exp", _neutral, _x), _neutral),
        (_app("mult", _x, _y), _app("mult", _y, _x)),
        (_app("mult", _app("mult", _x, _y), _z), _app("mult", _x, _app("mult", _y, _z))),
        (_app("mult", _x, _one), _x),
        (_app("mult", _x, _app("inv", _x)), _one),
        (_app("inv", _app("inv", _x)), _x),
    ),
    "symmetric-encryption": _equations(
        "symmetric-encryption", (_app("sdec", _app("senc", _x, _k), _k), _x)
    ),
    "asymmetric-encryption": _equations(
        "asymmetric-encryption", (_app("adec", _app("aenc", _x, _app("pk", _k)), _k), _x)
    ),
    "signing": _equations(
        "signing",
        (_app("verify", _app("sign", _x, _k), _x, _app("pk", _k)), _app("true")),
    ),
    "revealing-signing": _equations(
        "revealing-signing",
        (_app("revealVerify", _app("revealSign", _x, _k), _x, _app("pk", _k)), _app("true")),
        (_app("getMessage", _app("revealSign", _x, _k)), _x),
    ),
}
