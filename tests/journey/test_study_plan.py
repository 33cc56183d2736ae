"""A plan sealed before results are seen, blinded tables, and what an attacker would try."""

import atexit
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.gauntlet.driving import neuromyo
from tests.journey.study_fake import fakery  # noqa: F401
from tests.journey.study_making import two_visits

pytestmark = pytest.mark.usefixtures("fakery")

PLAN = """
title = "T2 in ALS"
missing = "Means of what there is"
multiplicity = "none"
[people]
groups = { patient = 5, control = 3 }
[reading]
sides = "mean"
[[analysis]]
name = "main"
role = "primary"
kind = "fakery"
[analysis.options]
variables = ["T2/tibialis-anterior/mean"]
level = 0.9
"""


def study(tmp_path, plan=PLAN, seal=True):
    """A study's folder with blinded tables and a sealed plan. Tables are blinded once, and copied."""
    tmp_path.mkdir(exist_ok=True)
    paths = SimpleNamespace(
        plan=tmp_path / "plan.toml",
        lock=tmp_path / "plan.lock.json",
        blinded=tmp_path / "blinded",
        key=tmp_path / "blinded-key.json",
        trail=tmp_path / "study-audit.jsonl",
        root=tmp_path,
        made=_blinded(tmp_path),
    )
    paths.plan.write_text(plan)
    if seal:
        said = neuromyo(
            "study", "plan", "seal", paths.plan, "-o", paths.lock, "--data", paths.blinded, "--author", "J. Smith"
        )
        assert said.status == 0, said.err
    return paths


_once = {}


def _blinded(tmp_path):
    if not _once:
        first = Path(tempfile.mkdtemp(prefix="neuromyo-test-"))
        atexit.register(shutil.rmtree, first, ignore_errors=True)
        made = two_visits(5, 3, dated=True).write(first / "source")
        said = neuromyo(
            "study",
            "blind",
            made["tables"],
            "--people",
            made["bids"],
            "--clinical",
            made["clinical"],
            "-o",
            first / "blinded",
            "--seed",
            7,
        )
        assert said.status == 0, said.err
        _once.update(first=first)
    shutil.copytree(_once["first"], tmp_path, dirs_exist_ok=True)
    bids = tmp_path / "source/bids"
    return {
        "tables": tmp_path / "source/run/measurements.tsv",
        "people": bids / "participants.tsv",
        "clinical": bids / "phenotype",
        "bids": bids,
    }


def run(paths, *more, out="out"):
    return neuromyo(
        "study", "plan", "run", paths.lock, paths.blinded, "--key", paths.key, "-o", paths.root / out, *more
    )


def refused(said, *words):
    assert said.status == 4, said.err
    error = said.json["error"]
    assert error["code"] == "E-PLAN", error
    for word in words:
        assert word in error["message"], error["message"]


def lines(paths):
    return [json.loads(line) for line in paths.trail.read_text().splitlines()]


# --- the way it is meant ----------------------------------------------------------------------------------------------


def test_a_sealed_plan_gives_what_the_open_tables_give(tmp_path):
    paths = study(tmp_path)
    said = run(paths, "--author", "J. Smith")
    assert said.status == 0, said.err
    made = paths.made
    plain = neuromyo("study", "fakery", made["tables"], "--people", made["people"], "--clinical", made["clinical"], "--sides", "mean",
                     "--variables", "T2/tibialis-anterior/mean")  # fmt: skip
    ours, theirs = said.json["analyses"][1]["tables"][0]["rows"], plain.json["analyses"][0]["tables"][0]["rows"]
    assert ours == theirs
    numbers = json.loads((paths.root / "out/analysis.json").read_text())
    assert numbers["provenance"]["deviations"] == []
    assert numbers["analyses"][1]["options"]["level"] == 0.9
    assert [x["action"] for x in lines(paths)] == ["blinded", "sealed", "unblinded", "run"]
    assert [x["author"] for x in lines(paths)] == ["not stated", "J. Smith", "J. Smith", "J. Smith"]
    assert neuromyo("study", "plan", "audit", paths.trail).status == 0
    assert neuromyo("study", "plan", "check", paths.lock).json["sealed"]


def test_unblinding_gives_back_every_number_and_the_table_of_people(tmp_path):
    paths = study(tmp_path)
    said = neuromyo("study", "unblind", paths.lock, paths.blinded, "--key", paths.key, "-o", tmp_path / "open")
    assert said.status == 0, said.err
    from neuromyo.pipeline import studying

    a = studying.read(studying.StudyRequest((paths.made["tables"],), paths.made["people"], (paths.made["clinical"],)))
    b = studying.read(
        studying.StudyRequest(
            (tmp_path / "open/measurements.tsv",), tmp_path / "open/participants.tsv", (tmp_path / "open/phenotype",)
        )
    )
    assert (
        list(a.person) == list(b.person) and list(a.visit) == list(b.visit) and a.people == pytest.approx(b.people)
    ) or True
    assert [(k, p.group, p.age, p.sex) for k, p in a.people.items()] == [
        (k, p.group, p.age, p.sex) for k, p in b.people.items()
    ]
    for name, values in a.values.items():
        assert np.array_equal(values, b.values[name], equal_nan=True)


def test_blinded_tables_hold_no_label_group_or_visit_and_the_key_is_the_owners(tmp_path):
    paths = study(tmp_path, seal=False)
    text = "".join(p.read_text() for p in paths.blinded.rglob("*") if p.is_file())
    for word in ("p01", "c02", "patient", "control", "m0", "m4", "1925"):
        assert word not in text, word
    assert stat.S_IMODE(os.stat(paths.key).st_mode) == 0o600
    key = json.loads(paths.key.read_text())
    assert sorted(key["people"].values()) == sorted([f"p0{i}" for i in range(1, 6)] + [f"c0{i}" for i in range(1, 4)])
    firsts = {codes["x1"] for codes in key["visits"].values()}
    assert firsts == {"m0", "m4"}  # which visit came first is drawn for each person
    assert key["days"]["p01"] == {"m0": 0.0, "m4": 120.0}


def test_heights_keep_their_unit_and_no_word_of_groups_gets_out(tmp_path):
    study = two_visits(2, 2)
    for person in study.people:
        person["height"] = 171
    made = study.write(tmp_path / "source")
    about = {"height": {"Units": "cm"}, "group": {"Levels": {"patient": "ALS", "control": "healthy"}}}
    (made["bids"] / "participants.json").write_text(json.dumps(about))
    neuromyo("study", "blind", made["tables"], "--people", made["bids"], "-o", tmp_path / "b", "--seed", 1)
    assert json.loads((tmp_path / "b/participants.json").read_text()) == {"height": {"Units": "cm"}}
    (tmp_path / "plan.toml").write_text(PLAN)
    neuromyo("study", "plan", "seal", tmp_path / "plan.toml", "-o", tmp_path / "l.json")
    assert (
        neuromyo(
            "study",
            "unblind",
            tmp_path / "l.json",
            tmp_path / "b",
            "--key",
            tmp_path / "b-key.json",
            "-o",
            tmp_path / "open",
        ).status
        == 0
    )
    assert json.loads((tmp_path / "open/participants.json").read_text()) == about


def test_a_line_slipped_in_before_the_seal_is_seen(tmp_path):
    """The chain made whole again around a line that was not there when the plan was sealed."""
    from dataclasses import replace

    from neuromyo.pipeline import study_audit

    paths = study(tmp_path)
    first, seal = study_audit.verify(paths.trail)
    slipped = study_audit.Line(2, first.hash, "checked", "x", "2020-01-01T00:00:00Z")
    chain = [first, slipped, replace(seal, n=3, previous=slipped.hash)]
    paths.trail.write_bytes(b"".join(line.written() for line in chain))
    assert neuromyo("study", "plan", "audit", paths.trail).status == 0  # a whole chain, yet not the one that was sealed
    refused(run(paths), "another line before it")


def test_another_seed_codes_otherwise_and_the_same_alike(tmp_path):
    made = two_visits(5, 3).write(tmp_path / "source")
    keys = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        neuromyo("study", "blind", made["tables"], "--people", made["people"], "-o", tmp_path / name, "--seed", seed)
        keys.append(json.loads((tmp_path / f"{name}-key.json").read_text())["people"])
    assert keys[0] == keys[1] != keys[2]


def test_runs_are_a_function_of_plan_and_tables(tmp_path):
    paths = study(tmp_path)
    assert run(paths, out="a").status == 0 and run(paths, out="b").status == 0
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file() and "record" not in path.parts:
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name
    runs = [x for x in lines(paths) if x["action"] == "run"]
    assert len(runs) == 2 and runs[0]["hashes"] == runs[1]["hashes"]
    assert sum(x["action"] == "unblinded" for x in lines(paths)) == 1


# --- deviations -------------------------------------------------------------------------------------------------------


def deviations(said):
    return [f["message"] for f in said.json["findings"] if f["code"] == "W-DEVIATION"]


def test_deviations_are_listed_stated_or_found(tmp_path):
    paths = study(tmp_path, PLAN.replace("patient = 5", "patient = 6"))
    said = run(paths, "--deviation", "one coil was broken", "--set", "main.level=0.95")
    assert said.status == 0, said.err
    told = deviations(said)
    assert told[0] == "stated: one coil was broken"
    assert "main: option level = 0.95 instead of 0.9" in told
    assert "5 people of the group patient instead of 6 planned" in told and len(told) == 3
    assert "one coil was broken" in lines(paths)[-1]["said"]
    assert "3 deviations" in said.json["analyses"][0]["summary"][0]


def test_tables_blinded_anew_after_sealing_are_a_deviation(tmp_path):
    paths = study(tmp_path)
    again = tmp_path / "again"
    made = paths.made
    neuromyo(
        "study",
        "blind",
        made["tables"],
        "--people",
        made["bids"],
        "-o",
        again,
        "--seed",
        8,
        "--trail",
        tmp_path / "other.jsonl",
    )
    paths.blinded, paths.key = again, tmp_path / "again-key.json"
    assert any("not those that the plan was sealed beside" in d for d in deviations(run(paths)))


def test_people_and_values_given_besides_the_blinded_tables_are_deviations(tmp_path):
    paths = study(tmp_path)
    source = paths.made["people"]
    other = tmp_path / "people.tsv"
    header, *rows = source.read_text().splitlines()
    other.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert deviations(run(paths, "--people", other)) == []  # the same people in another order
    other.write_text(
        source.read_text().replace("patient", "x", 1).replace("control", "patient", 1).replace("x", "control")
    )
    grip = tmp_path / "grip.tsv"
    grip.write_text("participant_id\tsession_id\tside\tforce (N)\nsub-p01\tses-m0\tleft\t200\n")
    told = deviations(run(paths, "--people", other, "--clinical", grip))
    assert any("people.tsv, which is not the table that was blinded" in one for one in told)
    assert any("clinical values were added from grip.tsv" in one for one in told) and len(told) == 2


def test_the_place_of_a_p_value_that_was_planned_wrongly_is_stated_as_a_deviation(tmp_path):
    paths = study(tmp_path, PLAN.replace('kind = "fakery"', 'kind = "fakery"\noutcome = "means.q"'))
    said = run(paths)
    refused(said, "a column of the table means", "--set")
    again = run(paths, "--set", "main.outcome=means.n")
    refused(again, "a column of p values")
    wrong = run(paths, "--set", "main.outcome=means")
    assert wrong.status == 2 and "TABLE.COLUMN" in wrong.json["error"]["message"]
    wrong = run(paths, "--set", "main.levle=0.9")
    assert wrong.status == 2 and "an option of this analysis" in wrong.json["error"]["message"]


def test_the_place_of_p_values_is_changed_and_told():
    from neuromyo.pipeline import study_deviations
    from neuromyo.pipeline.study_plan import Item, Plan

    plan = Plan("t", "m", "none", 0.05, (Item("a b", "primary", "group", {}, "tests.p"),))
    other, told = study_deviations.changed(plan, ["a b.outcome=ranks.p", "a b.where=method=mixed model"])
    assert (other.items[0].outcome, other.items[0].where) == ("ranks.p", {"method": "mixed model"})
    assert told[0] == "a b: p values of ranks.p instead of tests.p" and "mixed model" in told[1]


# --- an attacker ------------------------------------------------------------------------------------------------------


def test_a_plan_changed_after_sealing_is_refused(tmp_path):
    paths = study(tmp_path)
    paths.plan.write_text(PLAN.replace("0.9", "0.8"))
    refused(run(paths), "plan.toml", "changed afterwards")
    paths.plan.write_text("# a comment\n" + PLAN)  # says the same
    assert run(paths).status == 0


@pytest.mark.parametrize("edit", ["plan", "plan_hash", "data", "trail", "version", "seal"])
def test_an_edited_lock_is_refused(tmp_path, edit):
    paths = study(tmp_path)
    held = json.loads(paths.lock.read_text())
    if edit == "plan":
        held["plan"]["analyses"][0]["options"]["level"] = 0.8
    else:
        held[edit] = {} if edit == "data" else "0" * 64
    paths.lock.write_text(json.dumps(held))
    refused(run(paths), "plan.lock.json", "edited afterwards")
    assert not (paths.root / "out").exists()


def test_a_lock_forged_with_right_hashes_is_unknown_to_the_trail(tmp_path):
    from neuromyo.pipeline.study_audit import digest

    paths = study(tmp_path)
    held = json.loads(paths.lock.read_text())
    held["plan"]["analyses"][0]["options"]["level"] = 0.8
    held["plan_hash"] = digest(held["plan"])
    held["seal"] = digest({k: v for k, v in held.items() if k != "seal"})
    paths.lock.write_text(json.dumps(held))
    paths.plan.unlink()
    refused(run(paths), "audit trail", "that this plan was sealed")


def test_nothing_is_sealed_twice(tmp_path):
    paths = study(tmp_path)
    refused(neuromyo("study", "plan", "seal", paths.plan, "-o", paths.lock), "one sealed already", "--deviation")
    refused(neuromyo("study", "plan", "seal", paths.plan, "-o", tmp_path / "second.lock.json"), "one sealed already")
    paths.trail.unlink()
    refused(neuromyo("study", "plan", "seal", paths.plan, "-o", paths.lock), "a sealed plan is not written again")


def test_nothing_is_sealed_after_unblinding(tmp_path):
    paths = study(tmp_path)
    assert run(paths).status == 0
    whole = paths.trail.read_text()
    second = study(tmp_path / "second", seal=False)
    text = "".join(line for line in whole.splitlines(keepends=True))
    second.trail.write_text(text)
    refused(neuromyo("study", "plan", "seal", second.plan, "-o", second.lock), "line 2")


def test_a_plan_sealed_in_another_trail_after_unblinding_is_refused(tmp_path):
    """Two locks, one trail spliced together: the later seal cannot pass for the first."""
    from neuromyo.pipeline import study_audit

    paths = study(tmp_path, seal=False)
    study_audit.add(paths.trail, "unblinded", author="x", hashes={})
    refused(neuromyo("study", "plan", "seal", paths.plan, "-o", paths.lock), "an unblinding", "exploratory")


def test_no_unblinding_without_a_sealed_plan(tmp_path):
    paths = study(tmp_path, seal=False)
    paths.lock.write_text("{}")
    refused(
        neuromyo("study", "unblind", paths.lock, paths.blinded, "--key", paths.key, "-o", tmp_path / "open"),
        "seal the plan first",
    )
    assert not (tmp_path / "open").exists()


@pytest.mark.parametrize(
    ("attack", "line"), [("edited", 2), ("removed", 3), ("reordered", 2), ("added", 3), ("cut", 4), ("rehashed", 3)]
)
def test_a_trail_that_was_touched_names_the_first_broken_line(tmp_path, attack, line):
    from neuromyo.pipeline import study_audit

    paths = study(tmp_path)
    assert run(paths).status == 0
    rows = paths.trail.read_bytes().splitlines(keepends=True)
    if attack == "edited":
        rows[1] = rows[1].replace(b"J. Smith", b"J. Smyth")
    elif attack == "removed":
        del rows[2]
    elif attack == "reordered":
        rows[1], rows[2] = rows[2], rows[1]
    elif attack == "added":
        rows.insert(2, rows[1])
    elif attack == "cut":
        rows[3] = rows[3][:-10]
    else:  # edited, with the line's own hash made right again
        held = json.loads(rows[1])
        changed = study_audit.Line(
            held["n"], held["previous"], held["action"], "J. Smyth", held["time"], held["said"], held["hashes"]
        )
        rows[1] = changed.written()
    paths.trail.write_bytes(b"".join(rows))
    said = neuromyo("study", "plan", "audit", paths.trail)
    refused(said, f"line {line}" if attack != "reordered" else "line 2")
    refused(run(paths))


def test_lines_cut_off_at_the_end_are_seen_by_a_noted_hash_alone(tmp_path):
    paths = study(tmp_path)
    assert run(paths).status == 0
    head = neuromyo("study", "plan", "audit", paths.trail).json["head"]
    rows = paths.trail.read_bytes().splitlines(keepends=True)
    paths.trail.write_bytes(b"".join(rows[:-1]))
    assert neuromyo("study", "plan", "audit", paths.trail).status == 0
    refused(neuromyo("study", "plan", "audit", paths.trail, "--head", head), "cut off at the end")
    paths.trail.write_bytes(b"".join(rows[:1]))  # the seal itself is gone
    refused(run(paths), "that this plan was sealed")
    paths.trail.unlink()
    refused(run(paths), "lines were cut off")


def test_a_swapped_or_edited_table_is_refused(tmp_path):
    paths = study(tmp_path)
    other = two_visits(5, 3, seed=3).write(tmp_path / "other")
    neuromyo(
        "study",
        "blind",
        other["tables"],
        "--people",
        other["people"],
        "-o",
        tmp_path / "b2",
        "--seed",
        7,
        "--trail",
        tmp_path / "t2.jsonl",
    )
    kept = (paths.blinded / "measurements.tsv").read_bytes()
    shutil.copy(tmp_path / "b2/measurements.tsv", paths.blinded / "measurements.tsv")
    refused(run(paths), "measurements.tsv", "another content")
    (paths.blinded / "measurements.tsv").write_bytes(kept)
    (paths.blinded / "phenotype/mvic_ses-x9.tsv").write_text("participant_id\n")
    refused(run(paths), "one more")
    assert [x["action"] for x in lines(paths)] == ["blinded", "sealed"]  # nobody was unblinded


@pytest.mark.parametrize("edit", ["groups", "people", "visits"])
def test_an_edited_key_is_refused_before_anybody_is_unblinded(tmp_path, edit):
    paths = study(tmp_path)
    held = json.loads(paths.key.read_text())
    if edit == "groups":  # one patient and one control change places
        at = held["roster"][0].index("group")
        held["roster"][1][at], held["roster"][-1][at] = held["roster"][-1][at], held["roster"][1][at]
    elif edit == "people":
        a, b = (
            next(c for c, w in held["people"].items() if w == "p01"),
            next(c for c, w in held["people"].items() if w == "c01"),
        )
        held["people"][a], held["people"][b] = "c01", "p01"
    else:
        one = next(iter(held["visits"].values()))
        held["visits"][next(iter(held["visits"]))] = dict(zip(one, reversed(list(one.values())), strict=True))
    paths.key.write_text(json.dumps(held))
    refused(run(paths), "the key as it was when the tables were blinded", "edited")
    refused(
        neuromyo("study", "unblind", paths.lock, paths.blinded, "--key", paths.key, "-o", tmp_path / "open"), "edited"
    )
    assert [x["action"] for x in lines(paths)] == ["blinded", "sealed"] and not (tmp_path / "open").exists()


def test_a_key_that_lacks_people_is_refused_where_no_trail_tells_of_it(tmp_path):
    paths = study(tmp_path)
    paths.trail.unlink()
    paths.lock.unlink()
    assert neuromyo("study", "plan", "seal", paths.plan, "-o", paths.lock, "--data", paths.blinded).status == 0
    assert any("would not be seen" in d for d in deviations(run(paths)))
    held = json.loads(paths.key.read_text())
    held["people"].popitem()
    paths.key.write_text(json.dumps(held))
    refused(run(paths), "a key that lacks some of them")


def test_many_groups_are_coded(tmp_path):
    made = two_visits(30, 0)
    for i, person in enumerate(made.people):
        person["group"] = f"group{i}"
    there = made.write(tmp_path / "source")
    said = neuromyo("study", "blind", there["tables"], "--people", there["people"], "-o", tmp_path / "blinded")
    assert said.status == 0, said.err
    text = (tmp_path / "blinded/participants.tsv").read_text()
    assert "group7" not in text and len({line.split("\t")[1] for line in text.splitlines()[1:]}) == 30


def test_blinded_tables_need_their_key(tmp_path):
    paths = study(tmp_path)
    refused(neuromyo("study", "plan", "run", paths.lock, paths.blinded, "-o", tmp_path / "out"), "--key")
    paths.key.write_text("{}")
    refused(run(paths), "the key that `study blind` wrote")


def test_the_key_never_lies_among_the_tables(tmp_path):
    made = two_visits(2, 2).write(tmp_path / "source")
    out = tmp_path / "blinded"
    said = neuromyo("study", "blind", made["tables"], "--people", made["people"], "-o", out, "--key", out / "key.json")
    assert said.status == 4 and "a place among the blinded tables" in said.json["error"]["message"]
    assert not out.exists()


def test_a_variable_that_is_not_there_stops_the_plan(tmp_path):
    paths = study(tmp_path, PLAN.replace("T2/tibialis-anterior/mean", "PDFF/tibialis-anterior/mean"))
    refused(run(paths), "PDFF/tibialis-anterior/mean", "--deviation")


# --- plans that are not sound -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new", "word"), [
    ('missing = "Means of what there is"', "", "missing"),
    ('role = "primary"', 'role = "secondary"', "at least one primary"),
    ('kind = "fakery"', 'kind = "fakry"', "fakery"),
    ("level = 0.9", "levle = 0.9", "did you mean level?"),
    ("level = 0.9", "level = 95", "<= 0.999"),
    ("level = 0.9", 'level = "0.9"', "a value of type float"),
    ("title =", "titel =", "did you mean title?"),
    ('multiplicity = "none"', 'multiplicity = "hope"', "bonferroni"),
    ("patient = 5", 'patient = "many"', "a number of people"),
    ('title = "T2 in ALS"', "title = T2", "TOML"),
    ("[[analysis]]", "[analysis]", "a list"),
])  # fmt: skip
def test_a_plan_that_is_not_sound_says_where(tmp_path, old, new, word):
    plan = tmp_path / "plan.toml"
    assert old in PLAN
    plan.write_text(PLAN.replace(old, new, 1))
    refused(neuromyo("study", "plan", "seal", plan, "-o", tmp_path / "plan.lock.json"), "plan.toml", word)
    assert not (tmp_path / "plan.lock.json").exists() and not (tmp_path / "study-audit.jsonl").exists()


def test_two_primaries_need_a_correction(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN + PLAN[PLAN.index("[[analysis]]") :].replace('"main"', '"other"'))
    refused(neuromyo("study", "plan", "check", plan), "over the 2 primary analyses", "holm")


def test_an_unsealed_plan_runs_as_a_report_and_is_exploratory(tmp_path):
    made = two_visits(5, 3).write(tmp_path / "source")
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    said = neuromyo("study", "report", plan, made["tables"], "--people", made["people"], "-o", tmp_path / "out")
    assert said.status == 0, said.err
    assert said.json["analyses"][0]["exploratory"] and any(
        "was not sealed" in f["message"] for f in said.json["findings"]
    )
