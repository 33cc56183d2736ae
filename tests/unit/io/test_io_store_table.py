"""Atomic writing under faults, and tables that come back as they went."""

import errno
import os

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.measurements import Measurements
from neuromyo.io import store, table


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "E-DISK"), (errno.EDQUOT, "E-DISK"), (errno.EIO, "E-IO")])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_fault_leaves_what_was_there(tmp_path, monkeypatch, call, number, code):
    path = tmp_path / "a.json"
    store.write_json(path, {"b": 1, "a": [1.5, "é"]})
    before = path.read_bytes()

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store.os, call, fail)
    with pytest.raises(NeuromyoError) as caught:
        store.write_json(path, {"c": 2})
    assert caught.value.code == code and caught.value.exit_status == 3
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.json"]


def test_a_broken_stream_leaves_nothing(tmp_path):
    def pieces():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write_stream(tmp_path / "x", pieces())
    assert not os.listdir(tmp_path)


def test_sweep_takes_only_what_a_killed_run_left(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".neuromyo-00ff.tmp").write_bytes(b"x")
    (tmp_path / "keep.tmp").write_bytes(b"x")
    assert store.sweep(tmp_path) == 1 and (tmp_path / "keep.tmp").exists()


def test_no_nan_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        store.write_json(tmp_path / "a.json", {"a": float("nan")})


def test_measurements_come_back(tmp_path):
    rows = [{"subject": "1", "region": "soleus", "value": 33.123456789012, "n_voxels": 12, "flags": ("W-A", "W-B")},
            {"subject": "2", "region": "soleus", "value": float("nan")}]  # fmt: skip
    table.write_measurements(tmp_path / "m.tsv", Measurements.of(rows))
    back = table.read_measurements(tmp_path / "m.tsv")
    assert back.columns["value"][0] == 33.12345679 and np.isnan(back.columns["value"][1])
    assert back.columns["flags"][0] == "W-A,W-B" and back.columns["session"][0] == ""
    assert (tmp_path / "m.json").exists() and b"n/a" in (tmp_path / "m.tsv").read_bytes()


def test_infinity_is_refused(tmp_path):
    with pytest.raises(NeuromyoError, match="E-TABLE"):
        table.write_tsv(tmp_path / "t.tsv", ["a"], [[float("inf")]])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"", "empty"), (b"a\tb\n1\n", "row 2"), (b"a\ta\n1\t2\n", "different names"), ("a\tb".encode("utf-16"), "UTF-16"),
     (b"a\n\xff\n", "UTF-8")],
)  # fmt: skip
def test_tables_that_are_none(tmp_path, raw, words):
    (tmp_path / "t.tsv").write_bytes(raw)
    with pytest.raises(NeuromyoError, match=words) as caught:
        table.read_tsv(tmp_path / "t.tsv")
    assert caught.value.code == "E-TABLE"


def test_marks_and_windows_lines_do_no_harm(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfa\tb\r\n1\tn/a\r\n")
    assert table.read_tsv(tmp_path / "t.tsv") == {"a": ["1"], "b": [""]}
