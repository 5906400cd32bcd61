"""What holds, at a glance: ``claims --matrix``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from owamp_vectors.claims.attacks import ATTACKS, load_attacks
from owamp_vectors.claims.declared import load
from owamp_vectors.claims.ledger import Ledger
from owamp_vectors.claims.matrix import excused, load_matrix, matrix_markdown
from owamp_vectors.claims.table import claim_rows
from owamp_vectors.disk import FileError

from ..support import MODELS, VECTORS

CLAIMS = load(MODELS, VECTORS)


def test_the_page_has_the_matrix_of_today() -> None:
    table = claim_rows(CLAIMS, Ledger.load(MODELS / "proofs"))
    text = matrix_markdown(load_matrix(CLAIMS), CLAIMS, table)
    assert text in (MODELS / "README.md").read_text(encoding="utf-8")


def test_cells_say_what_the_ledger_says() -> None:
    verdicts = {
        row.claim.id: row.verdict for row in claim_rows(CLAIMS, Ledger.load(MODELS / "proofs"))
    }
    page = (MODELS / "README.md").read_text(encoding="utf-8")
    block = page[page.index("<!-- matrix:begin") : page.index("<!-- matrix:end")]
    cells = re.findall(r"(yes|\*\*no\*\*)[^|(]*\(`([a-z0-9-]+)`\)", block)
    assert cells
    for said, claim in cells:
        expected = "verified" if said == "yes" else "falsified"
        assert verdicts[claim].startswith(expected), claim


def test_what_may_not_be_lost_is_read_from_the_formula() -> None:
    claims = {claim.id: claim for claim in CLAIMS.claims}
    lost = ("a long-term key", "SK_d", "the shared secret key")
    assert excused(CLAIMS, claims["ippm-keymat-lost"]) == lost
    assert excused(CLAIMS, claims["keymat-sid-own-secrets"]) == ()


def test_no_statement_begins_with_an_if_in_an_if() -> None:
    assert not [one.id for one in CLAIMS.every if re.match("If .*, if ", one.statement)]


def test_each_loss_has_words() -> None:
    for _, cells in load_matrix(CLAIMS).rows:
        for claim in cells.values():
            assert all(
                re.fullmatch("T[1-4]|.*[a-z ].*|SK_d|KEYMAT", w) for w in excused(CLAIMS, claim)
            )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('passphrase = "guess"', 'passwords = "guess"', "no column passwords"),
        ('passphrase = "guess"', 'passphrase = "guesses"', "no claim guesses"),
        ("[[row]]\nproperty = ", "[[row]]\nname = ", "row 2"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models, ignore=shutil.ignore_patterns("proofs"))
    path = models / "matrix.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FileError, match=message):
        load_matrix(load(models, VECTORS))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["guess"]', '["guesses"]', "no claim guesses"),
        ('["guess"]', '["run-encrypted"]', "expected falsified claims, found run-encrypted"),
        ("needs = ", "wants = ", "attack 1"),
    ],
)
def test_attacks_that_do_not_fit_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    models = Path(shutil.copytree(MODELS, tmp_path / "models", ignore=lambda *_: ["proofs"]))
    path = models / ATTACKS
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(FileError, match=message):
        load_attacks(load(models, VECTORS))
