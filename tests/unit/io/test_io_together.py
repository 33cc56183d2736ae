"""Sets of files that are written all or not at all, and places that cannot be written to, told beforehand."""

import errno
import os
import stat

import pytest

from neuromyo.core.errors import OptionError, ResourceError
from neuromyo.io import store
from neuromyo.io.together import all_or_none, refuse_unwritable


def both(folder):
    with all_or_none():
        store.write_text(folder / "a", "1")
        store.write_text(folder / "b", "2")


def test_an_interruption_between_two_files_leaves_neither(tmp_path):
    (tmp_path / "a").write_text("before")

    def stopped():
        with all_or_none():
            store.write_text(tmp_path / "a", "after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "before"


def test_all_get_their_names_at_the_end(tmp_path):
    with all_or_none():
        store.write_text(tmp_path / "a", "1")
        with all_or_none():
            store.write_text(tmp_path / "b", "2")
        assert not {"a", "b"} & set(os.listdir(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    store.write_text(tmp_path / "c", "3")
    assert (tmp_path / "c").exists()  # and at once again


def test_an_interruption_while_names_are_given_waits_until_all_have_theirs(tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 1:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr("neuromyo.io.together.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        both(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_fault_while_names_are_given_leaves_no_temporary_file(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.EIO, "x")

    monkeypatch.setattr("neuromyo.io.together.os.replace", full)
    with pytest.raises(ResourceError):
        both(tmp_path)
    assert not os.listdir(tmp_path)


PLACES = {
    "a file where a folder should be": ("file/x_dseg.tsv", "file, which is no folder"),
    "deeper below a file": ("file/in/x_dseg.tsv", "no folder"),
    "a folder of the result's name": ("folder", "a folder of that name"),
    "a pipe": ("pipe", "no file"),
    "a long name": ("x" * 300, "too long"),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_that_cannot_be_written_to_are_told_before(name, tmp_path):
    place, words = PLACES[name]
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OptionError, match=words) as told:
        refuse_unwritable([tmp_path / place])
    assert told.value.code == "E-OUTDIR"


def test_a_folder_without_permission_is_told_before(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("shut"))  # root may write everywhere
    with pytest.raises(OptionError, match="no permission"):
        refuse_unwritable([tmp_path / "shut" / "new" / "x.tsv"])


def test_places_that_can_be_written_to_are_left_as_they_are(tmp_path):
    (tmp_path / "old.tsv").write_text("x")
    refuse_unwritable([tmp_path / "old.tsv", tmp_path / "new" / "deep" / "x.tsv"])
    assert os.listdir(tmp_path) == ["old.tsv"]
    assert stat.S_ISREG((tmp_path / "old.tsv").stat().st_mode)
