"""The ledger believes nothing that it cannot check."""

import json

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.io import store
from neuromyo.pipeline import ledger
from neuromyo.pipeline.ledger import Ledger

KEY = ledger.key(a=1)


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "map.nii").write_bytes(b"voxels")
    book = Ledger(tmp_path, "sub-01")
    book.keep("fit", KEY, {"map.nii": store.sha256(tmp_path / "map.nii")}, {"n": [1, 2]})
    return book


def entry_file(book):
    (path,) = book.folder.iterdir()
    return path


def test_a_finished_step_is_found_under_its_key_only(kept):
    assert kept.find("fit", KEY).notes == {"n": [1, 2]}
    assert kept.find("fit", ledger.key(a=2)) is None
    assert kept.find("other", KEY) is None


@pytest.mark.parametrize("harm", ["change", "truncate", "remove", "link"])
def test_an_output_that_is_not_as_it_was_is_made_again(kept, harm):
    path = kept.out / "map.nii"
    if harm == "change":
        path.write_bytes(b"voxelz")
    elif harm == "truncate":
        path.write_bytes(b"vox")
    else:
        path.rename(kept.out / "elsewhere")
        if harm == "link":
            path.symlink_to(kept.out / "elsewhere")
    assert kept.find("fit", KEY) is None


def test_any_harm_to_an_entry_is_noticed(kept):
    path = entry_file(kept)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(200):
        harmed = bytearray(whole)
        at = rng.integers(len(harmed))
        harmed[at] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(harmed))
        try:
            same = json.loads(bytes(harmed)) == json.loads(whole)
        except ValueError:
            same = False
        assert same or kept.find("fit", KEY) is None
    for length in range(0, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        assert kept.find("fit", KEY) is None
        assert list(kept.entries()) == []


def test_a_ledger_of_a_newer_version_is_refused(kept):
    path = entry_file(kept)
    body = json.loads(path.read_bytes())
    body.pop("checksum")
    body["schema"] = ledger.SCHEMA + 1
    path.write_text(json.dumps({**body, "checksum": ledger._checksum(body)}))
    with pytest.raises(OptionError, match="newer neuromyo"):
        kept.find("fit", KEY)


def test_keys_depend_on_content_not_on_order():
    array = np.arange(6.0).reshape(2, 3)
    assert ledger.key(a=1, b={"x": array, "y": 2}) == ledger.key(b={"y": 2, "x": array.copy()}, a=1)
    assert ledger.key(x=array) != ledger.key(x=array.T)
    assert ledger.key(x=array) != ledger.key(x=array.astype(np.float32))
    assert ledger.key(x=0.1) != ledger.key(x=0.1 + 1e-17 + 1e-16)
    assert ledger.key(x=float("inf")) != ledger.key(x=float("nan"))


def test_what_cannot_be_told_by_content_is_refused():
    with pytest.raises(TypeError, match="cannot enter"):
        ledger.key(x=object())


def test_steps_whose_names_clash_as_file_names_do_not_share_an_entry(tmp_path):
    book = Ledger(tmp_path, "sub-01")
    book.keep("a/b", KEY, {})
    book.keep("a b", ledger.key(a=2), {})
    assert book.find("a/b", KEY)
    assert book.find("a b", ledger.key(a=2))
