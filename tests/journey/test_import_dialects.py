"""``neuromyo import`` of every vendor's files: the numbers, places and times that they were written from, or a refusal that says why.

A few dialects each time; all of them with NEUROMYO_TEST_DIALECTS=all. What describing and sorting make of each stands in
tests/unit/dicom/test_dialects_to_stacks.py.
"""

import json
import os
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from tests.dialects import enhanced, ge, geometry, philips, siemens, uih
from tests.dialects.cases import BROKEN, CASES, mese, weighted
from tests.dialects.exam import Examination, Person
from tests.dialects.judge import Volume, judge
from tests.gauntlet.driving import neuromyo
from tests.gauntlet.searching import hits, hits_in

pytestmark = pytest.mark.journey

EACH_TIME = (
    "siemens mese, shuffled", "siemens mese, xa without echo numbers", "siemens gre, magnitude and phase", "siemens dti, mosaic of 7",
    "siemens dixon", "siemens mt on and off", "siemens scanner's maps", "siemens xa, enhanced, files: volumes", "siemens, a series an echo",
    "ge parts in one series, implicit", "ge mese, big endian, sagittal", "ge dti, axial ROW", "philips series scaled each for itself",
    "philips parts in one series, classic; private elements unknown", "philips parts in one series, enhanced",
    "philips dti, last volume enhanced ADC", "philips enhanced mese, shuffled", "philips scanner's maps, classic", "philips dixon",
    "uih dti, grid of 20", "stack coronal oblique back, gaps", "compressed, jpeg", "the same files twice",
)  # fmt: skip
#: what is left out of a dataset
SURVEYS = ("three-plane localiser",)
#: images that no header names
NAMED_BY_HAND = {"compressed": ("--series", "9=T2w"), "stack": ("--series", "3=T2w")}

CHOSEN = (
    [name for name in CASES if name not in SURVEYS] if os.environ.get("NEUROMYO_TEST_DIALECTS") == "all" else EACH_TIME
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The key of pseudonyms is made here, not in the home of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def imported(tmp_path, name, *options):
    hints = next((given for start, given in NAMED_BY_HAND.items() if name.startswith(start)), ())
    return neuromyo("import", tmp_path / "in", tmp_path / "bids", "--subject", "01", *hints, *options)


def volumes_in(bids):
    """Every volume of every image of the dataset, with what its name, sidecar and tables say."""
    for path in sorted(bids.rglob("*.nii.gz")):
        image = nibabel.load(path)
        stem = path.name.removesuffix(".nii.gz")
        said = json.loads(path.with_name(f"{stem}.json").read_text())
        values = np.asarray(image.dataobj)
        whole = values if values.ndim == 4 else values[..., None]
        entities = dict(piece.split("-", 1) for piece in stem.split("_")[:-1])
        suffix = stem.rsplit("_", 1)[1]
        made = suffix if "derivatives" in path.parts else entities.get("rec", "")
        part = entities.get("part", "mag")
        if part == "phase":
            assert said["Units"] in ("rad", "arbitrary")
        b, vectors = table(path.with_name(stem), image.affine, whole.shape[3])
        for n in range(whole.shape[3]):
            yield Volume(whole[..., n], image.affine, part, made, said.get("EchoTime"), said.get("FlipAngle"), said.get("InversionTime"),
                         said.get("MTState"), b[n], vectors[n])  # fmt: skip


def table(stem, affine, n):
    if not stem.with_suffix(".bval").exists():
        return [None] * n, [None] * n
    b, vectors = (np.loadtxt(stem.with_suffix(end), ndmin=2) for end in (".bval", ".bvec"))
    return [float(v) for v in b[0]], [geometry.world_of_bvec(v, affine) for v in vectors.T]


@pytest.mark.parametrize("name", CHOSEN)
def test_numbers_places_and_times_come_out(tmp_path, name):
    truths = CASES[name](tmp_path / "in")
    done = imported(tmp_path, name)
    assert done.status == 0, done.out
    judge(truths, list(volumes_in(tmp_path / "bids")))


NAMES = {
    "siemens mese, volumes": [f"sub-01/anat/sub-01_echo-{n}_MESE" for n in (1, 2, 3)],
    "siemens mt on and off": ["sub-01/anat/sub-01_mt-off_MTR", "sub-01/anat/sub-01_mt-on_MTR"],
    "siemens gre, magnitude and phase": [
        f"sub-01/anat/sub-01_echo-{n}_part-{part}_MEGRE" for n in (1, 2, 3) for part in ("mag", "phase")
    ],
    "philips dti, last volume classic ADC": ["derivatives/scanner/sub-01/dwi/sub-01_ADC", "sub-01/dwi/sub-01_dwi"],
    "siemens inversion times": [f"sub-01/anat/sub-01_inv-{n}_IRT1" for n in (1, 2, 3)],
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_as_bids_has_them_and_the_validator_agrees(tmp_path, validator, name):
    CASES[name](tmp_path / "in")
    assert imported(tmp_path, name).status == 0
    made = sorted(p.relative_to(tmp_path / "bids").as_posix() for p in (tmp_path / "bids").rglob("*.nii.gz"))
    assert made == [f"{stem}.nii.gz" for stem in NAMES[name]]
    assert validator(tmp_path / "bids") == []


REFUSED = {
    "missing slice": ("E-SERIES", ("series 3", "slice 2", "slice 3", "12 mm")),
    "missing image of one echo": ("E-SERIES", ("series 3", "20.2 ms", "slice 3")),
    "unequal spacing": ("E-SERIES", ("series 3", "7 mm", "6 mm")),
    "an image twice, each under its own identifier": ("E-SERIES", ("series 3", "10.1 ms", "2 images")),
    "ge, one echo time for all": ("E-ECHO-COUNT", ("series 8", "EchoTime", "3 echoes")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_single_reading_is_refused(tmp_path, name):
    BROKEN[name](tmp_path / "in")
    done = imported(tmp_path, name)
    assert done.status == 2
    code, words = REFUSED[name]
    (error,) = done.json["errors"]
    assert error["code"] == code
    said = json.dumps(error)
    assert all(word in said for word in words), said
    assert not list((tmp_path / "bids").rglob("*.nii*"))


def test_values_scaled_for_the_screen_are_never_compared_unwarned(tmp_path):
    truths = BROKEN["philips display values only"](tmp_path / "in")
    done = imported(tmp_path, "")
    assert done.status == 0
    judge(truths, list(volumes_in(tmp_path / "bids")))
    (finding,) = [f for f in findings(done) if f["code"] == "W-SCALE"]
    assert finding["level"] == "warn"
    assert all(word in json.dumps(finding) for word in ("series 201", "series 301", "2005,100E"))


def test_a_mosaic_that_may_be_upside_down_is_not_taken_silently(tmp_path):
    BROKEN["siemens mosaic whose slices may be counted either way"](tmp_path / "in")
    done = imported(tmp_path, "")
    assert done.status == 2
    (error,) = done.json["errors"]
    assert error["code"] == "E-GEOM"
    assert error["where"].startswith("file 1 of 7 (MR.~.IMA): ") and error["where"].endswith("Image Type")
    assert error["where"].count("file") == 1
    assert "mosaic" in error["found"] and "6 more files" in error["found"]
    assert not list((tmp_path / "bids").rglob("*.nii*"))


def findings(done):
    return [*done.json["findings"], *(f for one in done.json["sessions"] for f in one["findings"])]


def test_a_survey_is_left_out_and_said(tmp_path):
    CASES["three-plane localiser"](tmp_path / "in")
    done = imported(tmp_path, "")
    assert done.status == 0
    assert not list((tmp_path / "bids").rglob("*.nii*"))
    assert any(f["code"] == "N-LEFTOUT" and "localiser" in f["message"] for f in findings(done))


def test_the_same_folder_again_adds_nothing(tmp_path):
    CASES["siemens mese, volumes"](tmp_path / "in")
    assert imported(tmp_path, "").status == 0
    before = {p: p.read_bytes() for p in (tmp_path / "bids").rglob("*") if p.is_file() and ".neuromyo" not in p.parts}
    again = imported(tmp_path, "")
    assert again.status == 0
    assert again.json["files"] == []
    assert before == {p: p.read_bytes() for p in before}
    assert len(before) == sum(p.is_file() and ".neuromyo" not in p.parts for p in (tmp_path / "bids").rglob("*"))


VENDORS = {
    "siemens": lambda series, folder: siemens.write(mese(), series, folder),
    "siemens mosaic": lambda series, folder: siemens.write_mosaic(weighted(), series, folder),
    "siemens xa": lambda series, folder: enhanced.write(mese(), series, folder, vendor="siemens", files="volumes"),
    "ge": lambda series, folder: ge.write(mese(), series, folder),
    "philips": lambda series, folder: philips.write(mese(), series, folder),
    "philips enhanced": lambda series, folder: enhanced.write(mese(), series, folder, vendor="philips"),
    "uih": lambda series, folder: uih.write_grid(weighted(), series, folder),
}


@pytest.mark.gauntlet
@pytest.mark.parametrize("write", VENDORS.values(), ids=VENDORS)
def test_g57_no_vendor_hides_a_name_where_we_do_not_look(tmp_path, write):
    """Forty words in the public, private and nested elements of each vendor, in file and folder names: in nothing that we write or say."""
    person = replace(Person.of_canaries(), burned_in=False)
    exam = Examination(person)
    folder = tmp_path / "in" / person.folder_name
    write(exam.series(3, "mese dti"), folder)
    done = neuromyo("import", folder, tmp_path / "bids", "--subject", "01", "--keep-dicom")
    assert done.status == 0, done.out
    canaries = {**person.words(), "day": exam.day, "study": exam.study_uid, "frame": exam.frame_of_reference}
    assert len(canaries) >= 40
    assert hits_in([tmp_path / "bids"], canaries) == {}
    said = (done.out + done.err).replace(str(folder), "").encode()
    assert hits([said], canaries) == set()
    assert list((tmp_path / "bids" / "sourcedata").rglob("*.dcm"))
    assert list((tmp_path / "bids").rglob("*.nii.gz"))


KEPT = ("siemens mese, xa without echo numbers", "siemens xa, enhanced dti", "ge parts in one series, explicit", "ge dti, axial COL",
        "philips parts in one series, classic", "philips dti, last volume enhanced isotropic", "uih dti, grid of 5",
        "compressed, jpeg")  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_de_identified_copies_import_to_the_same_numbers(tmp_path, name):
    """What the copies keep is enough. (A Siemens mosaic's is not: its CSA header, where the direction of its slices stands, goes.)"""
    truths = CASES[name](tmp_path / "in")
    assert imported(tmp_path, name, "--keep-dicom").status == 0
    hints = next((given for start, given in NAMED_BY_HAND.items() if name.startswith(start)), ())
    again = neuromyo("import", tmp_path / "bids" / "sourcedata", tmp_path / "again", "--subject", "01", *hints)
    assert again.status == 0, again.out
    judge(truths, list(volumes_in(tmp_path / "again")))
