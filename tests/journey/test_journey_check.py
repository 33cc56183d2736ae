"""`neuromyo check` as a person uses it: text, JSON, a page; verdicts; exit codes; the protocol of 1998; a real calf."""

import json

import nibabel
import numpy as np
import pytest

from neuromyo.biomarkers import t1_two_tr
from tests.journey import kit


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("checking") / "plugins")


@pytest.fixture(scope="module")
def bids(tmp_path_factory):
    study = kit.write_study(tmp_path_factory.mktemp("checked") / "bids")
    for file in study.rglob("*.nii.gz"):  # in millimetres, and so without a warning
        image = nibabel.load(file)
        data = np.asarray(image.dataobj)
        image.header.set_xyzt_units("mm", "sec")
        nibabel.Nifti1Image(data, image.affine, image.header).to_filename(file)
    return study


def the(rows, key, value):
    (found,) = [row for row in rows if row[key] == value]
    return found


def test_every_session_has_its_verdicts_and_a_table_of_what_was_declared(program, bids):
    ended = program("check", bids, "--protocol", "calf_3t", "--json")
    assert ended.status == 2, "five echoes are too few for the protocol"
    assert [s["session"] for s in ended.json["sessions"]] == ["sub-01", "sub-02"]
    session = ended.json["sessions"][0]
    verdict = the(session["biomarkers"], "biomarker", "t2-water")
    assert (verdict["verdict"], verdict["in_words"]) == ("cannot", "cannot be computed")
    assert any("number of echoes: expected 17, found 5" in reason for reason in verdict["reasons"])
    assert "dti" in session["other_biomarkers"]
    numbers = the(session["sequences"], "sequence", "mese")["numbers"]
    assert the(numbers, "title", "number of echoes") | {"origin": ""} == {
        "title": "number of echoes", "expected": "17", "found": "5", "grade": "unusable",
        "tolerances": "fine 14 to 40, usable 6 to 64", "origin": "",
    }  # fmt: skip
    assert the(numbers, "title", "repetition time")["grade"] == "fine"


def test_without_a_protocol_the_same_scans_have_caveats_only(program, bids):
    ended = program("check", bids, "--json")
    assert ended.status == 0
    session = ended.json["sessions"][0]
    toy = the(session["biomarkers"], "biomarker", "toy-t2")  # a stranger's, too
    assert (toy["verdict"], toy["reasons"]) == ("fine", [])
    water = the(session["biomarkers"], "biomarker", "t2-water")
    assert water["verdict"] == "cannot", "the echoes are not evenly spaced"
    assert water["reasons"] == [the(session["findings"], "where", "t2-water: sub-01/anat/sub-01_echo-1_MESE.nii.gz")["message"]
                                .replace(" (E-ECHO-SPACING)", "")]  # fmt: skip
    assert session["sequences"] == []


def test_the_text_is_grouped_by_session_and_series(program, bids):
    ended = program("check", bids, "--participant-label", "01", COLUMNS="110")
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert lines[1].startswith("sub-01: 4 biomarkers: 2 fine, 2 cannot be computed")
    assert any(line.split()[:2] == ["t2-mono", "fine"] for line in lines)
    assert "  sub-01/anat/sub-01_echo-1_MESE.nii.gz" in lines
    assert max(map(len, lines[3:])) <= 110
    assert "[W-ASSUMED]" in ended.out and "means: " in ended.out and "do: " in ended.out


def test_what_was_asked_for_and_cannot_be_is_said(program, bids):
    ended = program("check", bids, "--biomarkers", "mtsat", "--json")
    verdict = the(ended.json["sessions"][0]["biomarkers"], "biomarker", "mtsat")
    assert verdict["verdict"] == "cannot" and verdict["reasons"] == ["no MPM or MTS series"]


def test_a_series_that_cannot_be_opened_is_the_reason(program, tmp_path):
    study = kit.write_study(tmp_path / "bids", ("01",))
    (study / "sub-01" / "anat" / "sub-01_echo-1_MESE.json").write_text(json.dumps({"EchoTime": 10}))
    ended = program("check", study, "--json")
    assert ended.status == 2 == ended.json["exit"]
    verdict = the(ended.json["sessions"][0]["biomarkers"], "biomarker", "t2-mono")
    assert verdict["verdict"] == "cannot" and any("E-UNITS" in reason for reason in verdict["reasons"])


def test_the_page(program, bids, tmp_path):
    before = kit.tree(bids)
    page = tmp_path / "new" / "check.html"
    ended = program("check", bids, "--protocol", "calf_3t", "--html", page, "--json")
    assert ended.status == 2 and ended.json["page"] == str(page)
    text = page.read_text()
    for words in ("sub-01", "sub-02", "cannot be computed", "Calf at 3 T, both legs", "number of echoes", "unusable"):
        assert words in text
    again = tmp_path / "again.html"
    program("check", bids, "--protocol", "calf_3t", "--html", again)
    assert again.read_bytes() == page.read_bytes()
    assert kit.tree(bids) == before


@pytest.mark.parametrize("place", ["{bids}/check.html", "{bids}/sub-01/x.html", "{tmp}"])
def test_a_page_is_not_written_into_the_dataset_nor_over_a_folder(program, bids, tmp_path, place):
    before = kit.tree(bids)
    ended = program("check", bids, "--html", place.format(bids=bids, tmp=tmp_path), "--json")
    assert ended.status == 4 and ended.json["error"]["code"] == "E-OUTDIR"
    assert kit.tree(bids) == before


# --- two repetition and two echo times --------------------------------------------------------------------------------


def write_1998(root):
    """Two legs of T1 1.0 and 1.3 s and T2 40 ms."""
    folder = root / "sub-01" / "anat"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Legs", "BIDSVersion": "1.10.0"}))
    _, left, right = kit.two_legs(0)
    rng = np.random.default_rng(5)
    biomarker = t1_two_tr.BIOMARKER
    truth = {"T1": np.where(left, 1.0, 1.3), "S0": 2000.0 * (left | right), "T2": 0.04}
    signals = biomarker.simulate(truth, biomarker.typical, t1_two_tr.Options())
    for role, acquired in biomarker.typical.items():
        for k, te in enumerate(acquired.echo_times):
            real, imaginary = rng.normal(0, 4, (2, *left.shape))
            stem = folder / f"sub-01_acq-{role}_echo-{k + 1}_MESE"
            image = np.hypot(signals[role][..., k] + real, imaginary).astype(np.float32)
            nibabel.Nifti1Image(image, kit.AFFINE).to_filename(f"{stem}.nii.gz")
            said = {
                "EchoTime": te,
                "RepetitionTime": acquired.repetition_time,
                "FlipAngle": 90,
                "MagneticFieldStrength": 1.5,
            }
            stem.with_name(stem.name + ".json").write_text(json.dumps(said))
    return root, left, right


def test_the_protocol_of_1998_is_checked_and_computed(program, tmp_path):
    study, left, right = write_1998(tmp_path / "bids")
    checked = program("check", study, "--protocol", "als_1998", "--json")
    assert checked.status == 0, checked.err
    (session,) = checked.json["sessions"]
    assert [(s["sequence"], s["state"]) for s in session["sequences"]] == [("tr1", "there"), ("tr2", "there")]
    t1 = the(session["biomarkers"], "biomarker", "t1-two-tr")
    assert t1["verdict"] == "caveat"
    assert any(r.startswith("no B1 map: T1 biased by up to") for r in t1["reasons"])
    assert the(session["biomarkers"], "biomarker", "t2-mono")["verdict"] == "caveat"
    out = tmp_path / "out"
    ran = program("run", study, out, "participant", "--biomarkers", "t1-two-tr,t2-mono", "--protocol", "als_1998")
    assert ran.status == 0, ran.err
    (t1_map,), (t2_map,) = (list(out.rglob(f"*_desc-{d}map.nii.gz")) for d in ("t1twotr_T1", "t2mono_T2"))
    for leg, expected in ((left, 1.0), (right, 1.3)):
        assert np.nanmedian(nibabel.load(t1_map).get_fdata()[leg]) == pytest.approx(expected, rel=0.01)
        assert np.nanmedian(nibabel.load(t2_map).get_fdata()[leg]) == pytest.approx(0.04, rel=0.01)


def test_a_missing_sequence_and_what_it_means(program, tmp_path):
    study, *_ = write_1998(tmp_path / "bids")
    for file in (study / "sub-01" / "anat").glob("*acq-tr1*"):
        file.unlink()
    ended = program("check", study, "--protocol", "als_1998", "--json")
    (session,) = ended.json["sessions"]
    missing = the(session["findings"], "code", "W-MISSING")
    assert "t1-two-tr" in missing["consequence"] or "acq-tr1" in missing["message"]
    assert the(session["sequences"], "sequence", "tr1")["state"] == "missing"
    assert the(session["biomarkers"], "biomarker", "t1-two-tr")["verdict"] == "cannot"


# --- a real calf ------------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_real_calf_against_two_protocols(program, realdata, tmp_path):
    ended = program("check", realdata / "calf_bids", "--protocol", "calf_3t", "--html", tmp_path / "c.html", "--json")
    assert ended.status == 0
    (session,) = ended.json["sessions"]
    assert {b["biomarker"]: b["verdict"] for b in session["biomarkers"]} == {
        "t2-epg": "caveat", "t2-mono": "caveat", "t2-water": "caveat", "toy-t2": "caveat",
    }  # fmt: skip
    grades = {n["title"]: n["grade"] for n in session["sequences"][0]["numbers"]}
    assert grades["repetition time"] == "unstated" and grades["number of echoes"] == "fine"
    assert not [f for f in session["findings"] if f["code"] == "W-BODYPART"]
    thigh = program("check", realdata / "calf_bids", "--protocol", "thigh_3t", "--json").json["sessions"][0]
    assert "two bones in each leg" in the(thigh["findings"], "code", "W-BODYPART")["message"]
