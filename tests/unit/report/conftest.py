"""A session to make pages of: two legs as discs with named muscles, maps with gradients, voxels that failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Estimate, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Map, Maps, Scalar
from neuromyo.core.measurements import Measurements
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.core.record import Record, Step
from neuromyo.report.view import Anatomy, SampleFit, SeriesLine, SessionView

SHAPE = (72, 40, 11)
MUSCLES = ("soleus", "gastrocnemius-medialis", "tibialis-anterior")
T2 = Quantity("T2", "water T2", "ms", (0.005, 0.2), "T2map", window=(0.020, 0.060))
FF = Quantity("FF", "fat fraction", "%", (0.0, 1.0), "PDFF", window=(0.0, 0.6))
B1 = Quantity("B1", "transmit field", "%", (0.4, 1.6), "TB1map", window=(0.6, 1.4))
S0 = Quantity("S0", "signal at TE 0", "a.u.", (0.0, 1e6), "S0map", summarised=False)
FAT_T2 = Quantity("fatT2", "T2 of fat", "ms", (0.02, 0.5), "T2map", level="subject")


@dataclass(frozen=True)
class ToyOptions:
    fat_t2: float | None = option(None, "T2 of fat; calibrated where not given", unit="s")
    refocusing_pulse: str = option("ideal", "shape of the refocusing pulse", choices=("ideal", "sinc"))


def _estimate(inputs, options) -> Estimate:
    raise NotImplementedError


BIOMARKER = Biomarker(
    id="toy-water",
    title="water T2 with fat fraction and B1",
    doi=("10.1002/mrm.22487", "10.1212/WNL.51.1.110"),
    needs={"mese": SeriesNeed(("MESE",), required=("echo_times",))},
    gives=(T2, FF, B1, S0, FAT_T2),
    simulate=lambda truth, acquisitions, options: {},
    estimate=_estimate,
    typical={"mese": Acquisition(echo_times=(0.01, 0.02, 0.03))},
    example={"T2": 0.035},
    options=ToyOptions,
    caption="The echo train is fitted as the sum of water and fat, each with its own T2.",
)


def legs() -> tuple[np.ndarray, np.ndarray]:
    """(leg, muscle) label-like volumes: 1 right leg, 2 left leg; within them 1, 2, 3 for three muscles."""
    x, y, z = np.indices(SHAPE)
    leg = np.zeros(SHAPE, dtype=np.uint8)
    muscle = np.zeros(SHAPE, dtype=np.uint8)
    for index, centre in ((2, 19.0), (1, 53.0)):  # x runs to the subject's right
        r = np.hypot(x - centre, y - 20.0)
        leg[r < 15 - 0.3 * z] = index
        inside = r < 12 - 0.3 * z
        muscle[inside & (y >= 20)] = 3
        muscle[inside & (y < 20) & (x < centre)] = 2
        muscle[inside & (y < 20) & (x >= centre)] = 1
    return leg, muscle


def grid() -> Grid:
    return Grid.of(SHAPE, np.diag([3.0, 3.0, 12.0, 1.0]))


def example_maps(seed: int = 1) -> Maps:
    rng = np.random.default_rng(seed)
    leg, muscle = legs()
    x, y, z = (i.astype(float) for i in np.indices(SHAPE))
    reason = np.where(leg > 0, Reason.OK, Reason.MASKED).astype(np.uint8)
    reason[(leg > 0) & (rng.random(SHAPE) < 0.02)] = Reason.NO_CONVERGENCE
    reason[(leg > 0) & (rng.random(SHAPE) < 0.02)] = Reason.POORLY_DETERMINED
    reason[(leg > 0) & (muscle == 0) & (rng.random(SHAPE) < 0.5)] = Reason.NOT_IDENTIFIABLE
    keep = np.isin(reason, (Reason.OK, Reason.POORLY_DETERMINED))
    noise = rng.normal(size=SHAPE)
    values = {
        T2: 0.030 + 0.002 * muscle + 0.0003 * z + 0.002 * noise,
        FF: np.where(muscle > 0, 0.06 + 0.02 * muscle, 0.7) + 0.02 * rng.random(SHAPE),
        B1: 1.15 - 0.0004 * ((x - 36) ** 2 + (y - 20) ** 2),
        S0: np.full(SHAPE, 900.0),
    }
    sds = {T2: 0.002, FF: 0.01, B1: 0.03, S0: 10.0}
    made = {
        q.name: Map(q, np.where(keep, v, np.nan), np.where(keep, sds[q] * (1 + rng.random(SHAPE)), np.nan), reason)
        for q, v in values.items()
    }
    return Maps(
        "toy-water",
        grid(),
        made,
        scalars={"fatT2": Scalar(FAT_T2, 0.132, 0.004, "calibrated on the subcutaneous fat")},
        assumptions=(Assumption("refocusing_angle_deg", "180", "vendors aim at 180 degrees", "mese"),),
        options={"fat_t2": None, "refocusing_pulse": "ideal"},
        entities={"sub": "01", "acq": "calf"},
        diagnostics={"residual": np.where(keep, 0.01 + 0.01 * rng.random(SHAPE), np.nan)},
    )


def example_labels() -> Labels:
    leg, muscle = legs()
    volume = np.where(muscle > 0, muscle + 10 * leg, 0).astype(np.int16)
    regions = tuple(
        Region(i + 10 * side_index, name, side, parent="muscle")
        for side, side_index in (("right", 1), ("left", 2))
        for i, name in enumerate(MUSCLES, start=1)
    )
    return Labels(volume, grid(), regions, "example")


def example_measurements(maps: Maps, labels: Labels, subject: str = "01", session: str = "m0") -> Measurements:
    rows = []
    for name, side, indices in labels.groups():
        mask = labels.mask_of(indices)
        for q in (T2, FF):
            map_ = maps[q.name]
            inside = q.to_display(map_.values[mask & map_.valid])
            row = {
                "subject": subject,
                "session": session,
                "acquisition": "acq-calf",
                "region": name,
                "region_source": "example",
                "side": side,
                "quantity": q.name,
                "biomarker": "toy-water",
                "unit": q.display,
                "volume_ml": mask.sum() * 0.108,
            }
            rows.append(
                row
                | {
                    "value": inside.mean(),
                    "statistic": "mean",
                    "sd_between": inside.std(),
                    "se": inside.std() / 20,
                    "n_voxels": inside.size,
                    "n_failed": mask.sum() - inside.size,
                    "coverage": inside.size / mask.sum(),
                    "flags": "W-ASSUMED",
                }
            )
            rows.append(row | {"value": np.median(inside) + 0.1, "se": 0.05, "statistic": "region-fit"})
    return Measurements.of(rows)


def example_sample(region: str = "soleus", side: str = "left") -> SampleFit:
    x = np.arange(1, 18) * 7.6
    model = 900 * np.exp(-x / 33)
    measured = model + 8 * np.cos(np.arange(17) * 2.1)
    return SampleFit(
        "toy-water", region, (20, 12, 5), tuple(x), tuple(measured), tuple(model), "T2 33.0 ms, fat 8 %.", side
    )


def example_view(subject: str = "01", session: str = "m0") -> SessionView:
    maps, labels = example_maps(), example_labels()
    leg, muscle = legs()
    image = np.where(leg > 0, np.where(muscle > 0, 400.0, 1000.0), 10.0)
    return SessionView(
        subject=subject,
        session=session,
        record=Record(
            subject,
            session,
            versions={"neuromyo": "0.1.0", "numpy": "2.1.0"},
            inputs={f"sub-{subject}/anat/sub-{subject}_echo-1_MESE.nii.gz": "ab" * 32},
            options={"biomarkers": ["toy-water"]},
            steps=(Step("toy-water", "k" * 12, "done", 3.2),),
        ),
        findings=(
            Finding("note", "N-GAP", "sub-01_MESE.nii.gz", "slices have a gap of 2 mm"),
            Finding(
                "warn", "W-ASSUMED", "sub-01_MESE.json: FlipAngle", "the field is absent", "add it", "B1 may be off"
            ),
        ),
        series=(
            SeriesLine("sub-01_echo-1_MESE.nii.gz and 16 more", "MESE", 17, "17 echoes", "not stated", "3 × 3 × 12 mm"),
        ),
        plan_lines=("1. compartments from MESE", "2. toy-water from MESE"),
        maps=(maps,),
        biomarkers={"toy-water": BIOMARKER},
        labels=(labels,),
        measurements=example_measurements(maps, labels, subject, session),
        anatomy=(Anatomy(image, grid()),),
        samples=tuple(example_sample(m, s) for m in MUSCLES[:2] for s in ("left", "right")),
    )


@pytest.fixture(scope="session")
def view() -> SessionView:
    return example_view()


@pytest.fixture(scope="session")
def make_view():
    return example_view
