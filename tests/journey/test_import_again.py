"""``neuromyo import`` a second time: after a series was named, after more images came, after files were deleted, after it was killed."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from neuromyo.dicom import inside
from neuromyo.io import store
from neuromyo.pipeline import intake_ledger as ledger
from neuromyo.pipeline import lock
from tests.dialects import siemens
from tests.dialects.cases import mese
from tests.dialects.exam import Examination
from tests.dialects.geometry import pattern
from tests.dialects.scan import Scan
from tests.dialects.truth import OBLIQUE
from tests.gauntlet.driving import neuromyo
from tests.journey.kit import ROOT

pytestmark = pytest.mark.journey


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def imported(tmp_path, *options, source="in", into="bids"):
    return neuromyo("import", tmp_path / source, tmp_path / into, "--subject", "01", *options)


def content(bids, own=False):
    """Hash by name of all that is there; what the import keeps for itself only where that is asked."""
    return {p.relative_to(bids).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(bids.rglob("*"))
            if p.is_file() and (own or ledger.FOLDER not in p.parts)}  # fmt: skip


def images(bids):
    return sorted(p.name for p in bids.rglob("*.nii*"))


def said(done, code):
    findings = [*done.json["findings"], *(f for one in done.json["sessions"] for f in one["findings"])]
    return [f for f in findings if f["code"] == code]


WHOLE = [f"sub-01_echo-{n}_MESE.nii.gz" for n in (1, 2, 3)]


def test_a_series_that_was_not_told_is_imported_once_it_is_named(tmp_path):
    """The remedy of W-KIND works: images that were left out are looked at again."""
    siemens.write(
        Scan(pattern((8, 9, 3, 1)), OBLIQUE, echo_times=(0.04,)), Examination().series(3, "odd"), tmp_path / "in"
    )
    first = imported(tmp_path)
    assert [f["where"] for f in said(first, "W-KIND")] == ["series 3"]
    assert images(tmp_path / "bids") == []
    assert imported(tmp_path, "--series", "3=T2w").status == 0
    assert images(tmp_path / "bids") == ["sub-01_T2w.nii.gz"]
    before = content(tmp_path / "bids")
    assert imported(tmp_path, "--series", "3=T2w").json["files"] == []
    assert content(tmp_path / "bids") == before


@pytest.mark.parametrize("late", [lambda n: n % 5 >= 3, lambda n: n >= 10], ids=["slices", "an echo"])
@pytest.mark.parametrize("apart", [False, True], ids=["the whole folder", "the rest alone"])
def test_images_that_come_later_make_no_measurement_of_their_own(tmp_path, late, apart):
    paths = siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "whole")
    for folder in ("in", "rest"):
        (tmp_path / folder).mkdir()
    for n, path in enumerate(paths):
        shutil.copy(path, tmp_path / ("rest" if late(n) else "in"))
    assert imported(tmp_path).status == 0
    before = content(tmp_path / "bids")
    done = imported(tmp_path, source="rest" if apart else "whole")
    assert done.status == 2
    (error,) = done.json["errors"]
    assert (error["code"], error["where"]) == ("E-SERIES", "series 3")
    assert "sub-01_echo-1_MESE" in error["found"] and "delete" in error["remedy"]
    assert content(tmp_path / "bids") == before
    shutil.rmtree(tmp_path / "bids" / "sub-01" / "anat")  # as the remedy says
    assert imported(tmp_path, source="whole").status == 0
    assert imported(tmp_path, source="whole", into="other").status == 0
    assert content(tmp_path / "bids") == content(tmp_path / "other")


def test_a_part_that_failed_is_tried_again(tmp_path):
    """Of one series the magnitude came whole, of the phase an image was missing: told in the same words again, and never mixed."""
    scan = Scan(pattern((8, 9, 3, 4), high=4000), OBLIQUE, echo_times=(0.005, 0.01, 0.005, 0.01), sequence="GR", flip_deg=(15.0,),
                parts=("mag", "mag", "phase", "phase"), repetition_time=0.03)  # fmt: skip
    paths = siemens.write(scan, Examination().series(3, "gre"), tmp_path / "in")
    paths[-1].unlink()
    first, second = imported(tmp_path), imported(tmp_path)
    assert first.status == second.status == 2
    for done in (first, second):
        (error,) = done.json["errors"]
        assert error["code"] == "E-SERIES" and "none at slice 3" in error["found"]
    assert len(images(tmp_path / "bids")) == 2


def test_a_slice_lost_at_the_end_of_every_echo_is_seen_in_the_numbers(tmp_path):
    """The slices that are left lie evenly: nothing but their numbers tells."""
    paths = siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    assert said(imported(tmp_path, into="whole"), "W-GAPS") == []
    for n in (4, 9, 14):
        paths[n].unlink()
    (finding,) = said(imported(tmp_path), "W-GAPS")
    assert (
        finding["where"] == "series 3"
        and "2 of its instance numbers are missing (5, 10) between 1 and 14" in finding["message"]
    )


def test_deleted_images_are_named_or_made_again(tmp_path):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    imported(tmp_path)
    bids = tmp_path / "bids"
    before = content(bids)
    (bids / "sub-01" / "anat" / WHOLE[1]).unlink()
    done = imported(tmp_path)
    (finding,) = said(done, "W-GONE")
    assert "sub-01_echo-2_MESE" in finding["message"] and "delete the whole set" in finding["remedy"]
    assert done.json["files"] == [] and images(bids) == [WHOLE[0], WHOLE[2]]
    shutil.rmtree(bids / "sub-01" / "anat")
    assert imported(tmp_path).status == 0
    assert content(bids) == before


@pytest.mark.parametrize("name", ["sub-01_echo-1_MESE.nii.gz", "sub-01_echo-2_MESE.nii", "sub-01_echo-3_MESE.json"])
def test_an_image_of_the_users_own_is_never_replaced(tmp_path, name):
    """Whichever of an image's files stands there under its name, without the others too."""
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    anat = tmp_path / "bids" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (tmp_path / "bids" / "dataset_description.json").write_text('{"Name": "mine", "BIDSVersion": "1.10.0"}')
    (anat / name).write_bytes(b"mine")
    assert imported(tmp_path).status == 0
    assert (anat / name).read_bytes() == b"mine"
    assert [n for n in images(tmp_path / "bids") if n != name] == [
        f"sub-01_run-2_echo-{n}_MESE.nii.gz" for n in (1, 2, 3)
    ]


def test_a_later_visit_and_a_later_series_change_nothing_else(tmp_path):
    first, second = Examination(), Examination(visit=2, day="20240507")
    siemens.write(mese(seed=1), first.series(3, "mese"), tmp_path / "v1" / "a")
    siemens.write(mese(seed=2), second.series(3, "mese"), tmp_path / "v2")
    imported(tmp_path, "--session", "v1", source="v1")
    before = content(tmp_path / "bids" / "sub-01" / "ses-v1")
    siemens.write(mese(seed=3), first.series(4, "mese"), tmp_path / "v1" / "b")
    assert imported(tmp_path, "--session", "v2", source="v2").status == 0
    assert content(tmp_path / "bids" / "sub-01" / "ses-v1") == before
    assert imported(tmp_path, "--session", "v1", source="v1").status == 0
    now = content(tmp_path / "bids" / "sub-01" / "ses-v1")
    assert {k: v for k, v in now.items() if k in before and not k.endswith(".tsv")} == {
        k: v for k, v in before.items() if not k.endswith(".tsv")
    }
    assert len(images(tmp_path / "bids")) == 9
    again = imported(tmp_path, "--session", "v2", "--key", str(other_key(tmp_path)), source="v2")
    assert again.status == 2 and again.json["error"]["code"] == "E-OPTION" and again.json["error"]["where"] == "--key"


def other_key(tmp_path):
    path = tmp_path / "key"
    path.write_text("ab" * 32 + "\n")
    path.chmod(0o600)
    return path


def test_two_imports_at_once(tmp_path):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    imported(tmp_path)
    before = content(tmp_path / "bids", own=True)
    with lock.held(ledger.own_folder(tmp_path / "bids")):
        done = imported(tmp_path)
    assert done.status == 3 and done.json["error"]["code"] == "E-LOCKED"
    assert {k: v for k, v in content(tmp_path / "bids", own=True).items() if not k.endswith("record/lock")} == {
        k: v for k, v in before.items() if not k.endswith("record/lock")
    }


@pytest.mark.parametrize("wrong", [("--series", "3=MESE,flip-x-1"), ("--series", "3=FOO"), ("--series", "3=MESE,acq-../x"),
                                   ("--series", "3=MESE", "--series", "3=T2w"), ("--protocol", "nope")])  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_anything_is_read(tmp_path, wrong):
    """Also where there is nothing left to import."""
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    imported(tmp_path)
    for into in ("bids", "new"):
        done = imported(tmp_path, *wrong, into=into)
        assert done.status == 2, done.out
        assert done.json["error"]["where"].startswith((wrong[0], "protocol nope")) and done.json["error"]["remedy"]
    assert not (tmp_path / "new").exists()


def test_another_name_for_what_is_there_is_not_silently_forgotten(tmp_path):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    imported(tmp_path)
    (finding,) = said(imported(tmp_path, "--series", "3=MEGRE"), "N-SERIES")
    assert finding["where"] == "--series 3" and "delete the files" in finding["remedy"]
    (finding,) = said(imported(tmp_path, "--keep-dicom", "--keep", "age"), "N-KEPT")
    assert finding["where"] == "--keep, --keep-dicom"
    assert not (tmp_path / "bids" / "sourcedata").exists()


def test_a_full_disk_leaves_no_dataset_and_the_next_import_makes_it(tmp_path, monkeypatch):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    assert imported(tmp_path, into="whole").status == 0
    real, calls = store._fill, []

    def full(*given):
        calls.append(1)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(store, "_fill", full)
        done = imported(tmp_path)
    assert done.status == 3 and done.json["error"]["code"] == "E-DISK"
    assert not (tmp_path / "bids").exists()
    assert imported(tmp_path).status == 0
    assert content(tmp_path / "bids") == content(tmp_path / "whole")
    assert (
        inside._as_dict(OSError(errno.ENOSPC, "x"))["code"] == "E-DISK"
    )  # and so in the child, whose voxels lie there too


# --- killed -----------------------------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
from neuromyo.pipeline import intake_ledger as ledger
where, after = sys.argv[1], int(sys.argv[2])
calls = 0
def at(name, real):
    def told(*given, **more):
        global calls
        if name == where:
            calls += 1
            if calls > after:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **more)
    return told
from neuromyo.io import raw_bids, store
from neuromyo.dicom import sweep
from neuromyo.pipeline import intake_visit
raw_bids.write_image = at("image", raw_bids.write_image)
sweep.swept = at("sweep", sweep.swept)
ledger.recover = at("recover", ledger.recover)
ledger.os.replace = at("replace", ledger.os.replace)
ledger.clear = at("clear", ledger.clear)
from neuromyo.cli.main import main
main(sys.argv[3:])
"""
#: the step that the import is killed before, and how many times it was let pass; replacing goes on in `io.store` too
MOMENTS = [("image", 1), ("sweep", 0), ("recover", 1), ("move", 1), ("move", 9), ("clear", 1)]


@pytest.mark.parametrize(("step", "after"), MOMENTS, ids=lambda v: str(v))
def test_a_killed_import_leaves_nothing_half_and_goes_on(tmp_path, step, after):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    assert imported(tmp_path, into="whole").status == 0
    expected = content(tmp_path / "whole")
    (tmp_path / "killed.py").write_text(_KILLED.replace('ledger.os.replace = at("replace", ledger.os.replace)', _MOVES))
    asked = [
        sys.executable,
        tmp_path / "killed.py",
        step,
        str(after),
        "import",
        tmp_path / "in",
        tmp_path / "bids",
        "--subject",
        "01",
    ]
    done = subprocess.run(
        [*map(str, asked)], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, timeout=100
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    there = content(tmp_path / "bids")
    assert there.items() <= expected.items()
    if step in ("image", "sweep"):
        assert there == {}
    elif step == "move":
        assert len(there) == after
    assert imported(tmp_path).status == 0
    assert content(tmp_path / "bids") == expected
    remembered = content(tmp_path / "bids", own=True).keys() - expected.keys()
    assert {n for n in remembered if not n.startswith(f"{ledger.FOLDER}/record")} == {
        f"{ledger.FOLDER}/import/sub-01.json"
    }
    assert imported(tmp_path).json["files"] == []


_MOVES = """
class Os:
    def __getattr__(self, name):
        return at("move", os.replace) if name == "replace" else getattr(os, name)
ledger.os = Os()
"""


def test_a_process_killed_from_outside(tmp_path):
    """Whenever it strikes: the dataset is made whole by the next import."""
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    assert imported(tmp_path, into="whole").status == 0
    expected = content(tmp_path / "whole")
    asked = [
        sys.executable,
        "-m",
        "neuromyo",
        "import",
        str(tmp_path / "in"),
        str(tmp_path / "bids"),
        "--subject",
        "01",
    ]
    for seconds in (0.6, 1.0, 1.4):
        one = subprocess.Popen(asked, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(seconds)
        one.kill()
        one.wait()
        there = content(tmp_path / "bids") if (tmp_path / "bids").exists() else {}
        assert there.items() <= expected.items()
    assert imported(tmp_path).status == 0
    assert content(tmp_path / "bids") == expected


@pytest.mark.parametrize("moves", [["../../taken"], ["/taken"], [".neuromyo/import/x"], [5], None])
def test_moves_that_lead_out_of_the_dataset_are_not_made(tmp_path, moves):
    """A dataset from somebody else may hold any list of moves."""
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    own = tmp_path / "bids" / ledger.FOLDER
    (own / "staging").mkdir(parents=True)
    (tmp_path / "bids" / "taken").write_text("theirs")
    (own / "pending.json").write_text(json.dumps({"moves": moves, "account": {"label": "sub-01"}}))
    before = content(tmp_path / "bids")
    done = imported(tmp_path)
    assert done.status == 2 and done.json["error"]["code"] == "E-BIDS"
    assert "pending.json" in done.json["error"]["where"]
    assert content(tmp_path / "bids") == before


@pytest.mark.parametrize("label", ["../../../x", "sub-01/../x", ""])
def test_an_account_cannot_name_a_file_elsewhere(tmp_path, label):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    own = tmp_path / "bids" / ledger.FOLDER
    own.mkdir(parents=True)
    (own / "pending.json").write_text(json.dumps({"moves": [], "account": {"label": label}}))
    assert imported(tmp_path).json["error"]["code"] == "E-BIDS"
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("name", ["staging", "scratch", "import", "record"])
def test_what_the_import_keeps_for_itself_may_be_no_link(tmp_path, name):
    siemens.write(mese(), Examination().series(3, "mese"), tmp_path / "in")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bids" / ledger.FOLDER).mkdir(parents=True)
    (tmp_path / "bids" / ledger.FOLDER / name).symlink_to(tmp_path / "elsewhere")
    done = imported(tmp_path)
    assert done.status == 4 and done.json["error"]["code"] == "E-OUTDIR"
    assert list((tmp_path / "elsewhere").iterdir()) == []
