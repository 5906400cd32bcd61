"""Why a server may have ended the connection without a word."""

from __future__ import annotations

from owamp_reference.connection import State
from owamp_reference.negotiation import REQUESTS

from . import set_up
from .dialogue import Dialogue
from .steps import Part, Remark, Who, any_wrong, note
from .stream import HMAC_SOURCE


def likely_cause(dialogue: Dialogue) -> tuple[tuple[Remark, ...], tuple[Part, ...]]:
    """Why the server may just have ended the connection; and, for its developer, what it was sent
    last and the input of each HMAC in it. Keys are not among them.

    There is nothing to say if the client is known to be wrong, or if the server had begun to
    answer; and little if nothing is protected.
    """
    progress, server = dialogue.progress, dialogue.streams[Who.SERVER]
    client_steps = (item for item in dialogue.steps if item.who is Who.CLIENT)
    if any_wrong(client_steps) or server.is_inside_message:
        return (), ()
    name, wire, segments = dialogue.last_sent
    is_first = not progress.sessions and name in [kind.LAYOUT.title for kind in REQUESTS.values()]
    others = tuple(progress.other_protocol_remarks()) if is_first else ()
    if not progress.is_protected:
        return others, ()
    sent = Part(wire, title=f"{name}, as sent")
    if progress.state is State.SETTING_UP:
        cause = (
            f"likely cause: the Token or its {progress.response.key_name} is refused, without a "
            "Server-Start that says so; the server has another shared secret, or takes Salt "
            "and Count (PBKDF2) or the Token (AES-CBC, IV 0) otherwise"
        )
        return (note(cause, set_up.SOURCE),), (sent,)
    if progress.unanswered != 1 or progress.is_sealed:  # of several, which is not known
        return (), ()
    cause = f"likely cause: the server computes another HMAC of {name}: "
    if server.is_verified:
        cause += (
            "as it answered earlier, T1, T2 and Client-IV agree, so perhaps AES-CBC does not "
            "go on from message to message, or the HMAC does not begin anew after each HMAC; "
            "or the server does not take this command"
        )
    else:
        cause += (
            "with another T2, over other text, or after decrypting with another T1 or with "
            "another IV than Client-IV"
        )
    inputs = tuple(Part(text, title="Input of its HMAC") for text in segments if text)
    where = "the octets of this step are what was sent, and the input of each HMAC in it"
    return (note(cause, HMAC_SOURCE), *others, note(where)), (sent, *inputs)
