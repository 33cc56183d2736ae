"""What is written: names, units, sidecars, the validator's verdict, the same bytes every time."""

import json
import zlib

import numpy as np
import pytest

from neuromyo.core.acquisition import Assumption
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.io import derivatives, store, table
from neuromyo.io.labels import read_labels
from neuromyo.io.nifti import open_image

T2 = Quantity("T2", "water T2", "ms", (0.005, 0.3), "T2map")
FF = Quantity("FF", "fat fraction", "%", (-1.0, 2.0), "PDFF")
B1 = Quantity("B1", "B1", "%", (0.2, 2.0), "TB1map", datatype="fmap")
S0 = Quantity("S0", "signal", "a.u.", (0.0, float("inf")), "S0map")
LONG = Quantity("T2long", "long T2", "ms", (0.1, 3.0), "T2map")
FA = Quantity("FA", "fractional anisotropy", "1", (0.0, 1.0), "FA", datatype="dwi")
TENSOR = Quantity("D", "tensor", "m2/s", (-1e-8, 1e-8), "tensor", datatype="dwi", rank="tensor", summarised=False)
FAT_T2 = Quantity("FatT2", "T2 of fat", "ms", (0.03, 0.5), "T2map", level="subject")

AFFINE = np.array([[2.0, 0, 0, -20], [0, 2.0, 0, -30], [0, 0, 5.0, 7], [0, 0, 0, 1]])
GRID = Grid.of((4, 3, 2), AFFINE, source_axes=((0, True), (2, False), (1, True)))


def made(quantities, biomarker="t2-water", entities=None):
    rng = np.random.default_rng(3)
    maps = {}
    for i, q in enumerate(quantities):
        shape = GRID.shape + ((6,) if q.rank == "tensor" else ())
        values = rng.uniform(0.02, 0.06, shape)
        reason = np.zeros(GRID.shape, np.uint8)
        reason[0, 0, 0] = Reason.AT_BOUND
        if i == 1:
            reason[1, 0, 0] = Reason.NOT_IDENTIFIABLE
        values[reason > 0] = np.nan
        maps[q.name] = Map(q, values, None if q.rank == "tensor" else values / 10, reason)
    return Maps(
        biomarker,
        GRID,
        maps,
        {"FatT2": Scalar(FAT_T2, 0.133, 0.002, "subcutaneous fat")},
        (Assumption("repetition_time", "inf", "no saturation", "mese"),),
        {"noise": "estimate", "fat_t2": None},
        entities or {"sub": "01", "ses": "m0", "acq": "calf", "run": "2", "part": "mag"},
        {"mese": ("sub-01/ses-m0/anat/sub-01_ses-m0_echo-1_MESE.nii.gz",)},
        flags=("W-ASSUMED",),
    )


def test_names_units_and_sidecars(tmp_path):
    maps = made((T2, FF, B1, S0, LONG))
    written = derivatives.write_maps(
        tmp_path, maps, subject="01", session="m0", extra_sidecar={"Protocol": "x"}, inputs={"a.nii": "ff"}
    )
    stem = "sub-01_ses-m0_acq-calf_run-2"
    anat, fmap = f"sub-01/ses-m0/anat/{stem}", f"sub-01/ses-m0/fmap/{stem}"
    expected = {
        f"{anat}_desc-t2water{d}_{s}{e}"
        for d, s in (
            ("", "T2map"),
            ("Sd", "T2map"),
            ("", "PDFF"),
            ("Sd", "PDFF"),
            ("", "S0map"),
            ("Sd", "S0map"),
            ("T2long", "T2map"),
            ("T2longSd", "T2map"),
        )
        for e in (".nii.gz", ".json")
    }
    expected |= {f"{fmap}_desc-t2water{d}_TB1map{e}" for d in ("", "Sd") for e in (".nii.gz", ".json")}
    expected |= {f"{anat}_desc-t2water{d}Reason_dseg{e}" for d in ("", "FF") for e in (".nii.gz", ".json", ".tsv")}
    assert set(written) == expected
    assert all(store.sha256(tmp_path / name) == digest for name, digest in written.items())
    sidecar = json.loads((tmp_path / f"{anat}_desc-t2water_T2map.json").read_text())
    assert sidecar["Units"] == "s" and sidecar["SkullStripped"] is False and sidecar["Protocol"] == "x"
    assert sidecar["SubjectValues"]["FatT2"]["Value"] == 0.133 and sidecar["InputSHA256"] == {"a.nii": "ff"}
    assert sidecar["Assumptions"][0]["field"] == "repetition_time" and sidecar["Options"] == {
        "fat_t2": None,
        "noise": "estimate",
    }
    assert sidecar["Sources"] == ["bids:raw:sub-01/ses-m0/anat/sub-01_ses-m0_echo-1_MESE.nii.gz"]
    assert json.loads((tmp_path / f"{anat}_desc-t2water_PDFF.json").read_text())["Units"] == "%"
    assert json.loads((tmp_path / f"{anat}_desc-t2water_S0map.json").read_text())["PlausibleRange"] == [0.0, None]
    for name, q, factor in (("T2map", T2, 1), ("PDFF", FF, 100)):
        handle, grid, findings = open_image(tmp_path / f"{anat}_desc-t2water_{name}.nii.gz", scratch=tmp_path)
        wanted = np.float32(maps[q.name].values * factor)
        assert np.array_equal(handle.read()[..., 0], wanted, equal_nan=True)
        assert grid.same_as(GRID, 1e-6) and grid.slice_axis == GRID.slice_axis and grid.source_axes == GRID.source_axes
        assert findings == ()


def test_the_validator_finds_no_error(tmp_path, validator):
    for subject in ("01", "02"):
        source = {"sub": subject, "ses": "m0", "acq": "calf", "flip": "2"} if subject == "02" else None
        for maps in (made((T2, FF, B1, S0, LONG), entities=source), made((B1,), "b1-dam"), made((FA, TENSOR), "dti")):
            derivatives.write_maps(tmp_path, maps, subject=subject, session="m0")
        labels = Labels(np.ones(GRID.shape, np.int16), GRID, (Region(1, "soleus", "left", "leg"),), "drawn")
        derivatives.write_labels(tmp_path, labels, subject=subject, session="m0", desc="compartments")
    measurements = Measurements.of([{"subject": "01", "region": "soleus", "value": 0.5}])
    table.write_measurements(tmp_path / "measurements.tsv", measurements)
    table.write_measurements(tmp_path / "sub-01/ses-m0/sub-01_ses-m0_measurements.tsv", measurements)
    store.write_text(tmp_path / "cohort.html", "<html></html>")
    store.write_text(tmp_path / "sub-01_ses-m0.html", "<html></html>")
    store.write_text(tmp_path / "methods.md", "# methods")
    store.write_json(tmp_path / "record/run.json", {"a": 1})
    derivatives.dataset_files(tmp_path)
    assert [(e["code"], e.get("location"), e.get("issueMessage")) for e in validator(tmp_path)] == []


def test_same_bytes_every_time(tmp_path):
    first, second = (derivatives.write_maps(tmp_path / n, made((T2, FF)), subject="01", session="") for n in ("a", "b"))
    assert first == second
    for path in (tmp_path / "a").rglob("*.nii.gz"):
        assert path.read_bytes()[4:8] == bytes(4) and not path.read_bytes()[3]


def test_labels_come_back(tmp_path):
    volume = np.zeros(GRID.shape, np.int16)
    volume[0], volume[-1] = 300, 2
    regions = (Region(2, "soleus", "right", "leg", "SCT:1"), Region(300, "soleus", "left", "leg"))
    written = derivatives.write_labels(tmp_path, Labels(volume, GRID, regions), subject="1", session="", desc="muscles")
    assert set(written) == {f"sub-1/anat/sub-1_desc-muscles_dseg{e}" for e in (".nii.gz", ".tsv", ".json")}
    back = read_labels(tmp_path / "sub-1/anat/sub-1_desc-muscles_dseg.nii.gz", scratch=tmp_path)
    assert back.regions == regions and np.array_equal(back.volume, volume) and back.grid.same_as(GRID, 1e-6)


def test_a_name_that_is_too_long(tmp_path):
    maps = made((T2,), entities={"sub": "1", "acq": "a" * 230})
    with pytest.raises(NeuromyoError, match="E-EXPORT"):
        derivatives.write_maps(tmp_path, maps, subject="1", session="")
    assert not list(tmp_path.rglob("*.*"))


def test_reason_table_says_every_code(tmp_path):
    derivatives.write_maps(tmp_path, made((T2,)), subject="1", session="")
    (path,) = tmp_path.rglob("*Reason_dseg.tsv")
    rows = table.read_tsv(path)
    assert rows["index"] == [str(r.value) for r in Reason] and "at-bound" in rows["name"]
    image = next(tmp_path.rglob("*Reason_dseg.nii.gz"))
    assert set(zlib.decompress(image.read_bytes(), 31)[352:]) == {0, int(Reason.AT_BOUND)}
