"""What is kept of a run, file by file: how many mutants the vectors kill, and which survive."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Record:
    """A file that keeps the last run of each mutated file.

    Attributes:
        path: of the file.
        tool, command: what mutates, and what starts it.
    """

    path: Path
    tool: str
    command: str

    def read(self) -> Any:
        """What it has; no files if there is none."""
        if not self.path.exists():
            return {"files": {}}
        return json.loads(self.path.read_text(encoding="utf-8"))

    def add(self, version: str, name: str, killed: int, survivors: list[tuple[str, str]]) -> None:
        """Keep a file's run; survivors, as line and replacement, have the reasons given before."""
        files = self.read()["files"]  # read now: reasons may have been added meanwhile
        reasons = {
            (item["line"], item["replacement"]): item["reason"]
            for item in files.get(name, {"survivors": ()})["survivors"]
        }
        files[name] = {
            "date": datetime.now(UTC).date().isoformat(),
            "killed": killed,
            "survived": len(survivors),
            "survivors": [
                {"line": line, "replacement": new, "reason": reasons.get((line, new), "")}
                for line, new in survivors
            ],
        }
        content = {
            "tool": self.tool,
            "version": version,
            "command": self.command,
            "files": dict(sorted(files.items())),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        self.path.write_text(f"{text}\n", encoding="utf-8")
        print(f"{name}: {share([files[name]])}", flush=True)

    def print_share(self) -> None:
        """Print how many mutants of all files are killed."""
        print(f"all: {share(self.read()['files'].values())}")


def share(files: Iterable[Any]) -> str:
    """How many mutants are killed, of how many, and how many of the others have no reason."""
    found = [*files]
    killed, survived = (sum(file[name] for file in found) for name in ("killed", "survived"))
    bare = sum(not item["reason"] for file in found for item in file["survivors"])
    return f"{killed} of {killed + survived} mutants killed, {bare} survivors without a reason"
