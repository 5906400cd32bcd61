"""The tests of `vectors/EXAMPLES.md`: each passes, and fails if its function is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from owamp_reference import __version__
from owamp_vectors.catalogue import FILES

from ..support import VECTORS

PAGE = (VECTORS / "EXAMPLES.md").read_text(encoding="utf-8")
FILE = re.compile(r"```(\w+) (\S+\.\w+)\n(.*?)```", re.DOTALL)
COMMANDS = dict(re.findall(r"```sh (\w+)\n(.*?)```", PAGE, re.DOTALL))
NEEDS = {
    "python": ("sh",),
    "go": ("go",),
    "rust": ("rustc", "cc"),
    "c": ("cc",),
    "java": ("java",),
    "javascript": ("node", "npm"),
}
LANGUAGES = dict(zip(NEEDS, FILE.findall(PAGE), strict=True))


def has_libcrypto() -> bool:
    header = b"#include <openssl/evp.h>\n"
    command = ["cc", "-E", "-"]
    return subprocess.run(command, input=header, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
@pytest.mark.parametrize("language", NEEDS)
def test_example_passes_if_and_only_if_its_function_is_right(
    language: str, is_right: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in NEEDS[language]:
        if shutil.which(tool) is None:
            pytest.skip(f"the example in {language} needs {tool}, which is not installed")
    if language in ("c", "rust") and not has_libcrypto():
        pytest.skip(f"the example in {language} needs OpenSSL's headers, which are not installed")
    _, name, text = LANGUAGES[language]
    if not is_right:  # a T3 that is never that of a case: the SID in place of T1
        swapped = {
            "python": ("update(t1)", "update(sid)"),
            "go": ("Encrypt(t3, t1)", "Encrypt(t3, sid)"),
            "rust": ("AES_encrypt(t1.", "AES_encrypt(sid."),
            "c": ("&size, t1.data", "&size, sid.data"),
            "java": ("doFinal(t1)", "doFinal(sid)"),
            "javascript": ("update(t1)", "update(sid)"),
        }[language]
        assert text.count(swapped[0]) == 1
        text = text.replace(*swapped)
    (tmp_path / name).write_text(text, encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool, module in (("owamp-vectors", "-m owamp_vectors"), ("python3", "")):
        command = tools / tool
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    script = (
        COMMANDS[language].replace("=VECTORS", f"={VECTORS}").replace(" VECTORS", f" {VECTORS}")
    )
    found = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (found.returncode == 0) is is_right, found.stdout + found.stderr


def test_the_packages_have_the_version_and_name_every_file() -> None:
    package = (VECTORS / "package.json").read_text(encoding="utf-8")
    assert f'"version": "{__version__}"' in package
    citation = (VECTORS.parent / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {__version__}\ndate-released: " in citation
    assert f"\n## {__version__} (" in (VECTORS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    sums = (VECTORS / "SHA256SUMS").read_text(encoding="utf-8")
    assert set(re.findall(r" ([^/\s]+)\.json$", sums, re.MULTILINE)) == set(FILES)
