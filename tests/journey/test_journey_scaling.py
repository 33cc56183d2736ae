"""Philips display values of different scale never reach a map without a warning that names files and slopes."""

import json

import nibabel
import numpy as np
import pytest

from tests.journey import kit

SLOPES = {"on": (1.2, 0.004), "off": (2.4, 0.004)}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("scaling") / "plugins")


def study(root, slopes):
    """MT on and off of two legs, multiplied for display as the sidecars say."""
    folder = root / "sub-01" / "anat"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Legs", "BIDSVersion": "1.10.0"}))
    echoes, _, _ = kit.two_legs(3)
    for mt, share in (("on", 0.65), ("off", 1.0)):
        stated = {
            "Manufacturer": "Philips",
            "MTState": mt == "on",
            "FlipAngle": 9,
            "RepetitionTime": 0.03,
            "EchoTime": 0.003,
        }
        factor = 1.0
        if slopes is not None:
            rescale, scale = slopes[mt]
            factor = rescale * scale
            stated |= {
                "PhilipsRescaleSlope": rescale,
                "PhilipsScaleSlope": scale,
                "UsePhilipsFloatNotDisplayScaling": 0,
            }
        stem = folder / f"sub-01_mt-{mt}_MTR"
        nibabel.Nifti1Image((echoes[..., 0] * share * factor).astype(np.float32), kit.AFFINE).to_filename(
            f"{stem}.nii.gz"
        )
        stem.with_name(stem.name + ".json").write_text(json.dumps(stated))
    return root


def the_warning(findings):
    (found,) = [f for f in findings if f["code"] == "W-SCALE"]
    return found


def assert_named(found):
    assert found["level"] == "warn"
    for word in ("mt-on_MTR.nii.gz", "mt-off_MTR.nii.gz", "RescaleSlope 1.2", "RescaleSlope 2.4", "ScaleSlope 0.004"):
        assert word in found["message"], found
    assert "mtr is wrong" in found["consequence"] and "factor of up to 2" in found["consequence"]


def test_check_run_and_fit_name_it(program, tmp_path):
    bids = study(tmp_path / "bids", SLOPES)
    checked = program("check", bids, "--json")
    assert checked.status == 0
    assert_named(the_warning(checked.json["sessions"][0]["findings"]))

    out = tmp_path / "out"
    ran = program("run", bids, out, "participant", "--json")
    assert ran.status == 0, ran.err
    assert_named(the_warning(ran.json["sessions"][0]["findings"]))
    page = (out / "sub-01.html").read_text()
    assert "W-SCALE" in page and "RescaleSlope 2.4" in page
    (sidecar,) = out.rglob("*desc-mtr_MTRmap.json")
    assert "W-SCALE" in json.loads(sidecar.read_text())["Flags"]

    anat = bids / "sub-01" / "anat"
    fitted = program("fit", "mtr", anat / "sub-01_mt-on_MTR.nii.gz", anat / "sub-01_mt-off_MTR.nii.gz", "-o",
                     tmp_path / "fit" / "x", "--json")  # fmt: skip
    assert fitted.status == 0, fitted.err
    assert_named(the_warning(fitted.json["findings"]))
    assert "W-SCALE" in fitted.err, "people read it too"
    assert "W-SCALE" in json.loads((tmp_path / "fit" / "x_MTR.json").read_text())["Flags"]


def test_one_scale_passes_and_silence_does_not(program, tmp_path):
    same = program("check", study(tmp_path / "same", {"on": (1.2, 0.004), "off": (1.2, 0.004)}), "--json")
    assert not [f for f in same.json["sessions"][0]["findings"] if f["code"] == "W-SCALE"]
    silent = program("check", study(tmp_path / "silent", None), "--json")
    assert "does not say" in the_warning(silent.json["sessions"][0]["findings"])["message"]


def test_a_slope_of_nought_is_refused(program, tmp_path):
    ended = program("check", study(tmp_path / "bids", {"on": (0.0, 1.0), "off": (1.0, 1.0)}), "--json")
    assert ended.status == 2
    assert [f["code"] for f in ended.json["sessions"][0]["findings"] if f["level"] == "stop"] == ["E-SCALE"]
