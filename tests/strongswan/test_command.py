"""The command `owamp-vectors charon`."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from owamp_reference import binding
from owamp_vectors.charon.reader import parse_log
from owamp_vectors.commands.cli import main
from owamp_vectors.live.secrets import read_secrets

from .logs import DATA, ROLES, recorded

SID = bytes(range(16))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["charon", *map(str, arguments)])


def test_shows_each_value_beside_its_formula() -> None:
    result = run(DATA / "sha256-initiator.log")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.output.splitlines()
    assert re.split(r"  +", lines[0]) == ["line", "SPIi", "SPIr", "value", "computed as", "verdict"]
    assert [line.split()[-1] for line in lines[1:8]] == ["agrees"] * 7
    assert lines[-1] == "strongSwan 5.9.8, 7 values: 7 as computed."
    numbers = [int(line.split()[0]) for line in lines[1:8]]
    text = recorded("sha256", "initiator").splitlines()
    for number, name in zip(numbers, ["SKEYSEED"] * 4 + ["seed"] * 3, strict=True):
        assert f"{name} =>" in text[number - 1]


def test_says_what_differs() -> None:
    result = run(DATA / "change-responder.log")
    assert result.exit_code == 1
    (line,) = (line for line in result.output.splitlines() if "differs" in line)
    assert line.endswith(
        "differs: made by PRF_AES128_XCBC of the old IKE SA; §2.18 asks for the new one's prf"
    )
    assert result.output.endswith("7 values: 6 as computed, 1 different.\n")


@pytest.mark.parametrize("sid", [None, SID], ids=["SK_d", "KEYMAT"])
def test_writes_secrets_for_serve_and_probe(tmp_path: Path, sid: bytes | None) -> None:
    """Those of the IKE SA in use, the same from the log of either daemon."""
    found = []
    for role in ROLES:
        path = tmp_path / f"{role}.toml"
        options = [] if sid is None else ["--sid", sid.hex()]
        result = run(DATA / f"cmac-{role}.log", "--secrets", path, *options)
        assert result.exit_code == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found.append(read_secrets(path))
        assert path.read_text().count("[[ike_sa]]") == 1
    assert found[0] == found[1]
    log = parse_log(recorded("cmac", "initiator"))
    sa, child = log.ike_sas[-1], log.child_sas[-1]
    (secret,) = found[0]
    assert secret.key_id == binding.key_id_from_spis(*sa.spis)
    if sid is None:
        expected = binding.shared_secret_from_sk_d(sa.function, sa.keys.sk_d)
    else:
        expected = binding.shared_secret_from_keymat(sa.function, child.keymat, sid)
    assert secret.shared_secret == expected


def test_a_ppk_and_additional_exchanges(tmp_path: Path) -> None:
    """The SK_d to use is that of the last keys, of the IKE SA that no other took the place of."""
    path = tmp_path / "secrets.toml"
    result = run(DATA / "both-responder.log", "--secrets", path)
    assert (result.exit_code, result.stderr) == (0, "")
    for formula in (
        "prf(SK_d(n-1), SK(n) | Ni | Nr), RFC 9370 §2.2.2",
        "prf+(PPK, SK_d'), and SK_pi and SK_pr likewise, RFC 8784 §3",
        "prf(SK_d (old), g^ir (new) | Ni | Nr | SK(1) | … | SK(n)), RFC 9370 §2.2.4",
    ):
        assert len([line for line in result.output.splitlines() if f"  {formula}  " in line]) == 1
    assert result.output.endswith("strongSwan 6.0.1, 10 values: 10 as computed.\n")
    log = parse_log(recorded("both", "responder"))
    (secret,) = read_secrets(path)
    sa = log.ike_sas[-1]
    assert secret.shared_secret == binding.shared_secret_from_sk_d(sa.function, sa.keys.sk_d)
    text = recorded("both", "responder")
    path = tmp_path / "charon.log"
    path.write_text(text[: text.index("parsed CREATE_CHILD_SA")].rpartition("\n")[0])
    secrets = tmp_path / "early.toml"
    assert run(path, "--secrets", secrets).exit_code == 0
    (secret,) = read_secrets(secrets)
    ppk = next(sa for sa in log.ike_sas if sa.ppk)
    assert secret.shared_secret == binding.shared_secret_from_sk_d(ppk.function, ppk.keys.sk_d)
    for value in (ppk.ppk, sa.additional_secret):
        assert value.hex()[:16] not in result.output.replace(" ", "").lower()


def test_output_has_no_secret() -> None:
    shown = run(DATA / "sha1-initiator.log").output.replace(" ", "")
    log = parse_log(recorded("sha1", "initiator"))
    for sa in log.ike_sas:
        for secret in (sa.keys.sk_d, sa.keys.sk_ei, sa.skeyseed, sa.shared_secret, sa.ni):
            assert secret.hex()[:16] not in shown.lower()


def test_bad_input_gives_one_line(tmp_path: Path) -> None:
    log = tmp_path / "charon.log"
    secrets = tmp_path / "secrets.toml"
    log.write_text(recorded("xcbc", "initiator").replace("SKEYSEED", "SKEYED"))
    result = run(log, "--secrets", secrets)
    assert result.exit_code == 3
    assert re.fullmatch(
        rf"Error: {log}: line \d+: Sk_d secret: expected SKEYSEED before it\n", result.stderr
    )
    assert not secrets.exists()
    assert run(tmp_path / "none.log").exit_code == 3
    log.write_bytes(b"\xff")
    assert run(log).stderr == f"Error: {log}: not UTF-8 at offset 0\n"


def test_sid_needs_a_child_sa_and_a_file(tmp_path: Path) -> None:
    log = tmp_path / "charon.log"
    path = log / "secrets.toml"
    log.write_text(re.sub(r".*\[CHD\].*\n", "", recorded("xcbc", "initiator")))
    result = run(log, "--secrets", tmp_path / "secrets.toml", "--sid", SID.hex())
    assert result.exit_code == 3
    assert re.search(r"expected a child SA of the IKE SA with SPIi \w{16}, SPIr", result.stderr)
    assert run(log, "--sid", SID.hex()).exit_code == 2
    result = run(DATA / "xcbc-initiator.log", "--secrets", path)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: {path}: cannot be written: ")


def test_says_what_a_log_lacks(tmp_path: Path) -> None:
    """A log that begins after the IKE SA did, as one that was rotated."""
    log = tmp_path / "charon.log"
    text = recorded("xcbc", "initiator")
    log.write_text(text[text.index("generating CREATE_CHILD_SA request") - 20 :])
    result = run(log)
    assert result.exit_code == 0
    assert "not checked: the log lacks the old IKE SA" in result.output
    assert "not checked: the log lacks the keys of the IKE SA" in result.output
    assert result.output.endswith("strongSwan, 4 values: 2 as computed, 2 not checked.\n")
