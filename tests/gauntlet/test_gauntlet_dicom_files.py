"""Rows G45 to G55 at the door: scanner files and archives that are damaged, lie, or are not files at all."""

import bz2
import gzip
import hashlib
import lzma
import os
import resource
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import archive, child, door
from neuromyo.dicom.index import index
from neuromyo.dicom.listing import Listing
from tests.gauntlet.dicom_making import ARCHIVES, DEFLATED, FILES, IMAGE, SOURCES, image, tarred, zipped
from tests.gauntlet.making import digests

pytestmark = pytest.mark.gauntlet
#: mutated files; before a release: NEUROMYO_TEST_MUTATIONS=20000 pytest tests/gauntlet/test_gauntlet_dicom_files.py -k mutated
MUTATIONS = int(os.environ.get("NEUROMYO_TEST_MUTATIONS", "600"))
SEED = int(os.environ.get("NEUROMYO_TEST_SEED", "4"))


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def refused(bad, error):
    assert error.code == bad.code, str(error)
    for words in bad.says:
        assert words in str(error), str(error)
    assert error.remedy
    for canary in ("Canary", "Anna", "ID-7"):
        assert canary not in str(error)


@pytest.mark.parametrize("bad", FILES, ids=str)
def test_file_is_refused_at_the_door(bad, tmp_path):
    path = bad.make(tmp_path)
    before, start, memory = digests(tmp_path), time.monotonic(), peak_mb()
    with pytest.raises(NeuromyoError) as caught:
        door.check(path, "file 1 of 1")
    refused(bad, caught.value)
    assert caught.value.where.startswith("file 1 of 1")
    assert time.monotonic() - start < 10
    assert peak_mb() - memory < 120
    assert digests(tmp_path) == before


@pytest.mark.parametrize("bad", FILES, ids=str)
def test_file_from_memory_is_refused_likewise(bad, tmp_path):
    with pytest.raises(NeuromyoError) as caught:
        door.check(bad.make(tmp_path).read_bytes())
    refused(bad, caught.value)


def test_bad_files_leave_the_good_ones(tmp_path):
    """One index over everything bad and one good image: the good one is found, the bad are errors, others or left to the door."""
    folder, scratch = tmp_path / "in", tmp_path / "scratch"
    scratch.mkdir()
    for number, bad in enumerate(FILES):
        inside = folder / f"d{number:03d}"
        inside.mkdir(parents=True)
        if bad.row != "G53":
            bad.make(inside)
    (folder / "good.dcm").write_bytes(image(sop="1.2.3.good"))
    found = index(folder, scratch=scratch)
    assert "1.2.3.good" in {entry.sop for entry in found.entries}
    assert found.errors and all(e.where.startswith("file ") and e.code != "E-INTERNAL" for e in found.errors.values())
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("job", ["describe", "preview", "person", "copies"])
def test_jobs_read_behind_the_door(job, tmp_path):
    """Each job that hands files to another reader meets all that is bad in one child, and that child lives to the end."""
    names = []
    for number, bad in enumerate(FILES):
        (tmp_path / str(number)).mkdir()
        names.append(str(bad.make(tmp_path / str(number)).relative_to(tmp_path)))
    request = {
        "root": str(tmp_path),
        "files": list(enumerate(names)),
        "out": str(tmp_path / "out"),
        "key": "00" * 32,
        "subject": "x",
    }
    said = list(child.run(job, request, limits=child.Limits(seconds=20.0), listing=Listing(tmp_path, names)))
    errors = {message["file"]: message["error"] for message in said if "error" in message}
    assert not any(error["code"] in ("E-LIMIT", "E-INTERNAL") for error in errors.values())
    if job in ("describe", "copies"):
        assert {n: bad.code for n, bad in enumerate(FILES)} == {n: error["code"] for n, error in errors.items()}
        for number, error in errors.items():
            assert error["where"].startswith(f"file {number + 1} of {len(FILES)} (IM0001.dcm)")
            assert error["where"].count("IM0001") == 1


# --- archives ---------------------------------------------------------------------------------


def everything(folder: Path) -> dict[str, tuple]:
    """All that is under a folder, whatever it is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        said = os.lstat(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (said.st_mode, content)
    return found


@pytest.mark.parametrize("bad", ARCHIVES, ids=str)
def test_archive_is_refused_and_nothing_left(bad, tmp_path):
    scratch = tmp_path / "a" / "b" / "scratch"
    scratch.mkdir(parents=True)
    source = bad.make(tmp_path)
    before = everything(tmp_path)
    start = time.monotonic()
    with pytest.raises(NeuromyoError) as caught:
        index(source, scratch=scratch)
    refused(bad, caught.value)
    assert caught.value.exit_status == 4
    assert caught.value.where.startswith("the archive")
    assert time.monotonic() - start < 30
    after = everything(tmp_path)
    assert {k: v for k, v in after.items() if "scratch" not in k} == {
        k: v for k, v in before.items() if "scratch" not in k
    }
    assert not [k for k in after if "scratch/unpacked/" in k]
    assert not Path("/tmp/neuromyo-escaped").exists()


@pytest.mark.parametrize("name", ["in.zip", "in.tar", "in.tar.gz", "in.tar.bz2", "in.tar.xz"])
def test_good_archive(name, tmp_path):
    packers = {"in.tar": bytes, "in.tar.gz": gzip.compress, "in.tar.bz2": bz2.compress, "in.tar.xz": lzma.compress}
    members = [("Canary^Anna/IM1.dcm", image(instance=1)), ("Canary^Anna/שלום.dcm", image(instance=2)), ("readme.txt", b"x" * 300),
               ("DICOMDIR", IMAGE), ("y" * 255, image(instance=3))]  # fmt: skip
    source = tmp_path / name
    source.write_bytes(zipped(*members) if name == "in.zip" else tarred(*members, packer=packers[name]))
    found = index(source, scratch=tmp_path / "scratch")
    assert [entry.instance for entry in found.entries] == [1, 2, 3]
    assert found.n_other == 2
    assert found.listing.call(0) == "file 1 of 5 (IM1.dcm)"
    assert "Canary" not in "".join(found.listing.call(n) for n in range(5))
    assert [p.name for p in sorted(found.listing.root.iterdir())] == [f"{n:06d}" for n in range(5)]
    assert found.listing.path(0).read_bytes() == members[0][1]


# --- what is no plain file --------------------------------------------------------------------


@pytest.mark.parametrize("bad", SOURCES, ids=str)
def test_source_that_is_no_file(bad, tmp_path):
    source = bad.make(tmp_path)
    start = time.monotonic()
    with pytest.raises(NeuromyoError) as caught:
        index(source, scratch=tmp_path)
    refused(bad, caught.value)
    assert time.monotonic() - start < 10


def test_special_files_in_a_folder_are_left_out_with_a_count(tmp_path):
    folder = tmp_path / "in"
    (folder / "folder.dcm").mkdir(parents=True)
    (folder / "folder.dcm" / "IM1.dcm").write_bytes(IMAGE)
    (folder / "passwd.dcm").symlink_to("/etc/passwd")
    (folder / "zero.dcm").symlink_to("/dev/zero")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe.dcm")
    start = time.monotonic()
    found = index(folder, scratch=tmp_path)
    assert time.monotonic() - start < 20
    assert [entry.instance for entry in found.entries] == [1]
    said = {f.code: f.message for f in found.findings}
    assert said["N-LINKS"] == "5 links not followed"
    assert said["W-NOTREGULAR"] == "1 pipe, socket or device left out"


def test_a_folder_given_by_a_link_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "IM1.dcm").write_bytes(IMAGE)
    (tmp_path / "link").symlink_to(tmp_path / "in", target_is_directory=True)
    assert len(index(tmp_path / "link", scratch=tmp_path).entries) == 1


NAMES = ["new\nline.dcm", "leg 🦵.dcm", "שלום.dcm", "\u202egpj.dcm", "-rf", "$(touch x)", "`touch x`", "it's \"quoted\".dcm", "a;b&c|d",
         "x" * 255, " ", "caf\udce9", "{0}%s%n", "~root", "CON"]  # fmt: skip


def test_g49_any_name(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(image(instance=number))
    found = index(folder, scratch=tmp_path)
    assert len(found.entries) == len(NAMES)
    assert {entry.instance for entry in found.entries} == set(range(len(NAMES)))
    assert sorted(os.listdir(folder)) == sorted(NAMES)
    for number in range(len(NAMES)):
        found.listing.call(number).encode("ascii")
    shown = index(folder, scratch=tmp_path, open_names=True).listing
    assert not any(c in shown.call(n) for n in range(len(NAMES)) for c in "\n\u202e")


def test_g54_programs_before_the_image(tmp_path):
    for number, magic in enumerate((b"MZ", b"\x7fELF", b"#!/bin/sh\n", b"PK\x03\x04")):
        (tmp_path / f"IM{number}.dcm").write_bytes(image(preamble=magic.ljust(128, b"x"), instance=number))
    found = index(tmp_path, scratch=tmp_path)
    assert len(found.entries) == 4
    warned = [f for f in found.findings if f.code == "W-PREAMBLE"]
    assert [f.where for f in warned] == [f"file {n} of 4 (IM{n - 1}.dcm): preamble" for n in (1, 2, 3, 4)]
    assert "Windows program" in warned[0].message
    assert [f.code for f in door.check(tmp_path / "IM1.dcm").findings] == ["W-PREAMBLE"]


def test_g55_lists_of_contents_and_names_from_uids(tmp_path):
    folder, secret = tmp_path / "in", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(image(instance=99))
    listed = image(changed={0x00041500: ("CS", "..\\SECRET")}).replace(
        b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0"
    )
    (folder / "DICOMDIR").write_bytes(listed)
    (folder / "other_name").write_bytes(listed)
    (folder / "IM1.dcm").write_bytes(image(sop="../../a"))
    before = everything(tmp_path)
    found = index(folder, scratch=tmp_path)
    assert [entry.sop for entry in found.entries] == ["../../a"]
    assert found.n_other == 2
    assert everything(tmp_path) == before


# --- mutations --------------------------------------------------------------------------------


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(out)))
        kind = rng.choice([0, 0, 0, 1, 2, 3, 4, 5])
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            out[at : at + 4] = rng.bytes(4)
        elif kind == 2:
            out[at : at + 4] = b"\xff\xff\xff\xff"
        elif kind == 3:
            del out[at : at + int(rng.integers(1, 40))]
        elif kind == 4:
            out[at:at] = out[at : at + int(rng.integers(1, 200))]
        else:
            out[at:at] = bytes.fromhex("feff00e0ffffffff")
        if not out:
            return b""
    return bytes(out)


def seeds():
    from tests.gauntlet import dicom_making as made

    inner = made.sequence(0x00400275, made.item(made.element(0x00080100, "SH", "1")) * 2)
    opened = made.sequence(0x00400275, made.item(inner, open_=True), open_=True)
    unknown = made.sequence(0x00291020, made.item(made.element(0x00080100, "SH", "1")), vr="UN")
    return [image(extra=opened + unknown), image(extra=inner), image(made.BIG), image(made.DEFLATED), image(made.IMPLICIT),
            image(made.IMPLICIT, with_meta=False), image(made.J2K, pixels=made.fragments(made.j2k(8, 8)))]  # fmt: skip


def read_or_refused(data):
    try:
        return door.check(data)
    except NeuromyoError as error:
        if error.code not in ("E-DICOM", "E-DEPTH", "E-DIMS", "E-BOMB"):
            raise
        return None


def test_mutated_files_are_read_or_refused():
    """Nothing but a refusal in our words, quickly, and never a file that passes with more pixels than it holds."""
    rng, given = np.random.default_rng(SEED), seeds()
    passed, memory = 0, peak_mb()
    for number in range(MUTATIONS):
        data = mutated(given[number % len(given)], rng)
        start = time.monotonic()
        checked = read_or_refused(data)
        passed += checked is not None
        if checked and checked.has_pixels and not checked.compressed and checked.syntax != DEFLATED:
            assert checked.rows * checked.columns * checked.frames <= 8 * len(data)
        assert time.monotonic() - start < 10, number
    assert 0 < passed < MUTATIONS
    assert peak_mb() - memory < 300


def test_mutated_archives_are_unpacked_or_refused(tmp_path):
    """Not in a child here, so that whatever else is raised is seen."""
    members = [("a/IM1", IMAGE), ("a/IM2", image(instance=2)), ("b/" + "n" * 200, image(instance=3) * 30)]
    given = [
        zipped(*members),
        *(tarred(*members, packer=p) for p in (bytes, gzip.compress, bz2.compress, lzma.compress)),
    ]
    rng, fine = np.random.default_rng(SEED), 0
    for number in range(MUTATIONS // 4):
        (tmp_path / "in").write_bytes(mutated(given[number % len(given)], rng))
        into = tmp_path / f"into{number}"
        into.mkdir()
        request = {"root": str(tmp_path), "files": [[0, "in"]], "into": str(into), "caps": asdict(archive.Caps())}
        try:
            list(archive.answer(request))
            fine += 1
        except NeuromyoError as error:
            if error.code != "E-ARCHIVE":
                raise
    assert 0 < fine < MUTATIONS // 4
