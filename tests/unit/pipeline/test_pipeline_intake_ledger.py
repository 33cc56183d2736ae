"""What an import remembers, and what it finishes of one that was killed."""

import json

import pytest

from neuromyo.core.errors import DataError
from neuromyo.pipeline import intake_ledger as ledger

ACCOUNT = {"schema": 1, "label": "sub-01_ses-m0", "person": "p", "key": "k", "images": {"a": "left out"}}


def pending(bids, moves, account=ACCOUNT):
    ledger.staging(bids).mkdir(parents=True, exist_ok=True)
    (ledger.own_folder(bids) / "pending.json").write_text(json.dumps({"moves": moves, "account": account}))


def test_moves_that_a_killed_import_had_listed_are_finished(tmp_path):
    pending(tmp_path, ["sub-01/anat/a.json", "there already.json"])
    staged = ledger.staging(tmp_path) / "sub-01" / "anat" / "a.json"
    staged.parent.mkdir(parents=True)
    staged.write_text("{}")
    assert ledger.recover(tmp_path) and not ledger.recover(tmp_path)
    assert (tmp_path / "sub-01" / "anat" / "a.json").read_text() == "{}"
    assert ledger.accounts(tmp_path)["sub-01_ses-m0"].images == {"a": "left out"}


@pytest.mark.parametrize(
    ("moves", "account"),
    [
        (["../../stolen"], ACCOUNT), (["/stolen"], ACCOUNT), (["a/../../../stolen"], ACCOUNT), (["..\\stolen"], ACCOUNT),
        ([".neuromyo/import/sub-02.json"], ACCOUNT), ([7], ACCOUNT), ("stolen", ACCOUNT), ([], {**ACCOUNT, "label": "../../stolen"}),
        ([], None), ([], {}),
    ],
)  # fmt: skip
def test_a_list_of_moves_out_of_the_dataset_is_refused(moves, account, tmp_path):
    """The dataset may have come from somebody else, its list of moves too."""
    bids = tmp_path / "a" / "bids"
    pending(bids, moves, account)
    (bids / "stolen").write_text("of the dataset")
    with pytest.raises(DataError, match="pending.json") as caught:
        ledger.recover(bids)
    assert caught.value.code == "E-BIDS"
    assert [p.name for p in tmp_path.rglob("stolen*")] == ["stolen"]
    assert (bids / "stolen").is_file()
