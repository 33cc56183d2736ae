"""Clinical tables: what they hold, long or wide, and what is said of each wrong cell."""

import contextlib
import json

import hypothesis
import pytest
from hypothesis import strategies as st

from neuromyo.core.errors import DataError
from neuromyo.io import dictionary, phenotype, phenotype_write

CMAP = dictionary.load("cmap")
LONG = "participant_id,session_id,side,nerve,muscle,amplitude (mV),distal_latency (ms)\n"


def table(tmp_path, text, name="cmap.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path, text, measure=CMAP, **more):
    return phenotype.read_table(table(tmp_path, text, f"{measure.name}.csv"), measure, **more)


def values(reading):
    return {(e.participant, e.session, *(level for _, level in e.keys), e.quantity): e.value for e in reading.entries}


def test_long_and_wide_say_the_same(tmp_path):
    long = read(tmp_path, LONG + "sub-01,ses-m0,left,median,APB,8.2,3.4\n01,m0,R,Tibial,abductor hallucis,11,n/a\n")
    wide = read(
        tmp_path,
        "subject;visit;median_APB_left_amplitude (mV);left_median_apb_DML (ms);cmap right tibial ah [mV]\n01;m0;8.2;3.4;11\n",
    )
    assert long.findings == wide.findings == ()
    assert values(long) == values(wide) == {
        ("01", "m0", "left", "median", "apb", "amplitude"): 8.2,
        ("01", "m0", "left", "median", "apb", "distal_latency"): 3.4,
        ("01", "m0", "right", "tibial", "ah", "amplitude"): 11.0,
    }  # fmt: skip


@pytest.mark.parametrize("how", ["header", "option", "column", "json"])
def test_a_unit_is_stated_in_one_of_four_ways(tmp_path, how):
    grip = dictionary.load("grip")
    path = table(tmp_path, f"participant_id,side,force{' (kg)' * (how == 'header')}{',unit' * (how == 'column')}\n"
                           f"01,left,31{',kg' * (how == 'column')}\n", "grip.csv")  # fmt: skip
    if how == "json":
        path.with_suffix(".json").write_text(json.dumps({"force": {"Units": "kg"}}))
    reading = phenotype.read_table(path, grip, units={"force": "kg"} if how == "option" else {})
    assert reading.findings == () and reading.entries[0].value == pytest.approx(31 * 9.80665)


def test_nothing_is_guessed(tmp_path):
    reading = read(tmp_path, "participant_id,side,nerve,muscle,amplitude\n01,left,median,apb,8.2\n")
    (finding,) = reading.findings
    assert finding.code == "E-UNITS" and "column amplitude" in finding.where and "--unit amplitude=mV" in finding.remedy
    assert reading.entries == ()


@pytest.mark.parametrize(
    ("header", "units", "said"),
    [
        ("amplitude (mV)", {"amplitude": "uV"}, "needed one unit, found mV and uV"),
        ("amplitude (kg)", {}, "needed mV or uV or V, found 'kg'"),
        ("amplitude (MV)", {}, "found 'MV'"),
    ],
)
def test_statements_that_cannot_be(tmp_path, header, units, said):
    reading = read(tmp_path, f"participant_id,side,nerve,muscle,{header}\n01,left,median,apb,8.2\n", units=units)
    assert [f.code for f in reading.findings] == ["E-UNITS"] and said in reading.findings[0].message


def test_a_unit_for_a_column_that_is_not_there(tmp_path):
    text = "participant_id,side,nerve,muscle,Amplitude\n01,left,median,apb,8.2\n"
    assert read(tmp_path, text, units={"amplitude": "mV", "latency": "ms"}).idle == ("latency",)


@hypothesis.given(
    st.text(
        st.sampled_from('participant_id,side;\t\n"\r left median apb amplitude (mV) 01 8.2 =n/a\x00é'), max_size=300
    )
)
def test_no_text_is_more_than_a_complaint(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("x") / "cmap.csv"
    path.write_bytes(("participant_id,side,nerve,muscle,amplitude (mV)\n" + text).encode())
    with contextlib.suppress(DataError):
        reading = phenotype.read_table(path, CMAP)
        assert reading.sound or all(f.where and f.message for f in reading.findings)


def test_every_complaint_at_once_with_row_and_column(tmp_path):
    reading = read(
        tmp_path,
        LONG
        + "01,m0,left,median,apb,8.2,3.4\n"  # row 2: fine
        + '01,m0,right,median,apb,"8,2",3.4\n'
        + "01,m0,up,median,apb,8.2,3.4\n"
        + "01,m0,left,tibial,,8.2,3.4\n"
        + "John Smith,m0,left,ulnar,adm,8.2,3.4\n"
        + "01,m0,left,sural,ah,8200,NaN\n"
        + "01,m 0,left,ulnar,adm,8.2,3.4\n"
        + "01,m0,left,median,APB,8.3,\n",
    )
    told = {(f.code, f.where) for f in reading.findings}
    assert told == {
        ("E-TABLE", "cmap.csv: row 3, column amplitude (mV)"),
        ("E-TABLE", "cmap.csv: row 4, column side"),
        ("E-TABLE", "cmap.csv: row 5, column muscle"),
        ("E-ID", "cmap.csv: row 6, column participant_id"),
        ("E-UNITS", "cmap.csv: row 7, column amplitude (mV)"),
        ("E-TABLE", "cmap.csv: row 7, column distal_latency (ms)"),
        ("E-ID", "cmap.csv: row 8, column session_id"),
        ("E-TABLE", "cmap.csv: row 9, column amplitude (mV)"),
    }
    by_row = {f.where: f for f in reading.findings}
    assert "8.2" in by_row["cmap.csv: row 3, column amplitude (mV)"].remedy
    assert "uV" in by_row["cmap.csv: row 7, column amplitude (mV)"].remedy
    assert "row 2" in by_row["cmap.csv: row 9, column amplitude (mV)"].message
    assert not any("Smith" in str(f) for f in reading.findings)


def test_unusual_is_kept_and_told(tmp_path):
    reading = read(tmp_path, LONG + "01,m0,left,median,apb,42,3.4\n")
    assert [(f.level, f.code) for f in reading.findings] == [("warn", "W-RANGE")] and reading.sound
    assert reading.entries[0].value == 42.0


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("participant_id,left_amplitude (mV)", "needed the nerve"),
        ("participant_id,side,left_median_apb_amplitude (mV)", "both this column's name and the column side"),
        ("participant_id,side,nerve,muscle,amplitud (mV)", "did you mean amplitude"),
        ("side,nerve,muscle,amplitude (mV)", "needed a column participant_id"),
        ("participant_id,side,nerve,muscle", "needed a column of values"),
    ],
)
def test_headers_that_do_not_say_enough(tmp_path, header, said):
    reading = read(tmp_path, header + "\n" + ",".join(["1"] * len(header.split(","))) + "\n")
    assert any(said in f.message + f.remedy and "row 1" in f.where for f in reading.findings), reading.findings


def test_a_name_with_two_meanings_is_refused(tmp_path):
    reading = read(tmp_path, "participant_id,left_dorsiflexion (N)\n01,200\n", dictionary.load("mvic"))
    assert reading.findings[0].code == "E-TABLE" and not reading.entries


def test_totals_are_added_up(tmp_path):
    alsfrs = dictionary.load("alsfrsr")
    text = "participant_id,visit,total,bulbar,fine_motor,gross_motor,respiratory\n01,m0,{},12,10,8,12\n"
    assert read(tmp_path, text.format(42), alsfrs).findings == ()
    (finding,) = read(tmp_path, text.format(40), alsfrs).findings
    assert (
        finding.where == "alsfrsr.csv: row 2, column total"
        and "needed 42" in finding.message
        and "found 40" in finding.message
    )
    assert "whole" in read(tmp_path, text.format(41.5), alsfrs).findings[0].message
    assert "0 to 48" in read(tmp_path, text.format(-1), alsfrs).findings[0].message


def test_many_complaints_are_counted(tmp_path):
    rows = "".join(f"{i},m0,left,median,apb,x,y\n" for i in range(1500))
    reading = read(tmp_path, LONG + rows)
    assert len(reading.findings) == 1001 and "2000 more" in reading.findings[-1].message


def test_identifying_columns_stop_everything_else(tmp_path):
    reading = read(tmp_path, "participant_id,Patient Name,amplitude\n01,Jane Doe,x\n")
    assert [f.code for f in reading.findings] == ["E-PHI"] and "Patient Name" in reading.findings[0].where
    assert "Jane" not in str(reading.findings)
    mail = read(tmp_path, "participant_id,diagnosis\n01,ask jane@doe.org\n", dictionary.load("disease"))
    assert [f.code for f in mail.findings] == ["E-PHI"] and "jane" not in str(mail.findings)


def test_written_and_read_again(tmp_path):
    reading = read(
        tmp_path, LONG + "10,m0,left,median,apb,8.2,3.4\n2,m0,right,tibial,ah,11,n/a\n2,m4,right,tibial,ah,10,5\n"
    )
    first = phenotype_write.write(tmp_path, CMAP, reading.entries)
    assert sorted(first) == [f"phenotype/cmap_ses-m{n}.{e}" for n in (0, 4) for e in ("json", "tsv")]
    lines = (tmp_path / "phenotype/cmap_ses-m0.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["participant_id", "sub-2", "sub-10"]
    again = [phenotype.read_table(tmp_path / f"phenotype/cmap_ses-m{n}.tsv", CMAP) for n in (0, 4)]
    assert all(r.findings == () for r in again)
    assert {**values(again[0]), **values(again[1])} == values(reading)
    assert phenotype_write.write(tmp_path, CMAP, tuple(reversed(reading.entries))) == first


def test_formulas_are_disarmed_once(tmp_path):
    disease = dictionary.load("disease")
    reading = read(tmp_path, 'participant_id,diagnosis\n01,"=HYPERLINK(""x"")"\n02,-ALS\n03,@x\n04,+1\n', disease)
    phenotype_write.write(tmp_path, disease, reading.entries)
    cells = [line.split("\t")[1] for line in (tmp_path / "phenotype/disease.tsv").read_text().splitlines()[1:]]
    assert [c[:2] for c in cells] == ["'=", "'-", "'@", "+1"]
    again = phenotype.read_table(tmp_path / "phenotype/disease.tsv", disease)
    assert phenotype.merged([reading, again])[1] == ()


def test_two_tables_that_contradict_each_other(tmp_path):
    one = read(tmp_path, LONG + "01,m0,left,median,apb,8.2,3.4\n")
    other = phenotype.read_table(table(tmp_path, LONG + "01,m0,left,median,apb,8.2,3.5\n", "b.csv"), CMAP)
    entries, findings = phenotype.merged([one, other])
    assert len(entries) == 2 and [f.code for f in findings] == ["E-TABLE"]
    assert "b.csv: row 2" in findings[0].where and "3.4 at cmap.csv: row 2" in findings[0].message


@pytest.mark.parametrize("word", ["NR", "n.r.", "absent", "not recordable", "no response", "unobtainable"])
def test_an_absent_response_is_zero_and_not_missing(tmp_path, word):
    """Who loses the response is the worst affected: told to write n/a, he would drop out of every mean."""
    text = f"participant_id,side,nerve,muscle,amplitude (mV),distal_latency (ms)\n01,left,tibial,AH,{word},{word}\n"
    amplitude, latency = (f.remedy for f in read(tmp_path, text).findings)
    assert (
        "write 0 if a response was looked for and is absent" in amplitude and "write n/a: an absent response" in latency
    )
    assert not read(tmp_path, text.replace(f"{word},{word}", "0,n/a")).findings


@pytest.mark.parametrize(("measure", "row"), [
    ("ncv", "side,nerve,fibres,velocity (m/s)\n01,left,median,motor,2.2"),
    ("mvic", "side,movement,force (N)\n01,left,ankle dorsiflexion,0"),
    ("sixmwt", "distance (m)\n01,0"),
    ("mercuri", "side,muscle,grade\n01,left,soleus,2"),
    ("mrc", "side,movement,grade\n01,left,ankle dorsiflexion,3+"),
    ("mrc", "side,movement,grade\n01,left,ankle dorsiflexion,5-"),
    ("munix", "side,muscle,munix,musix (uV)\n01,left,ADM,0,n/a"),
])  # fmt: skip
def test_true_values_of_those_badly_off_are_possible(tmp_path, measure, row):
    found = read(tmp_path, f"participant_id,{row}\n", dictionary.load(measure)).findings
    assert not [f for f in found if f.level == "stop"]
