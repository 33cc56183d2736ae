"""How sure a tracer may be: a confidence for each section that means something, an uncertainty of its area, a score of the whole.

The confidence is a logistic function of what `follow` measures in a slice. Its weights were set by hand; `bench/trace_cases.py` prints
what came of it: the share of sections with a Dice overlap of at least 0.8 with the truth, by confidence. On the phantom's cases that
share is 0.96 at 0.9 and above and about 0.9 below, so that it is cautious rather than sure; few sections there are bad.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.nerve import Section
from neuromyo.nerve.follow import Step
from neuromyo.nerve.trace_stack import Stack

#: weights of: 1, quality (logit), voxels across (log), rival, match
WEIGHTS = (-1.0, 0.8, 1.0, -2.0, 1.0)
WEAK = 0.5
#: how far a boundary as a whole may lie from the truth (mm, one sd), where an image shows it and where none does: a thin layer of fat
#: hides it from one side or the sheath is as dark as fat; slices do not average it out (second generator; docs/accuracy/nerves.md)
WHOLE_MM, UNSEEN_MM = 0.20, 0.33


def features(stack: Stack, step: Step) -> np.ndarray:
    """(5,) what a section's confidence is made of."""
    quality = float(np.clip(step.quality, 0.01, 0.99))
    across = step.cut.outline.extent[1] / stack.flat.pixel_mm
    return np.array([1.0, np.log(quality / (1 - quality)), np.log(max(across, 1.0)) - 1.5, step.rival, step.match])


def confidence(stack: Stack, step: Step) -> float:
    """0 to 1."""
    return float(1.0 / (1.0 + np.exp(-features(stack, step) @ np.array(WEIGHTS))))


def bridged_confidence(steps: Sequence[Step], k: int) -> float:
    """Of an interpolated section: low, and lower the further from a slice in which the nerve was seen."""
    return 0.4 / min(abs(k - s.slice) for s in steps)


def area_error(stack: Stack, step: Step) -> float:
    """Standard uncertainty (mm2): how far rays disagree with the smooth outline, averaged over as many independent stretches as there
    are; a tenth of a pixel all round that blur may shift it by; and what moves the boundary as a whole."""
    points = step.cut.outline.points
    around = float(np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).sum())
    stretches = max(4.0, around / max(1.0, 1.5 * stack.flat.pixel_mm))
    whole = WHOLE_MM if stack.shows_boundary else UNSEEN_MM
    parts = (step.cut.rough / np.sqrt(stretches), 0.1 * stack.flat.pixel_mm, whole)
    return around * float(np.linalg.norm(parts))


def step_flags(stack: Stack, step: Step) -> tuple[str, ...]:
    """What the section is flagged with."""
    flags = list(step.flags)
    if step.rival > 0.5 * step.quality or step.touch > 0.25:
        flags.append("crossing")
    if confidence(stack, step) < WEAK:
        flags.append("weak")
    if step.cut_off:
        flags.append("edge")
    return tuple(flags)


def score(sections: Sequence[Section], length_mm: float) -> float:
    """Of the whole: the median confidence, less where little was seen of it."""
    sure = float(np.median([one.confidence for one in sections]))
    return sure * float(1.0 - np.exp(-length_mm / 20.0))
