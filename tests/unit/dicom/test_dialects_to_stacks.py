"""Every dialect through describing, sorting and reading of pixels: the arrays it was written from, at their places in the world."""

import re

import numpy as np
import pydicom
import pytest

from neuromyo.dicom import describe, pixels, sort
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.listing import Listing
from tests.dialects.cases import BROKEN, CASES
from tests.dialects.judge import Volume, judge

LPS = np.array([-1.0, -1.0, 1.0])


def sorted_of(folder):
    """The stacks of a folder, without index and child process: files in the order of their names."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    listing = Listing(folder, names)
    frames, facts, findings = [], {}, []
    for answer in describe.answer({"root": str(folder), "files": [list(one) for one in enumerate(names)]}):
        assert "error" not in answer, answer
        own = [Frame.from_dict(one) for one in answer.get("frames", [])]
        frames += own
        findings += answer.get("findings", [])
        for frame in own:
            facts.setdefault(frame.series, {**answer["facts"], **facts.get(frame.series, {})})
    sops = {
        i: str(pydicom.dcmread(listing.path(i), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        for i in range(len(names))
    }
    return sort.stacks(frames, facts, listing, sops=sops), listing, findings


def volumes_of(stack, listing, tmp_path):
    """A stack's volumes as arrays, by the job that reads pixels."""
    columns, rows, slices, n = stack.shape
    out = tmp_path / "raw"
    request = {
        "root": str(listing.root), "files": [[i, listing.files[i]] for i in stack.files()], "out": str(out), "dtype": stack.dtype(),
        "planes": stack.requests(), "shape": [rows, columns],
    }  # fmt: skip
    errors = [a["error"] for a in pixels.answer(request) if "error" in a]
    assert not errors
    whole = np.fromfile(out, stack.dtype()).reshape(n, slices, rows, columns).transpose(3, 2, 1, 0)
    out.unlink()
    for v in range(n):
        frame = stack.planes[v][0]
        b = None if frame.b_value is None else frame.b_value * 1e-6
        vector = None if frame.b_vector is None else np.array(frame.b_vector) * LPS
        yield Volume(whole[..., v], stack.affine, frame.part, frame.made, frame.echo_time, frame.flip_angle_deg, frame.inversion_time,
                     frame.mt_on, b, vector)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_arrays_come_back(tmp_path, name):
    folder = tmp_path / "in"
    truths = CASES[name](folder)
    done, listing, _ = sorted_of(folder)
    assert not done.errors, [str(e) for e in done.errors]
    judge(truths, [v for stack in done.stacks for v in volumes_of(stack, listing, tmp_path)])


REFUSED = {
    "missing slice": ("E-SERIES", r"slice|gap|apart"),
    "missing image of one echo": ("E-SERIES", r"echo|image|slice"),
    "unequal spacing": ("E-SERIES", r"apart|spacing|distance"),
    "an image twice, each under its own identifier": ("E-SERIES", r"2 images at slice 5 of 5"),
    "slices drawn sideways": ("E-SERIES", r"shifted within their plane by up to 1 mm"),
    "two stacks side by side in one series": ("E-SERIES", r"shifted within their plane by up to 80 mm"),
    "ge, one echo time for all": ("E-ECHO-COUNT", r"echo time"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stacked_is_refused(tmp_path, name):
    BROKEN[name](tmp_path / "in")
    done, *_ = sorted_of(tmp_path / "in")
    code, words = REFUSED[name]
    assert [e.code for e in done.errors] == [code], [str(e) for e in done.errors]
    assert not done.stacks
    assert re.search(words, str(done.errors[0])), str(done.errors[0])
