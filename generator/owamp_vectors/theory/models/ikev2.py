"""The IKE SAs that theories include (ikev2.splib)."""

from __future__ import annotations

from functools import partial

from owamp_reference import ikev2

from ...groups.participants import IKE_SAS, KEYMAT_SIZE, sa_keys
from ...groups.roles import ANY, NONCE_I, NONCE_R, SPI_I, SPI_R, Type
from .. import standins
from ..instances import OctetFact
from ..room import Room
from ..rows import MacroRow, Symbol
from ..script import BEFOREHAND, LEAK, Play, Player, ScriptWriter, TraceStep, Wanted
from ..shared.builtins import GROUP_ELEMENT, IKE_OUTSIDE
from ..shared.symbols import type_of_prf, type_of_skeyseed

# --------------------------------------------------------------------------------- the table


def _auth(prf: ikev2.Prf) -> Symbol:
    return Symbol(
        "auth",
        standins.auth,
        (ANY, ANY, ANY, ANY),
        type_of_prf(prf),
        "RFC 7296 §2.15, §3.14",
        adapted=partial(standins.auth, prf),
        model_only=IKE_OUTSIDE,
    )


def type_of_sk_d(prf: ikev2.Prf) -> Type:
    """The type of SK_d."""
    return Type("SK_d", prf.output_size)


def skeyseed_row(prf: ikev2.Prf) -> MacroRow:
    """SKEYSEED of IKE_SA_INIT."""
    return MacroRow(
        "skeyseed",
        ikev2.skeyseed,
        (NONCE_I, NONCE_R, GROUP_ELEMENT),
        lambda ni, nr, secret: ikev2.skeyseed(prf, ni, nr, secret),
        "RFC 7296 §2.14",
    )


def seed_of_sa(prf: ikev2.Prf) -> MacroRow:
    """What SK_d is made of, beside SKEYSEED."""
    return MacroRow(
        "seed",
        ikev2.ike_sa_keys,
        (NONCE_I, NONCE_R, SPI_I, SPI_R),
        lambda ni, nr, spi_i, spi_r, key: sa_keys(prf, key, ni, nr, spi_i, spi_r).sk_d,
        "RFC 7296 §2.14",
        through="sk_d",
        extra=(type_of_skeyseed(prf),),
    )


def skeyseed_rekeyed(prf: ikev2.Prf) -> MacroRow:
    """SKEYSEED of a rekeyed SA, for theories that rekey."""
    return MacroRow(
        "skeyseed_rekeyed",
        ikev2.rekeyed_skeyseed,
        (type_of_sk_d(prf), GROUP_ELEMENT, NONCE_I, NONCE_R),
        lambda key, secret, ni, nr: ikev2.rekeyed_skeyseed(prf, key, secret, ni, nr),
        "RFC 7296 §2.18",
    )


def _keymat(prf: ikev2.Prf) -> MacroRow:
    return MacroRow(
        "keymat",
        ikev2.keymat,
        (type_of_sk_d(prf), NONCE_I, NONCE_R),
        lambda key, ni, nr: ikev2.keymat(prf, key, ni, nr, KEYMAT_SIZE),
        "RFC 7296 §2.17",
    )


# --------------------------------------------------------------------------------- the players


def new_sa(
    writer: ScriptWriter, step: TraceStep, name: str, suffix: str, power: tuple[bytes, bytes]
) -> str:
    """The end of an IKE SA.

    Args:
        suffix: with which the names of the rule's variables end.
        power: the other end's g^x, and the exponent of this one.
    """
    variables = {"ni": "ni", "nr": "nr", "spiI": "spi_i", "spiR": "spi_r"}
    given = {key: step.value(variable + suffix) for key, variable in variables.items()}
    return writer.new(IKE_SAS, name, **given, gIr=standins.power(*power))


def keys_of_sa(sa: OctetFact, said: OctetFact) -> tuple[Wanted, ...]:
    """SKEYSEED and SK_d as a trace has them: before Ni | Nr | …, and at the end of an action."""
    seed, key = sa.args[-4], said.args[-1]
    assert isinstance(seed, bytes)
    assert isinstance(key, bytes)
    return Wanted("skeyseed", seed), Wanted("skD", key)


def rekeys(role: str, public: str, secret: str) -> Play:
    """An end of a rekeyed SA has it.

    Args:
        public, secret: the variables with the other end's g^x, and with the exponent of this one.
    """

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        power = step.value(public), step.value(secret)
        who = new_sa(writer, step, f"{role} rekeyed", "2", power)
        said = step.action("Rekeys")
        writer.give(who, oldSkD=said.args[2])
        writer.take(step, who, *keys_of_sa(step.conclusion("Rekeyed_SA"), said))

    return play


def _establishes(role: str, waits: str, public: str, secret: str) -> Play:
    """An end of an SA has it. `waits` is the fact of the rule that had the exchange's values."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        [exchange] = writer.makers(step, waits)
        power = exchange.value(public), exchange.value(secret)
        who = new_sa(writer, step, role, "", power)
        writer.take(step, who, *keys_of_sa(step.conclusion("SA"), step.action("Establishes")))

    return play


MESSAGE_OF_IKE = Player(
    why_not="IKE's messages are not in the reference; the keys that they lead to are",
    is_outside=True,
)

ROOM = Room(
    symbols=(_auth,),
    macros=(skeyseed_row, seed_of_sa, _keymat),
    model_only={
        "auth": "AUTH of RFC 7296 §2.15 is outside of the reference",
        "initiator_id": "AUTH of RFC 7296 §2.15 is outside of the reference",
        "key_owner": "AUTH of RFC 7296 §2.15 is outside of the reference",
    },
    mutants={
        "NO_AUTH": "AUTH",
        "SEED_WITHOUT_SPIS": "the SPIs in the seed of prf+",
        "NO_PRF_PLUS": "the prf+ that makes KEYMAT",
        "PEER_IN_AUTH": "nothing; the initiator's AUTH names the responder as well",
    },
    players={
        "Provision_Auth_Key": BEFOREHAND,
        "Reveal_Auth_Key": LEAK,
        "Reveal_Initiator_Exponent": LEAK,
        "Reveal_Responder_Exponent": LEAK,
        "Reveal_SK_d": LEAK,
        "Reveal_KEYMAT": LEAK,
        "Initiator_IKE_SA_INIT": MESSAGE_OF_IKE,
        "Responder_IKE_SA_INIT": MESSAGE_OF_IKE,
        "Initiator_IKE_AUTH": MESSAGE_OF_IKE,
        "Responder_IKE_AUTH": Player(_establishes("responder", "Responder_Waits_AUTH", "gx", "y")),
        "Initiator_Establish": Player(_establishes("initiator", "Initiator_Waits_AUTH", "gy", "x")),
    },
)
