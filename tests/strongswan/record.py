"""Record the known answers of strongSwan: ``make strongswan``.

For each suite both daemons negotiate, and the lines of their logs that have keys, or say what the
keys belong to, are kept unchanged.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from owamp_vectors import files
from owamp_vectors.live.charon_reader import essence, parse

from .daemons import ALL_SUITES, NotHereError, Suite, pair
from .logs import DATA
from .scenario import negotiate, rekeyer

_HEADER = """\
# Log of the {role}'s charon, the IKEv2 daemon of strongSwan {version}.
# strongSwan is an independent implementation; no value here was computed by this project.
# Made by `make strongswan` on {date}, with keys that were made for this run alone.
# Proposals: IKE {ike}; ESP {esp}. Rekeyed by the {rekeyer}.
# Lines without keys are left out; those that are here are as charon wrote them.
"""


def _header(role: str, suite: Suite, by: str, text: str) -> str:
    return _HEADER.format(
        role=role,
        version=parse(text).version,
        date=datetime.now(UTC).date(),
        ike=suite.ike,
        esp=suite.esp,
        rekeyer=by,
    )


def main() -> int:
    """Write the logs. 1 if this machine cannot run the daemons."""
    texts = {}
    try:
        with pair() as daemons:
            for suite in ALL_SUITES:
                logs = negotiate(daemons, suite)
                by = rekeyer(daemons, suite).name
                daemons.terminate(suite)
                for host, log in zip(daemons.hosts, logs, strict=True):
                    text = essence(log.text())
                    header = _header(host.name, suite, by, text)
                    texts[f"{suite.name}-{host.name}.log"] = header + text
    except NotHereError as error:
        print(f"strongSwan cannot run here: {error}", file=sys.stderr)
        return 1
    files.write_files(DATA, texts)
    print(f"{len(texts)} logs, {sum(map(len, texts.values()))} octets; in {DATA}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
