"""Tables as people save them, and what a user is told about one that cannot be read."""

import pytest

from neuromyo.core.errors import DataError
from neuromyo.io import identifying, sheet


def put(tmp_path, data, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_any_divider_byte_order_mark_and_line_ends(tmp_path, divider):
    text = (
        "\r\n".join(divider.join(row) for row in (("a", "b c", "d"), ("1", '"x, y; z"', "n/a"), ("2", "", "3")))
        + "\r\n"
    )
    read = sheet.read(put(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert read.header == ("a", "b c", "d")
    assert read.rows == ((2, ("1", "x, y; z", "")), (3, ("2", "", "3")))


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path):
    read = sheet.read(put(tmp_path, 'a,b\n\n1,"two\nlines"\n\n,,\n5,6\n7\n8,9,\n8,9,10\n'))
    assert [n for n, _ in read.rows] == [3, 6, 8]
    assert [f.where for f in read.findings] == ["t.csv: row 7", "t.csv: row 9"]
    assert "needed 2 cells, divided by commas, found 3" in read.findings[1].message
    assert "decimal comma" in read.findings[1].remedy


@pytest.mark.parametrize(
    ("data", "code", "where", "remedy"),
    [
        (b"\xff\xfea\x00,\x00", "E-TABLE", "t.csv", "CSV UTF-8"),
        (b"a\x00,\x00b\x00", "E-TABLE", "row 1, column 1", "CSV UTF-8"),
        (b"a,b\n1,\x002\n", "E-TABLE", "row 2, column 2", "CSV UTF-8"),
        (b"a,b\n1,caf\xe9\n", "E-TABLE", "row 2, column 2", "CSV UTF-8"),
        (b"PK\x03\x04rest", "E-FORMAT", "t.csv", "CSV UTF-8"),
        (b"", "E-TABLE", "t.csv", "check"),
        (b"\n\n", "E-TABLE", "t.csv", "check"),
        (b"a,,c\n1,2,3\n", "E-TABLE", "row 1, column 2", "name"),
        (b"a,b,A\n1,2,3\n", "E-TABLE", "row 1", "rename"),
    ],
)
def test_what_is_no_table(tmp_path, data, code, where, remedy):
    with pytest.raises(DataError) as told:
        sheet.read(put(tmp_path, data))
    assert told.value.code == code and where in told.value.where and remedy in told.value.remedy


@pytest.mark.parametrize(
    ("cell", "value"), [("1", 1.0), ("-2.5", -2.5), (".5", 0.5), ("3.", 3.0), ("1e-3", 0.001), ("+4", 4.0)]
)
def test_numbers(cell, value):
    assert sheet.number(cell) == value


@pytest.mark.parametrize("cell", ["1,5", "nan", "NaN", "inf", "1_000", "0x10", "5 mV", "", "1e999", "<5", "١"])
def test_no_numbers(cell):
    assert sheet.number(cell) is None


def test_each_slip_gets_its_own_remedy():
    assert "4.5" in sheet.not_a_number("t", "4,5").remedy
    assert "n/a" in sheet.not_a_number("t", "NaN").remedy
    assert "limit" in sheet.not_a_number("t", "<5").remedy
    assert "without its unit" in sheet.not_a_number("t", "5 mV").remedy


@pytest.mark.parametrize(
    "column",
    ["Name", "last name", "Patient_Name", "DOB", "date of birth", "Birth Date (yyyy-mm-dd)", "MRN", "PatientID", "Address", "Zip", "E-Mail",
     "phone number", "Geburtsdatum", "surname"],
)  # fmt: skip
def test_columns_that_identify(column):
    (finding,) = identifying.columns(["participant_id", "age", column], "t.csv")
    assert finding.code == "E-PHI" and column in finding.where and "participant_id" in finding.remedy


def test_columns_that_do_not():
    ours = [
        "participant_id",
        "session_id",
        "age",
        "age_at_onset",
        "side",
        "nerve",
        "amplitude",
        "device",
        "named_muscle",
        "birthweight",
    ]
    assert identifying.columns(ours, "t.csv") == ()
    assert (
        identifying.looks_personal("micro FET 2") == ""
        and identifying.looks_personal("a.b@c.org")
        and identifying.looks_personal("DOE^J")
    )
