"""Programs for the runner's tests; `python programs.py KIND` answers as KIND says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors"


def by_reference(question: Any) -> dict[str, Any]:
    """The right answer, or a wrong one while a mistake is applied."""
    from owamp_vectors.catalogue import FILES  # noqa: PLC0415 - most programs start without it

    types = {kind.name: kind for file in FILES.values() for kind in file.types}
    kind = types[question["type"]]
    parameters = {x.name: x.from_json(question["parameters"][x.name]) for x in kind.parameters}
    inputs = {x.name: x.from_json(question["inputs"][x.name]) for x in kind.inputs}
    found = kind.evaluate(parameters, inputs)
    if found.outputs is None:
        return {"refused": found.reason, "stage": found.stage}
    outputs = found.outputs
    return {"outputs": {item.name: item.to_json(outputs[item.name]) for item in kind.outputs}}


@cache
def cases(file: str) -> list[Any]:
    content = json.loads((VECTORS / f"{file}.json").read_text(encoding="utf-8"))
    return [test for group in content["testGroups"] for test in group["tests"]]


def by_heart(question: Any) -> dict[str, Any]:
    """The right answer, from the vectors themselves."""
    case = cases(question["file"])[question["tcId"] - 1]
    if case["result"] == "invalid":
        return {"refused": case["reason"]}
    about = ("tcId", "comment", "source", "flags", "requirement", "result", "reason")
    known = (*about, "alternatives", "trace", *question["inputs"])
    return {"outputs": {name: value for name, value in case.items() if name not in known}}


def say(number: int, answer: dict[str, Any]) -> None:
    print(json.dumps({"id": number, **answer}), flush=True)


def misbehave(kind: str, argument: str) -> None:
    """What the program does instead of answering its third question."""
    if kind == "crash":
        sys.exit("out of luck")
    if kind == "abort":
        os.abort()
    if kind == "hang":
        time.sleep(600)
    if kind == "child":  # a child keeps the pipes open
        child = subprocess.Popen(["sleep", "600"])
        Path(argument).write_text(str(child.pid), encoding="utf-8")
        sys.exit(1)
    if kind == "line":
        sys.stdout.write(argument.encode().decode("unicode_escape") + "\n")
    if kind == "huge":
        sys.stdout.write("x" * 2**22 + "\n")
    if kind == "endless":
        while True:
            sys.stdout.write("x" * 2**16)
    if kind == "closed":
        os.close(1)
        time.sleep(600)
    sys.stdout.flush()


def main(kind: str, argument: str = "") -> None:
    if kind == "exit":
        sys.exit(argument)
    if kind == "deaf":
        time.sleep(600)
    answer = by_reference if kind in ("right", "mistake") else by_heart
    with _mistake(argument) if kind == "mistake" else nullcontext():
        for line in sys.stdin:
            question = json.loads(line)
            number = question["id"]
            if kind == "unsupported" and question["type"] != argument:
                say(number, {"unsupported": True})
            elif kind == "last":
                right = answer(question)
                outputs = list(right.get("outputs", {}).items())
                say(number, {"outputs": dict(outputs[-1:])} if outputs else right)
            elif kind == "reply":
                say(number, json.loads(argument))
            elif number == 3 and kind not in ("right", "mistake", "unsupported", "noisy"):
                misbehave(kind, argument)
            else:
                if kind == "noisy":
                    sys.stderr.write("noise\n" * 20_000)
                say(number, answer(question))


def _mistake(flag: str) -> Any:
    from owamp_vectors.mistakes import MISTAKES  # noqa: PLC0415

    return MISTAKES[flag].applied()


if __name__ == "__main__":
    main(*sys.argv[1:])
