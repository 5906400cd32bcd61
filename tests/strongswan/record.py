"""Record the known answers of strongSwan: ``make strongswan``.

For each suite both daemons negotiate, and the lines of their logs that have keys, or say what the
keys belong to, are kept unchanged. A suite that the daemon does not have keeps its logs, such as
one of strongSwan 6 where version 5 is installed. Another daemon, and suites by name::

    python -m tests.strongswan.record --charon /opt/strongswan/libexec/ipsec/charon several both
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from owamp_vectors import disk
from owamp_vectors.charon.reader import essence

from ..support import NotHereError
from .daemons import Host, Pair, pair
from .logs import DATA
from .scenario import keys_of, negotiate
from .suites import RECORDED, Suite

_HEADER = """\
# Log of the {role}'s charon, the IKEv2 daemon of strongSwan {version}.
# strongSwan is an independent implementation; no value here was computed by this project.
# The prf is of strongSwan's plugin {prf}, prf+ of {prf_plus}, the key exchange of {exchange}.
# Made by `make strongswan` on {date}, with keys that were made for this run alone.
# Proposals: IKE {ike}; ESP {esp}. Rekeyed by the {rekeyer}.{ppk}
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
        ppk=" With a PPK." if suite.ppk else "",
    )
    return header + essence(host.log())


def _record(suite: Suite, charon: str | None) -> dict[str, str]:
    with pair(suite, charon=charon) as daemons:
        negotiate(daemons)
        return {f"{suite.name}-{host.name}.log": _text(daemons, host) for host in daemons.hosts}


def main() -> int:
    """Write the logs. 1 if this machine cannot run the daemons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charon", help="path of the daemon")
    parser.add_argument("suites", nargs="*", help="by default all")
    chosen = parser.parse_args()
    texts: dict[str, str] = {}
    for suite in RECORDED:
        if chosen.suites and suite.name not in chosen.suites:
            continue
        try:
            texts |= _record(suite, chosen.charon)
        except NotHereError as error:
            print(f"{suite}: strongSwan cannot run here: {error}", file=sys.stderr)
    disk.write_files(DATA, texts)
    print(f"{len(texts)} logs, {sum(map(len, texts.values()))} octets; in {DATA}")
    return 0 if texts else 1


if __name__ == "__main__":
    sys.exit(main())
