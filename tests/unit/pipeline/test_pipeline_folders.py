"""Where a run may write, and that only one does."""

import json
import os
import subprocess
import sys

import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.pipeline import lock, outdir


@pytest.fixture
def bids(tmp_path):
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    return tmp_path / "bids"


def refusal(out, bids):
    with pytest.raises(NeuromyoError) as caught:
        outdir.prepare(out, bids)
    assert caught.value.exit_status == 4
    return caught.value


def test_a_new_or_empty_folder_is_made_ready(tmp_path, bids):
    assert (outdir.prepare(tmp_path / "a" / "b", bids) / "record").is_dir()
    (tmp_path / "empty").mkdir()
    assert outdir.prepare(tmp_path / "empty", bids) == (tmp_path / "empty").resolve()


def test_unsafe_places_are_refused_and_left_alone(tmp_path, bids):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    for out, said in [
        (tmp_path / "link", "symbolic link"),
        (tmp_path / "file", "a file"),
        (tmp_path / "full", "other people's files"),
        (bids, "inside"),
        (bids / "derivatives" / "neuromyo", "inside"),
        (tmp_path, "contains"),
    ]:
        assert said in str(refusal(out, bids))
    assert sorted(p.name for p in (tmp_path / "full").iterdir()) == ["thesis.doc"]
    assert not (bids / "derivatives").exists()


def test_our_own_folder_is_taken_again_unless_links_have_come_in(tmp_path, bids):
    out = outdir.prepare(tmp_path / "out", bids)
    outdir.mark(out)
    (out / "sub-01").mkdir()
    assert outdir.prepare(tmp_path / "out", bids) == out
    (out / "sub-02").symlink_to(bids / "sub-01")
    assert "sub-02" in str(refusal(tmp_path / "out", bids))


def test_a_run_killed_before_it_could_say_whose_folder_it_is_may_go_on(tmp_path, bids):
    out = outdir.prepare(tmp_path / "out", bids)
    (out / "record" / "lock").touch()
    assert outdir.prepare(tmp_path / "out", bids) == out


def test_a_read_only_folder_is_refused(tmp_path, bids, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "read-only" in str(refusal(tmp_path / "out", bids))


HOLD = """
import sys
from pathlib import Path
from neuromyo.pipeline import lock
with lock.held(Path(sys.argv[1])):
    print('held', flush=True)
    sys.stdin.read()
"""


def test_two_runs_do_not_mix_and_a_dead_one_leaves_nothing(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(NeuromyoError) as caught, lock.held(tmp_path):
            pass
        assert caught.value.code == "E-LOCKED"
        assert str(first.pid) in str(caught.value)
    finally:
        first.kill()
        first.wait()
        first.stdin.close()
        first.stdout.close()
    with lock.held(tmp_path):
        assert json.loads((tmp_path / "record" / "lock").read_text())["pid"] == os.getpid()
