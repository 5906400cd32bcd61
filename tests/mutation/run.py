"""Have StrykerJS mutate the JavaScript adapter, file by file, and count what the vectors kill.

`make mutate` runs it. A file's counts are recorded as soon as it is done, so that a run can be
cut short; `python -m tests.mutation.run NAME…` runs some files only. The questions are those of
`owamp-vectors conform`, and so is the judgement: no unit test takes part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "adapters" / "javascript"
WORK = ROOT / "build" / "mutate"
RECORD = Path(__file__).parent / "javascript.json"
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


def summary(name: str, found: dict[str, Any], reasons: dict[tuple[str, str, str], str]) -> Any:
    """The counts of a file, and its survivors with the reasons that were given before."""
    lines = found["source"].split("\n")
    states = Counter(mutant["status"] for mutant in found["mutants"])
    survivors = []
    for mutant in found["mutants"]:
        if mutant["status"] not in SURVIVED:
            continue
        line = lines[mutant["location"]["start"]["line"] - 1].strip()
        replacement = mutant.get("replacement", "")
        why = reasons.get((name, line, replacement), "")
        survivors.append({"line": line, "replacement": replacement, "reason": why})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "killed": sum(states[state] for state in KILLED),
        "survived": len(survivors),
        "survivors": survivors,
    }


def recorded() -> Any:
    """The last results, none if there are none."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {"files": {}}


def reasons_of(record: Any) -> dict[tuple[str, str, str], str]:
    """Why a survivor is not wrong: by file, line and replacement."""
    return {
        (name, item["line"], item["replacement"]): item["reason"]
        for name, file in record["files"].items()
        for item in file["survivors"]
    }


def main(names: list[str]) -> None:
    version = json.loads((STRYKER / "package.json").read_text(encoding="utf-8"))["version"]
    files = sorted(path.name for path in ADAPTER.glob("*.js"))
    if unknown := set(names) - set(files):
        sys.exit(f"files: expected some of {', '.join(files)}, found {', '.join(sorted(unknown))}")
    for name in names or files:
        found = mutate(name)
        record = recorded()  # read now: reasons may have been added meanwhile
        record["files"][name] = summary(name, found, reasons_of(record))
        content = {
            "tool": "StrykerJS",
            "version": version,
            "command": "make mutate",
            "files": dict(sorted(record["files"].items())),
        }
        RECORD.write_text(
            json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
