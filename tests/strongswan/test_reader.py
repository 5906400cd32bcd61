"""The reader of charon's logs: what does not matter, and what is refused."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_vectors.charon.check import check_keys
from owamp_vectors.charon.log import CharonLog, LogError
from owamp_vectors.charon.reader import essence, parse_log

from .logs import ROLES, recorded
from .suites import MORE_SUITES, SUITES

ROW = re.compile(r"\d{2}\[\w+\] <[^>]*> +\d+: ")
LOGS = {
    f"{suite.name}-{role}": recorded(suite.name, role)
    for suite in (*SUITES, *MORE_SUITES)
    for role in ROLES
}
SMALL = LOGS["xcbc-responder"]
names = st.sampled_from(list(LOGS))


def values(log: CharonLog) -> list[object]:
    """All of a log but the numbers of the lines."""
    return [log.version, *(replace(item, line=0) for item in log.ike_sas + log.child_sas)]


def is_row(line: str) -> bool:
    return ROW.match(line) is not None


noise = st.one_of(
    st.sampled_from(
        [
            "07[JOB] watched FD 21 ready to write",
            "12[NET] <sha1|1> sending packet: from 192.0.2.1[4500] to 192.0.2.2[4500] (220 bytes)",
            "98[ENC] <sha1|1>    => 300 bytes @ 0x7f0ab8001208",
            "99[ENC] <1>   generating rule 0 U_INT_8",
            "99[IKE] <x|1> natd_hash => 20 bytes @ 0x7f0ac0039670",
            "99[CHD] <x|1>   SPI 0x01020304, src 192.0.2.1 dst 192.0.2.2",
            "99[MGR] checkout IKEv2 SA with SPIs 0000000000000001_i 0000000000000002_r",
            "",
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"])),
)


@given(names, st.data())
def test_other_lines_do_not_matter(name: str, data: st.DataObject) -> None:
    text = LOGS[name]
    lines = text.splitlines()
    places = [n for n, line in enumerate(lines) if not is_row(line)]
    for place in sorted(data.draw(st.lists(st.sampled_from(places), max_size=8)), reverse=True):
        lines.insert(place, data.draw(noise))
    assert values(parse_log("\n".join(lines))) == values(parse_log(text))


@given(names, st.sampled_from(["2026-11-25T02:03:04 ", "Nov 25 02:03:04 host charon: ", "  "]))
def test_what_stands_before_a_line_does_not_matter(name: str, before: str) -> None:
    text = LOGS[name]
    assert values(parse_log("".join(before + line for line in text.splitlines(True)))) == values(
        parse_log(text)
    )


@given(names, st.permutations(range(1, 20)))
def test_numbers_of_threads_do_not_matter(name: str, numbers: list[int]) -> None:
    text = LOGS[name]
    changed = re.sub(
        r"^(\d\d)(?=\[)",
        lambda match: f"{numbers[int(match[1]) - 1] if match[1] != '00' else 0:02}",
        text,
        flags=re.MULTILINE,
    )
    assert values(parse_log(changed)) == values(parse_log(text))


@given(names, names)
def test_a_log_may_be_of_several_daemons_one_after_another(first: str, second: str) -> None:
    one, other = LOGS[first], LOGS[second]
    both = parse_log(one + other)
    assert both.version == parse_log(other).version
    for kind in ("ike_sas", "child_sas"):
        expected = values_of(getattr(parse_log(one), kind)) + values_of(
            getattr(parse_log(other), kind)
        )
        assert values_of(getattr(both, kind)) == expected


def values_of(items: tuple[object, ...]) -> list[object]:
    return [replace(item, line=0) for item in items]  # type: ignore[type-var]


@given(names)
def test_essence_is_enough(name: str) -> None:
    text = LOGS[name]
    kept = essence(text)
    assert values(parse_log(kept)) == values(parse_log(text))
    assert essence(kept) == kept
    assert set(kept.splitlines()) <= set(text.splitlines())


# Damage


@given(names, st.data())
def test_a_wrong_octet_is_noticed(name: str, data: st.DataObject) -> None:
    """By the reader, or by the reference, which then computes something else."""
    text = LOGS[name]
    lines = text.splitlines(keepends=True)
    number = data.draw(st.sampled_from([n for n, line in enumerate(lines) if is_row(line)]))
    start = ROW.match(lines[number]).end()  # type: ignore[union-attr]
    octets = lines[number][start:].split("  ")[0].split(" ")
    place = data.draw(st.integers(0, len(octets) - 1))
    octets[place] = f"{int(octets[place], 16) ^ 1 << data.draw(st.integers(0, 7)):02X}"
    changed = " ".join(octets)
    lines[number] = lines[number][:start] + changed + lines[number][start + len(changed) :]
    try:
        checks = list(check_keys(parse_log("".join(lines))))
    except LogError:
        return
    assert not all(item.agrees for item in checks)


@given(names, st.data())
def test_a_lost_row_is_noticed(name: str, data: st.DataObject) -> None:
    text = LOGS[name]
    lines = text.splitlines(keepends=True)
    number = data.draw(st.sampled_from([n for n, line in enumerate(lines) if is_row(line)]))
    del lines[number]
    with pytest.raises(LogError, match=rf"^line {number + 1}: .*expected \d+ octets at offset"):
        parse_log("".join(lines))


@pytest.mark.parametrize("name", ["xcbc-initiator", "sha256-responder", "both-responder"])
def test_each_lost_line_is_noticed_or_loses_no_key(name: str) -> None:
    """Of what the reference has no say in, only the names of the transforms may be others."""
    lines = LOGS[name].splitlines(keepends=True)
    whole = keys(parse_log(LOGS[name]))
    for number in range(len(lines)):
        with suppress(LogError):
            log = parse_log("".join(lines[:number] + lines[number + 1 :]))
            if all(item.agrees for item in check_keys(log)):
                assert keys(log) == whole, lines[number]


def keys(log: CharonLog) -> list[object]:
    """All of a log but the numbers of the lines and the proposals."""
    return [replace(item, line=0, proposal="") for item in log.ike_sas + log.child_sas]


@given(names, st.data())
def test_a_log_that_is_cut_gives_an_error_or_fewer_keys(name: str, data: st.DataObject) -> None:
    text = LOGS[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        found = values(parse_log(cut))
    except LogError:
        return
    assert all(item in values(parse_log(text)) for item in found)


@given(st.text() | st.lists(st.sampled_from(SMALL.splitlines())).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(LogError):
        list(check_keys(parse_log(text)))


DAMAGES = {
    "no keys": (r"(?s).*", "", r"expected keys of an IKE SA, found none; charon must log at ike"),
    "short row": (
        r"(SKEYSEED => 16 bytes.*\n.*   0: ..) ..",
        r"\1",
        r"SKEYSEED: expected 16 octets at offset 0, found 15 at offset 0$",
    ),
    "wrong offset": (
        r"(SKEYSEED => 16 bytes.*\n.*)   0:",
        r"\1  16:",
        r"SKEYSEED: expected 16 octets at offset 0, found 16 at offset 16$",
    ),
    "row of another thread": (
        r"(SKEYSEED => 16 bytes.*\n)\d\d",
        r"\g<1>99",
        r"SKEYSEED: expected 16 octets at offset 0, found none$",
    ),
    "no shared secret": (
        r".*shared Diffie.*",
        "",
        r"SKEYSEED: expected a shared secret before it$",
    ),
    "no SKEYSEED": (r".*SKEYSEED.*", "", r"Sk_d secret: expected SKEYSEED before it$"),
    "no SK_d": (r".*Sk_d.*", "", r"SKEYSEED: expected Sk_d secret after it, found none$"),
    "no nonce": (
        r".*parsing NONCE.*",
        "",
        r"SKEYSEED: expected Ni in the log \(ike = 4",
    ),
    "no answer's nonce": (
        r".*generating payload of type NONCE.*",
        "",
        r"SKEYSEED: expected Nr in the log \(ike = 4",
    ),
    "no message": (
        r".*(IKE_SA_INIT|IKE_AUTH|CREATE_CHILD_SA).*",
        "",
        r"SKEYSEED: expected a message before it \(ike = 4",
    ),
    "no message of the child SA": (
        r".*parsed IKE_AUTH.*",
        "",
        r"seed: expected a message before it \(ike = 4",
    ),
    "no proposal": (
        r".*selected proposal: IKE.*",
        "",
        r"SKEYSEED: expected a selected proposal of IKE before it",
    ),
    "no proposal of the child SA": (
        r".*selected proposal: ESP.*",
        "",
        r"seed: expected a selected proposal of ESP before it",
    ),
    "unknown prf": (
        r"PRF_AES128_XCBC",
        "PRF_CAMELLIA128_XCBC",
        r"SKEYSEED: expected one of PRF_HMAC_SHA1, .*, found the proposal AES_GCM_16_128/PRF_CAM",
    ),
    "no SPIs": (r".*checkin.*", "", r"SKEYSEED: expected the IKE SA's SPIs after it$"),
    "no seed": (r".* seed =>.*", "", r"initiator key: expected a seed before it$"),
    "other seed": (
        r"( seed => 64 bytes.*\n.* 0: )..",
        r"\g<1>00",
        r"seed: expected the shared secret, if any, Ni and Nr in it$",
    ),
    "no key of the child SA": (
        r".*encryption responder key.*",
        "",
        r"seed: expected encryption responder key after it, found none$",
    ),
    "no SPI of the child SA": (
        r".*adding inbound ESP SA.*",
        "",
        r"seed: expected the inbound SPI after it, found none$",
    ),
}


LATER = {
    "no exchange with these nonces": (
        r".*parsing NONCE.*",
        "",
        r"SKEYSEED: expected the exchange of these nonces in the log \(ike = 4",
    ),
    "no proposal": (
        r".*selected proposal: IKE.*",
        "",
        r"SKEYSEED: expected a selected proposal of IKE before it \(ike = 4",
    ),
    "no secret": (r".*\[IKE\].* key exchange secret.*", "", r"SKEYSEED: expected a shared secret"),
    "a key of the PPK is missing": (
        r"(?s)(using PPK.*?)\S+ <both\|1> Sk_pi secret[^\n]*",
        r"\1",
        r"PPK: expected Sk_pi secret after it, found none$",
    ),
    "no additional secret": (
        r".*\[CHD\].*additional key exchange secret => .*",
        "",
        r"seed: expected the shared secret, if any, Ni and Nr in it$",
    ),
}


@pytest.mark.parametrize(("pattern", "by", "message"), LATER.values(), ids=LATER)
def test_damage_to_a_log_of_version_6_gives_one_clear_error(
    pattern: str, by: str, message: str
) -> None:
    text = LOGS["several-initiator" if "additional" in pattern else "both-responder"]
    changed = re.sub(pattern, by, text)
    assert changed != text
    with pytest.raises(LogError, match=message):
        parse_log(changed)


def test_a_ppk_without_the_keys_before_it_gives_one_clear_error() -> None:
    """A log that begins with the PPK."""
    text = LOGS["both-responder"]
    late = text[text.index("derive keys using PPK") - len("00[IKE] <both|1> ") :]
    end = next(line for line in late.splitlines() if "checkin IKEv2 SA" in line)
    changed = re.sub(r"(?s)\n[^\n]*(?:CFG|CHD|ENC)\].*", f"\n{end}\n", late, count=1)
    with pytest.raises(LogError, match=r"PPK: expected the keys of the IKE SA before it, found no"):
        parse_log(changed)


def test_another_daemon_is_named() -> None:
    """The format of what libreswan logs of its keys is documented nowhere."""
    text = (
        "Feb  4 07:33:01 host pluto[4323]: Starting Pluto (Libreswan Version 4.12 NSS) pid:4323\n"
    )
    with pytest.raises(LogError, match=r"^expected a log of strongSwan's charon, found one of lib"):
        parse_log(text)


@pytest.mark.parametrize(("pattern", "by", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_gives_one_clear_error(pattern: str, by: str, message: str) -> None:
    with pytest.raises(LogError, match=message) as caught:
        parse_log(re.sub(pattern, by, SMALL))
    assert "\n" not in str(caught.value)


def test_a_rekeyed_ike_sa_needs_the_name_of_the_old_one() -> None:
    """A log that begins with the rekeying, and does not say what was rekeyed."""
    text = SMALL[SMALL.rindex("generating IKE_AUTH") :]
    with pytest.raises(LogError, match=r"SKEYSEED: expected the old IKE SA's SPIs in the log"):
        parse_log(re.sub(r".*checkin IKEv2 SA .*\[1\] .*|.*\[CHD\].*", "", text))


def test_a_nonce_too_short_gives_one_clear_error() -> None:
    """Charon would not send one: a log that was tampered with."""
    short = re.sub(r"(=> )32( bytes.*\n.* 0: (?:.. ){7}..)(?: ..){8}.*\n.*", r"\g<1>8\2", SMALL)
    text = re.sub(r"\n.*\[CHD\].*", "", short)
    with pytest.raises(LogError, match=r"^line \d+: Ni: expected 16 to 256 octets, found 8 octets"):
        list(check_keys(parse_log(text)))


def test_keys_without_the_ike_sa_they_come_from_are_not_judged() -> None:
    """A log that begins after the IKE SA, as after a restart of the log alone."""
    log = parse_log(SMALL)
    late = replace(log, ike_sas=log.ike_sas[1:])
    notes = {
        item.name: (item.agrees, item.note) for item in check_keys(late) if item.agrees is None
    }
    assert notes == {
        "SKEYSEED": (None, "the log lacks the old IKE SA"),
        "KEYMAT": (None, "the log lacks the keys of the IKE SA"),
    }


def test_no_secret_is_shown() -> None:
    """Neither by the repr of what was read, nor by an error."""
    log = parse_log(SMALL)
    shown = repr(log) + repr([sa.sa for sa in log.ike_sas]) + repr(list(check_keys(log)))
    for sa in log.ike_sas:
        for secret in (*astuple(sa.keys), sa.skeyseed, sa.shared_secret):
            assert not secret or (secret.hex() not in shown and repr(secret) not in shown)
    for child in log.child_sas:
        for secret in (child.keymat, child.encryption_i, child.encryption_r):
            assert repr(secret) not in shown
