"""Rows G45 to G56 through ``neuromyo import``: what is bad is refused by name, what lies beside it is imported to the same bytes.

A few of each row every time; all of them with NEUROMYO_TEST_DIALECTS=all. The door itself: test_gauntlet_dicom_files.py.
"""

import os
from pathlib import Path

import pydicom
import pytest

from neuromyo.core.errors import CODES
from tests.gauntlet.dicom_making import ARCHIVES, FILES, SOURCES, image
from tests.gauntlet.driving import neuromyo
from tests.gauntlet.making import digests
from tests.gauntlet.test_gauntlet_dicom_files import NAMES

pytestmark = pytest.mark.gauntlet
ALL = os.environ.get("NEUROMYO_TEST_DIALECTS") == "all"
SECONDS = 10.0
#: what is no DICOM file at all is left out with a note: a folder may hold anything
EARLIER = ("random elements",)  # the index refuses it before the door does, in other words
FOREIGN = ("random without preamble",)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


def good(folder: Path, slices=3, number="4", series="1.2.826.2", name="good{}.dcm", **more) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(1, slices + 1):
        said = image(instance=n, sop=f"{series}.{n}", series=series, changed={0x00200011: ("IS", number)}, **more)
        (folder / name.format(n)).write_bytes(said)
    return folder


def imported(source, bids, *more):
    done = neuromyo("import", source, bids, "--subject", "01", "--series", "4=T2w", *more)
    assert done.seconds < SECONDS
    for canary in ("Canary", "Anna", "ID-7"):
        assert canary not in done.out + done.err
    return done


@pytest.fixture
def alone(tmp_path):
    """The images that the good neighbour becomes where nothing bad lies beside it."""
    done = imported(good(tmp_path / "alone"), tmp_path / "bids-alone")
    assert done.status == 0
    return pictures(tmp_path / "bids-alone")


def pictures(bids):
    found = {n: d for n, d in digests(bids).items() if n.startswith("sub-")}
    assert not [n for n in digests(bids) if n.endswith(".tmp") or "staging" in n or "scratch" in n]
    return found


def first_of_each(bad):
    """One of each row and code, the last (they rise) of those of one kind."""
    chosen = {(one.row, one.code, one.what.split()[0]): one for one in bad}
    return list(chosen.values())


def refused(error, bad):
    assert error["code"] == bad.code, error
    for words in bad.says:
        assert words in error["message"], error
    assert error["remedy"]


@pytest.mark.parametrize("bad", FILES if ALL else first_of_each(FILES)[::4], ids=str)
def test_a_bad_file_is_named_and_its_neighbour_imported(tmp_path, alone, bad):
    source = good(tmp_path / "in")
    (source / "bad").mkdir()
    bad.make(source / "bad")
    before = digests(source)
    done = imported(source, tmp_path / "bids")
    if bad.what in FOREIGN:
        assert done.status == 0 and [f for f in done.json["findings"] if f["code"] == "N-OTHERFILES"]
    else:
        (error,) = done.json["errors"]
        refused(error, bad._replace(says=()) if bad.what in EARLIER else bad)
        assert error["where"].startswith("file 1 of 4 (IM0001.dcm)")
        assert done.status == CODES[bad.code][0]
    assert digests(source) == before
    assert pictures(tmp_path / "bids") == alone


def test_all_that_is_bad_at_once(tmp_path, alone):
    """Every bad file in one folder: each is told once, by its number, and the neighbour comes through."""
    source = good(tmp_path / "in")
    for number, bad in enumerate(FILES):
        (source / f"a{number:03d}").mkdir()
        bad.make(source / f"a{number:03d}")
    before = digests(source)
    done = neuromyo("import", source, tmp_path / "bids", "--subject", "01", "--series", "4=T2w")
    codes = {e["code"] for e in done.json["errors"]}
    assert codes == {b.code for b in FILES}
    assert done.status == 4  # unsafe files were among them
    assert all(e["where"].startswith("file ") and e["remedy"] for e in done.json["errors"])
    assert digests(source) == before
    assert pictures(tmp_path / "bids") == alone


@pytest.mark.parametrize("bad", ARCHIVES if ALL else ARCHIVES[::4], ids=str)
def test_a_bad_archive_becomes_no_dataset(tmp_path, bad):
    (tmp_path / "in").mkdir()
    source = bad.make(tmp_path / "in")
    before = digests(tmp_path)
    done = imported(source, tmp_path / "bids")
    assert done.status == 4
    refused(done.json["error"], bad)
    assert {k: v for k, v in digests(tmp_path).items() if not k.startswith("home")} == before
    assert not (tmp_path / "bids").exists() and not Path("/tmp/neuromyo-escaped").exists()


@pytest.mark.parametrize("bad", SOURCES, ids=str)
def test_a_source_that_is_no_file(tmp_path, bad):
    (tmp_path / "in").mkdir()
    done = imported(bad.make(tmp_path / "in"), tmp_path / "bids")
    assert done.status == 2
    refused(done.json["error"], bad)
    assert not (tmp_path / "bids").exists()


# --- G48 --------------------------------------------------------------------------------------------------------------


def _link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "bids").symlink_to(tmp_path / "real")
    return tmp_path / "bids"


def _file(tmp_path):
    (tmp_path / "bids").write_text("mine")
    return tmp_path / "bids"


def _inside(tmp_path):
    return tmp_path / "in" / "bids"


def _itself(tmp_path):
    return tmp_path / "in"


def _inside_by_a_link(tmp_path):
    (tmp_path / "way").symlink_to(tmp_path / "in")
    return tmp_path / "way" / "bids"


def _somebodys(tmp_path):
    (tmp_path / "bids").mkdir()
    (tmp_path / "bids" / "thesis.txt").write_text("mine")
    return tmp_path / "bids"


@pytest.mark.parametrize("make", [_link, _file, _inside, _itself, _inside_by_a_link, _somebodys])
def test_g48_a_place_that_is_not_safe_to_write_to(tmp_path, make):
    source = good(tmp_path / "in")
    bids = make(tmp_path)
    before = digests(tmp_path)
    done = imported(source, bids)
    assert done.status == 4 and done.json["error"]["code"] == "E-OUTDIR"
    assert "another folder" in done.json["error"]["remedy"]
    assert digests(tmp_path) == before


@pytest.mark.parametrize("below", ["", "x/y"])
def test_g48_a_place_that_cannot_be_written_to(tmp_path, below):
    """/proc is read-only for everybody."""
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    done = imported(good(tmp_path / "in"), Path("/proc") / "bids" / below)
    assert done.status in (3, 4) and done.json["error"]["code"] in ("E-OUTDIR", "E-IO"), done.out
    assert done.json["error"]["remedy"]


def test_g48_sourcedata_of_the_dataset_itself_may_be_read(tmp_path, alone):
    bids = tmp_path / "bids"
    source = good(bids / "sourcedata" / "scans")
    (bids / "dataset_description.json").write_text('{"Name": "mine", "BIDSVersion": "1.10.0"}')
    before = digests(source)
    assert imported(source, bids).status == 0
    assert pictures(bids) == alone and digests(source) == before


# --- G49, G54, G55, G56 -----------------------------------------------------------------------------------------------


def test_g49_names_of_every_sort(tmp_path, alone):
    """Files and folders of any name; none is a command, and none is in a message or an output as it is."""
    source = tmp_path / "in" / "$(touch x) `touch x`; touch x\n"
    good(source)
    for number, name in enumerate(NAMES):
        data = image(instance=1, sop=f"1.2.826.7.{number}", series=f"1.2.826.7.{number}")
        (source / name).write_bytes(data if number % 2 else data[:-50])
    done = imported(source, tmp_path / "bids")
    assert done.status == 2
    assert len(done.json["errors"]) >= 1 and all("\n" not in e["where"] for e in done.json["errors"])
    assert pictures(tmp_path / "bids") == alone
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("label", ["../x", "a/b", "$(touch x)", "", " ", "-rf", "é", "a" * 300, "01\n", "sub-sub-01"])
def test_g49_a_label_that_is_none(tmp_path, label):
    good(tmp_path / "in")
    for option in ("--subject", "--session"):
        other = [] if option == "--subject" else ["--subject", "01"]
        if option == "--session" and label in ("", "01\n"):
            continue  # no session at all; a list, of which each is stripped
        done = neuromyo("import", tmp_path / "in", tmp_path / "bids", *other, f"{option}={label}")
        assert done.status == 2 and done.json["error"]["code"] == "E-OPTION", done.out
        assert not (tmp_path / "bids").exists()


def test_g54_g55_programs_and_climbing_names(tmp_path, alone):
    source = good(tmp_path / "in", preamble=b"MZ\x90\0".ljust(128, b"A"))
    listed = image(changed={0x00041500: ("CS", "..\\SECRET")}).replace(
        b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0"
    )
    (source / "DICOMDIR").write_bytes(listed)
    climbing = tmp_path / "climbing"
    for n in (1, 2, 3):
        climbing.mkdir(exist_ok=True)
        said = image(instance=n, sop=f"../../a{n}", series="../../b", changed={0x00200011: ("IS", "4")})
        (climbing / f"{n}").write_bytes(said)
    before = sorted(p.name for p in tmp_path.iterdir())
    for folder in (source, climbing):
        done = imported(folder, tmp_path / f"bids-{folder.name}", "--keep-dicom")
        assert done.status == 0, done.out
        kept = list((tmp_path / f"bids-{folder.name}" / "sourcedata").rglob("*.dcm"))
        assert len(kept) == 3
        for path in kept:
            assert path.read_bytes()[:128] == bytes(128)
            assert pydicom.dcmread(path).SOPInstanceUID.startswith("2.25.")
        if folder is source:
            assert len([f for f in done.json["findings"] if f["code"] == "W-PREAMBLE"]) == 3
            assert pictures(tmp_path / "bids-in") == alone
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "bids-in", "bids-climbing"])


def _gap(folder):
    good(folder, 5, "3", "1.2.826.3", "bad{}.dcm")
    (folder / "bad3.dcm").unlink()


def _uneven(folder):
    good(folder, 4, "3", "1.2.826.3", "bad{}.dcm")
    said = image(instance=5, sop="1.2.826.3.5", series="1.2.826.3", changed={0x00200032: ("DS", "-10\\-20\\28")})
    (folder / "bad5.dcm").write_bytes(said)


def _twice(folder):
    good(folder, 3, "3", "1.2.826.3", "bad{}.dcm")
    (folder / "again.dcm").write_bytes(image(instance=2, sop="1.2.826.3.99", series="1.2.826.3"))


def _no_end(folder):
    """One of several echoes lacks its last slice."""
    for echo, te in ((1, "10"), (2, "20")):
        for n in (1, 2, 3):
            said = image(instance=10 * echo + n, sop=f"1.2.826.3.{echo}{n}", series="1.2.826.3",
                         changed={0x00180081: ("DS", te), 0x00200032: ("DS", f"-10\\-20\\{5 * n}")})  # fmt: skip
            if (echo, n) != (2, 3):
                (folder / f"bad{echo}{n}.dcm").write_bytes(said)


@pytest.mark.parametrize(("spoil", "words"), [(_gap, ("10 mm between", "1 slice missing")), (_uneven, ("8 mm between",)),
                                              (_twice, ("2 images at slice 2", "nothing in their headers")),
                                              (_no_end, ("echo at 20 ms", "none at slice 3"))])  # fmt: skip
def test_g56_a_series_that_cannot_be_made_up(tmp_path, alone, spoil, words):
    source = good(tmp_path / "in")
    spoil(source)
    before = digests(source)
    done = imported(source, tmp_path / "bids")
    assert done.status == 2
    (error,) = done.json["errors"]
    assert error["code"] == "E-SERIES" and error["where"].startswith("series 3") and error["remedy"]
    assert all(word in error["message"] for word in words), error
    assert digests(source) == before and pictures(tmp_path / "bids") == alone
