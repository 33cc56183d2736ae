"""Every file gets the name that BIDS has for what it shows, or none: nothing is guessed."""

from __future__ import annotations

import pytest

from neuromyo.core.errors import OptionError
from neuromyo.dicom.classify import ignored, named
from neuromyo.dicom.frames import Scale
from neuromyo.protocol import protocol as protocols
from tests.unit.dicom.frames_made import SAGITTAL, Examination, codes, echoes

SPIN, GRADIENT = {"ScanningSequence": "SE"}, {"ScanningSequence": "GR"}


def files(examination: Examination, **more):
    done = examination.sorted()
    assert not done.errors
    return named(done.stacks, subject="01", **more)


def names_of(examination: Examination, **more) -> list[str]:
    made, _ = files(examination, **more)
    return [f"{f.folder}/{f.name.removeprefix('sub-01_')}" for f in made]


def test_multi_echo_spin_echo_is_one_file_an_echo() -> None:
    examination = Examination().add(8, echoes(3), facts=SPIN, repetition_time=2.45, flip_angle_deg=90.0)
    made, findings = files(examination, session="m0", body_part="calf", side="left")
    assert not findings
    assert [f.stem for f in made] == [f"sub-01/ses-m0/anat/sub-01_ses-m0_acq-left_echo-{e}_MESE" for e in (1, 2, 3)]
    assert [f.volumes for f in made] == [(0,), (1,), (2,)]
    assert [f.sidecar["EchoTime"] for f in made] == [0.01, 0.02, 0.03]
    assert made[0].sidecar["RepetitionTime"] == 2.45
    assert made[0].sidecar["BodyPart"] == "CALF"
    assert made[0].sidecar["Laterality"] == "L"
    assert made[0].sidecar["SliceThickness"] == 4.0
    assert made[0].sidecar["SpacingBetweenSlices"] == 5.0


def test_parts_of_a_complex_gradient_echo() -> None:
    examination = Examination()
    for part, scale in (("mag", Scale()), ("phase", Scale(0.001, 0, "rad")), ("real", Scale()), ("imag", Scale())):
        examination.add(18, echoes(2), part=part, scale=scale, facts=GRADIENT, repetition_time=0.7, flip_angle_deg=50.0)
    made, _ = files(examination)
    assert [f.name for f in made] == [
        f"sub-01_echo-{e}_part-{part}_MEGRE" for part in ("mag", "phase", "real", "imag") for e in (1, 2)
    ]
    assert [f.sidecar.get("Units") for f in made[::2]] == [None, "rad", None, None]
    assert made[0].sidecar["RepetitionTimeExcitation"] == 0.7


def test_phase_whose_turn_is_unknown_is_arbitrary() -> None:
    made, _ = files(Examination().add(18, echoes(2), part="phase", facts=GRADIENT))
    assert made[0].sidecar["Units"] == "arbitrary"


def test_inversion_times_make_one_series() -> None:
    examination = Examination()
    for n, ti in enumerate((1.6, 0.05, 0.4, 0.1)):
        examination.add(
            4 + n, inversion_time=ti, echo_time=0.012, facts={"ScanningSequence": "SE\\IR"}, repetition_time=5.0
        )
    made, _ = files(examination)
    assert [f.name for f in made] == [f"sub-01_inv-{n}_IRT1" for n in (4, 1, 3, 2)]
    assert made[0].sidecar["InversionTime"] == 1.6
    assert made[0].sidecar["RepetitionTimePreparation"] == 5.0


def test_magnetisation_transfer_ratio() -> None:
    examination = Examination()
    for number, mt in ((5, True), (6, False)):
        examination.add(number, mt_on=mt, echo_time=0.005, repetition_time=0.03, flip_angle_deg=10.0, facts=GRADIENT)
    made, findings = files(examination)
    assert [f.name for f in made] == ["sub-01_mt-on_MTR", "sub-01_mt-off_MTR"]
    assert [f.sidecar["MTState"] for f in made] == [True, False]
    assert not findings


def test_a_header_silent_about_mt_beside_one_that_says_on_is_off_with_a_note() -> None:
    examination = Examination()
    for number, mt in ((5, True), (6, None)):
        examination.add(number, mt_on=mt, echo_time=0.005, repetition_time=0.03, flip_angle_deg=10.0, facts=GRADIENT)
    made, findings = files(examination)
    assert [f.sidecar["MTState"] for f in made] == [True, False]
    assert codes(findings) == ["N-MT"]
    assert "series 6" in findings[0].where


@pytest.mark.parametrize(("n", "kind", "echo"), [(6, "MPM", "echo-1_"), (1, "MTS", "")])
def test_two_angles_and_mt(n, kind, echo) -> None:
    examination = Examination()
    for number, flip, mt in ((5, 6.0, False), (6, 6.0, True), (7, 24.0, False)):
        examination.add(
            number, echoes(n, 0.002, 0.002), mt_on=mt, repetition_time=0.025, flip_angle_deg=flip, facts=GRADIENT
        )
    found = [f for f in names_of(examination) if "echo-" not in f or "echo-1_" in f]
    assert found == [f"anat/{echo}flip-{flip}_mt-{mt}_{kind}" for flip, mt in ((1, "off"), (1, "on"), (2, "off"))]


def test_variable_flip_angles_state_their_sequence() -> None:
    examination = Examination()
    for number, flip in ((5, 15.0), (6, 3.0), (7, 8.0)):
        examination.add(number, echo_time=0.002, repetition_time=0.01, flip_angle_deg=flip, facts=GRADIENT)
    made, _ = files(examination)
    assert [f.name for f in made] == [f"sub-01_flip-{n}_VFA" for n in (3, 1, 2)]
    assert made[0].sidecar["PulseSequenceType"] == "gradient echo"
    assert made[0].sidecar["RepetitionTimeExcitation"] == 0.01


def test_double_angles() -> None:
    examination = Examination()
    for number, flip in ((5, 60.0), (6, 120.0)):
        examination.add(number, echo_time=0.01, repetition_time=5.0, flip_angle_deg=flip, facts=GRADIENT)
    assert names_of(examination) == ["fmap/flip-1_TB1DAM", "fmap/flip-2_TB1DAM"]


def test_two_intervals_of_one_series_are_actual_flip_angle_imaging() -> None:
    examination = Examination()
    for tr in (0.1, 0.02):
        examination.add(5, echo_time=0.002, repetition_time=tr, flip_angle_deg=60.0, facts=GRADIENT)
    assert sorted(names_of(examination, side="left")) == ["fmap/acq-tr1_TB1AFI", "fmap/acq-tr2_TB1AFI"]


def diffusion(examination: Examination, number: int, weights, direction: str, **more) -> Examination:
    volumes = [{"b_value": b, "b_vector": v, "echo_time": 0.06} for b, v in weights]
    facts = {"ScanningSequence": "EP\\SE", "PhaseEncodingDirection": direction, "TotalReadoutTime": 0.05}
    return examination.add(number, volumes, facts=facts, **more)


def test_diffusion_with_reversed_b0() -> None:
    examination = diffusion(Examination(), 9, [(0, None), (8e8, (1.0, 0.0, 0.0)), (8e8, (0.0, 0.6, 0.8))], "col")
    diffusion(examination, 10, [(0, None)], "col-")
    diffusion(examination, 11, [(0, None)], "col")
    made, _ = files(examination)
    assert [f"{f.folder}/{f.name}" for f in made] == [
        "dwi/sub-01_dir-AP_dwi",
        "dwi/sub-01_dir-PA_dwi",
        "dwi/sub-01_dir-AP_sbref",
    ]
    assert made[0].volumes == (0, 1, 2)
    assert made[0].texts["bval"] == "0 800 800\n"
    # LPS (0, 0.6, 0.8) is RAS (0, -0.6, 0.8); stored axes of this image point to L, A, S, left-handed: taken as they are
    assert made[0].texts["bvec"] == "0 1 0\n0 0 -0.6\n0 0 0.8\n"
    assert made[0].sidecar["PhaseEncodingDirection"] == "j-"
    assert made[1].sidecar["PhaseEncodingDirection"] == "j"
    assert made[2].texts == {}


@pytest.mark.parametrize(
    ("facts", "te", "tr", "flip", "kind"),
    [(SPIN, 0.012, 0.6, 90, "T1w"), (SPIN, 0.08, 3.0, 90, "T2w"), (SPIN, 0.012, 3.0, 90, "PDw"),
     (GRADIENT, 0.02, 0.05, 10, "T2starw"), (GRADIENT, 0.003, 0.008, 12, "T1w"), (GRADIENT, 0.003, 0.02, 4, "PDw"),
     ({**SPIN, "SequenceWords": ["t2", "tse"]}, 0.045, 3.0, 90, "T2w")],
)  # fmt: skip
def test_one_contrast(facts, te, tr, flip, kind) -> None:
    examination = Examination().add(3, echo_time=te, repetition_time=tr, flip_angle_deg=float(flip), facts=facts)
    assert names_of(examination) == [f"anat/{kind}"]


def test_between_two_contrasts_there_is_no_name() -> None:
    examination = Examination().add(3, echo_time=0.045, repetition_time=1.4, flip_angle_deg=90.0, facts=SPIN)
    made, findings = files(examination)
    assert not made
    (finding,) = findings
    assert finding.code == "W-KIND"
    assert finding.where == "series 3"
    assert "--series 3=KIND" in finding.remedy
    assert "spin echo, 1 echo from 45 ms, TR 1400 ms" in finding.message
    made, findings = files(examination, overrides={3: ("PDw", {"acq": "mid"})})
    assert [f.name for f in made] == ["sub-01_acq-mid_PDw"]
    assert not findings


def test_a_word_against_the_numbers_is_not_believed() -> None:
    facts = {**SPIN, "SequenceWords": ["t2", "se"]}
    made, findings = files(Examination().add(3, echo_time=0.01, repetition_time=1.5, flip_angle_deg=90.0, facts=facts))
    assert not made
    assert codes(findings) == ["W-KIND"]


def test_images_of_water_and_fat() -> None:
    examination = Examination()
    for made in ("water", "fat", "inphase", "outphase"):
        examination.add(3, made=made, echo_time=0.0012, repetition_time=0.004, flip_angle_deg=9.0, facts=GRADIENT)
    assert sorted(names_of(examination)) == [f"anat/rec-{r}_T1w" for r in ("fat", "inphase", "outphase", "water")]


def test_maps_of_the_scanner_are_kept_apart() -> None:
    examination = (
        Examination().add(3, made="T2map", scale=Scale(0.001, 0.0, "s")).add(4, made="PDFF", scale=Scale(0.1, 0, "%"))
    )
    made, _ = files(examination)
    assert [f.stem for f in made] == [f"derivatives/scanner/sub-01/anat/sub-01_{k}" for k in ("T2map", "PDFF")]
    assert [f.sidecar["Units"] for f in made] == ["s", "%"]
    assert made[0].stack.requests()[0][4:] == [0.001, 0.0]
    assert ignored(made) == ["*_PDFF.*"]


def test_localisers_are_left_out_with_a_note() -> None:
    examination = Examination().add(1, made="localiser").add(2, facts={"SequenceWords": ["loc"]}).add(2, plane=SAGITTAL)
    examination.facts["key 2"]["SequenceWords"] = ["loc"]
    made, findings = files(examination)
    assert not made
    assert codes(findings) == ["N-LEFTOUT", "N-LEFTOUT"]
    assert [f.where for f in findings] == ["series 1", "series 2"]
    assert len(files(examination, overrides={1: ("T1w", {})})[0]) == 1


def test_spin_echoes_of_several_series_named_one_kind_by_the_user() -> None:
    examination = Examination()
    for number, te in ((3, 0.04), (4, 0.02), (5, 0.06)):
        examination.add(number, echo_time=te, repetition_time=2.0, facts=SPIN)
    asked = {number: ("MESE", {}) for number in (3, 4, 5)}
    assert names_of(examination, overrides=asked) == ["anat/echo-2_MESE", "anat/echo-1_MESE", "anat/echo-3_MESE"]


def test_a_series_can_be_left_out() -> None:
    examination = Examination().add(8, echoes(3), facts=SPIN)
    made, findings = files(examination, overrides={8: ("none", {}), 99: ("T1w", {})})
    assert not made
    assert codes(findings) == ["W-NOTFOUND", "N-LEFTOUT"]


def test_repeats_get_runs_and_their_parts_the_same() -> None:
    examination = Examination()
    for number in (3, 5):
        for part in ("mag", "phase"):
            examination.add(number, echoes(2), part=part, facts=GRADIENT)
    examination.add(7, echoes(2), facts=SPIN)
    found = [n for n in names_of(examination) if "echo-1" in n]
    assert found == [
        "anat/run-1_echo-1_part-mag_MEGRE", "anat/run-1_echo-1_part-phase_MEGRE",
        "anat/run-2_echo-1_part-mag_MEGRE", "anat/run-2_echo-1_part-phase_MEGRE",
        "anat/echo-1_MESE",
    ]  # fmt: skip
    (note,) = files(examination)[1]
    assert note.code == "N-RUN"
    assert "run-1 is series 3, run-2 is series 5" in note.message


def test_the_protocol_names_what_fits_it() -> None:
    nerve = protocols.load("nerve_3t")
    examination = Examination()
    common = {"repetition_time": 0.025, "facts": GRADIENT, "spacing_mm": (0.9, 0.9), "apart": 4.0, "slices": 40}
    for number, flip, mt in ((5, 24.0, False), (6, 6.0, True), (7, 6.0, False)):
        examination.add(number, echoes(6, 0.0023, 0.0019), mt_on=mt, flip_angle_deg=flip, **common)
    for number, tr in ((8, 0.1), (9, 0.02)):
        examination.add(
            number, echo_time=0.002, flip_angle_deg=60.0, facts=GRADIENT, repetition_time=tr, slices=40, apart=4.0
        )
    diffusion(examination, 10, [(0, None), (8e8, (1.0, 0, 0))], "col-", repetition_time=5.0, apart=4.0, slices=40)
    diffusion(examination, 11, [(0, None)], "col", repetition_time=5.0, apart=4.0, slices=40)
    found = [n for n in names_of(examination, protocol=nerve) if "echo-" not in n or "echo-1" in n]
    assert found == [
        "anat/echo-1_flip-2_mt-off_MPM", "anat/echo-1_flip-1_mt-on_MPM", "anat/echo-1_flip-1_mt-off_MPM",
        "fmap/acq-tr2_TB1AFI", "fmap/acq-tr1_TB1AFI", "dwi/dir-PA_dwi", "fmap/dir-AP_epi",
    ]  # fmt: skip


def test_a_stated_b_of_0_makes_no_diffusion_of_a_spin_echo() -> None:
    examination = Examination().add(8, echoes(4)[::-1], facts=SPIN, b_value=0.0)
    diffusion(examination, 9, [(0, None), (8e8, (1.0, 0.0, 0.0))], "col")
    assert names_of(examination) == [*(f"anat/echo-{e}_MESE" for e in (1, 2, 3, 4)), "dwi/dir-AP_dwi"]
    (error,) = Examination().add(8, [{"echo_time": 0.01}] * 4, facts=SPIN, b_value=0.0).sorted().errors
    assert error.code == "E-ECHO-COUNT"


def test_repeated_b0_is_told_by_the_order_of_acquisition() -> None:
    made, _ = files(diffusion(Examination(), 9, [(0, None)] * 3, "col-"))
    assert [(f.name, f.volumes) for f in made] == [("sub-01_dir-PA_dwi", (0, 1, 2))]


def test_a_field_map_of_two_magnitudes_and_a_difference() -> None:
    facts = {**GRADIENT, "SequenceWords": ["gre", "field", "fieldmap"]}
    common = {"facts": facts, "repetition_time": 0.4, "flip_angle_deg": 60.0}
    examination = Examination().add(4, echoes(2, 0.00492, 0.00246), **common)
    examination.add(5, echo_time=0.00738, part="phase", scale=Scale(0.001, 0, "rad"), **common)
    made, findings = files(examination)
    assert not findings
    assert [f.stem for f in made] == [f"sub-01/fmap/sub-01_{k}" for k in ("magnitude1", "magnitude2", "phasediff")]
    assert (made[2].sidecar["EchoTime1"], made[2].sidecar["EchoTime2"]) == (0.00492, 0.00738)
    assert "EchoTime" not in made[2].sidecar


def test_phase_alone_is_not_named() -> None:
    examination = Examination().add(
        5, echo_time=0.007, part="phase", facts=GRADIENT, repetition_time=0.02, flip_angle_deg=15.0
    )
    made, findings = files(examination)
    assert not made
    assert codes(findings) == ["W-KIND"]


@pytest.mark.parametrize(
    ("facts", "te", "tr", "ti", "kind"),
    [(SPIN, 0.045, 4.0, 0.22, "T2w"), (SPIN, 0.09, 9.0, 2.5, "FLAIR"), (GRADIENT, 0.003, 2.3, 0.9, "T1w")],
    ids=["fat nulled", "fluid nulled", "prepared"],
)  # fmt: skip
def test_an_inversion_before_one_contrast(facts, te, tr, ti, kind) -> None:
    examination = Examination().add(
        3, echo_time=te, repetition_time=tr, inversion_time=ti, flip_angle_deg=9.0, facts=facts
    )
    assert names_of(examination) == [f"anat/{kind}"]


def test_an_option_that_no_series_can_be() -> None:
    stacks = Examination().add(3).sorted().stacks
    for kind, entities in (("T9w", {}), ("T1w", {"acq": "a-b"}), ("T1w", {"sub": "02"})):
        with pytest.raises(OptionError, match="--series 3"):
            named(stacks, subject="01", overrides={3: (kind, entities)})
    with pytest.raises(OptionError, match="--side"):
        named(stacks, subject="01", side="top")


def test_a_kind_whose_numbers_are_not_stated_is_not_written() -> None:
    examination = Examination().add(3, echo_time=0.002, facts=GRADIENT)
    made, findings = files(examination, overrides={3: ("VFA", {"flip": "1"})})
    assert not made
    assert "no flip angle and no repetition time" in findings[0].message


def test_headers_against_the_user() -> None:
    facts = {**SPIN, "Laterality": "R", "BodyPartExamined": "THIGH"}
    _, findings = files(Examination().add(8, echoes(3), facts=facts), body_part="calf", side="left")
    assert codes(findings) == ["W-SIDE", "W-BODYPART"]


@pytest.mark.parametrize(("header", "warned"), [("LEG", False), ("LOWERLEG", False), ("THIGH", True), ("HEAD", True)])
def test_a_wider_word_for_the_body_part_is_no_contradiction(header, warned) -> None:
    _, findings = files(Examination().add(8, echoes(3), facts={**SPIN, "BodyPartExamined": header}), body_part="calf")
    assert codes(findings) == ["W-BODYPART"] * warned


def test_series_scaled_for_the_screen_each_for_itself_are_named() -> None:
    examination = Examination()
    for number, slope, mt in ((5, 2.0, True), (6, 3.5, False)):
        examination.add(
            number,
            mt_on=mt,
            scale=Scale(slope, 0, "display", slope),
            facts=GRADIENT,
            flip_angle_deg=9.0,
            repetition_time=0.03,
        )
    made, findings = files(examination)
    (finding,) = findings
    assert finding.code == "W-SCALE"
    assert finding.where == "MTR"
    assert "series 5 slope 2, series 6 slope 3.5" in finding.message
    assert [f.sidecar["UsePhilipsFloatNotDisplayScaling"] for f in made] == [False, False]
    assert [f.sidecar["PhilipsRescaleSlope"] for f in made] == [2.0, 3.5]


def test_one_series_with_its_scale_slope_and_one_without() -> None:
    examination = Examination()
    for number, scale, mt in ((5, Scale(2.0, 0, "display", 2.0), True), (6, Scale(250.0, 0, "signal", 2.0), False)):
        examination.add(number, mt_on=mt, scale=scale, facts=GRADIENT, flip_angle_deg=9.0, repetition_time=0.03)
    _, (finding,) = files(examination)
    assert finding.code == "W-SCALE"
    assert "series 5 slope 2, series 6 signal" in finding.message


def test_series_scaled_for_the_screen_that_are_not_compared_are_noted() -> None:
    examination = Examination()
    examination.add(5, echoes(3), facts=SPIN, scale=Scale(2.0, 0, "display", 2.0))
    examination.add(6, echo_time=0.08, repetition_time=3.0, facts=SPIN, scale=Scale(3.0, 0, "display", 3.0))
    _, (finding,) = files(examination)
    assert finding.code == "N-SCALE"


def test_look_locker_is_no_inversion_recovery_series() -> None:
    examination = Examination()
    for ti in (0.05, 0.4, 1.6, 3.0):
        examination.add(
            4, inversion_time=ti, echo_time=0.002, facts=GRADIENT, repetition_time=0.004, flip_angle_deg=6.0
        )
    made, findings = files(examination)
    assert not [f for f in made if f.kind == "IRT1"]
    assert "W-KIND" in codes(findings)


def test_philips_signals_carry_both_slopes_and_no_warning() -> None:
    examination = Examination()
    for number, scale_slope, mt in ((5, 0.004, True), (6, 0.0001234567, False)):
        scale = Scale(1 / scale_slope, 0, "signal", 2.0)
        examination.add(number, mt_on=mt, scale=scale, facts=GRADIENT, flip_angle_deg=9.0, repetition_time=0.03)
    made, findings = files(examination)
    assert not findings
    assert [f.sidecar["PhilipsScaleSlope"] for f in made] == pytest.approx([0.004, 0.0001234567])
    assert [f.sidecar["UsePhilipsFloatNotDisplayScaling"] for f in made] == [True, True]


def test_nothing_of_the_sorting_reaches_a_sidecar() -> None:
    facts = {
        **SPIN,
        "SequenceWords": ["mese"],
        "BitsStored": 12,
        "Manufacturer": "GE",
        "InPlanePhaseEncodingDirectionDICOM": "ROW",
    }
    made, _ = files(Examination().add(8, echoes(3), facts=facts))
    assert made[0].sidecar["Manufacturer"] == "GE"
    assert made[0].sidecar["PhaseEncodingAxis"] == "i"
    assert not {"SequenceWords", "BitsStored", "InPlanePhaseEncodingDirectionDICOM"} & set(made[0].sidecar)
