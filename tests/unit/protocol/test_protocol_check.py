"""Declared against acquired: every finding with file, field, expected, found, remedy and consequence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Biomarker, Estimate, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.protocol.check import _together, check
from neuromyo.protocol.protocol import load

TIMES = tuple(0.0095 * (k + 1) for k in range(17))
FULL = Acquisition(
    echo_times=TIMES, repetition_time=3.0, flip_angles_deg=(90.0,), refocusing_angle_deg=180.0, field_strength=2.89,
    slice_thickness_mm=6.0,
)  # fmt: skip
CALF = load("calf_3t")


def biomarker(id_: str, *needs: SeriesNeed) -> Biomarker:
    typical = {
        f"role{i}": FULL.with_(inversion_times=(0.1,), mt_on=(True,)) for i, n in enumerate(needs) if not n.optional
    }
    return Biomarker(
        id=id_, title=id_, doi=(), needs={f"role{i}": n for i, n in enumerate(needs)},
        gives=(Quantity("T2", "T2", "ms", (0.0, 1.0), "T2map"),), simulate=lambda truth, acquisitions, options: {},
        estimate=lambda inputs, options: Estimate({}, np.zeros(0)), typical=typical, example={},
    )  # fmt: skip


WATER = biomarker(
    "t2-water",
    SeriesNeed(
        ("MESE",), min_volumes=5, required=("echo_times",),
        assumable=(
            Assumable("repetition_time", math.inf, "long against T1 in practice"),
            Assumable("refocusing_angle_deg", 180.0, "the usual choice"),
        ),
    ),
)  # fmt: skip
MONO = biomarker("t2-mono", SeriesNeed(("MESE",), min_volumes=3, required=("echo_times",)))
T1 = biomarker("t1-ir", SeriesNeed(("IRT1",), min_volumes=4, required=("inversion_times",)))


def mese(acquisition: Acquisition = FULL, *, voxels=(1.5, 1.5, 8.0), shape=(8, 8, 12), n=None, **more) -> Series:
    n = n if n is not None else len(acquisition.echo_times or (0,) * 17)
    grid = Grid.of(shape, np.diag([*voxels, 1.0]))
    more = {"kind": "MESE", "files": ("sub-01/anat/sub-01_echo-01_MESE.nii.gz",), **more}
    return Series(ArrayData(np.zeros((*shape, n), np.float32)), grid, acquisition, **more)


def test_what_was_declared_passes_in_silence():
    assert check([mese()], CALF, [WATER, MONO]) == ()
    assert check([mese()], None, [WATER, MONO]) == ()
    assert check([mese(FULL.with_(echo_times=TIMES[::-1]))], CALF, [WATER, MONO]) == (), "in whatever order"


@pytest.mark.parametrize(
    ("changed", "level", "field", "expected", "found", "touched"),
    [
        ({"repetition_time": 2.0}, "warn", "RepetitionTime", "3 s", "2 s", "t2-water"),
        ({"repetition_time": 0.4}, "stop", "RepetitionTime", "3 s", "0.4 s", "t2-water"),
        ({"refocusing_angle_deg": 120.0}, "warn", "RefocusingFlipAngle", "180 degrees", "120 degrees", "t2-water"),
        ({"field_strength": 1.5}, "warn", "MagneticFieldStrength", "3 T", "1.5 T", ""),
        ({"echo_times": TIMES[:8]}, "warn", "EchoTime", "number of echoes: expected 17", "8", "t2-water, t2-mono"),
        ({"echo_times": TIMES[:5]}, "stop", "EchoTime", "number of echoes: expected 17", "5", "t2-water, t2-mono"),
        ({"echo_times": tuple(np.arange(1, 18) * 0.03)}, "stop", "EchoTime", "9.5 ms", "30 ms", "t2-water, t2-mono"),
    ],
)  # fmt: skip
def test_what_differs_is_found(changed, level, field, expected, found, touched):
    findings = check([mese(FULL.with_(**changed))], CALF, [WATER, MONO, T1][:2])
    worst = [f for f in findings if f.level == level]
    assert worst, findings
    for finding in worst:
        assert finding.where == f"sub-01/anat/sub-01_echo-01_MESE.nii.gz: {field}"
        assert finding.code == ("E-PROTOCOL" if level == "stop" else "W-PROTOCOL")
        assert expected in finding.message and found in finding.message and "calf_3t" in finding.message
        assert finding.remedy
        assert touched in finding.consequence
    assert not any(f.level == "stop" for f in findings) or level == "stop"


def test_geometry_is_compared_too():
    (coarse,) = check([mese(voxels=(3.5, 1.5, 8.0))], CALF, [MONO])
    assert (coarse.level, coarse.where.split(": ")[1]) == ("warn", "in-plane voxel size")
    assert "3.5 mm" in coarse.message and "t2-mono" in coarse.consequence
    (short,) = check([mese(shape=(8, 8, 3))], CALF, [MONO])
    assert "24 mm" in short.message


def test_what_is_not_stated_is_said_and_never_invented():
    findings = check([mese(Acquisition(echo_times=TIMES))], CALF, [WATER, MONO])
    by_field = {f.where.split(": ")[1]: f for f in findings}
    assert set(by_field) == {
        "RepetitionTime", "RefocusingFlipAngle", "FlipAngle", "MagneticFieldStrength", "SliceThickness",
    }  # fmt: skip
    tr = by_field["RepetitionTime"]
    assert (tr.level, tr.code) == ("warn", "W-ASSUMED")
    assert tr.message == "repetition time: expected 3 s (calf_3t), not stated"
    assert tr.consequence == "t2-water will assume infinity (long against T1 in practice)"
    assert by_field["RefocusingFlipAngle"].consequence == "t2-water will assume 180 (the usual choice)"
    for field in ("FlipAngle", "MagneticFieldStrength", "SliceThickness"):
        assert (by_field[field].level, by_field[field].code) == ("note", "N-UNSTATED")
        assert "not stated" in by_field[field].message
    assert not any("found" in f.message for f in findings)


def test_without_a_protocol_the_needs_are_still_checked():
    findings = check([mese(Acquisition(echo_times=TIMES))], None, [WATER, MONO, T1])
    assert [(f.code, f.where.split(": ")[-1]) for f in findings] == [
        ("W-NEEDS", "role0"), ("W-ASSUMED", "RepetitionTime"), ("W-ASSUMED", "RefocusingFlipAngle"),
    ]  # fmt: skip
    assert findings[0].where.startswith("t1-ir")
    assert "IRT1" in findings[0].message and "found MESE" in findings[0].message
    assert findings[0].consequence == "t1-ir is left out"


def test_biomarkers_that_assume_the_same_are_named_together():
    again = biomarker("t2-epg", WATER.series_need("role0"))
    (tr, _) = check([mese(Acquisition(echo_times=TIMES))], None, [WATER, again])
    assert tr.message == "not stated"
    assert tr.consequence == "t2-water, t2-epg will assume infinity (long against T1 in practice)"


def test_a_field_that_is_required_and_missing():
    (finding,) = check([mese(Acquisition(), n=17)], None, [MONO])
    assert (finding.code, finding.where.split(": ")[1]) == ("W-NEEDS", "EchoTime")
    assert finding.consequence == "t2-mono cannot be computed from it"


def test_too_few_volumes():
    (finding,) = check([mese(FULL.with_(echo_times=TIMES[:4]))], None, [WATER, MONO])
    assert "4 found, 5 needed" in finding.message
    assert finding.consequence == "t2-water is left out"


def test_a_declared_sequence_that_is_absent():
    findings = check([], CALF, [MONO])
    assert [f.code for f in findings] == ["W-NEEDS", "W-MISSING"]
    assert "calf_3t: mese" in findings[1].where
    assert "no series" in findings[1].message and "t2-mono" in findings[1].consequence


def test_parts_and_entities_tell_series_apart():
    phase = mese(part="phase")
    assert [f.code for f in check([phase], CALF, [])] == ["W-MISSING"]
    text = 'name = "x"\ntitle = "x"\n[sequences.a]\nkind = "MESE"\ntitle = "a"\nentities = {acq = "calf"}\n'
    assert [f.code for f in check([mese(entities={"acq": "thigh"})], load(text), [])] == ["W-MISSING"]
    assert check([mese(entities={"acq": "calf"})], load(text), []) == ()


def test_an_uneven_train_is_found():
    uneven = (*TIMES[:8], TIMES[8] + 0.003, *TIMES[9:])
    (finding,) = check([mese(FULL.with_(echo_times=uneven))], CALF, [MONO])
    assert "even" in finding.message and "6.5 to 12.5 ms" in finding.message


def test_echo_lists_are_compared_echo_by_echo():
    text = """
name = "x"
title = "x"
[sequences.a]
kind = "MESE"
title = "a"
echo_list = {times = [0.01, 0.03, 0.06], fine = 0.001, usable = 0.005, proposed = true}
"""
    declared = load(text)
    assert check([mese(FULL.with_(echo_times=(0.01, 0.0305, 0.06)))], declared, []) == ()
    (one,) = check([mese(FULL.with_(echo_times=(0.01, 0.033, 0.06)))], declared, [MONO])
    assert (one.level, one.message.split(":")[0]) == ("warn", "echo 2")
    (count,) = check([mese(FULL.with_(echo_times=(0.01, 0.03)))], declared, [])
    assert (count.level, count.message.split(":")[0]) == ("stop", "number of echoes")


def test_findings_do_not_hang_on_the_biomarkers_order():
    series = [mese(Acquisition(echo_times=TIMES))]
    one, other = check(series, CALF, [WATER, MONO]), check(series, CALF, [MONO, WATER])
    assert {f.where for f in one} == {f.where for f in other}


# --- the nerve protocol ------------------------------------------------------------------------------------------------

NERVE = load("nerve_3t")
GRE = Acquisition(
    echo_times=tuple(0.0020 + 0.0019 * k for k in range(6)), repetition_time=0.025, flip_angles_deg=(6.0,), mt_on=(False,),
    rf_spoiling_increment_deg=-50.0, field_strength=3.0, slice_thickness_mm=4.0,
)  # fmt: skip
RNG = np.random.default_rng(4)
VECTORS = RNG.normal(size=(30, 3))
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
DWI = Acquisition(
    b_values=(0.0,) * 4 + (8e8,) * 30, b_vectors=((0.0, 0.0, 0.0),) * 4 + tuple(map(tuple, VECTORS.tolist())),
    echo_times=(0.06,), repetition_time=5.0, field_strength=3.0, slice_thickness_mm=4.0,
)  # fmt: skip
STAGE = biomarker(
    "toy-stage",
    SeriesNeed(("MPM",), part="complex", required=("echo_times",), entities=(("flip", "1"), ("mt", "off"))),
    SeriesNeed(("MPM",), part="complex", required=("mt_on",), entities=(("flip", "1"), ("mt", "on"))),
)
TENSOR = Biomarker(
    id="toy-tensor", title="t", doi=(), needs={"dwi": SeriesNeed(("dwi",), required=("b_values", "b_vectors"))},
    gives=(Quantity("FA", "FA", "%", (0.0, 1.0), "FA"),), simulate=lambda truth, acquisitions, options: {},
    estimate=lambda inputs, options: Estimate({}, np.zeros(0)), typical={"dwi": DWI}, example={},
)  # fmt: skip


def nerve(acquisition: Acquisition, kind: str, part: str = "mag", **entities: str) -> Series:
    grid = Grid.of((8, 8, 40), np.diag([0.9, 0.9, 4.0, 1.0]))
    data = ArrayData(np.zeros((*grid.shape, acquisition.n_volumes or 1), np.float32))
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), f"part-{part}", kind])
    return Series(data, grid, acquisition, kind, part, entities, (name,))


def session(pdw=GRE, dwi=DWI, mtw_on=True, part="complex") -> list[Series]:
    mt = {"mt_on": (mtw_on,), "mt_offset_hz": -2000.0, "mt_flip_angle_deg": 220.0}
    afi = Acquisition(flip_angles_deg=(60.0,), repetition_time=0.02, field_strength=3.0)
    back = Acquisition(repetition_time=5.0, field_strength=3.0)
    return [
        nerve(pdw, "MPM", part, flip="1", mt="off"),
        nerve(GRE.with_(**mt), "MPM", part, flip="1", mt="on"),
        nerve(GRE.with_(flip_angles_deg=(24.0,)), "MPM", part, flip="2", mt="off"),
        nerve(afi, "TB1AFI", acq="tr1"), nerve(afi.with_(repetition_time=0.1), "TB1AFI", acq="tr2"),
        nerve(dwi, "dwi", dir="AP"), nerve(back, "epi", dir="PA"),
    ]  # fmt: skip


def test_a_nerve_session_as_declared_passes_in_silence():
    assert check(session(), NERVE, [STAGE, TENSOR]) == ()


@pytest.mark.parametrize(
    ("acquisitions", "level", "field", "said", "touched"),
    [
        ({"pdw": GRE.with_(rf_spoiling_increment_deg=117.0)}, "warn", "SpoilingRFPhaseIncrement", "found 117", ""),
        ({"pdw": GRE.with_(flip_angles_deg=(15.0,))}, "stop", "FlipAngle", "found 15 degrees", ""),
        ({"pdw": GRE.with_(echo_times=GRE.echo_times[:4])}, "warn", "EchoTime", "found 4", "toy-stage"),
        ({"mtw_on": False}, "stop", "MTState", "expected on (nerve_3t), found off", "toy-stage"),
        ({"dwi": DWI.with_(b_values=(0.0,) * 4 + (2e9,) * 30)}, "stop", "bval file", "found 2000 s/mm2", "toy-tensor"),
        ({"dwi": DWI.with_(b_values=(0.0,) * 32 + (8e8,) * 2)}, "stop", "bvec file", "found 2,", "toy-tensor"),
    ],
)  # fmt: skip
def test_what_differs_from_the_nerve_protocol_is_found(acquisitions, level, field, said, touched):
    findings = [f for f in check(session(**acquisitions), NERVE, [STAGE, TENSOR]) if f.where.endswith(f": {field}")]
    assert any(f.level == level and said in f.message and touched in f.consequence for f in findings), findings


def test_opposite_directions_count_once():
    folded = ((0.0, 0.0, 0.0),) * 4 + tuple(map(tuple, np.concatenate([VECTORS[:15], -VECTORS[:15]]).tolist()))
    (finding,) = check(session(dwi=DWI.with_(b_vectors=folded)), NERVE, [TENSOR])
    assert (
        finding.level == "warn" and "diffusion directions: expected 30" in finding.message and "15" in finding.message
    )


def test_magnitudes_alone_are_half_of_a_complex_sequence():
    halves = session(part="mag")
    findings = check(halves, NERVE, [STAGE])
    assert [f.where for f in findings if f.code == "W-NEEDS"] == [f"toy-stage: {r}" for r in STAGE.series_roles]
    missing = [f for f in findings if f.code == "W-MISSING"]
    assert [f.where for f in missing] == [f"nerve_3t: {n}" for n in ("pdw", "mtw", "t1w")]
    assert all("toy-stage cannot be computed" in f.consequence for f in missing)
    phases, joined = ([s for s in session(part=part) if s.kind == "MPM"] for part in ("phase", "complex"))
    assert check([*halves, *phases, *joined], NERVE, [STAGE]) == ()


def test_a_missing_sequence_is_named_with_its_entities_and_what_it_was_for():
    left = [s for s in session() if s.entities.get("mt") != "on"]
    findings = [f for f in check(left, NERVE, [STAGE]) if f.code == "W-MISSING"]
    assert [f.where for f in findings] == ["nerve_3t: mtw"]
    assert "MPM, flip-1, mt-on" in findings[0].message and "toy-stage" in findings[0].consequence


def test_findings_that_differ_in_what_they_mean_alone_are_told_once():
    one, other = Finding("stop", "E-PROTOCOL", "a", "b", "c", "d"), Finding("stop", "E-PROTOCOL", "a", "b", "c", "e")
    merged = list(_together([one, Finding("note", "N-UNSTATED", "a", "b"), other]))
    assert [(f.code, f.consequence) for f in merged] == [("E-PROTOCOL", "d; e"), ("N-UNSTATED", "")]


# --- fat against water ------------------------------------------------------------------------------------------------

RATIO = biomarker("toy-mtr", SeriesNeed(("MTR",)))


@pytest.mark.parametrize(
    ("te", "field", "told"), [(0.00115, 3.0, True), (0.0023, 3.0, False), (0.0023, 1.5, True), (0.003, None, False)]
)
def test_a_first_echo_out_of_phase_is_noted(te, field, told):
    """At 3 T the main peak of fat turns once in 2.3 ms; half of that is opposed."""
    series = nerve(Acquisition(echo_times=(te,), field_strength=field, mt_on=(True, False)), "MTR")
    found = check([series], None, [RATIO])
    assert [f.code for f in found] == ["N-OPPOSED"] * told
    if told:
        assert (
            "toy-mtr" in found[0].consequence
            and 0.15 < float(found[0].message.split("signal is ")[1].split(" %")[0]) / 100 < 0.2
        )


def test_a_complex_series_sees_fat_for_what_it_is():
    assert (
        check([nerve(GRE.with_(echo_times=(0.00115,)), "MPM", "complex", flip="1", mt="off")], None, [STAGE])[1:] == ()
    )


def test_a_need_with_an_entity_that_may_be_absent():
    """``entities_if_any`` holds where a series bears the entity at all."""
    picky = biomarker("toy-picky", SeriesNeed(("MPM",), entities_if_any=(("mt", "off"),)))
    for entities, serves in (({}, True), ({"mt": "off"}, True), ({"mt": "on"}, False)):
        found = check([nerve(GRE, "MPM", **entities)], None, [picky])
        assert [f.code for f in found] == ([] if serves else ["W-NEEDS"]), entities


def test_more_echoes_than_a_list_declares_do_no_harm():
    text = 'name = "x"\ntitle = "x"\n[sequences.a]\nkind = "MESE"\ntitle = "a"\n'
    text += "echo_list = {times = [0.0095], fine = 0.001, usable = 0.005, proposed = true}\n"
    (one,) = check([mese(FULL.with_(echo_times=TIMES[:2]))], load(text), [])
    assert (one.level, one.message.split(":")[0]) == ("warn", "number of echoes")
