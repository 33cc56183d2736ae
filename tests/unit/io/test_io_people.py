"""People and visits in tables, against the images."""

import json
from datetime import datetime

import pytest

from neuromyo.io import bids, people, visits, who


def study(root, subjects=("01", "02"), sessions=()):
    for subject in subjects:
        for session in sessions or ("",):
            folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "") / "anat"
            folder.mkdir(parents=True)
            stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
            (folder / f"{stem}_MESE.nii.gz").write_bytes(b"")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    return root


def told(root, **asked):
    return [(f.code, f.where) for f in people.examine(root, bids.index(root, **asked))]


def participants(root, text, **about):
    (root / "participants.tsv").write_text(text.replace(" ", "\t"))
    if about:
        (root / "participants.json").write_text(json.dumps({k: {"Units": v} for k, v in about.items()}))


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("1", ["01", "02"], "01"),
        ("ALS01", ["als1", "als2"], "als1"),
        ("S01", ["01", "02"], "01"),
        ("01", ["P01", "P02"], "P01"),
        ("P01", ["C01", "C02"], ""),
        ("3", ["01", "02"], ""),
        ("1", ["01", "001"], ""),
        ("1", ["P01", "C01"], ""),
        ("x", ["y"], ""),
    ],
)
def test_who_is_probably_meant(given, known, meant):
    assert who.Known(known).likely(given) == meant


def test_sound_tables_give_people(tmp_path):
    root = study(tmp_path, sessions=("m0", "m4"))
    participants(root, "participant_id age sex height weight bmi group\nsub-01 60 F 175 70 22.9 patient\nsub-02 89+ male n/a n/a n/a n/a\n",
                 height="cm", weight="kg")  # fmt: skip
    (root / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\nses-m0\t1925-01-01T10:00:00\nses-m4\t1925-05-01T10:00:00\n"
    )
    assert told(root) == []
    first, second, third, _ = people.people(root)
    assert (first.subject, first.session, first.age, first.sex, first.height_m, first.weight_kg, first.group) == (
        "01", "m0", 60.0, "F", 1.75, 70.0, "patient")  # fmt: skip
    assert first.date == datetime(1925, 1, 1, 10) and second.date == datetime(1925, 5, 1, 10)
    assert (third.age, third.sex, third.height_m, third.date) == (89.0, "M", None, None)


@pytest.mark.parametrize(
    ("row", "units", "code", "column", "words"),
    [
        ("620 F 1.75 70", {}, "E-TABLE", "age", "0 to 120"),
        ("NaN F 1.75 70", {}, "E-TABLE", "age", "n/a"),
        ("60 NaN 1.75 70", {}, "E-TABLE", "sex", "F, M or O"),
        ("60,5 F 1.75 70", {}, "E-TABLE", "age", "60.5"),
        ("60 F 175 70", {}, "E-UNITS", "height", "1.75"),
        ("60 F 1.75 70", {"height": "cm"}, "E-UNITS", "height", "175"),
        ("60 F 1.75 7000", {}, "E-UNITS", "weight", "if it is in g"),
        ("720 F 1.75 70", {"age": "months"}, "", "", ""),
    ],
)
def test_a_row_that_cannot_be(tmp_path, row, units, code, column, words):
    root = study(tmp_path, ("01",))
    participants(
        root, f"participant_id age sex height weight\nsub-01 {row}\n", **{"height": "m", "weight": "kg", **units}
    )
    found = people.examine(root, bids.index(root))
    if not code:
        assert found == ()
        return
    assert [(f.code, f.where) for f in found] == [(code, f"participants.tsv: row 2, column {column}")]
    assert found[0].level == "stop" and words in found[0].message + found[0].remedy
    (person,) = people.people(root)
    assert getattr(person, {"height": "height_m", "weight": "weight_kg"}.get(column, column)) is None


@pytest.mark.parametrize(
    ("weight", "bmi", "words"), [("154", "22.9", "weight looks like pounds"), ("70", "50.4", "weight in pounds")]
)
def test_mass_index_against_weight_and_height(tmp_path, weight, bmi, words):
    root = study(tmp_path, ("01",))
    participants(root, f"participant_id height weight bmi\nsub-01 1.75 {weight} {bmi}\n", height="m", weight="kg")
    (finding,) = people.examine(root, bids.index(root))
    assert finding.code == "E-UNITS" and finding.where.endswith("row 2, column bmi") and words in finding.message


def test_units_nobody_stated_are_not_used(tmp_path):
    root = study(tmp_path, ("01",))
    participants(root, "participant_id height\nsub-01 1.75\n")
    (finding,) = people.examine(root, bids.index(root))
    assert (finding.level, finding.code) == ("warn", "W-UNITS") and '"Units": "m"' in finding.remedy
    assert people.people(root)[0].height_m is None
    participants(root, "participant_id height\nsub-01 1.75\n", height="cubits")
    assert told(root) == [("E-UNITS", "participants.tsv: row 1, column height")]


def test_labels_against_images(tmp_path):
    root = study(tmp_path, ("01", "P02", "03"))
    participants(root, "participant_id age\nsub-1 60\nsub-P2 61\nsub-04 62\n")
    found = {(f.level, f.code, f.where) for f in people.examine(root, bids.index(root))}
    assert found == {
        ("stop", "E-ID", "participants.tsv: sub-1"),
        ("stop", "E-ID", "participants.tsv: sub-P2"),
        ("note", "N-NOIMAGES", "participants.tsv"),
        ("warn", "W-NOROW", "participants.tsv: sub-03"),
    }


def test_two_people_one_label(tmp_path):
    root = study(tmp_path, ("01", "02"))
    participants(root, "participant_id age\nsub-01 60\nsub-02 50\nsub-01 61\n")
    (finding,) = people.examine(root, bids.index(root))
    assert finding.code == "E-ID" and "row 4" in finding.where and "row 2" in finding.message
    assert [p.age for p in people.people(root)] == [None, 50.0]
    participants(root, "participant_id age\nsub-01 60\nsub-02 50\nsub-1 61\n")
    assert ("E-ID", "participants.tsv: row 4, column participant_id") in told(root)


def test_only_those_asked(tmp_path):
    root = study(tmp_path, ("01", "02"))
    participants(root, "participant_id age\nsub-01 60\nsub-02 620\nsub-07 50\n")
    assert told(root, subjects=["01"]) == []
    assert ("E-TABLE", "participants.tsv: row 3, column age") in told(root, subjects=["02"])


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [(("m0", "m4", "m12"), True), (("baseline", "followup"), True), (("1", "2", "10"), True), (("pre", "post"), True),
     (("test", "retest"), True), (("red", "blue"), False)],
)  # fmt: skip
def test_order_of_visits(labels, ordered):
    ranks = [visits.rank(one) for one in labels]
    assert (None not in ranks and ranks == sorted(ranks)) == ordered


@pytest.mark.parametrize(
    ("dates", "code", "words"),
    [
        (("1925-05-01T10:00:00", "1925-01-01T10:00:00"), "E-DATE", "after that of ses-m0"),
        (("1925-05-01", "1925-05-01"), "E-DATE", "same date"),
        (("1925-05-01T10:00:00", "1925-05-01T10:00:00"), "E-DATE", "same date"),
        (("1925-05-01T10:00:00", "1925-05-01T00:00:00"), "E-DATE", "same date"),
        (("1925-05-01T10:00:00", "1925-05-01T14:00:00"), "", ""),
        (("01.05.1925", "1925-06-01"), "E-DATE", "needed a date"),
        (("1925-02-30", "1925-06-01"), "E-DATE", "needed a date"),
        (("n/a", "1925-06-01"), "", ""),
    ],
)
def test_dates_of_visits(tmp_path, dates, code, words):
    root = study(tmp_path, ("01",), ("m0", "m4"))
    rows = "".join(f"ses-{s}\t{d}\n" for s, d in zip(("m0", "m4"), dates, strict=True))
    (root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tacq_time\n" + rows)
    found = people.examine(root, bids.index(root))
    assert [f.code for f in found] == ([code] if code else [])
    if code:
        assert (
            words in found[0].message and "sub-01_sessions.tsv: row" in found[0].where and "acq_time" in found[0].where
        )


def test_dates_of_scans(tmp_path):
    root = study(tmp_path, ("01",), ("m0", "m4"))
    for session, date in (("m0", "1925-05-01T10:00:00"), ("m4", "1925-01-01T10:00:00")):
        row = f"anat/sub-01_ses-{session}_MESE.nii.gz\t{date}\n"
        (root / "sub-01" / f"ses-{session}" / f"sub-01_ses-{session}_scans.tsv").write_text(
            "filename\tacq_time\n" + row
        )
    (finding,) = people.examine(root, bids.index(root))
    assert finding.code == "E-DATE" and finding.where == "sub-01/ses-m4/sub-01_ses-m4_scans.tsv: row 2, column acq_time"


def test_visits_against_images(tmp_path):
    root = study(tmp_path, ("01",), ("m0", "m4"))
    (root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tx\nses-m0\t1\nses-M04\t1\nses-m8\t2\nses-m0\t3\n")
    found = {(f.code, f.where.rpartition(": ")[2]) for f in people.examine(root, bids.index(root))}
    assert found == {
        ("E-ID", "row 3, column session_id"),
        ("N-NOIMAGES", "row 4, column session_id"),
        ("E-ID", "row 5, column session_id"),
    }


def test_clinical_tables_against_images(tmp_path):
    root = study(tmp_path, ("01", "02"), ("m0",))
    (root / "phenotype").mkdir()
    (root / "phenotype" / "grip_ses-m0.tsv").write_text(
        "participant_id\tsession_id\tleft_force\nsub-1\tses-m0\t300\nsub-02\tses-M0\t3000\nsub-09\tses-m0\t200\n"
    )
    (root / "phenotype" / "grip_ses-m0.json").write_text(json.dumps({"left_force": {"Units": "N"}}))
    (root / "phenotype" / "other.tsv").write_text("participant_id\tanything\nsub-002\t1\n")
    found = {(f.code, f.where) for f in people.examine(root, bids.index(root))}
    assert found == {
        ("E-ID", "phenotype/grip_ses-m0.tsv: row 2, column participant_id"),
        ("E-ID", "phenotype/grip_ses-m0.tsv: row 3, column session_id"),
        ("E-TABLE", "phenotype/grip_ses-m0.tsv: row 3, column left_force"),
        ("N-NOIMAGES", "phenotype/grip_ses-m0.tsv"),
        ("E-ID", "phenotype/other.tsv: row 2, column participant_id"),
    }


def test_a_participant_twice_in_a_clinical_table(tmp_path):
    root = study(tmp_path, ("01",), ("m0", "m4"))
    (root / "phenotype").mkdir()
    table = root / "phenotype" / "other.tsv"
    table.write_text("participant_id\tsession_id\tx\nsub-01\tses-m0\t1\nsub-01\tses-m4\t1\n")
    assert told(root) == [("W-BIDS", "phenotype/other.tsv")]
    table.write_text("participant_id\tsession_id\tx\nsub-01\tses-m0\t1\nsub-01\tses-m0\t1\n")
    assert told(root) == [("E-ID", "phenotype/other.tsv: row 3, column participant_id")]


def test_many_people_are_looked_at_in_good_time(tmp_path):
    root = study(tmp_path, ("01",))
    participants(root, "participant_id age\n" + "".join(f"sub-{i:05d} 50\n" for i in range(2, 20_000)))
    found = people.examine(root, bids.index(root))  # quadratic work would not end within the test's time
    assert {f.code for f in found} == {"N-NOIMAGES", "W-NOROW"} and "19988 more" in str(found)


def test_what_is_there_already_is_told_not_used(tmp_path):
    root = study(tmp_path, ("01",))
    participants(root, "participant_id age name\nsub-01 60 Jane\n")
    (finding,) = people.examine(root, bids.index(root))
    assert (finding.level, finding.code) == ("warn", "W-PHI") and "Jane" not in str(finding)
    (root / "participants.tsv").write_text("participant_id\tage\nJane Doe\t60\n")
    stops = [f for f in people.examine(root, bids.index(root)) if f.level == "stop"]
    assert [f.code for f in stops] == ["E-ID"] and "Jane" not in str(stops)


def test_a_file_name_that_no_disk_can_have_is_a_row_without_its_scan(tmp_path):
    folder = tmp_path / "sub-01"
    folder.mkdir()
    (folder / "sub-01_scans.tsv").write_text(f"filename\tacq_time\nanat/{'a' * 300}.nii.gz\tn/a\n")
    assert [f.code for f in visits.of_subject(tmp_path, "01").findings] == ["W-NOSCAN"]


def test_columns_of_people_are_found_however_they_are_spelled(tmp_path):
    (tmp_path / "moods.tsv").write_text("Participant ID\tmood\nsub-1\tgood\n")
    found = list(people.clinical_table(tmp_path / "moods.tsv", "moods.tsv", {"01": ()}, True))
    assert [f.code for f in found] == ["E-ID"]
