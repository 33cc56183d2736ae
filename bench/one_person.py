"""How long one person's anatomy takes as one job: compartments, individual muscles, both nerves with fascicles and course, the table.

    python bench/one_person.py                  makes the person (minutes, not counted), then does and times the job
    python bench/one_person.py --keep FOLDER    keeps images and results there, and takes the images that are there

The person is the phantom's: both thighs at the resolution of the protocol nerve_3t (0.9 x 0.9 x 4 mm, 40 slices), scanned twice, moved
and bent between the visits; muscles were drawn at the first visit. The job, on the files of the second, is what a person would type:

    segment compartments, of a spin-echo train of 8 echoes at 1.8 mm
    segment transfer, of all muscles of both legs from the first visit
    trace, of the right and the left sciatic nerve on the T2- and T1-weighted images, with the muscles as --regions
    trace, of both on close-up stacks of 0.4 mm (a nerve that divides), where pixels are smaller and more is to be fitted
    measure, of muscles and compartments in one table

Wall seconds depend on what else the machine does; CPU seconds (user and system, of all threads) much less.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.io import nifti_write, store
from neuromyo.phantom import nerve_cases
from neuromyo.phantom.regions import LEAVES, PLACE
from tests.unit.anatomy import visits

LIMIT_S = 180.0
PIXEL_MM, SLICE_MM, SLICES = 0.9, 4.0, 40
MATRIX = (400, 200)
MIDDLE = (0.0, 0.0, 160.0)
MOVED = visits.Visit(visits.Warp(6.0, 1.0, 5), 3.0, (5.0, -4.0, 0.0), MIDDLE)
ECHOES_S = tuple(0.0095 * (n + 1) for n in range(8))
CLOSE_UP = "24-sciatic-split-0.4mm-T2w+T1w"


def make(folder: Path) -> dict[str, str]:
    """Writes what the scanner and the reader of the first visit left; where the nerves were pointed at."""
    both = visits.person(sides=("right", "left"))
    grid = visits.stack(MATRIX, PIXEL_MM, SLICES, SLICE_MM, MIDDLE)
    first, drawn = visits.scan(both, grid, "T1w", 1, through=1)
    second, _ = visits.scan(both, grid, "T1w", 2, MOVED, through=1)
    t2, _ = visits.scan(both, grid, "T2w", 3, MOVED, through=1)
    for name, image in (("ses-1_T1w", first), ("ses-2_T1w", second), ("ses-2_T2w", t2)):
        nifti_write.write_image(folder / f"sub-01_{name}.nii.gz", image.values, image.grid)
    nifti_write.write_image(folder / "drawn.nii.gz", drawn.volume.astype(np.uint8), drawn.grid)
    rows = "".join(f"{r.index}\t{r.name}\t{r.side}\n" for r in drawn.regions)
    store.write_text(folder / "drawn.tsv", f"index\tname\tside\n{rows}")
    _train(folder, both, visits.stack((200, 100), 2 * PIXEL_MM, SLICES // 2, 2 * SLICE_MM, MIDDLE))
    starts = {side: _start(both, grid, side) for side in ("right", "left")}
    for side in ("right", "left"):
        case = next(c for c in nerve_cases.cases() if c.name == CLOSE_UP)
        made = replace(case, side=side, seed=case.seed + (side == "left")).make()
        for image in made.images:
            nifti_write.write_image(folder / f"close-{side}_{image.weighting}.nii.gz", image.values, image.grid)
        starts[f"close {side}"] = ",".join(f"{v:.2f}" for v in made.start.xyz_mm)
    return starts


def _train(folder: Path, body: visits.Body, grid: Grid) -> None:
    """The spin-echo train that `compartments` looks at."""
    echoes: list[Image] = []
    for n, echo in enumerate(ECHOES_S):
        visits.CONTRASTS["other"] = (3.0, echo)
        echoes.append(visits.scan(body, grid, "other", 10 + n, MOVED, in_plane=1, through=1, snr=60, shading=0.0)[0])
    values = np.stack([e.values for e in echoes], axis=-1)
    nifti_write.write_image(folder / "sub-01_ses-2_MESE.nii.gz", values, grid)
    store.write_json(folder / "sub-01_ses-2_MESE.json", {"EchoTime": list(ECHOES_S), "RepetitionTime": 3.0})


def _start(body: visits.Body, grid: Grid, side: str) -> str:
    """A click in the middle of the sciatic nerve, in the slice that lies in the middle of its course in view."""
    wanted = {1 + (side == "left") * len(LEAVES) + PLACE[("sciatic-nerve", t)] for t in ("fascicle", "epineurium")}
    k = round((185.0 - grid.affine[2, 3]) / SLICE_MM)
    x, y = (v.ravel() for v in np.indices(MATRIX))
    world = grid.to_world(np.stack([x, y, np.full(x.size, k)], axis=1).astype(float))
    here = world[np.isin(body.codes(MOVED.to_body(world)), list(wanted))]
    return ",".join(f"{v:.2f}" for v in here.mean(axis=0))


def job(folder: Path, starts: dict[str, str]) -> list[tuple[str, float, float, str]]:
    """(part, wall seconds, CPU seconds, what came of it) of each part, the loading of the programme first."""
    parts: list[tuple[str, float, float, str]] = []

    def timed(name: str, do: Callable[[], str]) -> None:
        wall, cpu = time.perf_counter(), _cpu()
        said = do()
        parts.append((name, time.perf_counter() - wall, _cpu() - cpu, said))

    scan = str(folder / "sub-01_ses-2_")

    def load() -> str:
        from neuromyo.pipeline import measuring, segmenting, tracing

        return f"{len((measuring, segmenting, tracing))} modules"

    def compartments() -> str:
        from neuromyo.pipeline import segmenting

        asked = segmenting.SegmentRequest("compartments", (f"{scan}MESE.nii.gz",), folder / "compartments")
        return f"{len(segmenting.segment(asked).labels.regions)} regions"

    def muscles() -> str:
        from neuromyo.pipeline import segmenting

        drawn = f"{folder / 'sub-01_ses-1_T1w.nii.gz'},{folder / 'drawn.nii.gz'}"
        found = segmenting.segment(
            segmenting.SegmentRequest("transfer", (f"{scan}T1w.nii.gz",), folder / "muscles", (drawn,))
        )
        return f"{len(found.labels.regions)} muscles, least confidence {min(found.confidence.values()):.2f}"

    def nerve(side: str, close: bool) -> Callable[[], str]:
        def do() -> str:
            from neuromyo.pipeline import tracing

            files = [f"{folder}/close-{side}_{w}.nii.gz" if close else f"{scan}{w}.nii.gz" for w in ("T2w", "T1w")]
            asked = tracing.TraceRequest(
                files, folder / f"{'close-' if close else ''}{side}", side=side, start=starts[f"{'close ' if close else ''}{side}"],
                regions=None if close else folder / "muscles_dseg.nii.gz",
            )  # fmt: skip
            found = tracing.trace_files(asked)
            each = found.examined.trace.all
            share = [
                r
                for r in found.measurements.rows()
                if r["quantity"] == "fascicle_to_nerve_ratio" and r["statistic"] == "mean"
            ]
            given = sum(np.isfinite(r["value"]) for r in share)
            return f"{sum(len(n.sections) for n in each)} sections of {len(each)}, fascicle ratio given for {given}"

        return do

    def measured() -> str:
        from neuromyo.pipeline import measuring

        labels = tuple(folder / f"{name}_dseg.nii.gz" for name in ("muscles", "compartments"))
        return f"{len(measuring.measure_files(measuring.MeasureRequest(labels, folder / 'table.tsv')).measurements.rows())} rows"

    timed("loading", load)
    timed("compartments", compartments)
    timed("muscles by transfer", muscles)
    for close in (False, True):
        for side in ("right", "left"):
            timed(f"{side} nerve, {'close-up' if close else 'protocol'}", nerve(side, close))
    timed("measure", measured)
    return parts


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--keep", type=Path, help="folder for images and results")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / "starts.json"
        if not known.exists():
            store.write_json(known, make(folder))
        starts = json.loads(known.read_text())
        before = os.getloadavg()[0]
        parts = job(folder, starts)
    wall, cpu = (sum(p[i] for p in parts) for i in (1, 2))
    print(f"load before {before:.1f} on {os.cpu_count()} cores\n")
    print("| part | wall, s | CPU, s | share of the CPU, % | what came of it |\n|---|---|---|---|---|")
    for name, own_wall, own_cpu, said in parts:
        print(f"| {name} | {own_wall:.1f} | {own_cpu:.1f} | {100 * own_cpu / cpu:.0f} | {said} |")
    print(f"| **all** | **{wall:.1f}** | **{cpu:.1f}** | | {'within' if wall <= LIMIT_S else 'BEYOND'} {LIMIT_S:g} s |")


if __name__ == "__main__":
    main()
