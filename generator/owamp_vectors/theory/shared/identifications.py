"""Equations that octets obey and no theory has, since encryption there is perfect and a tuple is no
concatenation. Each is checked like the equations of a theory.
"""

from __future__ import annotations

from ..remarks import Identification
from ..terms import App, Equation, Term, Var, pair


def _f(name: str, *args: Term) -> App:
    return App(name, args)


_a, _b, _c, _k, _iv = Var("a"), Var("b"), Var("c"), Var("k"), Var("iv")
_zero_iv, _zero = _f("zero_iv"), _f("zero")


def _same(left: Term, right: Term) -> Equation:
    return Equation(left, right, "octets")


_PERMUTATION = (
    "A block cipher is a permutation: everything decrypts, and what it decrypts to encrypts to it "
    "again. In the theory decrypting what was never encrypted gives nothing."
)
_ONE_BLOCK = "One block of CBC with IV 0 is ECB: the two modes give no separation of keys or uses."
_RUNS_ON = (
    "A ciphertext of CBC can be cut between two blocks, and run on from its last one: in the "
    "theory it is whole or nothing."
)

IDENTIFICATIONS = (
    Identification(
        "concatenation-has-no-brackets",
        _same(pair(pair(_a, _b), _c), pair(_a, _b, _c)),
        "A tuple is a concatenation: where two neighbours are of variable size, nothing in the "
        "octets says where one ends.",
    ),
    Identification(
        "decrypts-anything-cbc",
        _same(_f("cbc", _k, _iv, _f("cbc_inv", _k, _iv, _c)), _c),
        _PERMUTATION,
    ),
    Identification(
        "decrypts-anything-ecb", _same(_f("ecb", _k, _f("ecb_inv", _k, _c)), _c), _PERMUTATION
    ),
    Identification(
        "decrypts-anything-aes", _same(_f("aes", _k, _f("aes_inv", _k, _c)), _c), _PERMUTATION
    ),
    Identification(
        "one-block-of-cbc-is-ecb",
        _same(_f("cbc", _k, _zero_iv, _b), _f("ecb", _k, _b)),
        _ONE_BLOCK,
        (_b,),
    ),
    Identification(
        "one-block-of-cbc-inv-is-ecb-inv",
        _same(_f("cbc_inv", _k, _zero_iv, _b), _f("ecb_inv", _k, _b)),
        _ONE_BLOCK,
        (_b,),
    ),
    Identification(
        "iv-and-first-block-exchange",
        _same(_f("cbc", _k, _iv, _b), _f("cbc", _k, _b, _iv)),
        "CBC encrypts IV XOR first block: whoever sets the IV sets the text, and for one block the "
        "two can change places. Client-IV and Server-IV are under no HMAC.",
        (_b,),
        (_iv, _b),
    ),
    Identification(
        "cbc-runs-on",
        _same(
            _f("cbc", _k, _iv, pair(_a, _b)),
            pair(
                _f("cbc", _k, _iv, _a), _f("cbc", _k, _f("last_block", _f("cbc", _k, _iv, _a)), _b)
            ),
        ),
        _RUNS_ON,
    ),
    Identification(
        "cbc-inv-runs-on",
        _same(
            _f("cbc_inv", _k, _iv, pair(_a, _b)),
            pair(_f("cbc_inv", _k, _iv, _a), _f("cbc_inv", _k, _f("last_block", _a), _b)),
        ),
        _RUNS_ON,
    ),
    Identification(
        "last-block-of-a-tuple",
        _same(_f("last_block", pair(_a, _b)), _f("last_block", _b)),
        "The last block of a concatenation is that of its last part.",
    ),
    Identification(
        "last-block-of-one",
        _same(_f("last_block", _b), _b),
        "A ciphertext of one block, such as that of Start-Time, is its own last block.",
        (_b,),
    ),
    Identification(
        "zero-iv-is-zero",
        _same(_zero_iv, _zero),
        "The IV of the Token and the zero of XOR are the same 16 octets.",
    ),
)
