"""Declared against acquired: every finding with file, field, expected, found, remedy and consequence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Biomarker, Estimate, SeriesNeed
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.protocol.check import check
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
