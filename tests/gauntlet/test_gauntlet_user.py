"""What people type and name by mistake: one sentence each, with where, needed, found and what to do."""

import ast
import json
import os
import stat

import pytest

from tests.conftest import PROJECT
from tests.gauntlet.driving import TIMES, neuromyo, results, write_study
from tests.gauntlet.making import digests
from tests.gauntlet.spoiling import ASK

pytestmark = pytest.mark.gauntlet


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study") / "bids")


RUN = "run {bids} {out} participant"
MISTAKES = [
    ("rnu {bids} {out} participant", "E-OPTION", "'rnu'", "Did you mean 'run'"),
    ("run {bids} {out}", "E-OPTION", "LEVEL", ""),
    ("run {bids} {out} everybody", "E-OPTION", "level", "third argument"),
    ("run {tmp}/nowhere {out} participant", "E-NOTFOUND", "nowhere", "check the name"),
    ("run {bids}/sub-bad {out} participant", "E-BIDS", "sub-bad", "dataset_description.json"),
    ("run {bids}/dataset_description.json {out} participant", "E-BIDS", "dataset_description.json", "check the name"),
    (f"{RUN} --biomarkers t2-wate", "E-UNKNOWN", "t2-wate", "neuromyo list"),
    (f"{RUN} --biomarkrs t2-mono", "E-OPTION", "--biomarkrs", "--biomarkers"),
    (f"{RUN} --mem-mb 10", "E-OPTION", "--mem-mb", "4000"),
    (f"{RUN} --mem-mb much", "E-OPTION", "--mem-mb", "integer"),
    (f"{RUN} --nprocs -1", "E-OPTION", "--nprocs", "0 for all cores"),
    (f"{RUN} --max-input-gb 0", "E-OPTION", "--max-input-gb", "leave it out for 16"),
    (f"{RUN} --max-input-gb nan", "E-OPTION", "--max-input-gb", "leave it out for 16"),
    (f"{RUN} --geometry any", "E-OPTION", "--geometry", "leave it out"),
    (f"{RUN} --flip-labels up", "E-OPTION", "--flip-labels", "give one of them"),
    (f"{RUN} --option likelihood=rician", "E-OPTION", "--option", "begin with the biomarker"),
    (f"{RUN} --option t2-mono.likelihood=gauss", "E-OPTION", "likelihood", "give one of them"),
    (f"{RUN} --option t2-mono.noise=-1", "E-OPTION", "noise", "in that range"),
    (f"{RUN} --option t2-mono.offset=maybe", "E-OPTION", "offset", "correct the value"),
    (f"{RUN} --option t2-mono.T3=1", "E-UNKNOWN", "T3", "neuromyo show"),
    (f"{RUN} --protocol nobody", "E-UNKNOWN", "nobody", "give one of them"),
    (f"{RUN} --protocol nobody.toml", "E-NOTFOUND", "nobody.toml", "check the name"),
    (f"{RUN} --regions {{tmp}}/nowhere", "E-NOTFOUND", "nowhere", "--regions"),
    (f"{RUN} --participant-label 99", "E-NOTFOUND", "99", "--participant-label"),
    (f"{RUN} --session-label m0", "E-NOTFOUND", "m0", "--session-label"),
    ("run {bids} {bids}/out participant", "E-OUTDIR", "out", "give another output folder"),
    ("run {bids} {bids} participant", "E-OUTDIR", "bids", "give another output folder"),
    ("run {bids} {tmp}/linked participant", "E-OUTDIR", "linked", "give another output folder"),
    ("run {bids} {tmp}/a-file participant", "E-OUTDIR", "a-file", "give another output folder"),
    ("run {bids} {tmp}/of-others participant", "E-OUTDIR", "of-others", "give another output folder"),
    ("fit t2-mono {tmp}/nothing.nii -o {out}", "E-NOTFOUND", "nothing.nii", "check the name"),
    ("fit t2-mono {bids}/dataset_description.json -o {out}", "E-FORMAT", "dataset_description.json", "convert it"),
    ("fit t2-mono {echo1} -o {out}", "E-NEEDS", "echo-1", "choose another series"),
    ("fit t2-mono other={echo1} -o {out}", "E-UNKNOWN", "other=", "neuromyo show t2-mono"),
    ("fit dti {echoes} -o {out}", "E-NEEDS", "echo-1", ".bval"),
    ("fit t2-mono {echoes} -o {out} --region fat={echo1}", "E-UNKNOWN", "needed none: it takes none", "neuromyo show"),
    ("fit t2-mono {echoes} -o {out} --mask {tmp}/nothing.nii", "E-NOTFOUND", "nothing.nii", "check the name"),
    ("fit t2-water {echoes} -o {out} --known B2={echo1}", "E-UNKNOWN", "--known B2", "neuromyo show t2-water"),
    ("fit t2-water {echoes} -o {out} --known B1={echo1}", "E-UNITS", "Units", "state Units"),
    ("fit t2-water {echoes} -o {out} --known B1", "E-OPTION", "--known", "equals sign"),
    ("fit t2-water {echoes} -o {out} --region bone={echo1}", "E-UNKNOWN", "--region bone", "neuromyo show t2-water"),
    ("fit t2-mono {echoes} -o {out} --option offset=maybe", "E-OPTION", "offset", "correct the value"),
    ("show t3", "E-UNKNOWN", "t3", "neuromyo list"),
    ("check {tmp}/nowhere", "E-NOTFOUND", "nowhere", "check the name"),
    ("plan {bids} --biomarkers t3", "E-UNKNOWN", "t3", "neuromyo list"),
]


@pytest.mark.parametrize(("typed", "code", "where", "remedy"), MISTAKES, ids=lambda v: v if " " in str(v) else None)
def test_a_mistake_is_told_in_one_sentence_and_nothing_is_written(typed, code, where, remedy, study, tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path)
    (tmp_path / "a-file").write_text("mine")
    (tmp_path / "of-others").mkdir()
    (tmp_path / "of-others" / "thesis.txt").write_text("mine")
    anat = study / "sub-bad" / "anat"
    echoes = [str(anat / f"sub-bad_echo-{e}_MESE.nii.gz") for e in range(1, len(TIMES) + 1)]
    before = digests(study), digests(tmp_path)
    words = []
    for word in typed.split():
        filled = word.format(bids=study, out=tmp_path / "out", tmp=tmp_path, echo1=echoes[0], echoes="{echoes}")
        words += echoes if filled == "{echoes}" else [filled]
    ended = neuromyo(*words)
    error = ended.json["error"]
    assert error["code"] == code, ended.err
    assert ended.status == ended.json["exit"] == (4 if code == "E-OUTDIR" else 2)
    assert where in error["message"] and remedy in error["message"], error["message"]
    assert code in ended.err and len(error["message"]) < 400
    assert (digests(study), digests(tmp_path)) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--participant-label", "--session-label"])
def test_an_empty_label_is_not_everybody(flag, study, tmp_path):
    ended = neuromyo("run", study, tmp_path / "out", "participant", flag, "")
    assert (ended.status, ended.json["error"]["code"], ended.json["error"]["where"]) == (2, "E-OPTION", flag)


def test_the_folder_one_stands_in_has_a_name(study, tmp_path, monkeypatch):
    monkeypatch.chdir(study / "sub-bad")
    ended = neuromyo("run", ".", tmp_path / "out", "participant")
    assert ended.json["error"]["where"] == "."


def test_a_participant_who_is_not_there_is_missed_and_the_others_are_done(study, tmp_path):
    out = tmp_path / "out"
    ended = neuromyo("run", study, out, "participant", *ASK, "--participant-label", "99", "--participant-label", "good")
    assert ended.status == 2
    assert [s["status"] for s in ended.json["sessions"]] == ["done"]
    (failure,) = ended.json["failures"]
    assert (failure["session"], failure["code"]) == ("sub-99", "E-NOTFOUND")
    assert "--participant-label" in failure["message"] and "sub-99" in ended.err
    assert failure in json.loads((out / "record" / "run.json").read_text())["failures"]
    assert results(out, "good")


def test_a_dataset_without_a_description_is_worked_on_and_told(study, tmp_path):
    bare = write_study(tmp_path / "bids", subjects=("good",))
    (bare / "dataset_description.json").unlink()
    ended = neuromyo("run", bare, tmp_path / "out", "participant", *ASK)
    assert ended.status == 0
    assert [f["code"] for f in ended.json["findings"]] == ["W-BIDS"] and "W-BIDS" in ended.err


def test_no_series_of_the_kind_asked_for(tmp_path):
    bare = write_study(tmp_path / "bids")
    for path in (bare / "sub-bad" / "anat").iterdir():
        path.rename(path.with_name(path.name.replace("MESE", "MEGRE")))
    ended = neuromyo("run", bare, tmp_path / "out", "participant", *ASK)
    assert ended.status == 2
    (failure,) = ended.json["failures"]
    assert (failure["session"], failure["code"]) == ("sub-bad", "E-NEEDS") and "MESE" in failure["message"]
    assert results(tmp_path / "out", "good")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind the administrator")
def test_a_read_only_output_folder_is_refused(study, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(stat.S_IRUSR | stat.S_IXUSR)
    ended = neuromyo("run", study, out, "participant", *ASK)
    out.chmod(stat.S_IRWXU)
    assert (ended.status, ended.json["error"]["code"]) == (4, "E-OUTDIR")
    assert not list(out.iterdir())


def calls(room: str) -> list[tuple[str, str, set[str]]]:
    """(place, code, keywords) of every error that a room raises by its code."""
    found = []
    for path in sorted((PROJECT / "src" / "neuromyo" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                code = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
                if str(code).startswith("E-"):
                    found.append((f"{path.name}:{node.lineno}", code, {str(k.arg) for k in node.keywords}))
    return found


@pytest.mark.parametrize("room", ["io", "pipeline", "cli", "measure", "quality", "study", "space"])
def test_every_error_of_the_rooms_users_meet_says_needed_found_and_what_to_do(room):
    all_ = calls(room)
    bare = [
        (place, code)
        for place, code, keys in all_
        if code != "E-INTERNAL" and not keys >= {"needed", "found", "remedy"}
    ]
    assert not bare
    assert all_ or room == "cli"
