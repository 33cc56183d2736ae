"""The nerve tracer on both generators: tables of overlap, distance, area, coverage of its uncertainty, and confidence.

    python bench/accuracy_nerves.py --write docs/accuracy         all cases, some ten minutes on one core
    python bench/accuracy_nerves.py --seed 500 --only sciatic     the same recipes with other seeds

The second generator is `tests/oracles/nerve_slices.py`. Truth is the share of each voxel within the nerve, branches and trunk together;
slices in which nothing can be seen are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "bench")]

from trace_cases import hd95

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.image import Image
from neuromyo.core.landmark import Landmark
from neuromyo.nerve.trace import trace
from neuromyo.nerve.trace_stack import FAT_IS
from neuromyo.phantom import nerve_cases
from tests.oracles import nerve_slices
from tests.physics.traced import read

PIXELS = {"up to 0.4": (0.0, 0.4), "0.41 to 0.79": (0.4, 0.79), "0.8": (0.79, 0.8), "1.0": (0.8, 1.0)}


@dataclass
class Given:
    """A case: images, where a person clicked, the truth (None without a nerve) and slices in which nothing can be seen."""

    images: tuple[Image, ...]
    start: Landmark
    truth: np.ndarray | None
    unseen: set[int]
    pixel_mm: float
    snr: float


@dataclass
class Row:
    """What came of a case; sections (n, 6): area, true area, its uncertainty, confidence, Dice, HD95."""

    name: str
    given: Given
    refused: str = ""
    sections: np.ndarray = field(default_factory=lambda: np.zeros((0, 6)))

    @property
    def sciatic(self) -> bool:
        """A sciatic nerve of 20 to 60 mm2, seen or refused."""
        if self.given.truth is None or self.given.start.name not in ("", "sciatic-nerve") or "sciatic" not in self.name:
            return False
        axis = self.given.images[0].grid.slice_axis
        spacing = self.given.images[0].grid.spacing_mm
        areas = np.moveaxis(self.given.truth, axis, 0).sum(axis=(1, 2)) * np.prod(np.delete(spacing, axis))
        return bool(20 <= np.median(areas[areas > 0]) <= 60)

    @property
    def bias(self) -> float:
        return float(self.sections[:, 0].sum() / self.sections[:, 1].sum() - 1)


def first(seed: int) -> Iterator[tuple[str, Callable[[], Given]]]:
    """Cases of `neuromyo.phantom.nerve_cases`."""
    for case in nerve_cases.cases():
        yield case.name, partial(_first, replace(case, seed=case.seed + seed))


def _first(case: nerve_cases.NerveCase) -> Given:
    made = case.make()
    start = replace(made.start, name=made.name, side=made.side)
    truth = np.clip(np.sum([*made.truth.coverage.values()], axis=0), 0, 1) if made.has_nerve else None
    return Given(made.images, start, truth, set(), case.in_plane_mm, case.snr)


def second(seed: int) -> Iterator[tuple[str, Callable[[], Given]]]:
    """Cases of the generator whose author has not seen the tracer."""
    for name, recipe in nerve_slices.RECIPES.items():
        yield name, partial(_second, name, replace(recipe, seed=recipe.seed + seed))


def _second(name: str, recipe: nerve_slices.Recipe) -> Given:
    case = nerve_slices.made(name, recipe)
    with tempfile.TemporaryDirectory() as folder:
        images = tuple(read(case, Path(folder)))
    grid = images[0].grid
    _, flipped = grid.source_axes[case.slice_axis]
    last = grid.shape[grid.slice_axis] - 1
    truth = grid.from_source(np.clip(sum(case.truth.values()), 0, 1)) if case.has_nerve else None
    unseen = {last - k if flipped else k for k in case.spoilt}
    return Given(
        images, Landmark("start", case.start, case.nerve, case.side), truth, unseen, case.in_plane_mm, case.snr
    )


def judged(name: str, given: Given) -> Row:
    """Trace and compare."""
    try:
        found = trace(given.images, given.start, name=given.start.name, side=given.start.side)
    except NeuromyoError as error:
        return Row(name, given, f"{error.code} {error.found}")
    grid = given.images[0].grid
    spacing = [grid.spacing_mm[a] for a in grid.in_plane_axes]
    truth = np.moveaxis(np.zeros(grid.shape) if given.truth is None else given.truth, grid.slice_axis, 0)
    parts: dict[int, list[tuple[float, float, float]]] = {}
    for one in found.all:
        for section in one.sections:
            parts.setdefault(section.slice, []).append((section.area_mm2, section.se_mm2, section.confidence))
    cover = np.moveaxis(np.clip(np.sum([one.coverage for one in found.all], axis=0), 0, 1), grid.slice_axis, 0)
    rows = []
    for k in sorted(set(parts) - given.unseen):
        area, se, sure = np.array(parts[k]).T
        a, b = cover[k] >= 0.5, truth[k] >= 0.5
        rows.append((area.sum(), truth[k].sum() * spacing[0] * spacing[1], np.linalg.norm(se), sure.min(),
                     2 * (a & b).sum() / max(1, a.sum() + b.sum()), hd95(a, b, spacing)))  # fmt: skip
    return Row(name, given, "", np.array(rows).reshape(-1, 6))


def tables(title: str, rows: list[Row]) -> str:
    """All tables of a generator, in Markdown."""
    return "\n\n".join([f"## {title}", by_pixel(rows), by_contrast(rows), trust(rows), by_case(rows)])


def _figures(rows: list[Row]) -> str:
    seen = [r for r in rows if len(r.sections)]
    dice = np.median([np.median(r.sections[:, 4]) if len(r.sections) else 0.0 for r in rows])
    if not seen:
        return f"{len(rows)} | {dice:.3f} | | | | {len(rows)}"
    apart = np.median([np.median(r.sections[:, 5]) for r in seen])
    bias = 100 * np.array([r.bias for r in seen if r.given.snr >= 30])
    middle = (
        f"{np.median(bias):+.1f} | {np.median(np.abs(bias)):.1f} ({np.abs(bias).max():.0f})" if len(bias) else " | "
    )
    return f"{len(rows)} | {dice:.3f} | {apart:.2f} | {middle} | {len(rows) - len(seen)}"


_HEAD = "n | Dice | HD95, mm | bias of the area, % (SNR >= 30) | its size (largest) | refused |\n|---|---|---|---|---|---|---|"


def by_pixel(rows: list[Row]) -> str:
    """Sciatic nerves of 20 to 60 mm2."""
    lines = [f"| sciatic, 20 to 60 mm2: pixel, mm | {_HEAD}"]
    for said, (above, upto) in PIXELS.items():
        some = [r for r in rows if r.sciatic and above < r.given.pixel_mm <= upto]
        lines += [f"| {said} | {_figures(some)} |"] if some else []
    return "\n".join(lines)


def by_contrast(rows: list[Row]) -> str:
    """All nerves, by what the images show."""
    lines = [f"| all nerves: images | {_HEAD}"]
    groups: dict[str, list[Row]] = {}
    for row in (r for r in rows if r.given.truth is not None):
        fat = [FAT_IS[i.weighting] for i in row.given.images]
        said = "fat bright in none" if max(fat) <= 0 else "fat bright in all" if min(fat) > 0 else "bright and dark fat"
        groups.setdefault(said, []).append(row)
    return "\n".join(lines + [f"| {said} | {_figures(some)} |" for said, some in sorted(groups.items())])


def trust(rows: list[Row]) -> str:
    """Coverage of the area's uncertainty, and Dice by confidence."""
    nerves = [r for r in rows if r.given.truth is not None and len(r.sections)]
    lines = ["| area: sections | within 1 se, % (68) | within 2 se, % (95) |", "|---|---|---|"]
    for said, some in (
        ("of all nerves", nerves),
        ("of sciatic nerves, 20 to 60 mm2", [r for r in nerves if r.sciatic]),
    ):
        if not some:
            continue
        section = np.concatenate([r.sections for r in some])
        off = np.abs(section[:, 0] - section[:, 1]) / section[:, 2]
        lines.append(f"| {said}, {len(off)} | {100 * np.mean(off < 1):.0f} | {100 * np.mean(off < 2):.0f} |")
    lines += ["", "| confidence | sections | Dice, median | with Dice >= 0.8, % |", "|---|---|---|---|"]
    section = np.concatenate([r.sections for r in nerves]) if nerves else np.zeros((0, 6))
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        dice = section[(section[:, 3] >= low) & (section[:, 3] < high), 4]
        if len(dice):
            lines.append(
                f"| {low:g} to {min(high, 1):g} | {len(dice)} | {np.median(dice):.3f} | {100 * np.mean(dice >= 0.8):.0f} |"
            )
    return "\n".join(lines)


def by_case(rows: list[Row]) -> str:
    """One line a case."""
    lines = ["| case | images | Dice | HD95, mm | bias of the area, % | confidence |", "|---|---|---|---|---|---|"]
    for row in rows:
        images = " ".join(i.weighting for i in row.given.images)
        if not len(row.sections) or row.given.truth is None:
            said = "refused" if row.refused else "FOUND WHERE THERE IS NONE"
            lines.append(f"| {row.name} | {images} | {said} | | | |")
            continue
        _, _, _, sure, dice, apart = np.median(row.sections, axis=0)
        lines.append(f"| {row.name} | {images} | {dice:.3f} | {apart:.2f} | {100 * row.bias:+.1f} | {sure:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--seed", type=int, default=0, help="added to the seed of every case")
    parser.add_argument("--write", type=Path, help="folder in which the tables of nerves.md are renewed")
    chosen = parser.parse_args()
    said = []
    for title, cases in (("The project's own generator", first), ("The second generator", second)):
        rows = [judged(name, make()) for name, make in cases(chosen.seed) if chosen.only in name]
        said.append(tables(title, rows))
        print("\n" + said[-1], flush=True)
    if chosen.write:
        page = chosen.write / "nerves.md"
        kept = page.read_text(encoding="utf-8").split("<!-- tables -->")[0]
        page.write_text(kept + "<!-- tables -->\n\n" + "\n\n".join(said) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
