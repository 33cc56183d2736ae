"""A whole nerve examination as a scanner would export it: the phantom's images as DICOM, imported by the protocol, and back to the
same voxels at the same places under the same names."""

import json

import nibabel
import numpy as np
import pytest

from tests.dialects import siemens
from tests.dialects.exam import Examination
from tests.dialects.scan import Scan
from tests.journey import kit

pytestmark = [pytest.mark.journey, pytest.mark.slow]

#: entities that a name keeps through DICOM; others are the phantom's own
KEPT = ("echo", "flip", "mt", "part", "dir")
#: words of a study's own, as its scanner shows them
WORDS = {
    "off1": "pd gre mtoff",
    "on1": "mt gre mton",
    "off2": "t1 gre",
    "tr1": "b1 afi",
    "tr2": "b1 afi",
    "dwi": "dti",
    "epi": "dti b0",
}


def images(root):
    return sorted(p for p in (root / "sub-01").rglob("*.nii.gz"))


def key_of(path) -> tuple:
    pairs = dict(pair.split("-") for pair in path.name.split(".")[0].split("_")[1:-1])
    kept = {k: v for k, v in pairs.items() if k in KEPT}
    if pairs.get("acq") in ("tr1", "tr2"):
        kept["acq"] = pairs["acq"]
    return path.name.split(".")[0].rpartition("_")[2], tuple(sorted(kept.items()))


def sidecar(path) -> dict:
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def series_of(path) -> tuple[str, str, str]:
    """What a scanner writes as one series: kind, contrast, part."""
    kind, kept = key_of(path)
    labels = dict(kept)
    contrast = labels.get("mt", "") + labels.get("flip", "") or labels.get("acq", "") or kind
    return kind, contrast, labels.get("part", "mag")


def whole_numbers(values: np.ndarray, part: str) -> np.ndarray:
    """As a scanner stores them: phase in 4096 steps a turn, signals to the nearest whole number."""
    if part == "phase":
        return (np.rint((values + np.pi) / (2 * np.pi) * 4096).astype(np.int64) % 4096).astype(np.uint16)
    return np.rint(np.clip(values, 0, None)).astype(np.uint16)


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    """The phantom, its DICOM, and what import made of that."""
    folder = tmp_path_factory.mktemp("nerve")
    program = kit.install(folder / "plugins")
    assert program("phantom", folder / "phantom", "--set", "nerve_small").status == 0
    groups: dict[tuple, list] = {}
    for path in images(folder / "phantom"):
        groups.setdefault(series_of(path), []).append(path)
    examination = Examination()
    for number, ((_, contrast, part), paths) in enumerate(sorted(groups.items()), start=3):
        write(paths, examination.series(number, WORDS.get(contrast, contrast)), folder / "dicom" / f"s{number}", part)
    done = program("import", folder / "dicom", folder / "bids", "--subject", "01", "--protocol", "nerve_3t",
                   HOME=str(folder / "home"))  # fmt: skip
    assert done.status == 0, done.err + done.out
    return program, folder, done.out


def write(paths, series, folder, part) -> None:
    paths = sorted(paths, key=lambda p: sidecar(p).get("EchoTime", 0))
    loaded = [nibabel.load(p) for p in paths]
    said = [sidecar(p) for p in paths]
    voxels = np.concatenate([np.atleast_3d(i.get_fdata()).reshape(*i.shape[:3], -1) for i in loaded], axis=3)
    stem = str(paths[0]).removesuffix(".nii.gz")
    diffusion = {}
    if paths[0].name.endswith("_dwi.nii.gz"):
        axes = loaded[0].affine[:3, :3] / np.linalg.norm(loaded[0].affine[:3, :3], axis=0)
        along = np.loadtxt(f"{stem}.bvec") * [[-1 if np.linalg.det(axes) > 0 else 1], [1], [1]]
        diffusion = {"b_values": tuple(np.loadtxt(f"{stem}.bval")), "b_vectors": (axes @ along).T}
    if paths[0].name.endswith("_epi.nii.gz"):
        diffusion = {"b_values": (0.0,) * voxels.shape[3], "b_vectors": np.zeros((voxels.shape[3], 3))}
    planar = paths[0].name.endswith(("_dwi.nii.gz", "_epi.nii.gz"))
    scan = Scan(
        whole_numbers(voxels, part), loaded[0].affine, repetition_time=said[0].get("RepetitionTimeExcitation") or said[0]["RepetitionTime"],
        echo_times=tuple(s["EchoTime"] for s in said) if len(said) > 1 else (said[0].get("EchoTime", 0.002),),
        flip_deg=(said[0].get("FlipAngle", 90.0),), parts=(part,), mt_on=said[0].get("MTState"),
        sequence="EP" if planar else "GR", phase_positive=said[0].get("PhaseEncodingDirection") != "j-", **diffusion,
    )  # fmt: skip
    folder.mkdir(parents=True)
    siemens.write(scan, series, folder)


def test_every_image_comes_back_under_its_own_name(exam):
    _, folder, said = exam
    wanted = {key_of(p) for p in images(folder / "phantom")}
    assert {key_of(p) for p in images(folder / "bids")} == wanted, said


def test_numbers_and_places_are_those_of_the_phantom(exam):
    _, folder, _ = exam
    back = {key_of(p): p for p in images(folder / "bids")}
    for path in images(folder / "phantom"):
        one, two = (nibabel.as_closest_canonical(nibabel.load(p)) for p in (path, back[key_of(path)]))
        np.testing.assert_allclose(two.affine, one.affine, atol=1e-4, err_msg=path.name)
        was, now = one.get_fdata(), two.get_fdata()
        part = dict(key_of(path)[1]).get("part", "mag")
        off = np.abs(np.angle(np.exp(1j * (was - now)))) if part == "phase" else np.abs(np.clip(was, 0, None) - now)
        assert off.max() <= (np.pi / 4096 * 1.01 if part == "phase" else 0.501), path.name
        for name in {"EchoTime", "FlipAngle", "MTState"} & sidecar(path).keys():
            assert sidecar(back[key_of(path)]).get(name) == pytest.approx(sidecar(path).get(name)), (path.name, name)


def test_the_gradient_table_comes_back(exam):
    _, folder, _ = exam
    (was,), (now,) = ((folder / kind).rglob("*_dwi.nii.gz") for kind in ("phantom", "bids"))
    tables = []
    for path in (was, now):
        stem, axes = str(path).removesuffix(".nii.gz"), nibabel.load(path).affine[:3, :3]
        axes = axes / np.linalg.norm(axes, axis=0)
        along = np.loadtxt(f"{stem}.bvec") * [[-1 if np.linalg.det(axes) > 0 else 1], [1], [1]]
        tables.append((np.loadtxt(f"{stem}.bval"), axes @ along))
    np.testing.assert_allclose(tables[1][0], tables[0][0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(tables[1][1], tables[0][1], atol=2e-4)


def test_it_is_valid_and_fits_the_protocol(exam, validator):
    program, folder, _ = exam
    assert validator(folder / "bids") == []
    checked = program("--json", "check", folder / "bids", "--protocol", "nerve_3t")
    missing = [f for one in checked.json["sessions"] for f in one["findings"] if f["code"] == "W-MISSING"]
    assert missing == []
