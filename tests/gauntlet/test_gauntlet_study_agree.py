"""G44: readings that are missing, there twice or not finite. All are named at once; none is averaged or left out in silence."""

import numpy as np
import pytest

from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError
from neuromyo.stats.icc import icc
from neuromyo.study import agree
from neuromyo.study.agree import Options
from tests.unit.study.agreement_tables import NAME, cohort, read

pytestmark = pytest.mark.gauntlet
READER = Options(between="reader")


def refused(run):
    with pytest.raises(DataError) as said:
        run()
    assert said.value.code == "E-REPEATS" and said.value.exit_status == 2 and "\n" not in str(said.value)
    return said.value


def test_g44_missing_and_infinite_readings_are_all_named():
    x = read(n=12, k=3)
    x[2, 1] = x[7, 1] = x[4, 2] = np.nan
    x[9, 0], x[10, 2] = np.inf, -np.inf
    error = refused(lambda: agree.analyse(cohort(x, "ABC"), READER))
    assert error.where == NAME
    assert error.found == (
        "reader A has a number that is not finite of sub-10; reader B has none of sub-03, sub-08; "
        "reader C has none of sub-05; reader C has a number that is not finite of sub-11"
    )
    assert "--incomplete leave-out" in error.remedy and "averaged" in error.remedy


def test_g44_duplicate_readings_are_all_named():
    person, reader = ["01", "01", "01", "02", "02", "02", "03"], ["A", "A", "B", "A", "B", "B", "A"]
    error = refused(
        lambda: Cohort(
            np.array(person, object), np.array(reader, object), np.full(7, np.nan), (Variable("T2"),), {"T2": np.arange(7.0)},
            ("A", "B"), {p: Participant(p) for p in person},
        )
    )  # fmt: skip
    assert "sub-01 ses-A 2" in error.found and "sub-02 ses-B 2" in error.found and "03" not in error.found
    assert "not averaged" in error.remedy


def test_g44_a_person_whom_one_reader_has_no_row_for():
    whole = cohort(read(n=6))
    gone = whole.rows(~((whole.person == "04") & (whole.visit == "B")))
    assert refused(lambda: agree.analyse(gone, READER)).found == "reader B has none of sub-04"


def test_g44_several_variables_at_once():
    one, other = read(1, n=8), read(2, n=8)
    one[0, 0], other[5, 1] = np.nan, np.nan
    study = cohort(one, more={"CSA/sciatic": other})
    error = refused(lambda: agree.analyse(study, READER))
    assert (
        f"{NAME}: reader A has none of sub-01" in error.found
        and "CSA/sciatic: reader B has none of sub-06" in error.found
    )


def test_g44_a_reader_without_any_number():
    x = read(n=5)
    x[:, 1] = np.nan
    error = refused(lambda: agree.analyse(cohort(x), READER))
    assert error.found == "reader B has none of sub-01, sub-02, sub-03, sub-04, sub-05"
    assert "none that is a number" in refused(lambda: agree.analyse(cohort(np.full((4, 2), np.nan)), READER)).found


def test_g44_people_are_left_out_only_when_asked_and_are_told():
    x = read(n=12)
    x[2, 1], x[9, 0] = np.nan, np.inf
    found = agree.analyse(cohort(x, extra=("never",)), Options(between="reader", incomplete="leave-out"))
    whole = np.delete(x, [2, 9], axis=0)
    row = dict(
        zip((c.name for c in found.table("reliability").columns), found.table("reliability").rows[0], strict=True)
    )
    assert row["n_people"] == 10 and row["icc"] == pytest.approx(icc(whole).value)
    told = next(f for f in found.findings if f.code == "W-ABSENT")
    assert (
        told.level == "warn"
        and "2 of 12 people left out: sub-03 (no reading by B), sub-10 (not finite by A)" in told.message
    )
    assert any("sub-never" in f.message for f in found.findings)
    assert {r[1] for r in found.table("readings").rows}.isdisjoint({"03", "10"})
    x[:, 1] = np.nan
    with pytest.raises(DataError) as said:
        agree.analyse(cohort(x), Options(between="reader", incomplete="leave-out"))
    assert said.value.code == "E-PEOPLE"
