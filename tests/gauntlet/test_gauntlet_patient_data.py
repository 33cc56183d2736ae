"""Patient data planted everywhere is nowhere in what an import leaves: files, logs, messages, tracebacks, scratch (G54, G55, G57)."""

import base64
import gzip
import io
import json
import os
import re
import subprocess
import sys

import pydicom
import pytest

from neuromyo.dicom import copies, fates, leaks, preview, sweep
from neuromyo.dicom.words import NAME, Words
from tests.gauntlet import canaries
from tests.gauntlet.canaries import CANARIES
from tests.gauntlet.searching import hits, hits_in

pytestmark = pytest.mark.gauntlet
KEY = "5a" * 32


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return canaries.write(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="module")
def files(study):
    found = sorted(p.relative_to(study).as_posix() for p in study.rglob("*") if p.is_file())
    return [[n, name] for n, name in enumerate(found)]


def test_g57_every_canary_is_planted_and_the_searcher_finds_it(study):
    assert len(CANARIES) >= 40
    assert set(hits_in([study], CANARIES)) == set(CANARIES)


@pytest.mark.parametrize("hide", ["plain", "upper", "utf-16-le", "utf-16-be", "hex", "percent", "base64 0", "base64 1", "base64 2",
                                  "gzip", "json", "file name"])  # fmt: skip
def test_g57_searcher_and_sweep_find_a_planted_leak(hide, tmp_path):
    word = "Quillfeather"
    raw = {"upper": word.upper().encode(), "utf-16-le": word.encode("utf-16-le"), "utf-16-be": word.encode("utf-16-be"),
           "hex": word.encode().hex().encode(), "percent": "".join(f"%{b:02X}" for b in word.encode()).encode(),
           "gzip": gzip.compress(b"who: " + word.encode()), "json": json.dumps({"a": [word]}).encode()}  # fmt: skip
    raw |= {f"base64 {n}": base64.b64encode(b"x" * n + word.encode() + b"yz") for n in range(3)}
    place = tmp_path / "staging" / "sub-01"
    place.mkdir(parents=True)
    name = f"sub-01_{word}.json" if hide == "file name" else "sub-01_T2w.json"
    (place / name).write_bytes(
        b"{}" if hide == "file name" else b"before " + raw.get(hide, word.encode()) * (hide != "gzip")
    )
    if hide == "gzip":
        (place / name).write_bytes(raw["gzip"])
    assert hits_in([tmp_path], {"patient name": word}), hide
    found = leaks.find({"a person's name": [word]}, tmp_path / "staging")
    assert [h.kind for h in found] == ["a person's name"]
    assert found[0].in_name == (hide == "file name")
    said = str(found[0].error())
    assert "E-PHI" in said and "sub-01" in said and not hits([said.encode()], CANARIES)


def test_g57_sweep_knows_the_words_from_the_headers_alone(study, files, tmp_path):
    """Each canary, written into a file of the output, is found by words collected from the source; the message is silent about it."""
    staging = tmp_path / "staging"
    staging.mkdir()
    # what no header gives as text is not collected: bytes, and what vendors call their blocks; nothing of it is ever copied
    no_text = {"CSA header", "private bytes", "overlay pixels", "curve", "icon", "trailing padding", "preamble", "signature",
               "private creator"}  # fmt: skip
    for name in CANARIES.keys() - no_text:
        word = f"{canaries.ROOT}.3.7" if name == "image identifier" else CANARIES[name]
        (staging / "sub-01_T2w.json").write_text(json.dumps({"Text": word}, ensure_ascii=False), encoding="utf-8")
        request = {"root": str(study), "files": files[:2], "out": str(staging), "expected": 2}
        messages = list(leaks.answer(request))
        told = [m["leak"] for m in messages if "leak" in m]
        assert told and told[0]["code"] == "E-PHI", name
        assert not hits([json.dumps(messages).encode()], CANARIES), name


def test_g57_copies_hold_no_canary(study, files, tmp_path):
    request = {"root": str(study), "files": files, "out": str(tmp_path / "out"), "key": KEY, "subject": "01"}
    said = list(copies.answer(request))
    assert sum("copy" in m for m in said) == len(files) and not any("error" in m for m in said)
    assert hits_in([tmp_path / "out"], CANARIES) == {}
    assert not hits([json.dumps(said).encode()], CANARIES)
    back = list(
        leaks.answer({"root": str(study), "files": files, "out": str(tmp_path / "out"), "expected": len(files)})
    )
    swept = sweep.swept(back)
    assert swept.leaks == () and swept.refused == {} and swept.n_words > 60


def test_g57_preview_names_what_goes_and_quotes_nothing(study, files):
    table = preview.Preview()
    for message in fates.answer({"root": str(study), "files": files, "subject": "01", "keep": []}):
        table.add(json.loads(json.dumps(message)))
    text = table.text()
    assert not hits([text.encode(), json.dumps(table.rows()).encode()], CANARIES)
    for named in (
        "PatientName",
        "InstitutionName",
        "private block",
        "ImageComments",
        "PatientComments",
        "(group 60xx)",
        "icon",
    ):
        assert named in text
    assert "EchoTime: 10.0, 20.0, 30.0" in text


def test_g57_a_burned_in_image_is_refused_by_copies_and_sweep(tmp_path):
    image = canaries.image(0, 0, 10.0, 1)
    image.BurnedInAnnotation = "YES"
    canaries.write_file(tmp_path / "a.dcm", image)
    request = {
        "root": str(tmp_path),
        "files": [[0, "a.dcm"]],
        "out": str(tmp_path / "out"),
        "key": KEY,
        "subject": "01",
    }
    errors = [m["error"] for m in copies.answer(request) if "error" in m]
    assert [e["code"] for e in errors] == ["E-PHI"] and "burned" in errors[0]["found"]
    assert not (tmp_path / "out").exists()
    assert [e.code for e in sweep.swept(leaks.answer({**request, "expected": 1})).refused.values()] == ["E-PHI"]


@pytest.mark.parametrize("start", [b"MZ\x90\0", b"\x7fELF"])
def test_g54_a_program_in_the_preamble_is_zeroed_and_told(start, tmp_path):
    path = canaries.write_file(tmp_path / "a.dcm", canaries.image(0, 0, 10.0, 1))
    source = start.ljust(128, b"\x41") + path.read_bytes()[128:]
    made = copies.copy(source, copies.Who(bytes(32), "01"), "file 1")
    assert made.data[:128] == bytes(128)
    assert "W-PREAMBLE" in {f.code for f in made.findings}


def test_g55_an_identifier_that_climbs_out_becomes_a_harmless_name(tmp_path):
    image = canaries.image(0, 0, 10.0, 1)
    path = canaries.write_file(tmp_path / "a.dcm", image)
    there = image.SOPInstanceUID.encode()
    source = path.read_bytes().replace(there, b"../../a".ljust(len(there), b"\0"))
    (tmp_path / "a.dcm").write_bytes(source)
    out = tmp_path / "deep" / "out"
    said = list(
        copies.answer({"root": str(tmp_path), "files": [[0, "a.dcm"]], "out": str(out), "key": KEY, "subject": "01"})
    )
    name = next(m["copy"] for m in said if "copy" in m)
    assert ".." not in name and (out / name).resolve().is_relative_to(out.resolve())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dcm", "deep"]
    back = pydicom.dcmread(io.BytesIO((out / name).read_bytes()))
    assert back.SOPInstanceUID.startswith("2.25.")


def _imported(source, bids, home, *more):
    """``neuromyo import`` in a process of its own, with a home and a scratch folder of its own."""
    home.mkdir(exist_ok=True)
    settings = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "XDG_CONFIG_HOME": str(home / "config"),
                "XDG_CACHE_HOME": str(home / "cache"), "NUMBA_CACHE_DIR": str(home / "numba")}  # fmt: skip
    command = [sys.executable, "-m", "neuromyo", "import", str(source), str(bids), "--subject", "01", *more]
    return subprocess.run(command, capture_output=True, env=settings, timeout=280, check=False)


def _silent(done, *places):
    assert not hits([done.stdout, done.stderr], CANARIES)
    assert hits_in([p for p in places if p.exists()], CANARIES) == {}


@pytest.mark.parametrize("more", [["--keep-dicom", "--json"], ["--keep", "age,sex,height,weight", "--debug"]])
def test_g57_an_import_leaves_no_canary_anywhere(study, tmp_path, more):
    done = _imported(study, tmp_path / "bids", tmp_path / "home", *more)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert list((tmp_path / "bids").rglob("*.nii.gz"))
    if "--keep-dicom" in more:
        kept = list((tmp_path / "bids" / "sourcedata").rglob("*.dcm"))
        assert len(kept) == canaries.SLICES * len(canaries.TIMES_MS)
    _silent(done, tmp_path / "bids", tmp_path / "home")


def test_g57_words_of_our_own_files_are_taken_for_nobody(study, tmp_path):
    """Keys, columns, names and the README that every import writes: no person is called so, or no import of his could pass."""
    bids = tmp_path / "bids"
    assert _imported(study, bids, tmp_path / "home").returncode == 0
    said = set()
    for path in bids.rglob("*"):
        said.add(path.name)
        if path.name in ("README", ".bidsignore"):
            said.add(path.read_text())
        elif path.suffix == ".tsv":
            said.add(path.read_text().splitlines()[0])
        elif path.suffix == ".json":
            said |= set(re.findall(r'"([^"]*)": ', path.read_text()))
    gathered = Words()
    for text in said:
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.sub(r"[bcdfghjkmnpqrstv]{12,}", " ", text)):
            gathered.add(NAME, word)
    assert gathered.to_find() == {}, "add them to dicom/profile/own.txt"


def test_g57_the_preview_of_the_verb_is_silent_and_writes_nothing(study, tmp_path):
    done = _imported(study, tmp_path / "bids", tmp_path / "home", "--preview")
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert b"PatientName" in done.stdout and not (tmp_path / "bids").exists()
    _silent(done, tmp_path / "home")


@pytest.mark.parametrize("spoil", ["truncated", "another person", "half a header", "burned in"])
def test_g57_errors_and_tracebacks_hold_no_canary(tmp_path, spoil):
    source = canaries.write(tmp_path / "scans")
    victim = sorted(source.rglob("*.dcm"))[0]
    raw = victim.read_bytes()
    if spoil == "truncated":
        victim.write_bytes(raw[: len(raw) - 150])
    elif spoil == "half a header":
        victim.write_bytes(raw[:700])
    else:
        image = canaries.image(0, 0, 10.0, 1)
        if spoil == "another person":
            image.PatientID = "OTH5566778"
        else:
            image.BurnedInAnnotation = "YES"
        canaries.write_file(victim, image)
    done = _imported(source, tmp_path / "bids", tmp_path / "home", "--debug")
    assert done.returncode in (2, 4), (done.returncode, done.stderr.decode()[-2000:])
    _silent(done, tmp_path / "bids", tmp_path / "home")


def test_g57_a_name_in_a_technical_field_stops_the_import(tmp_path):
    """The coil's name is kept as a technical fact; here somebody typed the patient's into it."""
    source = tmp_path / "scans"
    source.mkdir()
    number = 0
    for z in range(canaries.SLICES):
        for echo, te in enumerate(canaries.TIMES_MS):
            number += 1
            image = canaries.image(z, echo, te, number)
            image.ReceiveCoilName = CANARIES["patient name"]
            canaries.write_file(source / f"{number:04}.dcm", image)
    done = _imported(source, tmp_path / "bids", tmp_path / "home", "--keep-dicom")
    assert done.returncode == 4 and b"E-PHI" in done.stdout + done.stderr
    _silent(done, tmp_path / "bids", tmp_path / "home")
