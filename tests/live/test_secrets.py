"""Secrets from files: read, refused, and never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owamp_reference import binding, ikev2
from owamp_reference.negotiation import Credentials
from owamp_vectors.disk import FileError
from owamp_vectors.live.secrets import Secrets, combine, read_hex, read_passphrase, read_secrets

from ..reference.support import SID, SK_D, SPI_I, SPI_R
from .peers import private

SA = f'[[ike_sa]]\nspi_i = "{SPI_I.hex()}"\nspi_r = "{SPI_R.hex()}"\n'
SECRET = "5ec7e75ec7e75ec7e75ec7e75ec7e7ff"


def secrets_of(path: Path, text: str) -> Secrets:
    return combine(path, read_secrets(private(path, text)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.toml"


def test_passphrases_are_found_by_key_id(path: Path) -> None:
    text = '[passphrases]\nalice = "correct horse"\n"böb" = " ü "\n'
    found = secrets_of(path, text)
    assert found.credentials == (
        Credentials.from_passphrase("alice", b"correct horse"),
        Credentials.from_passphrase("böb", " ü ".encode()),
    )
    assert not found.any_ike_sa


@pytest.mark.parametrize("name", ikev2.PRFS)
def test_sk_d_gives_the_key_of_rfc_7717(path: Path, name: str) -> None:
    found = secrets_of(path, SA + f'prf = "{name}"\nsk_d = "{SK_D.hex()}"\n')
    secret = binding.shared_secret_from_sk_d(ikev2.PRFS[name], SK_D)
    assert found.credentials == (Credentials.from_ikev2(SPI_I, SPI_R, secret),)
    assert found.any_ike_sa


def test_keymat_gives_the_key_of_the_proposal(path: Path) -> None:
    text = SA + f'prf = "PRF_HMAC_SHA1"\nkeymat = "{SK_D.hex()}"\nsid = "{SID.hex()}"\n'
    secret = binding.shared_secret_from_keymat(ikev2.PRF_HMAC_SHA1, SK_D, SID)
    expected = (Credentials.from_ikev2(SPI_I, SPI_R, secret),)
    assert secrets_of(path, text).credentials == expected


def test_a_shared_secret_is_taken_as_it_is(path: Path) -> None:
    found = secrets_of(path, SA + f'shared_secret = "{SECRET}"\n')
    assert found.credentials == (Credentials.from_ikev2(SPI_I, SPI_R, bytes.fromhex(SECRET)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "passphrases or an ike_sa"),
        ("x = 1", "found another name"),
        (f"'{SECRET}' = 1", "expected passphrases and ike_sa, found another name"),
        (f"[passphrases]\n'{SECRET}' = 1", "passphrases, entry 1: expected a string"),
        (f'[passphrases]\na = "b"\n"{SECRET}" = "b\\n"', "passphrases, entry 2: passphrase: "),
        (f"[[ike_sa]]\n'{SECRET}' = 1", "ike_sa 1: expected keymat, "),
        (f"[[ike_sa]]\nspi_i = '{SECRET}'\nspi_r = '{SECRET}'", "ike_sa 1: "),
        (SA + f'sk_d = "00"\nprf = "{SECRET}"', "prf: expected one of PRF_HMAC_SHA1"),
        (f'[passphrases]\nalice = "{SECRET}\nbob = "x"', "not TOML"),
        (f'[passphrases]\n{SECRET} = "x"\n{SECRET} = "y"', "not TOML"),
        (f"sk_d = {SECRET}", "not TOML (at line 1"),
        ('passphrases = "x"', "passphrases: expected a table"),
        (f"[passphrases]\nalice = {{ x = '{SECRET}' }}", "passphrases, entry 1: expected a string"),
        ('[passphrases]\nalice = ""', "passphrases, entry 1: expected a string"),
        (f'[passphrases]\nalice = "{SECRET}\\n"', "no newline"),
        (f'[passphrases]\n{"a" * 81} = "{SECRET}"', "KeyID: expected at most 80 octets"),
        ("ike_sa = 1", "ike_sa: expected an array of tables"),
        (f'[[ike_sa]]\nshared_secret = "{SECRET}"', "ike_sa 1: spi_i: expected 8 octets"),
        (SA, "one of SK_d, KEYMAT and the shared secret"),
        (SA + f'sk_d = "{SECRET}"', "prf: expected one of PRF_HMAC_SHA1"),
        (SA + f'sk_d = "{SECRET}"\nprf = "MD5"', "found another"),
        (SA + f'sk_d = "{SECRET}"\nkeymat = "{SECRET}"', "found sk_d and keymat"),
        (SA + f'keymat = "{SECRET}"\nprf = "PRF_HMAC_SHA1"', "SID: expected one with KEYMAT"),
        (SA + f'shared_secret = "{SECRET}"\nprf = "PRF_HMAC_SHA1"', "prf: expected none"),
        (SA + f'sk_d = "{SECRET}zz"\nprf = "PRF_HMAC_SHA1"', "sk_d: expected octets in hex"),
        (SA + 'sk_d = ""', "sk_d: expected octets in hex"),
        (SA + f'secret = "{SECRET}"', "found another name"),
        (SA + f'shared_secret = "{SECRET}"\n' + SA + f'shared_secret = "{SECRET}"', "twice"),
        (SA.replace(SPI_I.hex(), "00") + f'shared_secret = "{SECRET}"', "SPIi: expected 8 octets"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(path: Path, text: str, said: str) -> None:
    with pytest.raises(FileError) as caught:
        secrets_of(path, text)
    message = str(caught.value)
    assert said in message
    assert SECRET not in message
    assert len(message.splitlines()) == 1


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(path: Path, text: str) -> None:
    try:
        secrets_of(path, text.replace("\r", ""))
    except FileError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_octets_that_are_no_text_are_refused(path: Path) -> None:
    private(path, "").write_bytes(b"\xff")
    with pytest.raises(FileError, match="not UTF-8 at offset 0"):
        read_secrets(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_read_or_change_is_refused(path: Path, mode: int) -> None:
    private(path, "x").chmod(mode)
    with pytest.raises(FileError, match=f"chmod 600.*found mode {mode:04o}"):
        read_passphrase(path)


def test_a_file_that_is_not_there_or_too_long_is_refused(path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_passphrase(path)
    with pytest.raises(FileError, match="at most 1048576 octets"):
        read_passphrase(private(path, "x" * (2**20 + 1)))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_passphrase_is_one_line(path: Path, end: str) -> None:
    assert read_passphrase(private(path, " a b" + end)) == b" a b"


@pytest.mark.parametrize("text", ["", "\n", "a\nb", "a\n\n", "a\rb"])
def test_no_line_or_several_are_no_passphrase(path: Path, text: str) -> None:
    with pytest.raises(FileError, match="a passphrase in one line"):
        read_passphrase(private(path, text))


@pytest.mark.parametrize("text", ["00ff", " 00 FF\n", "0x00ff", "00\n ff"])
def test_hex_may_have_white_space(path: Path, text: str) -> None:
    assert read_hex(private(path, text), "SK_d") == b"\x00\xff"


@pytest.mark.parametrize("text", ["", "0", "xy", "0x", "ü", "00ff0"])
def test_what_is_not_hex_is_refused(path: Path, text: str) -> None:
    with pytest.raises(FileError, match="SK_d: expected octets in hex"):
        read_hex(private(path, text), "SK_d")
