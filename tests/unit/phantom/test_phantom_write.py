"""Is a made study a BIDS dataset that reads back as it was made?"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, SeriesNeed
from neuromyo.core.errors import OptionError
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.io import bids
from neuromyo.io.gradients import read_bvals, read_bvecs
from neuromyo.phantom import sets
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.volumes import gradients
from neuromyo.phantom.write import make_scene, write

STUDY = """
title = "tiny"
seed = 4
region = "calf"
snr = 80
[grid]
matrix = [48, 28]
spacing_mm = [7.0, 6.0]
slices = 2
slice_spacing_mm = 20.0
slice_thickness_mm = 8.0
centre_z_mm = -110.0
[[series]]
biomarker = "toy"
acq = "calf"
echoes = 3
echo_spacing = 0.02
[[subject]]
label = "A1"
[[subject.visits]]
label = "m0"
disease = { fat = { "left" = 0.3 } }
[[subject.visits]]
label = "m4"
disease = { fat = { "left" = 0.4 } }
"""


def decay(truth, acquisitions, options):
    times = np.asarray(acquisitions["mese"].echo_times)
    return {"mese": truth["S0"][..., None] * np.exp(-times / truth["T2"][..., None])}


TOY = Biomarker(
    id="toy",
    title="one exponential",
    doi=(),
    needs={"mese": SeriesNeed(("MESE",))},
    gives=(Quantity("T2", "T2", "ms", (0.0, 1.0), "T2map"),),
    simulate=decay,
    estimate=lambda inputs, options: Estimate({}, np.zeros(1)),
    typical={"mese": Acquisition(echo_times=(0.01, 0.02), repetition_time=3.0)},
    example={"T2": 0.035, "S0": 1.0},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write(
        tmp_path_factory.mktemp("made") / "study", sets.parse(STUDY, "tiny"), {"toy": TOY}, sampling=Sampling(2)
    )


def everything(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_same_study_gives_the_same_bytes(made, tmp_path):
    again = write(tmp_path / "again", sets.parse(STUDY, "tiny"), {"toy": TOY}, sampling=Sampling(2))
    assert everything(again) == everything(made)
    other = write(tmp_path / "other", replace(sets.parse(STUDY, "tiny"), seed=5), {"toy": TOY}, sampling=Sampling(2))
    assert everything(other).keys() == everything(made).keys() and everything(other) != everything(made)


def test_it_reads_back_as_it_was_made(made, tmp_path):
    dataset = bids.index(made)
    assert [s.label for s in dataset.sessions] == ["sub-A1_ses-m0", "sub-A1_ses-m4"]
    session = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path, memory_mb=200)
    assert not session.errors
    (series,) = session.series
    assert series.kind == "MESE" and series.n == 3 and series.acquisition.echo_times == (0.02, 0.04, 0.06)
    assert series.acquisition.repetition_time == 3.0 and series.acquisition.field_strength == 3.0
    assert series.acquisition.body_part == "CALF" and series.entities["acq"] == "calf"
    study = sets.parse(STUDY, "tiny")
    here = make_scene(study, study.people[0], study.people[0].visits[0], (0, 0), Sampling(2))
    assert series.grid.same_as(here.grid)


def test_the_truth_lies_beside_it(made):
    folder = made / "derivatives" / "truth"
    anat = folder / "sub-A1" / "ses-m4" / "anat"
    for suffix in ("T2map", "PDFF", "dseg"):
        assert (anat / f"sub-A1_ses-m4_acq-calf_desc-truth_{suffix}.nii.gz").is_file()
    table = (anat / "sub-A1_ses-m4_acq-calf_desc-truth_dseg.tsv").read_text().splitlines()
    assert table[0].split("\t") == ["index", "name", "side", "parent", "code"]
    rows = [
        line.split("\t") for line in (folder / "sub-A1_ses-m4_acq-calf_desc-truth_regions.tsv").read_text().splitlines()
    ]
    fat = {(r[0], r[1]): float(r[rows[0].index("FF")]) for r in rows[1:]}
    assert fat["soleus", "left"] > 0.25 > 0.03 > fat["soleus", "right"]
    about = json.loads((folder / "sub-A1_ses-m4_acq-calf_desc-truth_regions.json").read_text())
    assert about["NoiseStandardDeviationPerChannel"]["toy mese"] > 0


def test_only_a_new_folder_is_written_to(made):
    with pytest.raises(OptionError, match="E-OUTDIR"):
        write(made, sets.parse(STUDY, "tiny"), {"toy": TOY})


@pytest.mark.parametrize("where", [".", "derivatives/truth"])
def test_the_validator_finds_no_error(made, where, validator):
    assert validator(made / where) == []


@pytest.mark.parametrize("name", ["calf", "demo", "nerve_3t", "nerve_small", "thigh"])
def test_packaged_studies_are_sound(name):
    assert name in sets.names()
    study = sets.load(name)
    grid = study.stack.grid()
    for number, person in enumerate(study.people):
        body = person.body(np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(3, number))))
        body = replace(body, sides=study.legs)
        sides = np.array(
            [[i, j, k] for i in (0, grid.shape[0] - 1) for j in range(grid.shape[1]) for k in (0, grid.shape[2] - 1)]
        )
        front = np.array(
            [[i, j, k] for i in range(grid.shape[0]) for j in (0, grid.shape[1] - 1) for k in (0, grid.shape[2] - 1)]
        )
        for edge in (sides, front):
            assert not body.codes(grid.to_world(edge)).any(), "a leg leaves the field of view"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("snr = 80", "snrr = 80"), "snrr"),
        (("echoes = 3", "ecoes = 3"), "ecoes"),
        (('label = "A1"', 'label = "A-1"'), "letters"),
        (("seed = 4", "seed = = 4"), "TOML"),
        (('{ fat = { "left" = 0.3 } }', '{ fat = { "lft" = 0.3 } }'), "lft"),
    ],
)
def test_a_mistyped_study_is_refused_by_name(change, match):
    with pytest.raises(OptionError, match=match):
        sets.parse(STUDY.replace(*change), "tiny")


def test_an_unknown_study_lists_those_there_are():
    with pytest.raises(OptionError, match="calf, demo, nerve_3t, nerve_small, nerves, thigh"):
        sets.load("arm")


def test_diffusion_directions_read_back(tmp_path):
    directions = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.6, 0.8))
    grid = replace(sets.Stack(), matrix=(4, 4), slices=2, tilt_deg=15.0).grid()
    acquisition = Acquisition(b_values=(0.0, 5e8, 5e8), b_vectors=directions)
    written = gradients(Series(ArrayData(np.zeros((4, 4, 2, 3))), grid, acquisition, "dwi"))
    for ending, text in written.items():
        (tmp_path / f"a.{ending}").write_text(text)
    assert read_bvals(tmp_path / "a.bval", "a", 3) == (0.0, 5e8, 5e8)
    np.testing.assert_allclose(read_bvecs(tmp_path / "a.bvec", "a", 3, grid)[0], directions, atol=1e-6)
