"""G44 and other people's mistakes with tables of studies, through the command line."""

import pytest

from tests.gauntlet.driving import neuromyo
from tests.journey.study_fake import fakery  # noqa: F401
from tests.journey.study_making import number, two_visits, write_tsv

pytestmark = [pytest.mark.gauntlet, pytest.mark.usefixtures("fakery")]


def study(tmp_path, change=lambda s: None, **more):
    made = two_visits(3, 3, **more)
    change(made)
    return made.write(tmp_path)


def asked(made, *more, verb="fakery", clinical=False):
    extra = ("--clinical", made["clinical"]) if clinical else ()
    return neuromyo("study", verb, made["tables"], "--people", made["people"], *extra, *more)


def refused(said, code, *words):
    assert said.status == 2, said.err
    error = said.json["error"]
    assert error["code"] == code, error
    for word in words:
        assert word in error["message"], error["message"]
    assert error["remedy"] and "\n" not in error["message"]


def lines(path):
    return path.read_text().splitlines()


# --- G44: agreement of readings that are missing, twice, or not finite ------------------------------------------------


def readings(change=lambda rows: None):
    def both(study):
        study.measured = [
            {**r, "region_source": who, "session": ""}
            for r in study.measured
            if r["session"] == "m0"
            for who in ("anna", "bert")
        ]
        change(study.measured)

    return both


AGREE = ("--variables", "T2/tibialis-anterior/left", "--between", "region_source")


def test_g44_whole_readings_agree(tmp_path):
    said = asked(study(tmp_path, readings()), *AGREE, verb="agree")
    assert said.status == 0, said.err


def test_g44_a_missing_reading_is_named(tmp_path):
    made = study(
        tmp_path,
        readings(
            lambda rows: rows.remove(next(r for r in rows if r["quantity"] == "T2" and r["region_source"] == "bert"))
        ),
    )
    refused(asked(made, *AGREE, verb="agree"), "E-REPEATS", "p01", "bert")


def test_g44_a_reading_without_a_value_is_named(tmp_path):
    made = study(tmp_path, readings(lambda rows: next(r for r in rows if r["quantity"] == "T2").update(value="n/a")))
    refused(asked(made, *AGREE, verb="agree"), "E-REPEATS", "p01", "anna")


def test_g44_a_reading_that_is_there_twice_is_never_averaged(tmp_path):
    def twice(rows):
        first = next(r for r in rows if r["quantity"] == "T2")
        rows.append({**first, "value": first["value"] + 1, "acquisition": "run-2"})

    said = asked(study(tmp_path, readings(twice)), *AGREE, verb="agree")
    refused(said, "E-REPEATS", "sub-p01", "T2/tibialis-anterior/left", "measurements.tsv, row 2", "not averaged")


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "nan", "=1+2", "33,5", "33.5 ms", "1e999", "<5", "'=A1", "1_000"])
def test_g44_a_cell_that_is_no_finite_number_is_named(tmp_path, cell):
    made = study(tmp_path, lambda s: s.measured[1].update(value=cell))
    refused(asked(made), "E-TABLE", "measurements.tsv: row 3, column value")


# --- tables of something else, or spoiled -----------------------------------------------------------------------------


def test_bom_and_windows_lines_give_the_same_numbers(tmp_path):
    plain = asked(study(tmp_path / "a")).json
    made = study(tmp_path / "b")
    for path in (made["tables"], made["people"]):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert asked(made).json["analyses"] == plain["analyses"]


def test_an_empty_table_and_a_header_alone(tmp_path):
    made = study(tmp_path)
    head = lines(made["tables"])[0]
    made["tables"].write_text(head + "\n")
    refused(asked(made), "E-NODATA", "measurements.tsv", "a header alone")
    made["tables"].write_text("")
    refused(asked(made), "E-TABLE", "measurements.tsv", "empty table")


def test_tables_of_something_else(tmp_path):
    made = study(tmp_path)
    refused(
        neuromyo("study", "fakery", made["people"], "--people", made["people"]),
        "E-TABLE",
        "participant_id",
        "--people",
        "--clinical",
    )
    comma = tmp_path / "comma.tsv"
    comma.write_text(made["tables"].read_text().replace("\t", ","))
    refused(neuromyo("study", "fakery", comma, "--people", made["people"]), "E-TABLE", "commas", "tabs")
    refused(
        neuromyo("study", "fakery", tmp_path, "--people", made["people"]),
        "E-NOTFOUND",
        "measurements.tsv in that folder",
    )
    refused(
        neuromyo("study", "fakery", made["tables"], "--people", made["tables"]),
        "E-TABLE",
        "participant_id as the first column",
    )
    refused(neuromyo("study", "fakery", tmp_path / "none.tsv"), "E-NOTFOUND", "none.tsv")


def test_a_table_of_no_known_measure(tmp_path):
    made = study(tmp_path)
    odd = write_tsv(made["clinical"] / "mood.tsv", [{"participant_id": "sub-p01", "score": 3}])
    refused(asked(made, "--clinical", odd), "E-UNKNOWN", "mood.tsv", "cmap")
    said = asked(made, clinical=True)
    assert said.status == 0 and any("mood.tsv" in f["where"] for f in said.json["findings"])


def test_units_that_differ_between_tables(tmp_path):
    made = study(tmp_path)
    other = write_tsv(tmp_path / "other.tsv", [number("p01", "m9", "left", "T2", 0.033, unit="s")])
    refused(
        neuromyo("study", "fakery", made["tables"], other, "--people", made["people"]),
        "E-UNITS",
        "ms (measurements.tsv, row 2)",
        "s (other.tsv, row 2)",
    )


def test_a_clinical_unit_that_is_not_stated_is_not_guessed(tmp_path):
    def bare(s):
        s.cmap = [{k.partition(" ")[0]: v for k, v in row.items()} for row in s.cmap]

    made = study(tmp_path, bare)
    refused(asked(made, clinical=True), "E-UNITS", "cmap.tsv", "amplitude", "--clinical-unit amplitude=mV")
    assert asked(made, "--clinical-unit", "amplitude=mV", clinical=True).status == 0


def test_the_same_table_twice(tmp_path):
    made = study(tmp_path)
    said = neuromyo("study", "fakery", made["tables"], made["tables"], "--people", made["people"])
    refused(said, "E-REPEATS", "sub-p01, ses-m0", "run/measurements.tsv, row 2", "give each table once")


def test_two_scans_of_one_person_are_not_averaged(tmp_path):
    made = study(tmp_path, lambda s: s.measured.append({**s.measured[0], "value": 40.0, "acquisition": "run-2"}))
    refused(asked(made), "E-REPEATS", "sub-p01, ses-m0: T2/tibialis-anterior/left", "40 ms")


# --- people -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("label", "likely"), [("P01", "sub-p01"), ("p1", "sub-p01"), ("x77", "leave their rows out")])
def test_people_who_are_not_in_the_table_of_people(tmp_path, label, likely):
    made = study(tmp_path, lambda s: [r.update(subject=label) for r in s.measured if r["subject"] == "p01"])
    refused(asked(made), "E-STUDY", f"sub-{label}", likely)


def test_clinical_people_who_are_not_in_the_table_of_people(tmp_path):
    made = study(tmp_path, lambda s: s.cmap[0].update(participant_id="sub-P01"))
    refused(asked(made, clinical=True), "E-STUDY", "clinical tables: sub-P01", "probably sub-p01")


def test_people_in_no_group_and_never_measured_are_told(tmp_path):
    def change(s):
        s.person("p02")["group"] = ""
        s.drop("p03")

    said = asked(study(tmp_path, change))
    assert said.status == 0, said.err
    told = [(f["code"], f["where"]) for f in said.json["findings"]]
    assert ("W-ABSENT", "sub-p02") in told and ("W-ABSENT", "sub-p03") in told


def test_one_group_written_in_two_ways_is_never_compared_with_itself(tmp_path):
    made = study(tmp_path, lambda s: s.people[-1].update(group="Control"))
    refused(
        asked(made),
        "E-STUDY",
        "participants.tsv, column group",
        "control (2: sub-c01, sub-c02)",
        "Control (1: sub-c03)",
    )


def test_a_group_of_one_with_nearly_the_name_of_another(tmp_path):
    made = study(tmp_path, lambda s: s.people[-1].update(group="contrl"))
    refused(asked(made, verb="group"), "E-PEOPLE", "group contrl", "write control in the table of people")


def test_without_a_table_of_people_there_are_no_groups(tmp_path):
    said = neuromyo("study", "group", study(tmp_path)["tables"])
    refused(said, "E-STUDY", "participants.tsv by --people")


def test_people_divided_by_commas(tmp_path):
    made = study(tmp_path)
    made["people"].write_text(made["people"].read_text().replace("\t", ","))
    refused(asked(made), "E-TABLE", "participants.tsv: row 1", "tabs between the cells")


def test_groups_whose_names_are_signs_alone_stay_apart(tmp_path):
    made = study(tmp_path, lambda s: [p.update(group="+" if p["group"] == "patient" else "-") for p in s.people])
    assert asked(made, "--reference", "-", verb="group").status == 0


def test_a_clinical_folder_without_any_clinical_table(tmp_path):
    made = study(tmp_path)
    said = neuromyo("study", "fakery", made["tables"], "--people", made["people"], "--clinical", made["tables"].parent)
    refused(said, "E-NOTFOUND", "measurements.tsv", "cmap")


def test_what_comes_out_does_not_depend_on_the_order_of_rows_and_columns(tmp_path):
    def backwards(path):
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        head, *body = [[row[0], *row[:0:-1]] for row in rows]
        path.write_text("".join("\t".join(row) + "\n" for row in (head, *reversed(body))))

    def answers(made):
        verbs = (("group", "--covariates", "age"), ("change", "--visits", "m0=0,m4=4"), ("correlate", "--repeats", 200))
        return [asked(made, *flags, verb=verb, clinical=True).json for verb, *flags in verbs]

    ours, theirs = (two_visits(5, 4).write(tmp_path / name) for name in "ab")
    for path in (theirs["tables"], theirs["people"], *theirs["clinical"].glob("*.tsv")):
        backwards(path)
    for one, other in zip(answers(ours), answers(theirs), strict=True):
        assert one["analyses"] == other["analyses"]
        assert one["findings"] == other["findings"]


def test_no_group_at_all_is_refused_by_the_analysis(tmp_path):
    made = study(tmp_path, lambda s: [p.pop("group") for p in s.people])
    assert asked(made, verb="group").json["error"]["code"] in ("E-STUDY", "E-PEOPLE", "E-UNKNOWN")


@pytest.mark.parametrize("cell", ["soon", "-3", "inf"])
def test_an_end_that_is_no_time(tmp_path, cell):
    made = study(tmp_path, lambda s: s.person("p01").update(end="died", end_months=cell))
    refused(asked(made), "E-STUDY", "sub-p01, column end_months")


# --- what people type -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flags", "code", "word"), [
    (("--sides", "both"), "E-OPTION", "each, mean, left, right, worse"),
    (("--sides", "worse"), "E-OPTION", "--worse FF=high"),
    (("--worse", "T2=bad"), "E-OPTION", "T2=high"),
    (("--visits", "m0=x"), "E-OPTION", "m0=0,m4=4"),
    (("--visits", "m0=0,m0=1"), "E-OPTION", "m0 twice"),
    (("--session", "m7"), "E-UNKNOWN", "m0, m4"),
    (("--statistic", "mode"), "E-UNKNOWN", "mean, volume"),
    (("--variables", "T3/*"), "E-UNKNOWN", "T2/tibialis-anterior"),
    (("--between", "reader"), "E-STUDY", "choose one by --session"),
])  # fmt: skip
def test_flags_that_cannot_be(tmp_path, flags, code, word):
    refused(asked(study(tmp_path), *flags), code, word)


def test_formulas_in_names_do_not_get_into_files(tmp_path):
    made = study(tmp_path, lambda s: [r.update(region="=cmd|calc") for r in s.measured])
    said = asked(made, "-o", tmp_path / "out")
    assert said.status == 0, said.err
    for line in (tmp_path / "out/tables/means.tsv").read_text().splitlines():
        assert not any(cell.startswith(("=", "+", "@")) for cell in line.split("\t"))


def test_an_analysis_that_is_not_there(tmp_path):
    said = neuromyo("study", "anova", tmp_path)
    assert said.status == 2 and "anova" in said.err
