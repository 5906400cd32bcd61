"""A stand-in for tamarin-prover: prints what Tamarin prints, and misbehaves as it is told.

`install` writes an executable whose behaviour is a table: lemma → what happens. A proof that says
``by recorded-VERDICT`` is one that it accepts without --prove.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from owamp_vectors.vectors.declaration import Json

SCRIPT = r"""#!{python}
import json, os, re, resource, signal, subprocess, sys, time
from pathlib import Path
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # a disk that is full is not the prover's
here = Path(__file__)
told = json.loads(here.with_suffix(".json").read_text())
arguments = sys.argv[1:]
with here.with_suffix(".log").open("a") as log:
    log.write(json.dumps(arguments) + "\n")
if "--version" in arguments:
    print(told["version"], file=sys.stderr)
    sys.exit(told.get("code", 0))
options = dict(a[2:].partition("=")[::2] for a in arguments if a.startswith("--"))
if "output-json" in options and "1.8.0" in told["version"]:
    print("Unknown flag: --output-json", file=sys.stderr)
    sys.exit(1)
[theory] = [a for a in arguments if a.endswith(".spthy")]
text = Path(theory).read_text()
if told["theory"] == "warning" and "--quit-on-warning" in arguments:
    print("\nWARNING: the following wellformedness checks failed!\n\nMessage Derivation Checks\n"
          "=========================\n\n  rule `A' fails\n")
    sys.exit(1)
wanted = [a[8:] for a in arguments if a.startswith("--prove=")]
printed, summary, found = [], [], []
pattern = r'lemma (\w+):\s*(all-traces|exists-trace)?\s*"([^"]*)"\s*(?:by recorded-(\w+))?'
for name, quantifier, formula, recorded in re.findall(pattern, text):
    quantifier = quantifier or "all-traces"
    does = told["lemmas"].get(name, "verified")
    if "prove" not in options or wanted and name not in wanted:
        does = ""
    if does == "sleep":
        child = subprocess.Popen(["sleep", "60"])
        here.with_suffix(".pid").write_text(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(60)
    elif does == "allocate":
        memory = [a for a in arguments if a.startswith("-M")]
        print(f"tamarin-prover: Heap exhausted; the limit is {{memory}}", file=sys.stderr)
        sys.exit(251)
    elif does == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif does == "crash":
        print("tamarin-prover: Prelude.head: empty list", file=sys.stderr)
        sys.exit(1)
    elif does == "garbage":
        sys.stdout.buffer.write(b"\xff\xfe\x00 no theory")
        sys.exit(0)
    elif does == "warning":
        print("\nWARNING: the following wellformedness checks failed!\n\nUnbound variables\n"
              "=================\n\n  rule `A' has unbound variables:\n    y\n")
        sys.exit(1)
    elif does == ("falsified" if quantifier == "all-traces" else "verified"):
        found.append(name)
    elif does == "other quantifier":
        quantifier, does = "exists-trace", "verified"
    status, steps = does or recorded or "analysis incomplete", 5 if does else 1
    status = "falsified - found trace" if status == "falsified" else status
    summary.append(f"  {{name}} ({{quantifier}}): {{status}} ({{steps}} steps)")
    proof = f"by recorded-{{does or recorded or 'nothing'}}"
    guarded = f'/*\nguarded formula\n"{{formula}}"\n*/'
    printed.append(f'lemma {{name}}:\n  {{quantifier}}\n  "{{formula}}"\n{{guarded}}\n')
    printed.append(proof + "\n\n")
if "output" in options:
    rest = re.sub(pattern, "", text.rpartition("end")[0])
    if told["theory"] == "drops":
        rest = rest.replace("rule Server_Start", "rul Server_Start")
    Path(options["output"]).write_text(rest + "\n" + "".join(printed) + "end\n")
if "output-json" in options:
    [graph] = json.loads(told["trace"])["graphs"]
    graphs = [{{**graph, "jgLabel": f"trace_{{name}}"}} for name in found]
    Path(options["output-json"]).write_text(json.dumps({{"graphs": graphs}}))
    Path(options["output-dot"]).write_text("digraph x {{ a -> b; }}\n" * len(found))
print("\n" + "=" * 78 + "\nsummary of summaries:\n\nanalyzed: " + theory + "\n")
print("\n".join(summary) + "\n\n" + "=" * 78)
"""

VERSION = """tamarin-prover 1.10.0, (C) David Basin and others

Generated from:
Tamarin version 1.10.0
Maude version 3.4
Git revision: 0123456789abcdef, branch: master
"""


class FakeProver:
    """The executable, and what it is told."""

    def __init__(self, directory: Path, trace: str) -> None:
        self.path = directory / "fake-prover"
        self.told: Json = {"version": VERSION, "lemmas": {}, "trace": trace, "theory": ""}
        self.path.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
        self.path.chmod(0o755)
        self.tell()

    def tell(self, **lemmas: str) -> None:
        """What is to happen to lemmas."""
        self.told["lemmas"] |= lemmas
        self.path.with_suffix(".json").write_text(json.dumps(self.told), encoding="utf-8")

    @property
    def runs(self) -> list[list[str]]:
        """The arguments of each run since the last call, but for those that ask its version."""
        log = self.path.with_suffix(".log")
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [run for line in lines if "--version" not in (run := json.loads(line))]
