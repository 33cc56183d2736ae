"""Complex series out of magnitude and phase, or real and imaginary parts, as they come from a BIDS folder."""

import json

import numpy as np
import pytest

from neuromyo.io import bids
from neuromyo.protocol import scaling
from tests.gauntlet.making import AFFINE, gz, nii

TE = (0.0012, 0.0022, 0.0032)
SHAPE = (9, 8, 4)


@pytest.fixture
def signal():
    """(x, y, z, n) complex64, with phases all over the circle."""
    rng = np.random.default_rng(5)
    shape = (*SHAPE, len(TE))
    return (
        np.exp(rng.normal(3, 1, shape) - 0.7 * np.arange(len(TE))) * np.exp(1j * rng.uniform(-np.pi, np.pi, shape))
    ).astype(np.complex64)


def write(folder, stem, array, **said):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.nii.gz").write_bytes(gz(nii(array.astype(np.float32), AFFINE), 1))
    (folder / f"{stem}.json").write_text(json.dumps(said))


def opened(root, tmp_path, **options):
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    dataset = bids.index(root)
    return bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path / "scratch", **options)


def complex_of(session):
    return [s for s in session.series if s.part == "complex"]


def as_read(signal):
    return signal[::-1]  # the files run from right to left


def test_magnitude_without_a_part_label_meets_its_phase_echo_by_echo(tmp_path, signal):
    anat = tmp_path / "in" / "sub-1" / "anat"
    for i, place in enumerate((2, 0, 1)):  # echo numbers run against the echo times
        write(anat, f"sub-1_acq-leg_echo-{i + 1}_MEGRE", np.abs(signal[..., place]), EchoTime=TE[place])
        write(
            anat,
            f"sub-1_acq-leg_echo-{3 - i}_part-phase_MEGRE",
            np.angle(signal[..., place]),
            EchoTime=TE[place],
            Units="rad",
        )
    session = opened(tmp_path / "in", tmp_path)
    assert not session.errors and sorted(s.part for s in session.series) == ["complex", "mag", "phase"]
    (made,) = complex_of(session)
    assert made.acquisition.echo_times == TE and dict(made.entities) == {"sub": "1", "acq": "leg"}
    assert made.data.dtype == made.read().dtype == np.complex64 and len(made.files) == 6
    np.testing.assert_allclose(made.read(), as_read(signal), rtol=2e-6)
    block = (slice(1, 4), slice(None, 5), slice(2, 3))
    assert np.array_equal(made.read(block), made.read()[block])


def test_real_and_imaginary_parts_are_exact_and_preferred(tmp_path, signal):
    anat = tmp_path / "in" / "sub-1" / "anat"
    parts = {"mag": np.abs(signal), "phase": np.angle(signal), "real": signal.real, "imag": signal.imag}
    for part, array in parts.items():
        write(anat, f"sub-1_part-{part}_MEGRE", array, EchoTime=TE, Units="rad")
    (made,) = complex_of(opened(tmp_path / "in", tmp_path))
    assert np.array_equal(made.read(), as_read(signal)) and "real" in made.name


def test_a_complex_series_knows_how_its_parts_were_scaled(tmp_path, signal):
    """Real and imaginary parts scaled apart turn the phase: maps made of both bear the flag. A phase image's slopes are nobody's."""
    anat = tmp_path / "in" / "sub-1" / "anat"
    write(anat, "sub-1_acq-a_part-real_MEGRE", signal.real, EchoTime=TE, PhilipsRescaleSlope=2.0, PhilipsScaleSlope=0.1)
    write(anat, "sub-1_acq-a_part-imag_MEGRE", signal.imag, EchoTime=TE, PhilipsRescaleSlope=3.0, PhilipsScaleSlope=0.1)
    write(anat, "sub-1_acq-b_part-mag_MEGRE", np.abs(signal), EchoTime=TE)
    write(anat, "sub-1_acq-b_part-phase_MEGRE", np.angle(signal), EchoTime=TE, Units="rad",
          PhilipsRescaleSlope=1.5, PhilipsScaleSlope=0.1)  # fmt: skip
    made = {s.entities["acq"]: s for s in complex_of(opened(tmp_path / "in", tmp_path))}
    assert made["a"].acquisition.rescale_slopes == ((2.0, 3.0),) * signal.shape[3]
    assert scaling.flags("pdff", {"megre": made["a"]}) == ("W-SCALE",)
    assert made["b"].acquisition.rescale_slopes is None and scaling.flags("pdff", {"megre": made["b"]}) == ()


@pytest.mark.parametrize(("change", "words"), [
    ({"EchoTime": (0.0012, 0.0022, 0.0052)}, "echo times differ"),
    ({"RepetitionTime": 0.02}, ""),
])  # fmt: skip
def test_parts_of_other_acquisitions_stay_apart(tmp_path, signal, change, words):
    anat = tmp_path / "in" / "sub-1" / "anat"
    write(anat, "sub-1_part-mag_MEGRE", np.abs(signal), EchoTime=TE, RepetitionTime=0.01)
    write(
        anat,
        "sub-1_part-phase_MEGRE",
        np.angle(signal),
        **{"EchoTime": TE, "RepetitionTime": 0.01, "Units": "rad"} | change,
    )
    session = opened(tmp_path / "in", tmp_path)
    assert not complex_of(session)
    said = [f.message for f in session.findings if f.code == "W-PARTS"]
    assert len(said) == bool(words) and words in "".join(said)


def test_parts_on_other_grids_stay_apart(tmp_path, signal):
    anat = tmp_path / "in" / "sub-1" / "anat"
    write(anat, "sub-1_part-mag_MEGRE", np.abs(signal)[1:], EchoTime=TE)
    write(anat, "sub-1_part-phase_MEGRE", np.angle(signal), EchoTime=TE, Units="rad")
    session = opened(tmp_path / "in", tmp_path)
    assert not complex_of(session) and ["their grids differ" in f.message for f in session.findings] == [True]


def test_a_nan_of_either_part_is_nan(tmp_path, signal):
    anat = tmp_path / "in" / "sub-1" / "anat"
    mag, phase = np.abs(signal), np.angle(signal)
    mag[1, 1, 1, 0] = phase[2, 2, 2, 1] = np.nan
    write(anat, "sub-1_MEGRE", mag, EchoTime=TE)
    write(anat, "sub-1_part-phase_MEGRE", phase, EchoTime=TE, Units="rad")
    (made,) = complex_of(opened(tmp_path / "in", tmp_path))
    assert np.array_equal(np.isnan(made.read()), as_read(np.isnan(mag) | np.isnan(phase)))


def test_field_map_layouts_become_two_echoes(tmp_path, signal):
    fmap = tmp_path / "in" / "sub-1" / "fmap"
    for i in (0, 1):
        write(fmap, f"sub-1_magnitude{i + 1}", np.abs(signal[..., i]), EchoTime=TE[i])
        write(fmap, f"sub-1_phase{i + 1}", np.angle(signal[..., i]), EchoTime=TE[i], Units="rad")
    difference = np.angle(signal[..., 1] * signal[..., 0].conj())
    write(fmap, "sub-1_acq-d_magnitude1", np.abs(signal[..., 1]), EchoTime=TE[0])
    write(fmap, "sub-1_acq-d_phasediff", difference, EchoTime1=TE[0], EchoTime2=TE[1], Units="rad")
    session = opened(tmp_path / "in", tmp_path)
    assert not session.errors
    made = {s.kind: s for s in complex_of(session)}
    assert set(made) == {"phase1", "phasediff"} and all(s.acquisition.echo_times == TE[:2] for s in made.values())
    np.testing.assert_allclose(made["phase1"].read(), as_read(signal[..., :2]), rtol=2e-6)
    turned = made["phasediff"].read()
    np.testing.assert_allclose(np.angle(turned[..., 1] * turned[..., 0].conj()), as_read(difference), atol=1e-6)


def test_a_phase_that_nobody_asks_for_stops_nobody(tmp_path, signal):
    anat = tmp_path / "in" / "sub-1" / "anat"
    write(anat, "sub-1_MEGRE", np.abs(signal), EchoTime=TE)
    write(anat, "sub-1_part-phase_MEGRE", 17 * np.angle(signal), EchoTime=TE)
    asked = opened(tmp_path / "in", tmp_path, phased={"MEGRE"})
    assert [e.code for _, e in asked.errors] == ["E-PHASE"] and [s.part for s in asked.series] == ["mag"]
    assert not opened(tmp_path / "in", tmp_path, phased=()).errors
