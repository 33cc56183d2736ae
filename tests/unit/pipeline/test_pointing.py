"""Places that were typed or tabled, as landmarks of one nerve."""

import pytest

from neuromyo.core.errors import OptionError
from neuromyo.core.landmark import Landmark
from neuromyo.pipeline import pointing


def test_typed_places_are_world_millimetres():
    (spot,) = pointing.typed("start", ["-83.5, 12,240"], "tibial-nerve", "left")
    assert spot == Landmark("start", (-83.5, 12.0, 240.0), "tibial-nerve", "left")
    (bone,) = pointing.zero("Fibular head=1,2,3", "left")
    assert (bone.kind, bone.name, bone.xyz_mm) == ("bone", "fibular-head", (1.0, 2.0, 3.0))
    assert pointing.zero("", "left") == ()


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "a,b,c", "nan,0,0", "1e99,0,0", ""])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(OptionError, match="three numbers"):
        pointing.typed("start", [text], "sciatic-nerve", "none")


def test_a_zero_without_a_name_is_refused():
    with pytest.raises(OptionError, match="fibular-head"):
        pointing.zero("1,2,3", "none")


def test_rows_of_other_people_and_nerves_are_left_out(tmp_path):
    path = tmp_path / "l.tsv"
    rows = [
        "participant_id\tsession_id\tkind\tname\tside\tx\ty\tz",
        "01\tm0\tstart\tsciatic-nerve\tright\t1\t0\t0",
        "01\tm4\tstart\tsciatic-nerve\tright\t2\t0\t0",
        "02\tm0\tstart\tsciatic-nerve\tright\t3\t0\t0",
        "01\tm0\tstart\ttibial-nerve\tright\t4\t0\t0",
        "01\tn/a\tbone\tfibular-head\tn/a\t5\t0\t0",
    ]
    path.write_text("\n".join(rows) + "\n")
    found = pointing.of_nerve(pointing.of_file(path, "01", "m0"), "sciatic-nerve", "right")
    assert [one.xyz_mm[0] for one in found] == [1.0, 5.0]
    assert pointing.nerves(pointing.of_file(path, "01", "m0")) == (
        ("sciatic-nerve", "right"),
        ("tibial-nerve", "right"),
    )


def test_a_nerve_that_begins_nowhere_is_told():
    spots = (
        Landmark("restart", (0, 0, 0), "sciatic-nerve", "right"),
        Landmark("split", (0, 0, 9), "sciatic-nerve", "right"),
        Landmark("end", (0, 0, 0), "tibial-nerve", "left"),
        Landmark("bone", (0, 0, 0), "knee"),
    )
    (told,) = pointing.unbegun(spots, [("sciatic-nerve", "left")], "l.tsv")
    assert told.code == "E-NEEDS"
    assert "sciatic nerve (right), found only a restart; add a row of kind start" in str(told)
    assert not pointing.unbegun(spots, [("sciatic-nerve", "none")], "l.tsv")  # its branch's end belongs to it
