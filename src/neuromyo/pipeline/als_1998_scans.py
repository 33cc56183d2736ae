"""The simulated cohort of 1998, visit by visit: painted and scanned, and its muscle drawn by the software's own anatomy.

    OUT/bids                         raw BIDS with the truth beside it
    OUT/reader                       the scan of a leg of nobody in the cohort, on which a reader drew the muscles
    OUT/regions/sub-X/ses-Y/anat     tibialis anterior, as `neuromyo run --regions` wants it

The muscle is drawn twice over: the reader's outline is carried to each scan by registration (`segment transfer`), and of what lies in
it only muscle is kept (`segment compartments`), so that the fat in place of a wasted muscle does not count as muscle. In the outermost
slices the muscle is all but tendon, and is left out: what reaches the end of a stack counts as cut off. The reader's
drawing is the truth of that one leg, which stands for a careful drawing by hand; no other truth is used.

A visit that is finished has a file `painted.json`, written last: what is there already is not made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.phantom import als_1998_legs as legs
from neuromyo.phantom.als_1998 import MadeCohort
from neuromyo.phantom.sets import Study

READER = "reader"
#: the image on which outlines are carried over: the late echo of the long TR, where fat is brightest against muscle
_LOOKED_AT = "acq-tr2_echo-2_MESE"
_TRAIN = "acq-train_echo-*_MESE.nii.gz"


@dataclass(frozen=True)
class Visit:
    """One visit to be made: person ``number`` of the cohort at visit ``turn``, under the folder ``out``."""

    out: Path
    made: MadeCohort
    number: int
    turn: int
    snr: float

    @property
    def names(self) -> tuple[str, str]:
        return f"sub-{self.made.labels[self.number]}", f"ses-{legs.VISITS[self.turn][0]}"

    @property
    def label(self) -> str:
        return " ".join(self.names)

    @property
    def done(self) -> bool:
        return self.painted.is_file() and self.regions.is_file()

    @property
    def painted(self) -> Path:
        """The truth of this visit, which is written last."""
        return self.out.joinpath("bids", "derivatives", "truth", *self.names, "painted.json")

    @property
    def regions(self) -> Path:
        """The muscle as it was drawn."""
        return self.out.joinpath("regions", *self.names, "anat", f"{'_'.join(self.names)}_desc-muscle_dseg.nii.gz")

    def scan(self, name: str) -> Path:
        """A file of its scans."""
        return self.out.joinpath("bids", *self.names, "anat", f"{'_'.join(self.names)}_{name}.nii.gz")


def visits(out: Path, made: MadeCohort, keep: Sequence[int], snr: float) -> list[Visit]:
    """Every visit of the people ``keep`` (numbers in the cohort)."""
    return [Visit(out, made, number, turn, snr) for number in keep for turn in range(len(legs.VISITS))]


def make(visit: Visit) -> str:
    """Paints, scans and draws one visit; its label."""
    from neuromyo.io import store
    from neuromyo.phantom import write
    from neuromyo.phantom.als_1998_paint import paint
    from neuromyo.pipeline import registries

    if not visit.done:
        plan = legs.study(visit.made, visit.snr)
        painted = paint(plan, visit.made, visit.number, visit.turn)
        place = (visit.number, visit.turn)
        write.write_session(visit.out / "bids", plan, registries.biomarkers(), plan.people[visit.number], painted.visit, place,
                            legs.SAMPLING)  # fmt: skip
        draw(visit)
        store.write_json(visit.painted, asdict(painted.truth))
    return visit.label


def truth(visit: Visit) -> dict[str, float]:
    """What one visit was painted with: the fields of `als_1998_paint.Truth`."""
    return json.loads(visit.painted.read_text(encoding="utf-8"))


def make_reader(out: Path, made: MadeCohort, snr: float) -> None:
    """The scan on which the reader drew: of a healthy leg of nobody in the cohort."""
    from neuromyo.phantom import write
    from neuromyo.phantom.cohort import Person
    from neuromyo.phantom.cohort import Visit as PhantomVisit
    from neuromyo.pipeline import registries

    if reader_labels(out).is_file():
        return
    shutil.rmtree(out / READER, ignore_errors=True)
    one = Person("reader", visits=(PhantomVisit("", body=legs.reader_body()),))
    plan: Study = replace(legs.study(made, snr), people=(one,), series=legs.SERIES[:1])
    write.write_heads(out / READER, plan)
    write.write_session(
        out / READER, plan, registries.biomarkers(), one, one.visits[0], (len(made.ill), 0), legs.SAMPLING
    )


def reader_image(out: Path) -> Path:
    """What the reader saw."""
    return out / READER / "sub-reader" / "anat" / f"sub-reader_{_LOOKED_AT}.nii.gz"


def reader_labels(out: Path) -> Path:
    """What the reader drew."""
    return out.joinpath(READER, "derivatives", "truth", "sub-reader", "anat", "sub-reader_desc-truth_dseg.nii.gz")


def draw(visit: Visit) -> None:
    """The muscle of one visit: the reader's outline carried over, and of it what is muscle."""
    from neuromyo.core.labels import Labels
    from neuromyo.pipeline import masks, segmenting

    work = visit.out.joinpath("anatomy", *visit.names)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    train = sorted(visit.scan("x").parent.glob(f"*{_TRAIN}"))
    atlas = f"{reader_image(visit.out)},{reader_labels(visit.out)}"
    asked = (
        segmenting.SegmentRequest(
            "transfer", [str(visit.scan(_LOOKED_AT))], work / "outline", [atlas], [f"side={legs.SIDE}"]
        ),
        segmenting.SegmentRequest("compartments", [str(p) for p in train], work / "compartments"),
    )
    for one in asked:
        segmenting.segment(one)
    outline, tissue = (masks.open_masks(Path(f"{one.prefix}_dseg.nii.gz")) for one in asked)
    drawn = _index(outline, legs.MUSCLE, visit.label)
    muscle = (outline.volume == drawn) & (tissue.volume == _index(tissue, "muscle", visit.label))
    np.moveaxis(muscle, outline.grid.slice_axis, 0)[[0, -1]] = False
    region = next(r for r in outline.regions if r.index == drawn)
    visit.regions.parent.mkdir(parents=True, exist_ok=True)
    prefix = Path(str(visit.regions).removesuffix("_dseg.nii.gz"))
    labels = Labels(
        np.where(muscle, 1, 0).astype(np.uint8), outline.grid, (replace(region, index=1),), "transfer and compartments"
    )
    segmenting.write_labels(prefix, labels, {"Method": "the reader's outline carried over, and of it what is muscle"})


def _index(labels: object, name: str, where: str) -> int:
    """The index of the region of that name on the side that is scanned."""
    for one in getattr(labels, "regions", ()):
        if one.name == name and one.side in (legs.SIDE, "none"):
            return int(one.index)
    raise DataError(
        "E-LABELS", where=where, needed=f"the region {name}", found="none", remedy="look at the pages in anatomy/"
    )
