"""Blinded forms and their scores: who is who is in the key alone; what comes back is checked before it counts."""

import base64
import json
import re
import stat

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from neuromyo.cli.main import main
from neuromyo.core.errors import NeuromyoError
from neuromyo.io.table import read_tsv
from neuromyo.pipeline import reading, reading_order, reading_score
from neuromyo.study import grades
from neuromyo.study.scales import SCALES, scale
from tests.gauntlet.making import nii
from tests.unit.pipeline.reading_study import answers, study


def request(tmp_path, **more):
    given = {
        "scale": "mercuri",
        "muscles": ("soleus", "Tibialis anterior"),
        "readers": ("A", "B"),
        "seed": 7,
        "repeat": 0.25,
        "slices": 2,
    }
    return reading.ReadingRequest(tmp_path / "bids", tmp_path / "forms", **(given | more))


@pytest.fixture
def made(tmp_path):
    study(tmp_path / "bids")
    return reading.make(request(tmp_path))


def key_of(made):
    return json.loads(made.key.read_text())


def test_orders_are_the_readers_own_and_repeats_come_late():
    for n in (1, 2, 4, 8, 20, 33):
        first, second = (reading_order.order(n, 0.2, 3, reader) for reader in "AB")
        assert first == reading_order.order(n, 0.2, 3, "A") and (
            n < 4 or [s.case for s in first] != [s.case for s in second]
        )
        assert sorted(s.case for s in first if s.reading == 1) == list(range(n))
        assert len({s.code for s in first}) == len(first)
        again = {s.case: k for k, s in enumerate(first) if s.reading == 2}
        assert len(again) == (min(int(np.ceil(0.2 * n)), n // 2) if n > 1 else 0)
        once = {s.case: k for k, s in enumerate(first) if s.reading == 1}
        assert all(at - once[case] >= n // 4 and at > once[case] for case, at in again.items())


def test_a_form_holds_pictures_and_codes_and_nobody(made, tmp_path):
    assert made.n_cases == 8 and made.n_twice == 2
    text = made.forms["A"].read_text()
    shown = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    for word in ("sub-", "ses-", "T1w", "bids", "reading_study", str(tmp_path), "nii", '"seed"'):
        assert word not in shown
    assert not re.search(r"\b(0[1-8])\b", shown.partition('id="data">')[2].partition("</script>")[0])
    for picture in set(re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)):
        raw = base64.b64decode(picture)
        assert re.findall(rb"(IHDR|PLTE|IDAT|IEND|tEXt|iTXt|zTXt|eXIf|tIME|pHYs)", raw) == [
            b"IHDR",
            b"PLTE",
            b"IDAT",
            b"IEND",
        ]
    assert "http:" not in shown and "https:" not in shown
    assert text != made.forms["B"].read_text()


def test_the_key_lies_apart_for_its_owner_alone(made, tmp_path):
    assert made.key.parent == tmp_path.resolve() and stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert sorted(p.name for p in (tmp_path / "forms").iterdir()) == ["form-A.html", "form-B.html"]
    held = key_of(made)
    for form in held["forms"].values():
        assert sorted(c["subject"] for c in form["cases"].values() if c["reading"] == 1) == [
            f"{k:02d}" for k in range(1, 9)
        ]


def test_the_same_seed_makes_the_same_forms(made, tmp_path):
    other = reading.ReadingRequest(tmp_path / "bids", tmp_path / "forms2", "mercuri", ("soleus", "Tibialis anterior"), ("A", "B"), 7,
                                   repeat=0.25, slices=2)  # fmt: skip
    assert reading.make(other).forms["A"].read_bytes() == made.forms["A"].read_bytes()


def truth(subject, region, side):
    return scale("mercuri").values[(int(subject) + len(region) + (side == "left")) % 6]


def answered(made, reader, slip=lambda subject, grade, reading: grade, leave=0):
    """A file of answers of a reader who sees what is there, but for slips."""
    held = key_of(made)
    cases = next(f["cases"] for f in held["forms"].values() if f["reader"] == reader)

    def grade(code, region, side):
        one = cases[code]
        return slip(one["subject"], truth(one["subject"], region, side), one["reading"])

    path = made.forms[reader].parent.parent / f"answers_{reader}.json"
    path.write_text(json.dumps(answers(made.forms[reader], grade, leave)))
    return path


def milder(subject, grade, reading):
    """One grade less in people of an even number, and in second readings."""
    values = scale("mercuri").values
    return values[max(values.index(grade) - 1, 0)] if int(subject) % 2 == 0 or reading == 2 else grade


def test_scores_are_of_whom_they_are(made, tmp_path):
    files = [answered(made, "A"), answered(made, "B", milder)]
    found = reading_score.score(tmp_path / "forms", files, tmp_path / "out" / "grades.tsv")
    table = read_tsv(tmp_path / "out" / "grades.tsv")
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    assert len(rows) == 2 * (8 + 2) * 4
    for row in rows:
        right = truth(row["subject"], row["region"], row["side"])
        wanted = right if row["reader"] == "A" else milder(row["subject"], right, int(row["reading"]))
        assert row["grade"] == wanted and row["image"] == f"sub-{row['subject']}_T1w.nii"
        assert int(row["rank"]) == scale("mercuri").values.index(wanted)
    first = {r: [x["rank"] for x in rows if x["reader"] == r and x["reading"] == "1"] for r in "AB"}
    line = next(one for one in found.lines if one.kind == "inter" and one.region == grades.ALL)
    assert line.kappa.kappa.value == pytest.approx(cohen_kappa_score(first["A"], first["B"], weights="quadratic"))
    assert line.n_people == 8 and line.kappa.n == 32 and line.few and line.kappa.kappa.low < line.kappa.kappa.value
    intra = {one.readers[0]: one for one in found.lines if one.kind == "intra" and one.region == grades.ALL}
    assert intra["A"].kappa.kappa.value == 1 and intra["B"].kappa.n == 8
    page = (tmp_path / "out" / "grades.html").read_text()
    assert "quadratic weights" in page and "8 images of 8 people" in page and "<script" not in page
    assert len(read_tsv(tmp_path / "out" / "grades_agreement.tsv")["kappa"]) == len(found.lines) == 9


def test_a_table_of_answers_is_as_good(made, tmp_path):
    held = json.loads(answered(made, "A").read_text())
    lines = ["form,reader,scale,case,region,side,grade"]
    lines += [f"{held['form']},A,mercuri,{a['case']},{a['region']},{a['side']},{a['grade']}" for a in held["answers"]]
    (tmp_path / "A.csv").write_text("\r\n".join(lines) + "\r\n")
    found = reading_score.score(tmp_path / "forms", [tmp_path / "A.csv"], tmp_path / "t.tsv")
    again = reading_score.score(tmp_path / "forms", [tmp_path / "answers_A.json"], tmp_path / "u.tsv")
    assert found.readings == again.readings and (tmp_path / "t.tsv").read_bytes() == (tmp_path / "u.tsv").read_bytes()


def changed(path, change):
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    return path


@pytest.mark.gauntlet
@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda h: h["answers"][0].update(grade="5"), "a grade of mercuri"), (lambda h: h["answers"][0].update(case="ZZZZ"), "ZZZZ"),
     (lambda h: h["answers"][0].update(region="heart"), "heart"), (lambda h: h["answers"].append(h["answers"][0]), "a second one"),
     (lambda h: h["answers"].pop(), "without all grades"), (lambda h: h.update(form="0" * 16), "another form's"),
     (lambda h: h.update(answers=7), "cut short"), (lambda h: h.update(answers=[7]), "cut short"), (lambda h: h.pop("form"), "cut short")],
)  # fmt: skip
def test_answers_that_do_not_count(made, tmp_path, change, words):
    path = changed(answered(made, "A"), change)
    with pytest.raises(NeuromyoError, match=re.escape(words)) as caught:
        reading_score.score(tmp_path / "forms", [path], tmp_path / "t.tsv")
    assert caught.value.code == "E-READING" and caught.value.remedy and not (tmp_path / "t.tsv").exists()


def test_a_reader_twice_and_a_form_half_done(made, tmp_path):
    path = answered(made, "A")
    (tmp_path / "copy.json").write_bytes(path.read_bytes())
    with pytest.raises(NeuromyoError, match="one file of reader A"):
        reading_score.score(tmp_path / "forms", [path, tmp_path / "copy.json"], tmp_path / "t.tsv")
    half = answered(made, "B", leave=3)
    with pytest.raises(NeuromyoError, match="3 cases of reader B without all grades"):
        reading_score.score(tmp_path / "forms", [path, half], tmp_path / "t.tsv")
    found = reading_score.score(tmp_path / "forms", [path, half], tmp_path / "t.tsv", incomplete=True)
    assert "W-READERS" in {f.code for f in found.findings} and len(found.readings) == 40 + 28
    with pytest.raises(NeuromyoError, match=r"forms-key.json.*nothing of that name|key"):
        reading_score.score(tmp_path / "nowhere", [path], tmp_path / "t.tsv")


def test_what_cannot_be_judged_is_left_out_in_pairs(made, tmp_path):
    def unsure(subject, grade, reading):
        return "n/a" if subject == "03" else grade

    files = [answered(made, "A"), answered(made, "B", unsure)]
    found = reading_score.score(tmp_path / "forms", files, tmp_path / "t.tsv")
    line = next(one for one in found.lines if one.kind == "inter" and one.region == grades.ALL)
    assert line.kappa.n == 28 and line.n_people == 7


@pytest.mark.parametrize(
    ("more", "code"),
    [({"scale": "x"}, "E-UNKNOWN"), ({"readers": ("A", "a")}, "E-OPTION"), ({"readers": ("../x",)}, "E-OPTION"),
     ({"repeat": 0.8}, "E-OPTION"), ({"muscles": ()}, "E-OPTION"), ({"muscles": ("soleus", "Soleus")}, "E-OPTION"),
     ({"sides": ("up",)}, "E-OPTION"), ({"window": "9,3"}, "E-OPTION"), ({"slices": 0}, "E-OPTION"), ({"image": "T2w"}, "E-READING"),
     ({"volume": 2}, "E-READING")],
)  # fmt: skip
def test_forms_that_cannot_be_made(tmp_path, more, code):
    study(tmp_path / "bids", 2)
    with pytest.raises(NeuromyoError) as caught:
        reading.make(request(tmp_path, **more))
    assert caught.value.code == code and not (tmp_path / "forms").exists()


def test_forms_that_are_being_read_do_not_change(made, tmp_path):
    with pytest.raises(NeuromyoError, match="E-OUTDIR"):
        reading.make(request(tmp_path))
    with pytest.raises(NeuromyoError, match="apart from the forms"):
        reading.make(
            reading.ReadingRequest(
                tmp_path / "bids", tmp_path / "f3", "stir", ("soleus",), ("A",), 1, key=tmp_path / "f3" / "k"
            )
        )


def test_two_images_of_a_session_are_not_chosen_from(tmp_path):
    root = study(tmp_path / "bids", 2)
    one = root / "sub-01" / "anat" / "sub-01_T1w.nii"
    for acq in ("fs", "fast"):
        (one.parent / f"sub-01_acq-{acq}_T1w.nii").write_bytes(one.read_bytes())
    assert reading.make(request(tmp_path)).n_cases == 2  # the one without further words is meant
    one.unlink()
    with pytest.raises(NeuromyoError, match="sub-01_acq-fast_T1w.nii and sub-01_acq-fs_T1w.nii"):
        reading.make(request(tmp_path, image="T1w", readers=("C",), key=tmp_path / "k.json"))


def test_every_scale_can_be_told_apart_by_its_keys():
    for one in SCALES.values():
        keys = [g.key for g in one.grades] + ["x"]
        assert len(set(keys)) == len(keys) and all(len(k) == 1 and k.isalnum() for k in keys)
        assert len(set(one.values)) == len(one.values) and "n/a" not in one.values


def test_through_the_command_line(tmp_path, capsys):
    study(tmp_path / "bids", 3, sessions=("a", "b"))
    with pytest.raises(SystemExit) as ended:
        main(["read", "make", str(tmp_path / "bids"), "--scale", "abnormal", "--muscles", "soleus", "--readers", "A,B", "--seed", "1",
              "-o", str(tmp_path / "forms"), "--json"])  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0 and said["cases"] == 6 and "W-READERS" in {f["code"] for f in said["findings"]}
    files = []
    for reader in "AB":
        path = tmp_path / f"{reader}.json"
        path.write_text(
            json.dumps(answers(tmp_path / "forms" / f"form-{reader}.html", lambda code, region, side: "yes"))
        )
        files.append(str(path))
    with pytest.raises(SystemExit) as ended:
        main(["read", "score", str(tmp_path / "forms"), *files, "-o", str(tmp_path / "t.tsv")])
    out = capsys.readouterr().out
    assert ended.value.code == 0 and "one and the same grade" in " ".join(out.split()) and "t_agreement.tsv" in out
    with pytest.raises(SystemExit) as ended:
        main(["read", "score", str(tmp_path / "forms"), files[0], files[0], "-o", str(tmp_path / "v.tsv")])
    assert ended.value.code == 2 and "E-READING" in capsys.readouterr().err


def test_answers_are_not_written_over(made, tmp_path):
    saved = tmp_path / "grades.tsv"
    saved.write_text("form\tcase\tregion\tside\tgrade\n")
    with pytest.raises(NeuromyoError, match="overwrites no input") as told:
        reading_score.score(tmp_path / "forms", [saved], tmp_path / "grades")
    assert told.value.code == "E-OUTDIR"
    assert saved.read_text().startswith("form\t")


def test_a_key_that_is_not_there_is_asked_for(made, tmp_path):
    made.key.rename(tmp_path / "elsewhere.json")
    with pytest.raises(NeuromyoError, match="--key FILE if the key was moved"):
        reading_score.score(tmp_path / "forms", [tmp_path / "a.json"], tmp_path / "grades.tsv")


def test_a_second_volume_that_nobody_reads_is_told(tmp_path):
    root = study(tmp_path / "bids", 2)
    path = root / "sub-01" / "anat" / "sub-01_T1w.nii"
    old = np.random.default_rng(0).integers(0, 900, (30, 20, 12, 2)).astype(np.int16)
    path.write_bytes(nii(old, np.diag([6.0, 6.0, 20.0, 1.0])))
    told = [f for f in reading.make(request(tmp_path)).findings if f.where == "sub-01_T1w.nii"]
    assert [f.message for f in told] == ["2 volumes, of which volume 1 is shown"]


def test_forms_without_their_key_are_not_left_behind(tmp_path, monkeypatch):
    study(tmp_path / "bids", 2)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "_write_key", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reading.make(request(tmp_path))
    assert not list((tmp_path / "forms").iterdir())
