"""Through the command line as a person would go: run, run again, kill and go on, one bad subject, exit codes."""

import gzip
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest

from tests.journey import kit

pytestmark = pytest.mark.journey

ASK = ("--biomarkers", "toy-t2")


@pytest.fixture(scope="module")
def neuromyo(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("installed") / "site")


@pytest.fixture(scope="module")
def bids(tmp_path_factory):
    return kit.write_study(tmp_path_factory.mktemp("study") / "bids")


@pytest.fixture(scope="module")
def regions(tmp_path_factory):
    return kit.write_regions(tmp_path_factory.mktemp("regions") / "labels")


@pytest.fixture(scope="module")
def finished(neuromyo, bids, regions, tmp_path_factory):
    """An unbroken run of one process."""
    out = tmp_path_factory.mktemp("finished") / "out"
    ended = neuromyo("run", bids, out, "participant", *ASK, "--regions", regions, "--nprocs", 1, "--json")
    assert ended.status == 0, ended.err
    return out, ended


def test_one_run_measures_everybody_and_its_one_json_object_says_so(finished, bids):
    out, ended = finished
    said = ended.json
    assert [s["status"] for s in said["sessions"]] == ["done", "done"]
    assert said["pages"] == ["sub-01.html", "sub-02.html"]
    assert said["exit"] == 0
    assert not said["did_nothing"]
    for name in ("measurements.tsv", "measurements.json", "cohort.html", "methods.md", "dataset_description.json",
                 "sub-01.html",
                 "sub-01/sub-01_measurements.tsv", "sub-01/anat/sub-01_desc-toyt2_T2map.nii.gz"):  # fmt: skip
        assert (out / name).stat().st_size > 0, name


def test_the_table_holds_what_the_legs_are_made_of(finished):
    out, _ = finished
    found = {
        (r["subject"], r["side"]): float(r["value"])
        for r in kit.rows(out / "measurements.tsv")
        if r["region"] == "calf" and r["quantity"] == "T2" and r["statistic"] == "mean" and r["slice"] == "n/a"
    }
    assert set(found) == {(s, side) for s in ("01", "02") for side in ("left", "right")}
    for (_, side), value in found.items():
        assert value == pytest.approx({"left": 32.0, "right": 36.0}[side], abs=0.3)


def test_the_regions_mean_signal_is_fitted_too(finished):
    out, _ = finished
    fits = [r for r in kit.rows(out / "measurements.tsv") if r["statistic"] == "region-fit" and r["region"] == "calf"]
    assert len(fits) == 4
    assert {r["unit"] for r in fits} == {"ms"}
    assert all(abs(float(r["value"]) - {"left": 32, "right": 36}[r["side"]]) < 0.3 for r in fits)


def test_nothing_outside_the_record_knows_of_times_hosts_or_folders(finished, tmp_path):
    import socket

    out, _ = finished
    for path in out.rglob("*"):
        if path.is_file() and path.relative_to(out).parts[0] != "record":
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            assert str(out.parent).encode() not in data, path.name
            assert os.fsencode(os.path.expanduser("~") + "/") not in data, path.name
            assert len(socket.gethostname()) < 5 or socket.gethostname().encode() not in data, path.name


def test_the_plan_is_printed_before_anything_runs(finished):
    lines = finished[1].err.splitlines()
    plan = next(
        i for i, line in enumerate(lines) if line.startswith("1. fit toy-t2") or "fit toy-t2 (toy T2) on MESE" in line
    )
    step = next(i for i, line in enumerate(lines) if line == "sub-01: toy-t2@MESE")
    assert plan < step


def test_run_again_it_does_nothing_and_says_so(finished, neuromyo, bids, regions):
    out, _ = finished
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and "record" not in p.parts}
    ended = neuromyo("run", bids, out, "participant", *ASK, "--regions", regions)
    assert ended.status == 0
    assert "Nothing to do: 2 sessions" in ended.out
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and "record" not in p.parts} == before


def test_processes_do_not_change_a_bit(finished, neuromyo, bids, regions, tmp_path):
    ended = neuromyo("run", bids, tmp_path / "out", "participant", *ASK, "--regions", regions, "--nprocs", 2)
    assert ended.status == 0, ended.err
    assert kit.tree(tmp_path / "out") == kit.tree(finished[0])


KILLS = [int(k) for k in os.environ.get("NEUROMYO_TEST_KILLS", "2,17,31").split(",")]


@pytest.mark.parametrize("at", KILLS)
def test_killed_at_a_rename_and_started_again_the_bits_are_the_same(finished, neuromyo, bids, regions, tmp_path, at):
    """All points: NEUROMYO_TEST_KILLS=$(seq -s, 1 60) pytest tests/journey/test_journey_run.py -k killed"""
    command = ("run", bids, tmp_path / "out", "participant", *ASK, "--regions", regions, "--nprocs", 1)
    killed = neuromyo(*command, NEUROMYO_TEST_KILL_AT=str(at))
    if killed.status == 0:
        pytest.skip(f"the run needs fewer than {at} renames")
    assert killed.status == -signal.SIGKILL
    assert list((tmp_path / "out").rglob(".neuromyo-*.tmp"))
    again = neuromyo(*command)
    assert again.status == 0, again.err
    assert kit.tree(tmp_path / "out") == kit.tree(finished[0])
    assert not list((tmp_path / "out").rglob(".neuromyo-*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_it_ends_promptly_and_goes_on_later(finished, neuromyo, bids, regions, tmp_path, number):
    command = ("run", bids, tmp_path / "out", "participant", *ASK, "--regions", regions, "--nprocs", 2)
    process = neuromyo.start(*command, "--json")
    for line in process.stderr:
        if line.startswith("sub-01"):
            break
    process.send_signal(number)
    sent = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    again = neuromyo(*command)
    assert again.status == 0, again.err
    assert kit.tree(tmp_path / "out") == kit.tree(finished[0])


def test_results_that_were_changed_or_lost_are_made_again(finished, neuromyo, bids, regions, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    (tmp_path / "out" / "sub-01.html").unlink()
    map_ = tmp_path / "out" / "sub-02" / "anat" / "sub-02_desc-toyt2_T2map.nii.gz"
    map_.write_bytes(map_.read_bytes()[:-5])
    (tmp_path / "out" / "measurements.tsv").write_text("mine\n")
    ended = neuromyo("run", bids, tmp_path / "out", "participant", *ASK, "--regions", regions)
    assert ended.status == 0, ended.err
    assert "Nothing to do" not in ended.out
    assert kit.tree(tmp_path / "out") == kit.tree(finished[0])


def test_one_bad_subject_of_three_stops_nobody_else(finished, neuromyo, regions, tmp_path):
    study = kit.write_study(tmp_path / "bids", ("01", "02", "03"))
    bad = study / "sub-03" / "anat" / "sub-03_echo-2_MESE.nii.gz"
    bad.write_bytes(bad.read_bytes()[:-20])
    ended = neuromyo("run", study, tmp_path / "out", "participant", *ASK, "--regions", regions, "--json")
    assert ended.status == 2
    status = {s["session"]: s["status"] for s in ended.json["sessions"]}
    assert status == {"sub-01": "done", "sub-02": "done", "sub-03": "failed"}
    (failure,) = [f for f in ended.json["failures"] if f["code"] != "E-NEEDS"]
    assert failure["session"] == "sub-03"
    assert failure["code"] in ("E-TRUNC", "E-CRC")
    assert "sub-03_echo-2_MESE.nii.gz" in failure["message"]
    assert failure["code"] in ended.err
    record = json.loads((tmp_path / "out" / "record" / "run.json").read_text())
    assert failure in record["failures"]
    good = {k: v for k, v in kit.tree(tmp_path / "out").items() if k.startswith("sub-01")}
    assert good == {k: v for k, v in kit.tree(finished[0]).items() if k.startswith("sub-01")}
    assert "sub-03" in (tmp_path / "out" / "cohort.html").read_text()


def test_regions_with_names_on_the_wrong_side_are_refused_and_the_maps_are_made(neuromyo, bids, tmp_path):
    swapped = kit.write_regions(tmp_path / "labels", swapped=True)
    command = (
        "run",
        bids,
        tmp_path / "out",
        "participant",
        *ASK,
        "--regions",
        swapped,
        "--participant-label",
        "sub-01",
        "--json",
    )
    ended = neuromyo(*command)
    assert ended.status == 2
    assert [f["code"] for f in ended.json["failures"]] == ["E-SIDE"]
    assert (tmp_path / "out" / "sub-01" / "anat" / "sub-01_desc-toyt2_T2map.nii.gz").exists()
    assert not any(r["region"] == "calf" for r in kit.rows(tmp_path / "out" / "measurements.tsv"))
    flipped = neuromyo(*command, "--flip-labels", "left-right")
    assert flipped.status == 0, flipped.err
    measured = [r for r in kit.rows(tmp_path / "out" / "measurements.tsv") if r["region"] == "calf"]
    sides = {r["side"] for r in measured if not r["quantity"].startswith("asymmetry")}
    assert sides == {"left", "right"}


def test_other_options_move_old_results_out_of_the_way_and_lose_none(finished, neuromyo, bids, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    ended = neuromyo("run", bids, tmp_path / "out", "participant", "--biomarkers", "t2-mono", "--json")
    assert ended.status == 0, ended.err
    assert not list((tmp_path / "out").glob("sub-*/anat/*toyt2*"))
    assert (tmp_path / "out/record/sub-01/retired/sub-01/anat/sub-01_desc-toyt2_T2map.nii.gz").exists()
    assert any("toyt2_T2map" in name for s in ended.json["sessions"] for name in s["retired"])


def test_group_joins_what_is_there(finished, neuromyo, bids, tmp_path):
    shutil.copytree(finished[0], tmp_path / "out")
    (tmp_path / "out" / "cohort.html").unlink()
    ended = neuromyo("run", bids, tmp_path / "out", "group", "--json")
    assert ended.status == 0, ended.err
    assert kit.tree(tmp_path / "out") == kit.tree(finished[0])


def test_the_source_is_only_read(neuromyo, bids, finished):
    before = kit.tree(bids)
    neuromyo("plan", bids)
    neuromyo("check", bids)
    assert kit.tree(bids) == before


def test_plan_lists_what_would_run_and_writes_nothing(neuromyo, bids):
    ended = neuromyo("plan", bids, *ASK, "--json")
    assert ended.status == 0
    assert [t["id"] for t in ended.json["sessions"][0]["tasks"] if t["does"] == "fit"] == ["toy-t2"]
    unmet = neuromyo("plan", bids, "--biomarkers", "mtr", "--json")
    assert unmet.status == 2
    assert unmet.json["sessions"][0]["failures"][0]["code"] == "E-NEEDS"
    assert "no MTR series" in unmet.json["sessions"][0]["failures"][0]["message"]


def test_check_says_what_is_unusable(neuromyo, tmp_path):
    study = kit.write_study(tmp_path / "bids", ("01",))
    side = study / "sub-01" / "anat" / "sub-01_echo-1_MESE.json"
    side.write_text(json.dumps({"EchoTime": 10}))
    ended = neuromyo("check", study, "--json")
    assert ended.status == 2
    stops = [f for s in ended.json["sessions"] for f in s["findings"] if f["level"] == "stop"]
    assert [f["code"] for f in stops] == ["E-UNITS"]
    assert "0.01" in stops[0]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("run", "{bids}", "{bids}/out", "participant"), 4, "E-OUTDIR"),
        (("run", "{tmp}/nowhere", "{tmp}/out", "participant"), 2, "E-NOTFOUND"),
        (("run", "{bids}", "{tmp}/out", "everybody"), 2, "E-OPTION"),
        (("run", "{bids}", "{tmp}/out", "participant", "--biomarkers", "t3"), 2, "E-UNKNOWN"),
        (("run", "{bids}", "{tmp}/out", "participant", "--participant-label", "99"), 2, "E-NOTFOUND"),
        (("run", "{bids}", "{tmp}/out", "participant", "--option", "toy-t2.x=1"), 2, "E-UNKNOWN"),
        (("run", "{bids}"), 2, "E-OPTION"),
        (("run", "{bids}", "{tmp}/out", "participant", "--nonsense"), 2, "E-OPTION"),
        (("show", "t3"), 2, "E-UNKNOWN"),
        (("fit", "toy-t2", "{tmp}/no.nii.gz", "-o", "{tmp}/x"), 2, "E-NOTFOUND"),
        (("plan", "{bids}", "--protocol", "nobody"), 2, "E-UNKNOWN"),
        (("frobnicate",), 2, "E-OPTION"),
    ],
)
def test_what_is_refused_has_a_code_a_status_and_one_json_object(neuromyo, bids, tmp_path, arguments, status, code):
    ended = neuromyo(*(a.format(bids=bids, tmp=tmp_path) for a in arguments), "--json")
    assert ended.status == status
    assert ended.json["error"]["code"] == code
    assert ended.json["exit"] == status
    assert code in ended.err
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback_and_only_debug(neuromyo, tmp_path):
    process = neuromyo.start("show", "t3", "--debug")
    assert "Traceback" in process.communicate(timeout=60)[1]


@pytest.mark.parametrize("verb", ["list", "doctor"])
def test_every_verb_answers_with_one_object(neuromyo, verb):
    ended = neuromyo(verb, "--json")
    assert ended.status == 0, ended.err
    assert isinstance(ended.json, dict)


def test_a_strangers_biomarker_is_listed_and_shown(neuromyo):
    assert "toy-t2" in [b["id"] for b in neuromyo("list", "--json").json["biomarkers"]]
    shown = neuromyo("show", "toy-t2")
    for word in ("ln S = ln S0 - TE / T2", "MESE", "ms", "https://doi.org/10.1000/toy"):
        assert word in shown.out


@pytest.mark.parametrize("many", [False, True])
def test_fit_on_loose_files(neuromyo, bids, tmp_path, many):
    import nibabel

    folder = bids / "sub-01" / "anat"
    if many:
        files = [folder / f"sub-01_echo-{e}_MESE.nii.gz" for e in (3, 1, 5, 2, 4)]
    else:
        images = [nibabel.load(folder / f"sub-01_echo-{e}_MESE.nii.gz").get_fdata() for e in range(1, 6)]
        files = [tmp_path / "my train.nii.gz"]
        nibabel.Nifti1Image(np.stack(images, -1).astype(np.float32), kit.AFFINE).to_filename(files[0])
        (tmp_path / "my train.json").write_text(json.dumps({"EchoTime": kit.TIMES}))
    ended = neuromyo("fit", "toy-t2", *files, "-o", tmp_path / "fitted", "--json")
    assert ended.status == 0, ended.err
    values = np.asarray(nibabel.load(tmp_path / "fitted_T2.nii.gz").dataobj)
    _, left, right = kit.two_legs(0)
    assert np.nanmedian(values[left]) == pytest.approx(0.032, abs=3e-4)
    assert np.nanmedian(values[right]) == pytest.approx(0.036, abs=3e-4)
    for kind in ("", "_sd", "_reason"):
        assert json.loads((tmp_path / f"fitted_T2{kind}.json").read_text())["Biomarker"] == "toy-t2"
        assert (tmp_path / f"fitted_T2{kind}.nii.gz").exists()


def test_fit_names_the_users_file_in_its_complaints(neuromyo, bids, tmp_path):
    file = tmp_path / "mine.nii.gz"
    shutil.copy(bids / "sub-01" / "anat" / "sub-01_echo-1_MESE.nii.gz", file)
    (tmp_path / "mine.json").write_text(json.dumps({"EchoTime": 10}))
    ended = neuromyo("fit", "toy-t2", file, "-o", tmp_path / "x", "--json")
    assert ended.status == 2
    assert ended.json["error"]["code"] == "E-UNITS"
    assert "mine.nii.gz" in ended.json["error"]["message"]
    assert not list(tmp_path.glob("x*"))


def test_fit_asks_for_a_missing_field_in_the_words_of_the_sidecar(neuromyo, bids, tmp_path):
    for name in ("off.nii.gz", "on.nii.gz"):
        shutil.copy(bids / "sub-01" / "anat" / "sub-01_echo-1_MESE.nii.gz", tmp_path / name)
    ended = neuromyo("fit", "mtr", tmp_path / "off.nii.gz", tmp_path / "on.nii.gz", "-o", tmp_path / "x", "--json")
    assert ended.status == 2
    assert ended.json["error"]["code"] == "E-NEEDS"
    assert "off.nii.gz" in ended.json["error"]["message"] and "MTState" in ended.json["error"]["message"]
