"""Tables of landmarks: what is read, and which cell is blamed."""

import pytest

from neuromyo.core.errors import DataError
from neuromyo.core.landmark import Landmark
from neuromyo.io.landmarks import read_landmarks

HEAD = "participant_id\tsession_id\tkind\tname\tside\tx\ty\tz"


def written(tmp_path, *rows, head=HEAD):
    path = tmp_path / "landmarks.tsv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_rows_are_landmarks_of_somebody(tmp_path):
    path = written(
        tmp_path,
        "sub-01\tses-m0\tstart\tSciatic nerve\tright\t-83.5\t12\t240",
        "n/a\tn/a\tbone\tfibular-head\tn/a\t1\t2\t3",
    )
    first, second = read_landmarks(path)
    assert (first.subject, first.session) == ("01", "m0")
    assert first.landmark == Landmark("start", (-83.5, 12.0, 240.0), "sciatic-nerve", "right")
    assert (second.subject, second.session, second.landmark.side) == ("", "", "none")


def test_a_short_table_will_do(tmp_path):
    (only,) = read_landmarks(written(tmp_path, "start\ttibial-nerve\t1\t2\t3", head="kind\tname\tx\ty\tz"))
    assert only.landmark.name == "tibial-nerve"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("01\t\tbegin\tsciatic-nerve\tright\t1\t2\t3", "column kind"),
        ("01\t\tstart\tsciatic-nerve\trechts\t1\t2\t3", "column side"),
        ("01\t\tstart\t\tright\t1\t2\t3", "column name"),
        ("01\t\tstart\tsciatic-nerve\tright\t1,5\t2\t3", "column x"),
        ("01\t\tstart\tsciatic-nerve\tright\t1\tnan\t3", "column y"),
        ("01\t\tstart\tsciatic-nerve\tright\t1\t2\t1e9", "column z"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(tmp_path, row, told):
    with pytest.raises(DataError, match="row 2") as caught:
        read_landmarks(written(tmp_path, row))
    assert caught.value.code == "E-TABLE"
    assert told in str(caught.value)


def test_a_table_without_places_is_refused(tmp_path):
    with pytest.raises(DataError, match="no y, z"):
        read_landmarks(written(tmp_path, "start\tsciatic-nerve\t1", head="kind\tname\tx"))
