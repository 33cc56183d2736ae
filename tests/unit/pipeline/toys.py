"""Declarations and series small enough to see through, for the tests of the pipeline."""

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Biomarker, Estimate, MapNeed, RegionNeed, Segmenter, SeriesNeed
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series

TIMES = (0.01, 0.02, 0.03)
MEAN = Quantity("mean", "mean signal", "a.u.", (-1e9, 1e9), "S0map")


def simulate(truth, acquisitions, options):
    return {role: np.ones(len(a.echo_times)) * truth["mean"] for role, a in acquisitions.items()}


def estimate(inputs, options):
    signal = next(iter(inputs.signals.values()))
    return Estimate({"mean": signal.mean(axis=-1)}, np.zeros(signal.shape[:-1], dtype=np.uint8))


def series_need(kind="MESE", **more):
    return SeriesNeed((kind,), required=("echo_times",), **more)


def biomarker(id_="toy", needs=None, provides=(), **more):
    needs = needs or {"main": series_need()}
    typical = {
        r: Acquisition(echo_times=TIMES) for r, n in needs.items() if isinstance(n, SeriesNeed) and not n.optional
    }
    return Biomarker(id_, f"the toy {id_}", ("10.1000/1",), needs, (MEAN,), simulate, estimate, typical, {"mean": 1.0},
                     provides=provides, **more)  # fmt: skip


def draw(series, options):
    main = series["main"]
    volume = np.ones(main.grid.shape, dtype=np.uint8)
    return Labels(volume, main.grid, (Region(1, "fat", "left", "leg"),), "toy-regions")


def segmenter(id_="toy-regions", gives=("fat", "leg"), kind="MESE"):
    return Segmenter(id_, "toy regions", {"main": series_need(kind)}, gives, draw)


def series(kind="MESE", n=3, entities=None, stated=True, shape=(6, 5, 2), part="mag", affine=None):
    rng = np.random.default_rng(7)
    data = rng.uniform(50, 100, (*shape, n)).astype(np.float32)
    affine = np.diag([2.0, 2.0, 8.0, 1.0]) if affine is None else affine
    acquisition = Acquisition(echo_times=tuple(0.01 * (i + 1) for i in range(n)) if stated else None)
    entities = {"sub": "01", **(entities or {})}
    name = "_".join(f"{k}-{v}" for k, v in entities.items()) + f"_{kind}.nii.gz"
    return Series(ArrayData(data), Grid.of(shape, affine), acquisition, kind, part, entities, (f"sub-01/anat/{name}",))


B1_MAP = MapNeed("B1", "%", (0.2, 2.0))
B1_MUST = MapNeed("B1", "%", (0.2, 2.0), optional=False)
FAT = RegionNeed("fat", min_voxels=5)
TR = Assumable("repetition_time", float("inf"), "nobody said")
