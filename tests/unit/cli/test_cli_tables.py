"""The verbs phenotype and export, as a person types them."""

import json

import pytest

from tests.gauntlet.driving import neuromyo, write_study
from tests.gauntlet.making import digests

CMAP = "participant_id,session_id,side,nerve,muscle,amplitude (mV)\n"


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "bids", subjects=("bad", "good"))


def put(tmp_path, text, name="cmap.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_tables_go_in_and_are_valid(study, tmp_path, validator):
    sound = put(
        tmp_path, CMAP + "good,m0,left,median,apb,8.2\nbad,m0,right,tibial,ah,11\ngood,m4,left,median,apb,7.9\n"
    )
    strength = put(tmp_path, "participant_id,left_grip (kg),grip_right (kg)\ngood,31,33\n", "grip.csv")
    walk = put(tmp_path, "participant_id,time (s),aid\ngood,7.5,stick\n", "walk.csv")
    own = put(tmp_path, 'title="Walk"\nabout="10 m"\nsource="ours"\nevidence="convention"\n[keys.aid]\nmeaning="aid"\noptional=true\n'
              'levels={none="none",stick="stick"}\n[values.time]\nmeaning="time"\nunit="s"\npossible=[1,600]\n', "walk.toml")  # fmt: skip
    said = neuromyo("phenotype", study, sound, strength)
    assert said.status == 0, said.err
    assert said.json["values"] == {"cmap": 3, "grip": 2} and said.json["participants"] == {"cmap": 2, "grip": 1}
    assert neuromyo("phenotype", study, walk, "--dictionary", own).status == 0
    assert sorted(p.name for p in (study / "phenotype").iterdir()) == sorted(
        f"{n}.{e}" for n in ("cmap_ses-m0", "cmap_ses-m4", "grip", "walk") for e in ("tsv", "json")
    )
    (study / "participants.tsv").write_text("participant_id\tage\nsub-good\t60\nsub-bad\t61\n")
    (study / "participants.json").write_text(json.dumps({"age": {"Description": "age", "Units": "year"}}))
    assert [(e["code"], e.get("location")) for e in validator(study) if "phenotype" in e.get("location", "")] == []
    assert validator(study) == []


def test_the_same_again_adds_nothing_and_more_is_joined(study, tmp_path):
    first = put(tmp_path, CMAP + "good,m0,left,median,apb,8.2\n")
    assert neuromyo("phenotype", study, first).status == 0
    before = digests(study)
    assert neuromyo("phenotype", study, first).status == 0 and digests(study) == before
    second = put(tmp_path, CMAP + "bad,m0,left,median,apb,n/a\ngood,m0,right,median,apb,8.4\n", "more.csv")
    assert neuromyo("phenotype", study, second, "--measure", "cmap").status == 0
    lines = (study / "phenotype/cmap_ses-m0.tsv").read_text().splitlines()
    assert lines == [
        "participant_id\tsession_id\tleft_median_apb_amplitude\tright_median_apb_amplitude",
        "sub-good\tses-m0\t8.2\t8.4",
    ]
    clash = put(tmp_path, CMAP + "good,m0,left,median,apb,9.2\n", "cmap.csv")
    before = digests(study)
    said = neuromyo("phenotype", study, clash)
    assert said.status == 2 and "phenotype/cmap_ses-m0.tsv: row 2" in said.json["findings"][0]["message"]
    assert digests(study) == before


def test_what_others_wrote_beside_it_stays(study, tmp_path):
    table = put(tmp_path, CMAP + "good,m0,left,median,apb,8.2\n")
    assert neuromyo("phenotype", study, table).status == 0
    beside = study / "phenotype/cmap_ses-m0.json"
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "Laboratory": {"Description": "the third floor"}}))
    assert neuromyo("phenotype", study, table).status == 0 and "Laboratory" in json.loads(beside.read_text())


def test_nothing_is_written_through_a_link(study, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (study / "phenotype").symlink_to(tmp_path / "elsewhere")
    said = neuromyo("phenotype", study, put(tmp_path, CMAP + "good,m0,left,median,apb,8.2\n"))
    assert (
        said.status == 4 and said.json["error"]["code"] == "E-OUTDIR" and not list((tmp_path / "elsewhere").iterdir())
    )


def test_check_writes_nothing(study, tmp_path):
    before = digests(study)
    said = neuromyo("phenotype", study, put(tmp_path, CMAP + "good,m0,left,median,apb,8.2\n"), "--check")
    assert said.status == 0 and said.json["values"] == {"cmap": 1} and digests(study) == before


def test_what_a_table_measures_is_found_by_name_then_by_columns(study, tmp_path):
    by_name = put(tmp_path, CMAP + "good,m0,left,median,apb,8.2\n", "CMAP.csv")
    by_columns = put(tmp_path, "participant_id,munix,musix (uV),side,muscle\ngood,150,60,left,apb\n", "site2.csv")
    said = neuromyo("phenotype", study, by_name, by_columns, "--check")
    assert said.status == 0 and set(said.json["values"]) == {"cmap", "munix"}, said.err
    unclear = put(tmp_path, "participant_id,score\ngood,3\n", "scores.csv")
    said = neuromyo("phenotype", study, unclear)
    assert said.status == 2 and "--measure" in said.err and "E-OPTION" in said.err


def test_two_bad_tables_are_both_told_and_nothing_is_written(study, tmp_path):
    before = digests(study)
    one = put(tmp_path, CMAP + "good,m0,left,median,apb,x\n")
    other = put(tmp_path, "participant_id,grip_left (kg)\nGood,31\n", "grip.csv")
    said = neuromyo("phenotype", study, one, other)
    assert said.status == 2 and {f["code"] for f in said.json["findings"]} == {"E-TABLE", "E-ID"}
    assert "probably sub-good" in said.out and "row 2" in said.err and digests(study) == before
    assert "2 to mend" in said.err


def test_patient_data_are_refused_as_unsafe(study, tmp_path):
    said = neuromyo(
        "phenotype", study, put(tmp_path, "participant_id,Surname,left_grip (kg)\ngood,Doe,31\n", "grip.csv")
    )
    assert said.status == 4 and said.json["findings"][0]["code"] == "E-PHI"
    assert "Surname" in said.err and "Doe" not in said.err + said.out and not (study / "phenotype").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--unit", "amplitude"), "E-OPTION"),
        (("--measure", "emg"), "E-UNKNOWN"),
        (("--dictionary", "none.toml"), "E-NOTFOUND"),
    ],
)
def test_wrong_options(study, tmp_path, arguments, code):
    said = neuromyo("phenotype", study, put(tmp_path, CMAP), *arguments)
    assert said.status == 2 and said.json["error"]["code"] == code


def test_a_unit_for_one_of_two_tables(study, tmp_path):
    grip = put(tmp_path, "participant_id,left_grip\ngood,31\n", "grip.csv")
    walk = put(tmp_path, "participant_id,distance (m)\ngood,431\n", "sixmwt.csv")
    assert neuromyo("phenotype", study, grip, walk, "--unit", "left_grip=kg", "--check").status == 0
    said = neuromyo("phenotype", study, grip, walk, "--unit", "left_grip=kg", "--unit", "lenght=m", "--check")
    assert said.status == 2 and said.json["findings"][0]["where"] == "--unit lenght=m"


def test_not_a_dataset(tmp_path):
    assert neuromyo("phenotype", tmp_path, put(tmp_path, CMAP)).json["error"]["code"] == "E-BIDS"


def test_export_and_run_on_it(study, tmp_path):
    said = neuromyo("export", study, tmp_path / "mids", "--to", "ormir-mids", "--participant-label", "good")
    assert said.status == 0 and "1 series" in said.err
    assert "sub-good/mr-anat/sub-good_MESE.nii.gz" in said.json["files"]
    ask = ("participant", "--biomarkers", "t2-mono", "--nprocs", 1, "--participant-label", "good")
    assert neuromyo("run", study, tmp_path / "a", *ask).status == 0
    assert neuromyo("run", tmp_path / "mids", tmp_path / "b", *ask).status == 0
    maps = [{n: d for n, d in digests(tmp_path / x).items() if n.endswith("_T2map.nii.gz")} for x in "ab"]
    assert len(maps[0]) == 2 and maps[0] == maps[1]


def test_export_says_what_it_cannot(study, tmp_path):
    said = neuromyo("export", study, tmp_path / "out", "--to", "matlab")
    assert said.status == 2 and said.json["error"]["code"] == "E-UNKNOWN" and "ormir-mids" in said.err
    assert neuromyo("export", study, study / "out", "--to", "ormir-mids").status == 4
    said = neuromyo("export", study, tmp_path / "out", "--to", "ormir-mids", "--participant-label", "nobody")
    assert said.status == 2 and said.json["error"]["code"] == "E-NOTFOUND"
