"""Regions and masks that do not belong to the images, and labels with sides and names that lie: G33, G34, G38."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.gauntlet.driving import AFFINE, legs, neuromyo, results, write_study
from tests.gauntlet.making import digests, gz, nii
from tests.gauntlet.spoiling import ASK, NAN, damage, moved, voxels
from tests.journey.kit import rows

pytestmark = pytest.mark.gauntlet

LEFT, RIGHT = legs()
BOTH = (LEFT * 1 + RIGHT * 2).astype(np.uint8)
TABLE = "index\tname\tside\tparent\tcode\n1\tcalf\tleft\tleg\tn/a\n2\tcalf\tright\tleg\tn/a\n"
FLIPPED = AFFINE * [[-1], [1], [1], [1]]


def draw(root: Path, volume=BOTH, affine=AFFINE, table: str | bytes | None = TABLE, subject="bad", **header) -> Path:
    """A region folder with the label map of one subject."""
    anat = root / f"sub-{subject}" / "anat"
    anat.mkdir(parents=True)
    (anat / f"sub-{subject}_dseg.nii.gz").write_bytes(gz(nii(volume, affine, **header)))
    if table is not None:
        (anat / f"sub-{subject}_dseg.tsv").write_bytes(table.encode() if isinstance(table, str) else table)
    return root


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """The study and its results without label maps."""
    folder = tmp_path_factory.mktemp("unlabelled")
    write_study(folder / "bids")
    assert neuromyo("run", folder / "bids", folder / "out", "participant", *ASK).status == 0
    return folder


def drawn(table: Path) -> dict[tuple[str, str], str]:
    """(region, side) -> mean T2 of the user's own regions."""
    return {
        (r["region"], r["side"]): r["value"]
        for r in rows(table)
        if r["region_source"] == "dseg" and r["statistic"] == "mean" and r["slice"] == "n/a" and r["quantity"] == "T2"
    }


REFUSED = {
    "G33-out-of-view": ({"affine": moved(100, 1)}, "E-GRID", "field of view", "one session and one geometry"),
    "G33-off-tissue": ({"affine": moved(40, 1)}, "E-GRID", "on tissue", "one session and one geometry"),
    "G33-empty": ({"volume": BOTH * 0}, "E-EMPTYROI", "zero everywhere", "how the regions were drawn"),
    "G33-nan": ({"volume": np.where(BOTH, BOTH, np.float32(NAN))}, "E-LABELS", "nan", "without interpolation"),
    "G33-interpolated": ({"volume": BOTH * np.float32(0.7)}, "E-LABELS", "0.7", "without interpolation"),
    "G33-row-without-label": ({"table": TABLE + "3\tsoleus\tleft\tleg\tn/a\n"}, "E-EMPTYROI", "soleus", "label table"),
    "G34-sides-exchanged": ({"table": TABLE.replace("left", "X").replace("right", "left").replace("X", "right")},
                            "E-SIDE", "calf", "--flip-labels left-right"),
    "G34-volume-mirrored": ({"volume": BOTH[::-1]}, "E-SIDE", "calf", "--flip-labels left-right"),
    "G34-affine-mirrored": ({"affine": FLIPPED}, "E-SIDE", "calf", "--flip-labels left-right"),
    "G34-one-leg-only": ({"volume": (LEFT * 1).astype(np.uint8),
                          "table": "index\tname\tside\n1\tcalf\tright\n"}, "E-SIDE", "calf", "side column"),
    "G34-name-against-column": ({"table": TABLE.replace("1\tcalf\tleft", "1\tright-calf\tleft")}, "E-SIDE",
                                "right-calf", "side column"),
    "table-index-twice": ({"table": TABLE + "1\tcalf2\tleft\tleg\tn/a\n"}, "E-LABELS", "row 4", "remove one"),
    "table-no-index": ({"table": "name\tside\ncalf\tleft\n"}, "E-LABELS", "column index", "columns are"),
    "table-side": ({"table": TABLE.replace("left", "lateral")}, "E-LABELS", "'lateral'", "mend that cell"),
    "table-ragged": ({"table": TABLE + "3\tx\n"}, "E-TABLE", "row 4", "mend that row"),
    "table-utf16": ({"table": TABLE.encode("utf-16")}, "E-TABLE", "UTF-16", "save it as UTF-8"),
    "4d": ({"volume": np.stack([BOTH, BOTH], -1)}, "E-LABELS", "dim[4]", "one label image"),
    "G07-huge": ({"dim1": 32767, "dim2": 32767, "dim3": 32767}, "E-DIMS", "dim", "convert"),
    "G11-pixdim": ({"pixdim2": NAN}, "E-GEOM", "pixdim[2]", "convert"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_labels_are_refused_and_maps_are_made_without_them(name, unlabelled, tmp_path):
    how, code, words, remedy = REFUSED[name]
    labels, out = draw(tmp_path / "labels", **how), tmp_path / "out"
    draw(labels, subject="good")
    before = digests(unlabelled)
    ended = neuromyo("run", unlabelled / "bids", out, "participant", *ASK, "--regions", labels)
    assert ended.status == 2, ended.err
    (failure,) = ended.json["failures"]
    assert (failure["session"], failure["code"]) == ("sub-bad", code)
    message = failure["message"]
    assert "sub-bad_dseg" in message and words in message and remedy in message.rpartition("; ")[2], message
    assert failure in json.loads((out / "record" / "run.json").read_text())["failures"]
    assert code in (out / "sub-bad.html").read_text()
    assert drawn(out / "sub-bad" / "sub-bad_measurements.tsv") == {}
    assert len(drawn(out / "sub-good" / "sub-good_measurements.tsv")) == 4
    for subject in ("bad", "good"):
        images = {n: d for n, d in results(out, subject).items() if n.endswith(".nii.gz")}
        assert images == {n: d for n, d in results(unlabelled / "out", subject).items() if n.endswith(".nii.gz")}
    assert digests(unlabelled) == before


def test_g33_off_tissue_is_seen_without_a_segmenter_too(unlabelled, tmp_path):
    """Two small islands are no leg to the segmenter; what is not air is tissue all the same."""
    study = write_study(tmp_path / "bids", subjects=("bad",))
    island = np.zeros(BOTH.shape, np.uint8)
    island[5:8, 9:11] = 1
    for echo in range(1, 9):
        voxels(lambda v: v * island, echo)(study / "sub-bad" / "anat")
    for shift, status in ((0, 0), (5, 2)):
        labels = draw(tmp_path / f"labels{shift}", np.roll(island, shift, 0), table=None)
        ended = neuromyo("run", study, tmp_path / f"out{shift}", "participant", *ASK, "--regions", labels)
        assert "W-NOREGIONS" in ended.out
        assert ended.status == status, ended.err
    assert "on tissue" in ended.json["failures"][0]["message"]


def test_g33_bad_labels_beside_bad_images(tmp_path):
    """Nothing to measure in: the image's failure is told, and no fault of ours."""
    study = write_study(tmp_path / "bids", subjects=("bad",))
    damage(lambda d: d[:-9])(study / "sub-bad" / "anat")
    labels = draw(tmp_path / "labels", affine=moved(100))
    ended = neuromyo("run", study, tmp_path / "out", "participant", "--nprocs", 1, "--regions", labels)
    assert ended.status == 2
    assert [f["code"] for f in ended.json["failures"]] == ["E-TRUNC"]


FINE = {
    "plain": {},
    "G33-floats-1.0000001": {"volume": BOTH * np.float32(1.0000001)},
    "G37-bom-and-crlf": {"table": "\ufeff" + TABLE.replace("\n", "\r\n")},
    "stored-mirrored": {"volume": BOTH[::-1], "affine": FLIPPED},
    "another-grid": {"volume": np.kron(BOTH, np.ones((2, 2, 1), np.uint8)),
                     "affine": AFFINE @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 1, 0], [0, 0, 0, 1]])},
}  # fmt: skip


def test_g33_labels_are_taken_by_geometry_and_give_the_same_numbers(unlabelled, tmp_path):
    found = {}
    for name, how in FINE.items():
        labels, out = draw(tmp_path / name / "labels", **how), tmp_path / name / "out"
        ended = neuromyo("run", unlabelled / "bids", out, "participant", *ASK, "--regions", labels,
                         "--participant-label", "bad")  # fmt: skip
        assert ended.status == 0, ended.err
        found[name] = drawn(out / "measurements.tsv")
    assert set(found["plain"]) == {("calf", "left"), ("calf", "right"), ("leg", "left"), ("leg", "right")}
    assert float(found["plain"]["calf", "left"]) == pytest.approx(32, abs=0.2)
    assert float(found["plain"]["calf", "right"]) == pytest.approx(36, abs=0.2)
    assert {name: f == found["plain"] for name, f in found.items()} == dict.fromkeys(FINE, True)


def test_segmentations_of_3d_slicer_give_the_same_numbers(unlabelled, tmp_path):
    """A .seg.nrrd names its regions itself; one of DICOM, too (`tests/unit/dicom/test_segmentation.py`)."""
    plain = draw(tmp_path / "nifti", table=TABLE.replace("\tleg\t", "\tn/a\t"))
    anat = tmp_path / "nrrd" / "sub-bad" / "anat"
    anat.mkdir(parents=True)
    image = sitk.GetImageFromArray(BOTH.transpose(2, 1, 0))
    image.SetDirection(np.diag([1.0, -1.0, 1.0]).ravel())  # ITK counts x to the left and y to the back
    image.SetSpacing((8.0, 8.0, 10.0))
    image.SetOrigin((-92.0, 76.0, -10.0))
    for n, side in enumerate(("left", "right")):
        image.SetMetaData(f"Segment{n}_Name", f"calf {side}")
        image.SetMetaData(f"Segment{n}_LabelValue", str(n + 1))
    sitk.WriteImage(image, str(anat / "sub-bad_dseg.seg.nrrd"))
    found = []
    for folder in (plain, tmp_path / "nrrd"):
        out = tmp_path / f"{folder.name}-out"
        ended = neuromyo("run", unlabelled / "bids", out, "participant", *ASK, "--regions", folder,
                         "--participant-label", "bad")  # fmt: skip
        assert ended.status == 0, ended.err
        found.append(drawn(out / "measurements.tsv"))
    assert float(found[1]["calf", "left"]) == pytest.approx(32, abs=0.2)
    assert found[1] == found[0]


def test_g34_flip_labels_mirrors_a_mirrored_map(unlabelled, tmp_path):
    labels, out = draw(tmp_path / "labels", BOTH[::-1]), tmp_path / "out"
    ended = neuromyo("run", unlabelled / "bids", out, "participant", *ASK, "--regions", labels, "--flip-labels",
                     "left-right", "--participant-label", "bad")  # fmt: skip
    assert ended.status == 0, ended.err
    assert float(drawn(out / "measurements.tsv")["calf", "left"]) == pytest.approx(32, abs=0.2)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda root: draw(root, table=None), "W-NOTABLE"),
        (lambda root: draw(root, subject="good"), "W-NOLABELS"),
        (lambda root: root.mkdir(), "W-NOLABELS"),
    ],
)
def test_labels_that_are_not_there_are_missed(make, code, unlabelled, tmp_path):
    make(tmp_path / "labels")
    ended = neuromyo("run", unlabelled / "bids", tmp_path / "out", "participant", *ASK, "--regions",
                     tmp_path / "labels", "--participant-label", "bad")  # fmt: skip
    assert ended.status == 0
    assert code in [f["code"] for f in ended.json["sessions"][0]["findings"]]
    assert code in (tmp_path / "out" / "sub-bad.html").read_text()


def test_g38_names_that_are_formulas_are_neutralised_wherever_they_go(unlabelled, tmp_path):
    table = TABLE.replace("1\tcalf", "1\t=HYPERLINK(1)").replace("2\tcalf", "2\t@SUM(A1)").replace("leg", "+cmd")
    labels, out = draw(tmp_path / "labels", table=table), tmp_path / "out"
    ended = neuromyo("run", unlabelled / "bids", out, "participant", *ASK, "--regions", labels, "--participant-label",
                     "bad")  # fmt: skip
    assert ended.status == 0, ended.err
    assert {name for name, _ in drawn(out / "measurements.tsv")} == {"'=hyperlink(1)", "'@sum(a1)", "'+cmd"}
    for file in out.rglob("*.tsv"):
        cells = [cell for line in file.read_text().splitlines() for cell in line.split("\t")]
        assert not [c for c in cells if c[:1] in "=@+" and c], file


# --- masks and calibration regions of `fit` ---------------------------------------------------------------------------

MASKS = {
    "G33-other-grid": (LEFT[:-1].astype(np.uint8), AFFINE, "E-GRID", "shape and affine", "resample"),
    "G33-one-voxel": (LEFT.astype(np.uint8), moved(8.0), "E-GRID", "1 voxels apart", "resample"),
    "G33-a-hundredth": (LEFT.astype(np.uint8), moved(0.08, 1), "E-GRID", "voxels apart", "resample"),
    "G33-empty": (LEFT.astype(np.uint8) * 0, AFFINE, "E-EMPTYROI", "one voxel inside", "drawn"),
    "G33-nan": (np.where(LEFT, 1, np.float32(NAN)), AFFINE, "E-LABELS", "other values", "threshold"),
    "G33-labels": (BOTH, AFFINE, "E-LABELS", "other values", "threshold"),
    "G33-4d": (np.stack([LEFT, LEFT], -1).astype(np.uint8), AFFINE, "E-GRID", "dim[4]", "one mask"),
}


@pytest.mark.parametrize(("flag", "id_"), [("--mask", "t2-mono"), ("--region", "t2-water")])
@pytest.mark.parametrize("name", MASKS)
def test_g33_a_mask_that_does_not_fit_is_refused(name, flag, id_, unlabelled, tmp_path):
    volume, affine, code, words, remedy = MASKS[name]
    mask = tmp_path / "mask.nii.gz"
    mask.write_bytes(gz(nii(volume, affine)))
    files = sorted((unlabelled / "bids" / "sub-bad" / "anat").glob("*.nii.gz"))
    given = mask if flag == "--mask" else f"fat={mask}"
    ended = neuromyo("fit", id_, *files, "-o", tmp_path / "fitted", flag, given)
    assert ended.status == 2 and ended.json["error"]["code"] == code, ended.err
    message = ended.json["error"]["message"]
    assert str(mask) in message and words in message and remedy in message.rpartition("; ")[2], message
    assert [p.name for p in tmp_path.iterdir()] == ["mask.nii.gz"]


def test_g33_a_mask_in_floats_masks(unlabelled, tmp_path):
    files = sorted((unlabelled / "bids" / "sub-bad" / "anat").glob("*.nii.gz"))
    found = []
    for i, volume in enumerate((LEFT.astype(np.uint8), LEFT * np.float32(1.0000001))):
        (tmp_path / f"mask{i}.nii").write_bytes(nii(volume, AFFINE))
        ended = neuromyo("fit", "t2-mono", *files, "-o", tmp_path / f"f{i}", "--mask", tmp_path / f"mask{i}.nii")
        assert ended.status == 0, ended.err
        found.append(np.asarray(nibabel.load(tmp_path / f"f{i}_T2.nii.gz").dataobj))
    assert np.array_equal(*found, equal_nan=True)
    assert np.array_equal(np.isfinite(found[0]), LEFT)


def test_a_corrupt_mask_is_told_by_its_own_name(unlabelled, tmp_path):
    mask = tmp_path / "mask.nii.gz"
    mask.write_bytes(gz(nii(LEFT.astype(np.uint8), AFFINE))[:-9])
    files = sorted((unlabelled / "bids" / "sub-bad" / "anat").glob("*.nii.gz"))
    ended = neuromyo("fit", "t2-mono", *files, "-o", tmp_path / "fitted", "--mask", mask)
    assert (ended.status, ended.json["error"]["code"]) == (2, "E-TRUNC")
    assert str(mask) in ended.json["error"]["message"]
