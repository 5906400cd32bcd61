"""Write each case as a question, and what may be answered to it: `python questions.py FILE`.

A line is [question, outcomes, names of outputs], as `owamp-vectors conform` asks and judges.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from owamp_vectors.catalogue import FILES
from owamp_vectors.conform.protocol import question
from owamp_vectors.vectors.stored import stored_cases

VECTORS = Path(__file__).parents[2] / "vectors"


def main(target: str) -> None:
    lines: list[str] = []
    for file in FILES.values():
        content = json.loads((VECTORS / f"{file.name}.json").read_text(encoding="utf-8"))
        for case in stored_cases(file, content):
            outcomes = [case.test, *case.alternatives]
            names = [item.name for item in case.type.asked_for]
            asked = json.loads(question(case, len(lines) + 1))
            lines.append(json.dumps([asked, outcomes, names]) + "\n")
    lines.sort(key=len)  # the cheap ones first: most mutants die soon
    Path(target).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
