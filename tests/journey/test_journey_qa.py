"""A phantom of vials scanned at three made-up sites goes all the way: scans, maps, vials, verdict, letter."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.journey

HEAD = """
title = "Three sites"
seed = 5
snr = 150
vials = "simulated"
[grid]
matrix = [60, 60]
spacing_mm = [2.3, 2.3]
slices = 2
slice_spacing_mm = 8.0
slice_thickness_mm = 6.0
centre_z_mm = 0.0
[bath]
radius_mm = 66.0
T1 = 2.0
[[series]]
biomarker = "t1-ir"
"""
SCAN = """
[[scan]]
site = "{site}"
session = "{session}"
date = "{date}"
turn_deg = {turn}
shift_mm = [{shift}, 2.0]
temperature_c = {warm}
spread = {{ T1 = 0.003 }}
fault = {{ T1 = {fault} }}
{more}
"""


def neuromyo(*words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "neuromyo", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=600)  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def scans() -> str:
    text = HEAD
    for site, n, fault in (("biased", 5, 1.12), ("few", 2, 1.0), ("good", 6, 1.0)):
        for i in range(n):
            more = 'missing = ["E"]\nbubbles = { B = 0.25 }' if (site, i) == ("good", 1) else ""
            text += SCAN.format(site=site, session=f"s{i}", date=f"2024-02-{1 + 7 * (i // 2):02d}", turn=-20 + 8 * i, shift=i - 3,
                                warm=19.5 + 0.5 * i, fault=fault, more=more)  # fmt: skip
    return text


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("qa")
    (root / "set.toml").write_text(scans())
    neuromyo("phantom", root / "in", "--set", root / "set.toml")
    done = neuromyo("--json", "qa", root / "in", root / "out", "--vials", "simulated")
    (root / "said.json").write_text(done.stdout)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_good_site_passes_the_biased_one_fails_the_third_has_too_few_scans(judged):
    said = json.loads((judged / "said.json").read_text())
    assert said["sites"] == {"biased": "fail", "few": "not enough data", "good": "pass"} and said["verdict"] == "fail"


def test_every_vial_is_read_as_what_is_in_it(judged):
    truth = {
        (r["subject"], r["session"], r["vial"]): float(r["T1_ms"])
        for r in rows(judged / "in/derivatives/truth/vials.tsv")
    }
    seen = [r for r in rows(judged / "out/qa.tsv") if r["value"] != "n/a"]
    assert len(seen) == 13 * 6 - 1
    for r in seen:
        subject, session = re.fullmatch(r"sub-(\w+)_ses-(\w+)", r["scan"]).groups()
        assert float(r["value"]) == pytest.approx(truth[subject, session, r["vial"]], rel=0.01), r


def test_the_temperature_of_each_scan_moved_its_reference(judged):
    first, *_ = [r for r in rows(judged / "out/qa.tsv") if r["scan"] == "sub-good_ses-s0" and r["vial"] == "A"]
    last, *_ = [r for r in rows(judged / "out/qa.tsv") if r["scan"] == "sub-good_ses-s5" and r["vial"] == "A"]
    assert float(first["reference"]) == pytest.approx(400 * (1 - 0.005)) and float(last["reference"]) == pytest.approx(
        400 * 1.02
    )


def test_the_letter_tells_what_was_missing_and_keeps_to_itself_where_it_was_made(judged):
    letter = (judged / "out/qa.html").read_text()
    assert "Not qualified" in letter and "no vial to be seen where vial E should stand" in letter.replace(
        "No vial", "no vial"
    )
    for text in (letter, (judged / "out/qa.json").read_text(), (judged / "out/qa.tsv").read_text()):
        assert str(judged) not in text and str(Path.home()) not in text
    assert "<script" not in letter and "http" not in re.sub(r"http-equiv", "", letter)


def test_of_the_maps_alone_it_says_the_same_and_again_the_same_bytes(judged, tmp_path):
    table = ["subject\tsession\tdate\ttemperature"]
    for path in sorted((judged / "in").glob("sub-*/*_sessions.tsv")):
        site = path.parent.name
        table += [f"{site}\t{r['session_id']}\t{r['acq_time'][:10]}\t{r['temperature']}" for r in rows(path)]
    (tmp_path / "scans.tsv").write_text("\n".join(table) + "\n")
    neuromyo("qa", judged / "out/maps", tmp_path / "out", "--vials", "simulated", "--scans", tmp_path / "scans.tsv")
    for name in ("qa.json", "qa.tsv", "qa.html"):
        assert (tmp_path / "out" / name).read_bytes() == (judged / "out" / name).read_bytes(), name


def test_scans_of_one_day_are_repeats_and_no_mistake(judged, tmp_path):
    """Two scans a day, as a phantom is scanned: with their times in the table, and with days alone."""
    said = json.loads((judged / "said.json").read_text())
    assert not [f for f in said["findings"] if f["code"] in ("W-LOST", "W-TABLES")]
    times = [r["acq_time"] for r in rows(judged / "in/sub-good/sub-good_sessions.tsv")]
    assert len(set(times)) == 6 and len({t[:10] for t in times}) == 3
    shutil.copytree(judged / "in", tmp_path / "in")
    for path in (tmp_path / "in").glob("sub-*/*_sessions.tsv"):
        path.write_text(re.sub(r"T\d\d:\d\d:\d\d", "", path.read_text()))
    again = json.loads(neuromyo("--json", "qa", tmp_path / "in", tmp_path / "out", "--vials", "simulated").stdout)
    assert again["sites"] == said["sites"]
    assert not [f for f in again["findings"] if f["code"] in ("W-LOST", "W-TABLES")]


def test_maps_of_another_phantom_in_the_same_folder_are_not_judged(judged, tmp_path):
    """The output folder is used again for one site of the three: the letter is about that one alone."""
    shutil.copytree(judged / "in", tmp_path / "in", ignore=shutil.ignore_patterns("sub-biased", "sub-few"))
    table = (tmp_path / "in/participants.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "in/participants.tsv").write_text(
        "".join(r for r in table if not r.startswith(("sub-biased", "sub-few")))
    )
    shutil.copytree(judged / "out", tmp_path / "out")
    said = json.loads(neuromyo("--json", "qa", tmp_path / "in", tmp_path / "out", "--vials", "simulated").stdout)
    assert said["sites"] == {"good": "pass"} and said["verdict"] == "pass"


def test_label_images_given_are_used(judged, tmp_path):
    """The vials that were found, handed back as regions, give the same readings."""
    regions = tmp_path / "regions"
    for path in (judged / "out").glob("sub-good/*/anat/*_dseg.*"):
        target = regions / path.relative_to(judged / "out")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    done = neuromyo(
        "--json", "qa", judged / "out/maps", tmp_path / "out", "--vials", "simulated", "--regions", regions, status=2
    )
    assert {e["scan"].split("_")[0] for e in json.loads(done.stdout)["lost"]} == {"sub-few", "sub-biased"}
    mine = {(r["scan"], r["vial"]): r["value"] for r in rows(tmp_path / "out/qa.tsv")}
    theirs = {
        (r["scan"], r["vial"]): r["value"] for r in rows(judged / "out/qa.tsv") if r["scan"].startswith("sub-good")
    }
    assert mine == theirs


def test_the_derivative_is_valid_bids(judged, validator):
    assert validator(judged / "out") == []
    assert validator(judged / "in") == []


BAD = [
    (["{maps}", "{out}", "--vials", "nist"], 2, "E-UNKNOWN", "system_t1_3t"),
    (["{maps}", "{out}"], 2, "E-OPTION", "say which phantom it is"),
    (["{maps}", "--vials", "simulated"], 2, "E-OPTION", "PHANTOM and OUT_DIR"),
    (["{maps}", "{out}", "--vials", "pdff_generic"], 2, "E-NEEDS", "maps of FF"),
    (["{maps}", "{out}", "--vials", "system_t1_3t"], 2, "E-VIALS", "another phantom"),
    (["{in}", "{out}", "--vials", "system_t1_1p5t"], 2, "E-PROTOCOL", "1.5 T"),
    (["{maps}", "{out}", "--vials", "simulated", "--temperature", "294"], 2, "E-UNITS", "20.9 if that was kelvin"),
    (["{maps}", "{out}", "--vials", "simulated", "--upgrade", "March"], 2, "E-OPTION", "--upgrade"),
    (["{maps}", "{out}", "--vials", "simulated", "--biomarkers", "mtr"], 2, "E-OPTION", "one that gives T1"),
    (["{maps}", "{out}", "--vials", "simulated", "--limits", "strict"], 2, "E-UNKNOWN", "proposed"),
    (["{maps}", "{out}", "--vials", "simulated", "--regions", "{out}/no"], 2, "E-NOTFOUND", "--regions"),
    (["{maps}", "{out}", "--vials", "{out}.toml"], 2, "E-NOTFOUND", "nothing of that name"),
    (["{maps}", "{maps}/qa", "--vials", "simulated"], 4, "E-OUTDIR", "inside"),
    (["{root}/none", "{out}", "--vials", "simulated"], 2, "E-NOTFOUND", "none"),
    (["{out}", "--volunteers", "{root}/none.tsv"], 2, "E-NOTFOUND", "none.tsv"),
]


@pytest.mark.parametrize(("words", "status", "code", "said"), BAD)
def test_what_is_asked_wrongly_is_told(judged, tmp_path, words, status, code, said):
    places = {"maps": judged / "out/maps", "in": judged / "in", "out": tmp_path / "out", "root": judged}
    done = neuromyo("--json", "qa", *(w.format(**places) for w in words), status=status)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code and said in error["message"], error["message"]
    assert not (tmp_path / "out/qa.html").exists()


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        ("subject\tsession\tdate\ngood\ts0\t13.03.24\n", "E-DATE", "row 2"),
        ("subject\tsession\ttemperature\ngood\ts0\t70\n", "E-UNITS", "21.1 if that was Fahrenheit"),
        ("subject\tsession\ngood\ts0\ngood\ts0\n", "E-DATE", "row 3"),
        ("who\tsession\ngood\ts0\n", "E-TABLE", "subject"),
    ],
)
def test_tables_of_scans_that_are_wrong(judged, tmp_path, table, code, said):
    (tmp_path / "scans.tsv").write_text(table)
    done = neuromyo(
        "--json",
        "qa",
        judged / "out/maps",
        tmp_path / "out",
        "--vials",
        "simulated",
        "--scans",
        tmp_path / "scans.tsv",
        status=2,
    )
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code and said in error["message"], error["message"]


def test_volunteers_of_known_repeatability(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["subject\tsession\tregion\tside\tquantity\tbiomarker\tunit\tvalue\tstatistic"]
    dates = ["subject\tsession\tdate"]
    for person in range(14):
        level = rng.normal(38, 3)
        for scan in range(3):
            dates.append(f"{person:02d}\t{scan}\t2024-05-{1 + person:02d}")
            for side in ("left", "right"):
                lines.append(
                    f"{person:02d}\t{scan}\tsoleus\t{side}\tT2\tt2-water\tms\t{level + rng.normal() * 0.5:.4f}\tmean"
                )
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "scans.tsv").write_text("\n".join(dates) + "\n")
    neuromyo("qa", tmp_path / "out", "--volunteers", tmp_path / "m.tsv", "--scans", tmp_path / "scans.tsv")
    for r in rows(tmp_path / "out/qa.tsv"):
        assert r["people"] == "14" and float(r["wsd_low"]) < 0.5 < float(r["wsd_high"])
        assert float(r["icc"]) > 0.9 and r["unit"] == "ms"
    assert len(rows(tmp_path / "out/qa.tsv")) == 2
    assert "14 volunteers" in (tmp_path / "out/qa.html").read_text()
