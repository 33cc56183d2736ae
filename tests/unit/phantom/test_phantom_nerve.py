"""The packaged nerve set, made by the biomarkers themselves: what it writes is what the protocol nerve_3t declares."""

from pathlib import Path

import numpy as np
import pytest

from neuromyo.io import bids
from neuromyo.phantom import sets
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.write import write
from neuromyo.pipeline import registries
from neuromyo.protocol.check import check
from neuromyo.protocol.protocol import load

#: a small grid is coarser than the protocol wants, and what is left out is missing
EXPECTED = ("in-plane voxel size", "slice thickness", "coverage across slices")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    study, registry = sets.load("nerve_small"), registries.biomarkers()
    out = tmp_path_factory.mktemp("nerve") / "study"
    return write(out, study, registry, sampling=Sampling(2))


def test_it_is_what_the_protocol_declares(made, tmp_path):
    dataset = bids.index(made)
    session = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path, memory_mb=500)
    assert session.series and not session.errors
    findings = check(session.series, load("nerve_3t"), list(registries.biomarkers()))
    odd = [
        f for f in findings
        if f.code in ("E-PROTOCOL", "W-PROTOCOL", "N-UNSTATED") and not f.message.startswith(EXPECTED)
    ]  # fmt: skip
    assert odd == []


def test_its_images_show_a_leg(made, tmp_path):
    dataset = bids.index(made)
    for one in bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path, memory_mb=500).series:
        if one.part == "phase":
            continue
        image = np.abs(one.read()[..., 0])
        middle, corner = image[24:40, 24:40, 4], image[:6, :6, 4]
        assert np.isfinite(image).all() and np.median(middle) > 5 * np.median(corner)


def test_the_validator_finds_no_error(made, validator):
    assert [(e["code"], e.get("location")) for e in validator(made)] == []
