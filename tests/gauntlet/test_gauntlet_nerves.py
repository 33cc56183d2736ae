"""What people mistype and mix up when they trace nerves and measure regions: one sentence, the right status, nothing half-written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from neuromyo.io import store
from neuromyo.pipeline import nerves
from tests.gauntlet.driving import neuromyo
from tests.gauntlet.making import digests, gz, nii
from tests.journey.kit import rows
from tests.unit.nerve.nerve_scene import Scene

pytestmark = pytest.mark.gauntlet

PIXEL, APART, SLICES, FIELD = 0.8, 3.0, 5, 24.0
AFFINE = np.diag([PIXEL, PIXEL, APART, 1.0])
AFFINE[:3, 3] = [-FIELD / 2 + PIXEL / 2, -FIELD / 2 + PIXEL / 2, -APART * (SLICES // 2)]
HEAD = "kind\tname\tside\tx\ty\tz\n"
ROW = "start\tsciatic-nerve\tright\t0\t0\t0\n"
NAN = float("nan")


def away(mm: float) -> np.ndarray:
    """The same image somewhere else along x."""
    there = AFFINE.copy()
    there[0, 3] += mm
    return there


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A nerve that can be followed, at the origin of the world."""
    scene = Scene(weighting="T2w-fs", pixel_mm=PIXEL, field_mm=FIELD, n_slices=SLICES, area_mm2=30, seed=1)
    return scene.make()[0].astype(np.float32)


@pytest.fixture(autouse=True)
def no_fascicles(monkeypatch):
    """They are another matter, and slow."""
    monkeypatch.setattr(nerves, "_bundles", lambda *_: ([], []))


@pytest.fixture
def folder(tmp_path, image) -> Path:
    write(tmp_path / "a_acq-fs_T2w.nii.gz", image)
    return tmp_path


def write(path: Path, values, affine=AFFINE, said=None) -> Path:
    path.write_bytes(gz(nii(values, affine), 1))
    if said is not None:
        path.with_name(path.name.removesuffix(".nii.gz") + ".json").write_text(json.dumps(said))
    return path


def trace(folder: Path, *more, files=(), start="0,0,0", side="right"):
    given = files or (folder / "a_acq-fs_T2w.nii.gz",)
    begin = ("--start", start) if start else ()
    return neuromyo("trace", *given, "-o", folder / "out" / "it", "--side", side, *begin, *more)


def refused(said, folder: Path, status: int, code: str, *words: str) -> None:
    """One sentence with the code, that status, and no result."""
    message = said.json["error"]["message"]
    assert (said.status, said.json["error"]["code"]) == (status, code), said.err
    assert all(w in said.err for w in words), said.err
    assert "\n" not in message
    assert not list(folder.glob("out/*"))


PLACES = {
    "voxels": ("15,15,2", "E-NERVE", "as voxel numbers it would be (0.4, 0.4, 0.0) mm"),
    "outside": ("500,0,0", "E-NERVE", "x -12 to 12"),
    "above": ("0,0,30", "E-NERVE", "z -8 to 8"),
    "air": ("11,11,0", "E-NERVE", "no nerve"),
    "edge": ("-11.6,-11.6,0", "E-NERVE", "no nerve"),
    "words": ("a,b,c", "E-OPTION", "three numbers"),
    "two": ("1,2", "E-OPTION", "three numbers"),
    "nan": ("nan,0,0", "E-OPTION", "three numbers"),
    "infinite": ("inf,0,0", "E-OPTION", "three numbers"),
    "too-far": ("1e9,0,0", "E-OPTION", "three numbers"),
    "commas": (",,", "E-OPTION", "three numbers"),
    "none": ("", "E-NEEDS", "--propose"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_start_that_cannot_be_meant(name, folder):
    start, code, words = PLACES[name]
    refused(trace(folder, start=start), folder, 2, code, words)


def test_exchanged_signs_are_seen_through(folder, image):
    write(folder / "side_T2w.nii.gz", image, away(-80))
    files = [f"T2w-fs={folder / 'side_T2w.nii.gz'}"]
    refused(trace(folder, files=files, start="80,0,0"), folder, 2, "E-NERVE", "(-80.0, -0.0, 0.0)", "LPS")


NAMES = {
    "foo": "E-UNKNOWN", "": "E-UNKNOWN", "<script>alert(1)</script>": "E-UNKNOWN", "../../x": "E-UNKNOWN", "a\nb": "E-UNKNOWN",
    "sciatic-nerve-right": "E-UNKNOWN", "soleus": "E-UNKNOWN", "nerve": "E-UNKNOWN", "x" * 500 + "-nerve": "E-UNKNOWN",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_name_of_a_nerve(name, folder):
    refused(trace(folder, "--nerve", name), folder, 2, NAMES[name], "--nerve")


@pytest.mark.parametrize("side", ["both", "R", ""])
def test_what_is_no_side(side, folder):
    refused(trace(folder, side=side), folder, 2, "E-OPTION", "--side", "left or right")


def skewed() -> np.ndarray:
    turn = np.eye(4)
    turn[0, 1] = 0.3
    return turn @ AFFINE


IMAGES = {
    "nan": (lambda v: v * np.float32(NAN), AFFINE, "E-NODATA"),
    "zero": (lambda v: v * 0, AFFINE, "E-NODATA"),
    "constant": (lambda v: v * 0 + 7, AFFINE, "E-NOSIGNAL"),
    "mask": (lambda v: (v > v.mean()).astype(np.uint8), AFFINE, "E-NOSIGNAL"),
    "sheared": (lambda v: v, skewed(), "E-GEOM"),
    "no-size": (lambda v: v, np.diag([0.0, 0.8, 3.0, 1.0]), "E-GEOM"),
    "coarse": (lambda v: v[::4, ::4], np.diag([3.2, 3.2, 12.0, 1.0]) @ np.diag([1, 1, 1, 1]), "E-RESOLUTION"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_in_which_no_nerve_can_be_followed(name, folder, image):
    change, affine, code = IMAGES[name]
    path = write(folder / "b_T2w.nii.gz", np.ascontiguousarray(change(image)), affine)
    refused(
        trace(folder, files=[path], start="1,1,1" if name == "coarse" else "0,0,0"), folder, 2, code, "b_T2w.nii.gz"
    )


def test_slices_along_another_axis_give_the_same_nerve(folder, image):
    turned = write(
        folder / "b_acq-fs_T2w.nii.gz", np.ascontiguousarray(np.moveaxis(image, 2, 0)), AFFINE[:, [2, 0, 1, 3]]
    )
    found = [said.json["nerves"][0]["sections"] for said in (trace(folder), trace(folder, files=[turned]))]
    assert [s["area_mm2"] for s in found[0]] == pytest.approx([s["area_mm2"] for s in found[1]])


def test_a_second_contrast_of_elsewhere_is_left_out_and_told(folder, image):
    far = write(folder / "far_T1w.nii.gz", image, away(500))
    said = trace(folder, files=[folder / "a_acq-fs_T2w.nii.gz", far])
    assert said.status == 0
    assert "another place" in said.err
    assert "left out" in said.err


def test_one_image_given_twice_is_not_two(folder):
    one = folder / "a_acq-fs_T2w.nii.gz"
    refused(trace(folder, files=[one, one]), folder, 2, "E-IDENTICAL", "twice")


def test_regions_of_elsewhere_are_refused(folder, image):
    far = write(folder / "far_dseg.nii.gz", (image > 100).astype(np.uint8), away(500))
    refused(trace(folder, "--regions", far), folder, 2, "E-GRID", "far_dseg.nii.gz")


@pytest.mark.parametrize(("kind", "place"), [("restart", "500,0,3"), ("end", "0,0,500"), ("split", "0,0,500")])
def test_further_places_outside_are_left_out_and_told(kind, place, folder):
    said = trace(folder, f"--{kind}", place)
    assert said.status == 0
    assert f"the {kind} at" in said.err
    assert len(said.json["nerves"][0]["sections"]) == SLICES


def test_a_division_that_nobody_can_see_is_told(folder):
    assert "cannot be told apart" in trace(folder, "--split", "0,0,-3").err


TABLES = {
    "commas": ((HEAD + ROW).replace("\t", ","), "E-TABLE", "divided by tabs"),
    "utf16": ((HEAD + ROW).encode("utf-16"), "E-TABLE", "UTF-16"),
    "decimal-comma": (HEAD + ROW.replace("\t0", "\t0,5", 1), "E-TABLE", "'0,5'"),
    "empty": ("", "E-TABLE", "empty"),
    "header-only": (HEAD, "E-NEEDS", "no start"),
    "other-nerve": (HEAD + ROW.replace("sciatic", "tibial"), "E-NEEDS", "starts of tibial-nerve (right)"),
    "other-side": (HEAD + ROW.replace("right", "left"), "E-NEEDS", "starts of sciatic-nerve (left)"),
    "several-people": ("participant_id\t" + HEAD + "sub-8\t" + ROW + "sub-9\t" + ROW, "E-OPTION", "--subject"),
    "ragged": (HEAD + ROW + "start\tx\n", "E-TABLE", "row 3"),
    "kind": (HEAD + ROW.replace("start", "begin"), "E-TABLE", "'begin'"),
    "nul": (HEAD + ROW.replace("sci", "s\0i"), "E-TABLE", "NUL"),
    "foreign-name": (HEAD + ROW.replace("sciatic-nerve", "foo"), "E-UNKNOWN", "'foo'"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_landmarks_that_cannot_be_used(name, folder):
    text, code, words = TABLES[name]
    path = folder / "l.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(trace(folder, "--landmarks", path, start=""), folder, 2, code, words)


def test_tables_as_spreadsheets_save_them_are_read(folder):
    path = folder / "l.tsv"
    text = (HEAD.title() + ROW.replace("right", "R").replace("sciatic-nerve", "Sciatic Nerve")).replace("\n", "\r\n")
    path.write_bytes(text.encode("utf-8-sig"))
    said = trace(folder, "--landmarks", path, start="", side="none")
    assert said.status == 0, said.err
    assert said.json["nerves"][0]["side"] == "right"  # the table's only one


def test_an_image_that_says_whose_it_is_gets_its_own_rows(folder):
    shutil.copy(folder / "a_acq-fs_T2w.nii.gz", folder / "sub-9_acq-fs_T2w.nii.gz")
    path = folder / "l.tsv"
    path.write_text("participant_id\t" + HEAD + "sub-8\t" + ROW.replace("\t0\t0\t0", "\t9\t9\t9") + "sub-9\t" + ROW)
    said = trace(folder, "--landmarks", path, start="", files=[folder / "sub-9_acq-fs_T2w.nii.gz"])
    assert said.status == 0, said.err
    assert {r["subject"] for r in rows(folder / "out" / "it_measurements.tsv")} == {"9"}


@pytest.mark.parametrize("prefix", ["", ".", "there", "there/", "a\nb"])
def test_a_prefix_that_is_none(prefix, folder, monkeypatch):
    (folder / "there").mkdir()
    monkeypatch.chdir(folder)
    before = digests(folder)
    for verb in (
        ["trace", "a_acq-fs_T2w.nii.gz", "--start", "0,0,0"],
        ["segment", "compartments", "a_acq-fs_T2w.nii.gz"],
    ):
        said = neuromyo(*verb, "-o", prefix)
        assert (said.status, said.json["error"]["code"]) == (2, "E-OPTION"), said.err
    assert digests(folder) == before


def test_nothing_is_written_over_what_was_given(folder):
    labels = drawn(folder)
    before = digests(folder)
    assert neuromyo("measure", labels, "-o", folder / "m_dseg.tsv").status == 4  # the label table
    fat = write(folder / "fat.nii.gz", np.full((30, 30, SLICES), 20, np.float32), said={"Units": "%"})
    before = digests(folder)
    assert neuromyo("measure", labels, "--fat", fat, "-o", folder / "fat.tsv").status == 4  # fat.json would be replaced
    shutil.copy(folder / "a_acq-fs_T2w.nii.gz", folder / "x_dseg.nii.gz")
    before = digests(folder)
    said = neuromyo("trace", f"T2w-fs={folder / 'x_dseg.nii.gz'}", "--start", "0,0,0", "-o", folder / "x")
    assert (said.status, said.json["error"]["code"]) == (4, "E-OUTDIR")
    assert digests(folder) == before


def test_markup_in_names_stays_text_on_the_page(folder):
    name = "<img src=x onerror=alert(1)>_T2w.nii.gz"
    shutil.copy(folder / "a_acq-fs_T2w.nii.gz", folder / name)
    said = neuromyo("trace", f"T2w-fs={folder / name}", "--start", "0,0,0", "-o", folder / "out" / "<b>it")
    assert said.status == 0, said.err
    page = (folder / "out" / "<b>it.html").read_text()
    assert "<img src=x" not in page
    assert "<b>it" not in page
    assert "&lt;b&gt;it" in page


def test_a_full_disk_leaves_whole_files_only(folder, monkeypatch):
    write_bytes, seen = store.write_text, []

    def full(path, text):
        if path.name.endswith("_measurements.tsv"):
            seen.append(path)
            raise OSError(28, "No space left on device")
        return write_bytes(path, text)

    monkeypatch.setattr(store, "write_text", full)
    said = trace(folder)
    assert seen
    assert said.status == 3, said.err
    assert said.json["error"]["code"] in ("E-DISK", "E-IO")
    assert {p.name for p in (folder / "out").iterdir()} == {"it_dseg.nii.gz", "it_dseg.tsv", "it_dseg.json"}


# --- measure ----------------------------------------------------------------------------------------------------------


def drawn(
    folder: Path, table: str | None = "index\tname\tside\n1\tsoleus\tright\n2\ttibial-nerve\tright\n", name="m"
) -> Path:
    volume = np.zeros((30, 30, SLICES), np.uint8)
    volume[4:14, 4:14], volume[20:26, 20:26] = 1, 2
    if table is not None:
        (folder / f"{name}_dseg.tsv").write_text(table)
    return write(folder / f"{name}_dseg.nii.gz", volume)


FAT = {
    "percent-called-fraction": (20, {"Units": "1"}, "20 (of 1)"),
    "over-100": (400, {"Units": "%"}, "4 (of 1)"),
    "below-0": (-20, {"Units": "percent"}, "-0.2 (of 1)"),
    "no-unit": (20, None, "Units"),
    "ms": (20, {"Units": "ms"}, "Units"),
}


@pytest.mark.parametrize("name", FAT)
def test_a_fat_map_that_is_no_fraction(name, folder):
    value, said, words = FAT[name]
    fat = write(folder / "fat.nii.gz", np.full((30, 30, SLICES), value, np.float32), said=said)
    refused(
        neuromyo("measure", drawn(folder), "--fat", fat, "-o", folder / "out" / "t.tsv"), folder, 2, "E-UNITS", words
    )


def test_percent_and_fraction_are_one(folder):
    found = []
    for name, value, unit in (("p", 20, "%"), ("f", 0.2, "fraction")):
        fat = write(folder / f"{name}.nii.gz", np.full((30, 30, SLICES), value, np.float32), said={"Units": unit})
        assert neuromyo("measure", drawn(folder), "--fat", fat, "-o", folder / "out" / f"{name}.tsv").status == 0
        found.append(
            [
                float(r["value"])
                for r in rows(folder / "out" / f"{name}.tsv")
                if r["quantity"] == "contractile_volume" and r["value"] != "n/a"
            ]
        )
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0]


SIDECARS = {"flags-number": {"Units": "ms", "Flags": 5}, "flags-text": {"Units": "ms", "Flags": "abc"}, "units-list": {"Units": ["ms"]},
            "odd-names": {"Biomarker": ["t2-mono"], "Quantity": {"a": 1}, "Units": "ms"}}  # fmt: skip


@pytest.mark.parametrize("name", SIDECARS)
def test_odd_sidecars_of_maps_do_no_harm(name, folder):
    map_ = write(folder / "T2.nii.gz", np.full((30, 30, SLICES), 40, np.float32), said=SIDECARS[name])
    said = neuromyo("measure", drawn(folder), "--map", map_, "-o", folder / "out" / "t.tsv")
    assert said.status == 0, said.err
    assert {
        r["flags"] for r in rows(folder / "out" / "t.tsv") if r["statistic"] == "mean" and r["quantity"] == "T2"
    } <= {"n/a", "COARSE"}


def test_what_lies_beside_a_map_must_be_of_its_grid(folder):
    map_ = write(folder / "T2.nii.gz", np.full((30, 30, SLICES), 40, np.float32), said={"Units": "ms"})
    write(folder / "T2_sd.nii.gz", np.ones((3, 3, 3), np.float32))
    said = neuromyo("measure", drawn(folder), "--map", map_, "-o", folder / "out" / "t.tsv")
    refused(said, folder, 2, "E-GRID", "T2_sd.nii.gz")


def test_every_reason_but_0_takes_a_voxel_out(folder):
    map_ = write(folder / "T2.nii.gz", np.full((30, 30, SLICES), 40, np.float32), said={"Units": "ms"})
    reason = np.zeros((30, 30, SLICES), np.int16)
    reason[4:14, 4:9] = 256  # which as one byte would be 0, fine
    write(folder / "T2_reason.nii.gz", reason)
    assert neuromyo("measure", drawn(folder), "--map", map_, "-o", folder / "out" / "t.tsv").status == 0
    (row,) = [r for r in rows(folder / "out" / "t.tsv") if r["region"] == "soleus" and r["quantity"] == "T2"
              and r["statistic"] == "mean" and r["slice"] == "n/a"]  # fmt: skip
    assert int(row["n_failed"]) > 0


def test_two_of_one_name_are_refused(folder):
    labels = drawn(folder)
    map_ = write(folder / "T2.nii.gz", np.full((30, 30, SLICES), 40, np.float32), said={"Units": "ms"})
    out = folder / "out" / "t.tsv"
    refused(neuromyo("measure", labels, labels, "-o", out), folder, 2, "E-OPTION", "two of this name")
    refused(
        neuromyo("measure", labels, "--map", map_, "--map", map_, "-o", out),
        folder,
        2,
        "E-OPTION",
        "T2 twice",
        "--map T2a=",
    )
    refused(neuromyo("measure", labels, "--flip-labels", "both", "-o", out), folder, 2, "E-OPTION", "--flip-labels")


def test_a_map_of_elsewhere_is_refused(folder):
    far = write(folder / "T2.nii.gz", np.full((30, 30, SLICES), 40, np.float32), away(500), {"Units": "ms"})
    refused(
        neuromyo("measure", drawn(folder), "--map", far, "-o", folder / "out" / "t.tsv"), folder, 2, "E-GRID", "soleus"
    )


NRRD = "NRRD0005\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 4 2\nspace directions: (1,0,0) (0,1,0) (0,0,3)\n" \
       "space origin: (0,0,0)\nencoding: raw\n"  # fmt: skip
MASKS = {
    "truncated": (NRRD.encode() + b"\n" + bytes([1]) * 20, "E-TRUNC", "voxels"),
    "elsewhere": (NRRD.encode() + b"data file: ../../etc/passwd\n\n", "E-FORMAT", "a file of their own"),
    "elsewhere-list": (NRRD.encode() + b"datafile: LIST\n/etc/passwd\n\n", "E-", ""),
    "bomb": (
        NRRD.replace("4 4 2", "30000 30000 30000").replace("raw", "gzip").encode() + b"\n" + gz(b"\1" * 64),
        "E-",
        "",
    ),
    "text": (b"hello", "E-FORMAT", "NRRD"),
    "dicom-head": (bytes(128) + b"DICM" + bytes(64), "E-", ""),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_that_cannot_be_trusted(name, folder):
    data, code, words = MASKS[name]
    path = folder / "m.nrrd"
    path.write_bytes(data)
    said = neuromyo("measure", path, "-o", folder / "out" / "t.tsv")
    assert said.status in (2, 4)
    assert said.json["error"]["code"].startswith(code), said.err
    assert words in said.err
    assert "root:" not in said.out + said.err
    assert not list(folder.glob("out/*"))
