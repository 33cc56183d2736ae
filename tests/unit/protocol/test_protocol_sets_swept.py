"""Every sequence of every packaged protocol: left out, or with one number out of its usable interval, and a finding says so."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline import registries
from neuromyo.protocol.check import check
from neuromyo.protocol.protocol import load, names
from neuromyo.protocol.sequence import Figure, Sequence

SETS = {name: load(name) for name in names()}
SEQUENCES = [(name, sequence) for name, protocol in SETS.items() for sequence in protocol.sequences]
#: dotted key of a declared number -> what a finding calls it
WORDS = {
    "repetition_time": "repetition time", "flip_angle_deg": "flip angle", "refocusing_angle_deg": "refocusing angle",
    "in_plane_mm": "in-plane voxel size", "slice_thickness_mm": "slice thickness", "coverage_mm": "coverage across slices",
    "mt_offset_hz": "MT pulse offset", "mt_flip_angle_deg": "MT pulse angle", "rf_spoiling_increment_deg": "RF spoiling increment",
    "b_value_s_mm2": "b-value", "n_directions": "diffusion directions", "n_unweighted": "unweighted volumes",
    "echoes.first": "first echo", "echoes.spacing": "echo spacing", "echoes.count": "number of echoes",
}  # fmt: skip
NUMBERS = [
    (name, sequence, key)
    for name, sequence in SEQUENCES
    for key, _ in SETS[name].sequences[sequence].figures()
    if key != "minutes"  # no image file states how long it took
]


def acquired(declared: Sequence, protocol, off: str = "", value: float = 0.0) -> list[Series]:
    """The series of one declared sequence as it should be, or with one number set to a value."""
    numbers = {key: figure.target for key, figure in declared.figures()} | ({off: value} if off else {})
    times = [numbers[k] for k in numbers if k.startswith("echo_list.")]
    if declared.echoes is not None:
        first, spacing, count = (numbers[f"echoes.{part}"] for part in ("first", "spacing", "count"))
        times = [first + spacing * k for k in range(round(count))]
    fields = {k: numbers.get(k) for k in ("repetition_time", "refocusing_angle_deg", "mt_offset_hz", "mt_flip_angle_deg",
                                          "rf_spoiling_increment_deg", "slice_thickness_mm")}  # fmt: skip
    n = max(len(times), 2 if declared.kind == "TB1AFI" else 1)
    if declared.b_value_s_mm2 is not None:
        plain, turns = round(numbers["n_unweighted"]), round(numbers["n_directions"])
        fields["b_values"] = (0.0,) * plain + (1e6 * numbers["b_value_s_mm2"],) * turns
        angles = np.arange(turns) * np.pi / max(turns, 1)
        fields["b_vectors"] = ((0.0, 0.0, 0.0),) * plain + tuple(
            (float(np.cos(a)), float(np.sin(a)), 0.0) for a in angles
        )
        n = plain + turns
    side, cover = numbers.get("in_plane_mm", 1.0), numbers.get("coverage_mm", 20.0)
    grid = Grid.of((4, 4, 1), np.diag([side, side, cover, 1.0]), slice_axis=2)
    strength = numbers.get("field_strength", protocol.field_strength.target)
    acquisition = Acquisition(
        echo_times=tuple(times) or None, flip_angles_deg=None if "flip_angle_deg" not in numbers else (numbers["flip_angle_deg"],),
        mt_on=None if declared.mt_on is None else (declared.mt_on,), field_strength=strength, **fields,
    )  # fmt: skip
    data = ArrayData(np.ones((4, 4, 1, n), np.float32))
    parts = ("mag", "phase", "complex") if declared.part == "complex" else (declared.part,)
    entities = "_".join(f"{k}-{v}" for k, v in declared.entities.items())
    return [
        Series(
            data,
            grid,
            acquisition,
            declared.kind,
            part,
            dict(declared.entities),
            (f"{entities}_{part}_{declared.kind}.nii.gz",),
        )
        for part in parts
    ]


def examined(name: str, left_out: str = "", sequence: str = "", off: str = "", value: float = 0.0):
    protocol = SETS[name]
    series = [
        one
        for its, declared in protocol.sequences.items()
        if its != left_out
        for one in acquired(declared, protocol, *((off, value) if its == sequence else ()))
    ]
    return check(series, protocol, list(registries.biomarkers()))


def users_of(declared: Sequence) -> set[str]:
    """The biomarkers that work on a sequence, told by what they ask for."""
    made = acquired(declared, next(p for p in SETS.values() if declared in p.sequences.values()))
    return {
        b.id
        for b in registries.biomarkers()
        for role in b.series_roles
        for need in (b.series_need(role),)
        for s in made
        if s.kind in need.kinds and s.part == need.part and all(s.entities.get(k) == v for k, v in need.entities)
        and all(s.entities.get(k, v) == v for k, v in need.entities_if_any)
    }  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_a_session_as_declared_has_nothing_to_be_told(name):
    assert not [f for f in examined(name) if f.code in ("W-PROTOCOL", "E-PROTOCOL", "W-MISSING")]


@pytest.mark.parametrize(("name", "sequence"), SEQUENCES)
def test_a_sequence_left_out_is_missed(name, sequence):
    declared = SETS[name].sequences[sequence]
    found = [f for f in examined(name, left_out=sequence) if f.code == "W-MISSING"]
    if declared.optional:
        assert not found
        return
    (one,) = found
    assert one.where == f"{name}: {sequence}" and declared.kind in one.message
    for id_ in users_of(declared):
        assert id_ in one.consequence, "what cannot be made without it"


@pytest.mark.parametrize(("name", "sequence", "key"), NUMBERS)
@pytest.mark.parametrize("side", [0, 1], ids=["low", "high"])
def test_a_number_out_of_its_usable_interval_stops(name, sequence, key, side):
    declared = SETS[name].sequences[sequence]
    figure: Figure = dict(declared.figures())[key]
    value = figure.usable[0] * 0.8 if side == 0 else figure.usable[1] * 1.25
    if side == 0 and key in ("echoes.count", "n_directions", "n_unweighted"):
        value = np.ceil(figure.usable[0]) - 1
    if key.startswith("echo_list.") and side == 0 and value <= 0:
        value = figure.usable[0] / 2
    found = [f for f in examined(name, sequence=sequence, off=key, value=float(value)) if f.code == "E-PROTOCOL"]
    words = WORDS.get(key, f"echo {int(key[-1]) + 1}" if key.startswith("echo_list.") else "")
    assert found, f"{key} = {value:g} is taken for usable"
    assert any(f.message.startswith(f"{words}: expected") for f in found)
    for one in found:
        assert one.level == "stop" and declared.kind in one.where and name in one.message and "unusable" in one.message
    said = " ".join(f.consequence for f in found)
    for id_ in users_of(declared):
        assert id_ in said, "what it means"
