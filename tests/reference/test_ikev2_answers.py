"""Known answers for the derivations of IKEv2: NIST's, and those of libreswan's test program.

data/README.md says where each is from and how to have those that are not kept here.
"""

from __future__ import annotations

import json
import subprocess
from itertools import cycle

import pytest
from owamp_reference import ikev2
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import PRFS, Prf

from . import known
from .support import Draws

Case = dict[str, str]
"""A case, its values in hexadecimal digits, under names close to NIST's.

`dkm` is what prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) begins with, `dkmChild` and `dkmChildDh` are
KEYMAT without and with a new exchange; an answer that could not be found published is left out.
"""
ANSWERS = ("skeyseed", "dkm", "dkmChild", "dkmChildDh", "skeyseedRekey")
KEPT: list[Case] = [
    *json.loads((known.DATA / "ikev2-kdf.json").read_text(encoding="utf-8")),
    *known.read_cavs(known.KEPT.read_text(encoding="utf-8")),
]
BIT = 8


class Inputs:
    """The octets of a case; what follows from SKEYSEED or SK_d starts from the published ones."""

    def __init__(self, case: Case) -> None:
        def octets(name: str) -> bytes:
            return bytes.fromhex(case.get(name, ""))

        self.function: Prf = PRFS[case["prf"]]
        self.ni, self.nr = octets("ni"), octets("nr")
        self.spi_i, self.spi_r = octets("spiI"), octets("spiR")
        self.shared, self.new_shared = octets("gIr"), octets("gIrNew")
        self.seed = octets("skeyseed")
        self.sk_d = octets("dkm")[: self.function.output_size]
        self.sizes = {name: len(octets(name)) for name in ANSWERS}

    @property
    def is_allowed(self) -> bool:
        """Whether RFC 7296 allows the nonces. Some of NIST's have 8 octets, too few."""
        least = max(16, self.function.output_size // 2)
        return min(len(self.ni), len(self.nr)) >= least


def by_formulas(case: Case) -> Case:
    """The answers, by prf and prf+ as RFC 7296 §2.14, §2.17 and §2.18 put them together."""
    of = Inputs(case)
    function, nonces, sizes = of.function, of.ni + of.nr, of.sizes
    answers = {
        "skeyseed": ikev2.prf(function, nonces, of.shared),
        "dkm": ikev2.prf_plus(function, of.seed, nonces + of.spi_i + of.spi_r, sizes["dkm"]),
        "dkmChild": ikev2.prf_plus(function, of.sk_d, nonces, sizes["dkmChild"]),
        "dkmChildDh": ikev2.prf_plus(
            function, of.sk_d, of.new_shared + nonces, sizes["dkmChildDh"]
        ),
        "skeyseedRekey": ikev2.prf(function, of.sk_d, of.new_shared + nonces),
    }
    return {name: answers[name].hex() for name in ANSWERS if name in case}


def by_functions(case: Case) -> Case:
    """The answers, by the function that the reference has for each.

    Raises:
        ProtocolError: RFC 7296 does not allow the nonces.
    """
    of = Inputs(case)
    function, ni, nr, sizes = of.function, of.ni, of.nr, of.sizes
    keys = ikev2.ike_sa_keys(
        function,
        of.seed,
        ni,
        nr,
        of.spi_i,
        of.spi_r,
        integrity_size=12,
        encryption_size=(sizes["dkm"] - 3 * function.output_size) // 2 - 12,
    )
    new_shared = of.new_shared or of.shared  # a case without a rekey has no answer to compare
    answers = {
        "skeyseed": ikev2.skeyseed(function, ni, nr, of.shared),
        "dkm": b"".join(vars(keys).values()),
        "dkmChild": ikev2.keymat(function, of.sk_d, ni, nr, sizes["dkmChild"]),
        "dkmChildDh": ikev2.keymat(function, of.sk_d, ni, nr, sizes["dkmChildDh"], of.new_shared),
        "skeyseedRekey": ikev2.rekeyed_skeyseed(function, of.sk_d, new_shared, ni, nr),
    }
    return {name: answers[name].hex() for name in ANSWERS if name in case}


def check(case: Case) -> None:
    """The reference gives the answers of the case, or refuses its nonces."""
    published = {name: case[name] for name in ANSWERS if name in case}
    assert by_formulas(case) == published, case["source"]
    if Inputs(case).is_allowed:
        assert by_functions(case) == published, case["source"]
    else:
        refusal = r"^N[ir]: expected \d+ to 256 octets, found \d+ octets"
        with pytest.raises(ProtocolError, match=refusal):
            by_functions(case)


def check_all(cases: list[Case]) -> None:
    """There are cases of each prf that CAVS has, and all are right."""
    assert {case["prf"] for case in cases} == set(known.HASHES.values())
    for case in cases:
        check(case)


def name_of(case: Case) -> str:
    return f"{case['prf']} nonces of {len(case['ni']) // 2} {case['source'].split(', ')[-1]}"


@pytest.mark.parametrize("case", KEPT, ids=name_of)
def test_kept_answers(case: Case) -> None:
    check(case)


def test_kept_answers_cover_every_hmac_prf_and_answer_and_name_their_source() -> None:
    assert {case["prf"] for case in KEPT} == {name for name in PRFS if "HMAC" in name}
    assert {name for case in KEPT for name in case} > set(ANSWERS)
    assert all("NIST" in case["source"] for case in KEPT)


def original() -> bytes:
    """NIST's whole file, in the unpacked source of NSS."""
    name = "nss/tests/fips/cavs_samples/IKE/fax/ikev2.fax"
    return known.elsewhere("NSS_SOURCE", "/usr/src/nss-*", name).read_bytes()


def test_all_of_nists_file() -> None:
    check_all(known.read_cavs(original().decode()))


def test_what_is_kept_is_the_beginning_of_each_section_of_nists_file() -> None:
    assert known.condensed(original()) == known.KEPT.read_text(encoding="utf-8")


def test_another_file_is_not_taken_for_nists() -> None:
    with pytest.raises(ValueError, match=r"^SHA-256: expected 0aba\w+, found \w+$"):
        known.condensed(known.KEPT.read_bytes())


def questions() -> str:
    """Inputs in the form of CAVS: nonces and exchanges of many sizes, KEYMAT as long as allowed."""
    text, draw = "", Draws("libreswan")
    nonce_sizes = cycle([16, 32, 57, 64, 255, 256, 8])
    for section, prf in known.HASHES.items():
        size = PRFS[prf].output_size
        for exchange in (32, 48, 66, 96, 128, 256, 384, 512, 1024):
            ni, nr = next(nonce_sizes), next(nonce_sizes)
            text += f"[g^ir length = {BIT * exchange}]\n{section}\n"
            text += f"[Ni length = {BIT * ni}]\n[Nr length = {BIT * nr}]\n"
            text += f"[DKM length = {BIT * (3 * size + 2 * (12 + exchange))}]\n"
            text += f"[Child SA DKM length = {BIT * 255 * size}]\n\nCOUNT = {exchange}\n"
            for name, octets in (
                ("Ni", ni),
                ("Nr", nr),
                ("g^ir", exchange),
                ("g^ir (new)", exchange),
                ("SPIi", ikev2.SPI_SIZE),
                ("SPIr", ikev2.SPI_SIZE),
            ):
                text += f"{name} = {draw(name, octets).hex()}\n"
            text += "\n"
    return text


def test_what_libreswan_answers() -> None:
    program = known.elsewhere("LIBRESWAN_PROGRAMS", "/usr/libexec/ipsec", "cavp")
    asked = questions()
    command = [str(program), "-v2", "-"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answered = known.read_cavs(done.stdout, "libreswan's cavp")
    assert all(case.keys() >= set(ANSWERS) for case in answered)
    inputs = [{name: case[name] for name in case if name not in ANSWERS} for case in answered]
    assert inputs == known.read_cavs(asked, "libreswan's cavp")
    check_all(answered)
