"""Function symbols of Tamarin's builtins. But for XOR's zero they are stand-ins."""

from __future__ import annotations

from typing import Any

from owamp_reference import primitives

from ...groups.roles import ANY, BLOCK, Type
from .. import standins
from ..located import Attribute, Bound
from ..rows import Constant, Symbol, Undone
from .symbols import INSIDE_CBC, ZERO_IV

IKE_OUTSIDE = "IKE's own messages are outside of the reference, which takes up its keys"
_GROUP = "the reference takes g^ir as octets; here group 14 of RFC 3526"
_XOR = "SP 800-38A §6.2"

GROUP_ELEMENT = Type(
    "g^x",
    standins.MODP_SIZE,
    sample=lambda source: standins.group_element(source.octets("exponent", 32)),
)
EXPONENT = Type(
    "exponent", standins.MODP_SIZE, sample=lambda source: bytes(224) + source.octets("exponent", 32)
)
_SIGNATURE, _PUBLIC, _TRUTH = Type("signature", 64), Type("public key", 32), Type("truth", 1)


def _of_the_group(name: str, bound: Bound, *arguments: Type, result: Type, **more: Any) -> Symbol:
    rest = {"sampled": "seldom", "model_only": _GROUP} | more
    return Symbol(name, bound, arguments, result, "RFC 7296 §2.14", **rest)


def _of_ike(name: str, bound: Bound, *arguments: Type, result: Type, **more: Any) -> Symbol:
    rest = {"model_only": IKE_OUTSIDE} | more
    return Symbol(name, bound, arguments, result, "RFC 7296 §2.15, §3.14", **rest)


def _one() -> bytes:
    return standins.ONE


_NEVER: Any = {"sampled": "never"}
_SELDOM: Any = {"sampled": "seldom"}
_ONE: Any = {"bound": Attribute(standins, "ONE"), "adapted": _one, "sampled": "never"}

BUILTINS = (
    Symbol("xor", standins.xor, (BLOCK, BLOCK), BLOCK, _XOR, model_only=INSIDE_CBC),
    Symbol("zero", ZERO_IV, (), BLOCK, _XOR, adapted=lambda: primitives.ZERO_IV),
    _of_the_group("exp", standins.power, GROUP_ELEMENT, EXPONENT, result=GROUP_ELEMENT),
    _of_the_group("mult", standins.times, EXPONENT, EXPONENT, result=EXPONENT),
    _of_the_group("inv", standins.inverse, EXPONENT, result=EXPONENT),
    _of_the_group("one", result=EXPONENT, **_ONE),
    _of_the_group("DH_neutral", result=GROUP_ELEMENT, **_ONE),
    _of_ike("senc", standins.senc, ANY, ANY, result=ANY, undone=Undone("sdec", 0)),
    _of_ike("sdec", standins.sdec, ANY, ANY, result=ANY),
    _of_ike("sign", standins.sign, ANY, ANY, result=_SIGNATURE, **_SELDOM),
    _of_ike("pk", standins.public_key, ANY, result=_PUBLIC, **_SELDOM),
    _of_ike("verify", standins.is_signed, _SIGNATURE, ANY, _PUBLIC, result=_TRUTH, **_NEVER),
    _of_ike("true", standins.is_signed, result=_TRUTH, adapted=lambda: b"\1", **_NEVER),
)
GENERATOR = Constant(
    "g", standins.GENERATOR, Attribute(standins, "GENERATOR"), "RFC 3526 §3", model_only=_GROUP
)
