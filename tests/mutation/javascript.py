"""Have StrykerJS mutate the JavaScript adapter, file by file, and count what the vectors kill.

`make mutate` runs it. A file's counts are recorded as soon as it is done, so that a run can be
cut short; `python -m tests.mutation.javascript NAME…` runs some files only. The questions are those
of `owamp-vectors conform`, and so is the judgement: no unit test takes part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .record import Record

ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "adapters" / "javascript"
WORK = ROOT / "build" / "mutate"
RECORD = Record(Path(__file__).parent / "javascript.json", "StrykerJS", "make mutate")
STRYKER = WORK / "node_modules" / "@stryker-mutator" / "core"
KILLED, SURVIVED = ("Killed", "Timeout"), ("Survived", "NoCoverage")


def mutate(name: str) -> dict[str, Any]:
    """Run every mutant of a file; what became of them, as Stryker reports it."""
    report = WORK / f"{name}.json"
    config = json.loads((Path(__file__).parent / "stryker.json").read_text(encoding="utf-8"))
    config["mutate"] = [f"adapters/javascript/{name}"]
    config["jsonReporter"] = {"fileName": str(report)}
    path = WORK / "stryker.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    command = ["node", str(STRYKER / "bin" / "stryker.js"), "run", str(path)]
    environment = {**os.environ, "QUESTIONS": str(WORK / "questions.jsonl")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    content = json.loads(report.read_text(encoding="utf-8"))
    found: dict[str, Any] = content["files"][f"adapters/javascript/{name}"]
    return found


def survivors(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The line and the replacement of each mutant that no vector notices."""
    lines = found["source"].split("\n")
    return [
        (
            lines[mutant["location"]["start"]["line"] - 1].strip(),
            mutant.get("replacement", ""),
        )
        for mutant in found["mutants"]
        if mutant["status"] in SURVIVED
    ]


def main(names: list[str]) -> None:
    version = json.loads((STRYKER / "package.json").read_text(encoding="utf-8"))["version"]
    files = sorted(path.name for path in ADAPTER.glob("*.js"))
    if unknown := set(names) - set(files):
        sys.exit(f"files: expected some of {', '.join(files)}, found {', '.join(sorted(unknown))}")
    for name in names or files:
        found = mutate(name)
        killed = sum(mutant["status"] in KILLED for mutant in found["mutants"])
        RECORD.add(version, name, killed, survivors(found))
    RECORD.print_share()


if __name__ == "__main__":
    main(sys.argv[1:])
