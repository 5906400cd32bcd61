"""Stand-ins for proverif and cryptoverif, and a small model for them beside Tamarin's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

SCRIPT = r"""#!{python}
import json, os, re, subprocess, sys, time
from pathlib import Path
here = Path(__file__)
told = json.loads(here.with_suffix(".json").read_text())
if sys.argv[1:] == ["-help"]:
    print(told["version"])
    sys.exit(0)
[name] = sys.argv[1:]
text = Path(name).read_text()
with here.with_suffix(".log").open("a") as log:
    log.write(name + "\n")
if told["does"] == "sleep":
    child = subprocess.Popen(["sleep", "60"])
    here.with_suffix(".pid").write_text(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(60)
if told["does"] == "crash":
    print("Error: Syntax error.", file=sys.stderr)
    sys.exit(2)
for query in re.findall(r"^query ([^.]*)\.", text, re.MULTILINE):
    says = next((says for word, says in told["says"].items() if word in query), "is true")
    if here.name == "cryptoverif":
        print(f"RESULT {{says}}")
    elif says != "nothing":
        print(f"RESULT {{' '.join(query.split())}} {{says}}.")
"""

SMALL_PV = """(* A handshake: mirrors ../small.spthy. *)
free c: channel.
event Sent(bitstring).
event Accepted(bitstring).
#ifdef LEAK
free passphrase: bitstring.
#else
free passphrase: bitstring [private].
#endif
(* run can_end *)
query x: bitstring; event(Sent(x)) && event(Accepted(x)) ==> false.
(* lemma t1_is_secret *)
query x: bitstring; event(Sent(x)) && attacker(x) ==> false.
process new t1: bitstring; event Sent(t1); event Accepted(t1); out(c, (t1, passphrase))
"""

KEYS_CV = """(* A key. *)
(* lemma key_is_random *)
query secret k.
process in(start, ()); new k: key; out(ready, ())
"""

FURTHER = """
[[claim]]
id = "key-random"
statement = "A key that is drawn looks random."
source = "RFC 4656, section 3.1"
model = "computational/keys"
lemma = "key_is_random"
expected = "verified"
"""


class FakeOther:
    """A stand-in on PATH, and what it is told."""

    def __init__(self, directory: Path, name: str, version: str) -> None:
        self.path = directory / name
        self.path.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
        self.path.chmod(0o755)
        self.told: dict[str, object] = {"version": version, "says": {}, "does": ""}
        self.tell()

    def tell(self, does: str = "", **says: str) -> None:
        """What it says of queries that have a word in them, and how it misbehaves."""
        self.told |= {"says": says, "does": does}
        self.path.with_suffix(".json").write_text(json.dumps(self.told), encoding="utf-8")

    @property
    def runs(self) -> list[str]:
        """The files that it was run on since the last call."""
        log = self.path.with_suffix(".log")
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


def install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeOther, FakeOther]:
    """A proverif and a cryptoverif, first on PATH."""
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    proverif = FakeOther(directory, "proverif", "Proverif 2.05. Cryptographic protocol verifier")
    cryptoverif = FakeOther(directory, "cryptoverif", "Cryptoverif 2.06. Cryptographic")
    proverif.tell(Accepted="is false")
    cryptoverif.tell(secret="Proved secrecy of k up to probability 2 * Pprf(time_1, N + 1)")
    return proverif, cryptoverif


def write_small(models: Path) -> None:
    """ProVerif's file beside the small model, a file of CryptoVerif, and the claim on that."""
    for folder, name, text in (
        ("proverif", "small.pv", SMALL_PV),
        ("computational", "keys.cv", KEYS_CV),
    ):
        (models / folder).mkdir()
        (models / folder / name).write_text(text, encoding="utf-8")
    (models / "further.toml").write_text(FURTHER, encoding="utf-8")
