"""The benchmark notes the cryptographic calls that it compares with."""

from __future__ import annotations

import pytest
from owamp_vectors import bench
from owamp_vectors.catalogue import FILES
from owamp_vectors.vectors.declaration import VectorFile


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_noted_calls_can_be_made_again(file: VectorFile) -> None:
    calls = bench.noted_calls(file)
    assert bool(calls) == (file.name != "messages")
    for call in calls:
        call()


def test_table_has_a_row_for_each_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "REFUSALS", 1)
    bench.main()
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:-4]] == [f"{name}.json" for name in FILES]
    assert rows[-4].startswith("all")
    assert next(row for row in rows if row.startswith("messages")).split()[-2] == "-"
    assert rows[-1].startswith("A server refuses an unknown KeyID in ")
