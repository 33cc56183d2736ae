"""What findings mean for one biomarker, and declared beside acquired as a table."""

from __future__ import annotations

import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import Finding
from neuromyo.protocol.check import check
from neuromyo.protocol.sheet import sheets
from neuromyo.protocol.verdict import possible
from tests.unit.protocol.test_protocol_check import CALF, FULL, MONO, NERVE, TIMES, WATER, mese, session

IDS = {"t2-water", "t2-mono", "mtsat"}
FILE = "sub-01/anat/sub-01_echo-01_MESE.nii.gz"


def verdict(findings, biomarker="t2-water", series=None):
    return possible(biomarker, "a title", [series or mese()], findings, IDS)


def test_nothing_found_is_fine():
    found = verdict(check([mese()], CALF, [WATER, MONO]))
    assert (found.grade, found.reasons, found.series) == ("fine", (), (FILE,))


def test_notes_are_no_caveat():
    assert verdict([Finding("note", "N-UNSTATED", f"{FILE}: FlipAngle", "not stated")]).grade == "fine"


def test_a_warning_counts_for_those_it_names():
    found = check([mese(Acquisition(echo_times=TIMES))], None, [WATER, MONO])
    water, mono = verdict(found), verdict(found, "t2-mono")
    assert water.grade == "caveat" and mono.grade == "fine"
    assert water.reasons == ("RepetitionTime not stated", "RefocusingFlipAngle not stated")


def test_a_warning_about_voxels_counts_for_all_that_use_them():
    found = [Finding("warn", "W-SATURATED", f"{FILE}: voxels", "3 % clipped", "lower the gain", "fits are biased")]
    assert [verdict(found, id_).grade for id_ in ("t2-water", "t2-mono")] == ["caveat", "caveat"]
    assert verdict(found).reasons == ("voxels: 3 % clipped",)
    assert verdict([Finding("warn", "W-SATURATED", "another.nii.gz: voxels", "clipped")]).grade == "fine"


def test_a_stop_means_that_it_cannot_be_computed():
    found = verdict(check([mese(FULL.with_(repetition_time=0.4))], CALF, [WATER, MONO]))
    assert found.grade == "cannot"
    assert found.reasons == ("repetition time: expected 3 s, found 0.4 s, which is unusable",)


def test_numbers_of_a_finding_stand_in_the_reason():
    said = "t2-mono, t2-water will assume infinity (long); t2-water: FF biased by up to 8 points if it was 1.5 s"
    found = [Finding("warn", "W-ASSUMED", f"{FILE}: RepetitionTime", "not stated", "state it", said)]
    assert verdict(found).reasons == ("RepetitionTime not stated; FF biased by up to 8 points if it was 1.5 s",)
    assert verdict(found, "t2-mono").reasons == ("RepetitionTime not stated",)


def test_a_finding_about_the_biomarker_itself():
    found = [Finding("warn", "W-NOMAP", "t2-water: B1", "no B1 map: T2 biased by up to 3 %")]
    assert verdict(found).reasons == ("no B1 map: T2 biased by up to 3 %",)
    assert verdict(found, "t2-mono").grade == "fine"


# --- declared beside acquired -----------------------------------------------------------------------------------------


def test_every_declared_number_has_a_row_with_its_grade():
    (sheet,) = sheets([mese(FULL.with_(repetition_time=2.0, echo_times=TIMES[:5], flip_angles_deg=None))], CALF)
    rows = {r.title: r for r in sheet.rows}
    assert (sheet.sequence, sheet.state, sheet.series) == ("mese", "there", FILE)
    assert {t: r.grade for t, r in rows.items() if r.grade != "fine"} == {
        "number of echoes": "unusable", "repetition time": "usable", "flip angle": "unstated",
    }  # fmt: skip
    tr = rows["repetition time"]
    assert (tr.expected, tr.found) == ("3 s", "2 s")
    assert tr.tolerances == "fine 2.5 to 10 s, usable 1.5 to 20 s" and tr.origin == "proposed by this project"
    assert rows["flip angle"].found == "not stated"


def test_sequences_that_are_missing_are_rows_too():
    (sheet,) = sheets([], CALF)
    assert (sheet.state, sheet.series, sheet.rows) == ("missing", "", ())
    assert sheet.as_dict()["state"] == "missing"


def test_the_nerve_protocol_shows_every_sequence_once():
    shown = [(s.sequence, s.state) for s in sheets(session(), NERVE)]
    assert shown == [
        ("pdw", "there"), ("mtw", "there"), ("t1w", "there"), ("b1_tr1", "there"), ("b1_tr2", "there"), ("dwi", "there"),
        ("dwi_reversed", "there"), ("mese", "left out"),
    ]  # fmt: skip


@pytest.mark.parametrize(("on", "grade"), [(True, "fine"), (False, "unusable")])
def test_the_mt_pulse_is_a_row(on, grade):
    sheet = next(s for s in sheets(session(mtw_on=on), NERVE) if s.sequence == "mtw")
    assert (sheet.rows[0].title, sheet.rows[0].grade) == ("MT pulse", grade)


def test_half_a_complex_sequence_says_so():
    assert next(s for s in sheets(session(part="phase"), NERVE) if s.sequence == "pdw").state == "half"
