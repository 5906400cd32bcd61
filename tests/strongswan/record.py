"""Record the known answers of strongSwan: ``make strongswan``.

For each suite both daemons negotiate, and the lines of their logs that have keys, or say what the
keys belong to, are kept unchanged.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from owamp_vectors import disk
from owamp_vectors.charon.reader import essence

from .daemons import Host, NotHereError, Pair, pair
from .logs import DATA
from .scenario import keys_of, negotiate
from .suites import ALL_SUITES, Suite

_HEADER = """\
# Log of the {role}'s charon, the IKEv2 daemon of strongSwan {version}.
# strongSwan is an independent implementation; no value here was computed by this project.
# The prf is of strongSwan's plugin {prf}, prf+ of {prf_plus}, the key exchange of {exchange}.
# Made by `make strongswan` on {date}, with keys that were made for this run alone.
# Proposals: IKE {ike}; ESP {esp}. Rekeyed by the {rekeyer}.
# Lines without keys are left out; those that are here are as charon wrote them.
"""


def _text(daemons: Pair, host: Host) -> str:
    suite: Suite = daemons.suite
    plugins = host.algorithms()
    header = _HEADER.format(
        role=host.name,
        version=keys_of(host).version,
        prf=plugins[suite.prf],
        prf_plus=plugins["KDF_PRF_PLUS"],
        exchange=plugins[suite.needs[-1]],
        date=datetime.now(UTC).date(),
        ike=suite.ike,
        esp=suite.esp,
        rekeyer=daemons.rekeyer.name,
    )
    return header + essence(host.log())


def main() -> int:
    """Write the logs. 1 if this machine cannot run the daemons."""
    texts = {}
    try:
        for suite in ALL_SUITES:
            with pair(suite) as daemons:
                negotiate(daemons)
                for host in daemons.hosts:
                    texts[f"{suite.name}-{host.name}.log"] = _text(daemons, host)
    except NotHereError as error:
        print(f"strongSwan cannot run here: {error}", file=sys.stderr)
        return 1
    disk.write_files(DATA, texts)
    print(f"{len(texts)} logs, {sum(map(len, texts.values()))} octets; in {DATA}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
