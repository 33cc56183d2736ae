"""A right gradient table is left alone, and a turned one caught, in the phantom's thigh and calf: partial volume, pennation that
differs from muscle to muscle, residual fat, EPI distortion and few thick slices included."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from neuromyo.biomarkers import _gradient_check as check
from neuromyo.biomarkers import dti
from neuromyo.biomarkers._gradient_tables import CANDIDATES
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit.runner import run
from neuromyo.phantom import sets
from neuromyo.phantom.acquire import Scan, acquire
from neuromyo.phantom.truth import Truth
from neuromyo.phantom.write import make_scene

CENTRES_MM = {"thigh": 90.0, "calf": -110.0}
QUIET, LOUD = 60.0, 20.0


@lru_cache
def scanned(place: str) -> tuple[Series, Labels, np.ndarray, np.ndarray]:
    """The right leg's series at SNR 60, its labels, its fat fraction, and which voxels are tissue."""
    study = sets.load("nerve_small")
    study = replace(study, stack=replace(study.stack, centre_z_mm=CENTRES_MM[place]))
    plan = next(p for p in study.series if p.biomarker == "dti" and p.directions)
    person = study.people[0]
    scene = make_scene(study, person, person.visits[0], (0, 0))
    given = {"dwi": plan.acquisition(dti.BIOMARKER.typical["dwi"], "dwi")}
    scan = Scan.of(dti.BIOMARKER, given, dti.Options(), snr=QUIET, fat_left=plan.fat_left,
                   readout_s=plan.signed_readout_s, phase_axis=plan.phase_axis)  # fmt: skip
    truth = Truth(scene.grid)
    series = acquire(scene, scan, study.seed, each_slice=truth.add)["dwi"]
    return series, truth.labels(), truth.maps["FF"], truth.tissue > 0.5


@lru_cache
def mapped(place: str, snr: float, with_fat_map: bool) -> tuple[Maps, np.ndarray]:
    """The maps, and the muscle region."""
    series, labels, fat, tissue = scanned(place)
    muscle = np.isin(labels.volume, [r.index for r in labels.regions if r.parent == "muscle"])
    data = np.asarray(series.read(), np.float64)
    first = float(np.median(data[..., 0][muscle]))
    added = first * np.sqrt(max(1 / snr**2 - 1 / QUIET**2, 0.0))
    noise = np.random.default_rng(7).standard_normal((2, *data.shape))
    noisy = np.abs(data + added * (noise[0] + 1j * noise[1])).astype(np.float32)
    known = {"FF": np.nan_to_num(fat, nan=1.0)} if with_fat_map else None
    maps, _ = run(
        dti.BIOMARKER, {"dwi": replace(series, data=ArrayData(noisy))}, dti.Options(), mask=tissue, known=known
    )
    return maps, muscle


def turned(maps: Maps, table: np.ndarray) -> Maps:
    """The maps as they come out of a table turned so that ``table`` puts it right."""
    axes = maps.grid.bvec_axes
    v1 = maps["V1"].values @ (axes @ table.T @ np.linalg.inv(axes)).T
    return replace(maps, maps={**maps.maps, "V1": replace(maps["V1"], values=v1.astype(np.float32))})


def warned(maps: Maps, regions: dict[str, np.ndarray]) -> bool:
    return any(f.level != "note" for f in check.review(maps, regions, dti.Options()))


@pytest.mark.parametrize("with_fat_map", [False, True])
@pytest.mark.parametrize("snr", [LOUD, 35.0, QUIET])
@pytest.mark.parametrize("place", list(CENTRES_MM))
def test_a_right_table_is_not_called_wrong(place, snr, with_fat_map):
    maps, muscle = mapped(place, snr, with_fat_map)
    assert not warned(maps, {})
    assert not warned(maps, {"muscle": muscle})


@pytest.mark.parametrize("snr", [LOUD, QUIET])
@pytest.mark.parametrize("place", list(CENTRES_MM))
def test_every_table_that_exchanges_the_limb_is_caught(place, snr):
    """16 of the 24 signed permutations lay muscle across the leg."""
    maps, muscle = mapped(place, snr, True)
    exchanging = [p for p in CANDIDATES if p[2, 2] == 0]
    assert len(exchanging) == 16
    missed = [p for p in exchanging if not warned(turned(maps, p), {"muscle": muscle})]
    assert not missed


def test_looks_out_of_the_image_tell_nothing():
    """Parallel fibres cost nothing along a stack as short as the looks are long, nor across it but for the leg's rim."""
    shape = (30, 30, 4)
    along = np.broadcast_to((0.0, 0.0, 1.0), (*shape, 3)).astype(np.float64)
    grid = Grid.of(shape, np.diag([2.0, 2.0, 6.0, 1.0]))
    across = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    cost = check._continuity(along, np.ones(shape), grid, [np.eye(3), across])
    assert cost is not None and np.abs(cost).max() < 1e-12
