"""Two visits laid on each other along the nerve, where no landmark was given or it is in doubt.

The same place of the nerve lies at distance d in the first visit and d + s in the second. For every shift s tried, each
quantity that both visits have (CSA, flattening, a map, bone or muscle area ...) is compared where they overlap: the second
visit's slices y are explained by a straight line alone, or by a line and the first visit's smooth profile f moved by s,

    y(d) = p + q d + g f(d - s) + e,   g > 0;      evidence(s) = -(v / 2) log( SS_with / SS_line ),

so that level, trend and gain (scanner, coil, oedema) tell nothing about s and only features do. v are the degrees of freedom
at the best shift, the same for all, so that a longer overlap is no argument; fewer where residuals are alike from slice to slice:
a chance likeness of two smooth profiles leaves such residuals. The comparison is made both ways and averaged. ``rigid``
quantities (bone area) are compared as they are, without p, q and g. Named places (the split) add -(Delta - s)^2 / (2 var). All
evidence together with a flat prior within +-search_mm (or a normal one of landmark_sd_mm, for a landmark in doubt) gives the
probability of each s; shift and se are its mean and sd around the peak.

Assumes: the nerve kept some of its features; both segments overlap by at least 8 slices and 60 % of the shorter one.
Breaks: profiles without features: refused (E-COURSE), not guessed. Features that disease moved or made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.nerve import Course, Trace
from neuromyo.course import smoothing
from neuromyo.course.centreline import place
from neuromyo.course.profile import Profile, of_shapes
from neuromyo.course.shape import SectionShape

_STEP_MM, _FINE_MM = 0.5, 0.25
_FEWEST, _LEAST_SHARE = 8, 0.6
#: around the peak within this distance the shift counts as found
_NEAR_MM = 5.0
#: share of the probability near the peak: below the first the shift is refused, below the second it is in doubt
REFUSED, DOUBTED = 0.6, 0.9
#: largest standard uncertainty that is not refused, and that is not in doubt (errors within 2 mm, 95 times in 100)
LARGEST_SE_MM, FINE_SE_MM = 5.0, 1.0
#: how well a named place can be repeated by nature, mm
_PLACE_SD_MM = 1.0


@dataclass(frozen=True, eq=False)
class Signature:
    """By what one visit's nerve can be known again.

    profiles : one a quantity, all on the same distances
    places : name -> (distance mm, standard uncertainty mm), e.g. of the split
    rigid : quantities whose values themselves stay the same between visits (bone area)
    """

    profiles: Sequence[Profile] = ()
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rigid: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Alignment:
    """distance in the second visit = distance in the first + ``shift_mm``.

    quality : share of the probability within 5 mm of the shift; why : by what, for people
    """

    shift_mm: float
    se_mm: float
    quality: float
    why: str
    findings: tuple[Finding, ...] = ()

    def onto_second(self, profile: Profile) -> Profile:
        """A profile of the first visit with the second's distances."""
        return replace(profile, distance_mm=profile.distance_mm + self.shift_mm)


def signature(
    trace: Trace,
    course: Course,
    shapes: Sequence[SectionShape],
    *,
    others: Sequence[Profile] = (),
    rigid: Sequence[str] = (),
) -> Signature:
    """What a traced nerve can be known again by: CSA, flattening, where it divides, and ``others`` (maps, bone area).

    The split lies half way between the last section of the trunk and the first of its branches, known to half a slice.
    """
    profiles = [of_shapes(shapes, course, trace.grid, name) for name in ("csa_mm2", "flattening")]
    places = {}
    starts = [s.centre_mm for branch in trace.branches for s in branch.sections]
    if starts:
        arc = place(course, np.array(starts), trace)
        first = float(arc[int(np.argmin(np.abs(arc - course.arc_mm[-1])))])
        spacing = trace.grid.voxel_volume_mm3 / trace.grid.pixel_area_mm2
        places["split"] = ((first + float(course.arc_mm[-1])) / 2 - course.zero_mm, spacing / 2)
    return Signature((*profiles, *others), places, tuple(rigid))


def align(
    first: Signature,
    second: Signature,
    *,
    search_mm: float = 30.0,
    landmark_sd_mm: float | None = None,
    name: str = "nerve",
) -> Alignment:
    """The shift between two visits.

    search_mm : largest shift looked for; landmark_sd_mm : how far a common landmark may have been off, where there is one

    Raises E-COURSE where the visits cannot be laid on each other: nothing in common, too little overlap, no features, or
    several shifts that are as likely. A doubtful shift comes with W-ALIGN.
    """
    if not search_mm > 0 or (landmark_sd_mm is not None and not landmark_sd_mm > 0):
        raise OptionError(
            "E-OPTION", where="alignment of visits", needed="lengths above 0 mm", found=f"{search_mm}, {landmark_sd_mm}"
        )
    shifts = np.arange(-search_mm, search_mm + _STEP_MM / 2, _STEP_MM)
    compared = _by_profiles(first, second, shifts)
    places = _by_places(first, second, shifts)
    evidence = np.sum([np.zeros(len(shifts)), *compared.values(), *places.values()], axis=0)
    if not (compared or places) or not np.isfinite(evidence).any():
        raise _refused(name, "a quantity or a named place known in both visits, with enough overlap", "none")
    if landmark_sd_mm is not None:
        evidence = evidence - shifts**2 / (2 * landmark_sd_mm**2)
    shift, se, quality = _peak(shifts, evidence)
    why = ", ".join([*(f"profile of {q}" for q in compared), *places])
    if quality < REFUSED or se > LARGEST_SE_MM or abs(shift) > search_mm - _NEAR_MM:
        found = (
            f"by {why}, none that stands out: the best is {shift:.0f} mm, with {100 * quality:.0f} % of the probability"
            f" within {_NEAR_MM:.0f} mm of it ({search_mm:.0f} mm either way were tried)"
        )
        raise _refused(name, "one shift that is clearly the likeliest", found)
    said = _doubts(name, why, se, quality) + _contradiction(name, shifts, compared, places)
    return Alignment(shift, se, quality, why, tuple(said))


def _by_profiles(first: Signature, second: Signature, shifts: np.ndarray) -> dict[str, np.ndarray]:
    """Quantity -> evidence for each shift; quantities with too few slices are left out."""
    others = {p.quantity: p for p in second.profiles}
    found = {}
    for one in first.profiles:
        other = others.get(one.quantity)
        if other is None or min(len(one.value), len(other.value)) < _FEWEST:
            continue
        rigid = one.quantity in first.rigid and one.quantity in second.rigid
        there = _evidence(one, other, shifts, rigid)
        back = _evidence(other, one, -shifts, rigid)
        if np.isfinite(there + back).any():
            found[one.quantity] = (there + back) / 2
    return found


def _by_places(first: Signature, second: Signature, shifts: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    for name, (at, se) in first.places.items():
        if name in second.places:
            then, then_se = second.places[name]
            found[name] = -((then - at - shifts) ** 2) / (2 * (se**2 + then_se**2 + _PLACE_SD_MM**2))
    return found


def _evidence(one: Profile, other: Profile, shifts: np.ndarray, rigid: bool) -> np.ndarray:
    """Log evidence that the slices of ``other`` repeat ``one`` moved by each shift; -inf where they hardly overlap."""
    good = np.isfinite(one.value) & (one.weight > 0)
    curve = smoothing.fit(one.distance_mm[good], one.value[good, None], one.weight[good])
    low, high = one.distance_mm[good][0], one.distance_mm[good][-1]
    fine = np.linspace(low, high, max(int(np.ceil((high - low) / _FINE_MM)), 2) + 1)
    smooth = curve(fine)[:, 0]
    usable = np.isfinite(other.value) & (other.weight > 0)
    d, y, w = other.distance_mm[usable], other.value[usable], other.weight[usable]
    least = max(_FEWEST, _LEAST_SHARE * min(len(y), int(good.sum())))
    ratio, free, alike = np.full(len(shifts), np.nan), np.zeros(len(shifts)), np.zeros(len(shifts))
    for k, shift in enumerate(shifts):
        inside = (d - shift >= low) & (d - shift <= high)
        if inside.sum() >= least:
            f = np.interp(d[inside] - shift, fine, smooth)
            ratio[k], free[k], alike[k] = _explained(d[inside], y[inside], w[inside], f, rigid)
    if not np.isfinite(ratio).any():
        return np.full(len(shifts), -np.inf)
    best = int(np.nanargmin(ratio))
    r = float(np.clip(alike[best] + 1 / np.sqrt(free[best] + 3), 0.0, 0.99))  # one of its own sd more: to be safe
    evidence = -free[best] / 2 * (1 - r) / (1 + r) * np.log(np.maximum(ratio, 1e-6))
    return np.where(np.isfinite(ratio), evidence, -np.inf)


def _explained(d: np.ndarray, y: np.ndarray, w: np.ndarray, f: np.ndarray, rigid: bool) -> tuple[float, float, float]:
    """SS_with / SS_line, degrees of freedom, and the correlation of the residuals from slice to slice."""
    root = np.sqrt(w / w.mean())
    line = np.column_stack([np.ones(len(d)), d - d.mean()]) * root[:, None]
    basis, _ = np.linalg.qr(line)
    target = root * y
    plain = target - basis @ (basis.T @ target)
    total = float(plain @ plain)
    if total <= 0:
        return 1.0, 0.0, 0.0
    if rigid:
        left = root * (y - f)
    else:
        moved = root * f
        moved = moved - basis @ (basis.T @ moved)
        power = float(moved @ moved)
        gain = max(float(moved @ plain) / power, 0.0) if power > 1e-12 * float(np.sum((root * f) ** 2)) else 0.0
        left = plain - gain * moved
    residual = float(left @ left)
    alike = float(left[1:] @ left[:-1]) / residual if residual > 0 else 0.0
    return residual / total, max(len(d) - 3.0, 0.0), alike


def _peak(shifts: np.ndarray, evidence: np.ndarray) -> tuple[float, float, float]:
    """Mean near the peak, sd over all, and the share of the probability near the peak."""
    weight = np.exp(evidence - evidence.max())
    weight = weight / weight.sum()
    near = np.abs(shifts - shifts[int(np.argmax(weight))]) <= _NEAR_MM
    share = float(weight[near].sum())
    shift = float(np.sum(weight[near] * shifts[near]) / share)
    return shift, float(np.sqrt(np.sum(weight * (shifts - shift) ** 2))), share


def _doubts(name: str, why: str, se: float, quality: float) -> list[Finding]:
    if quality >= DOUBTED and se <= FINE_SE_MM:
        return []
    said = f"the visits were laid on each other by {why}, to {se:.1f} mm only ({100 * quality:.0f} % sure within {_NEAR_MM:.0f} mm)"
    return [Finding("warn", "W-ALIGN", name, said, remedy="give the same bony landmark in both visits",
                    consequence="changes at single levels may be those of place")]  # fmt: skip


def _contradiction(
    name: str, shifts: np.ndarray, compared: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray]
) -> list[Finding]:
    """Where profiles and named places, each for itself, point to different shifts."""
    if not compared or not places:
        return []
    (a, a_se, a_share), (b, b_se, _) = (_peak(shifts, np.sum(list(e.values()), axis=0)) for e in (compared, places))
    if a_share < DOUBTED or abs(a - b) <= 3 * np.hypot(a_se, b_se):
        return []
    said = f"profiles ask for a shift of {a:.1f} mm, {', '.join(places)} for {b:.1f} mm"
    return [Finding("warn", "W-ALIGN", name, said, remedy="look at both visits at that place")]


def _refused(name: str, needed: str, found: str) -> DataError:
    return DataError("E-COURSE", where=f"two visits of {name}", needed=needed, found=found,
                     remedy="give the same bony landmark in both visits")  # fmt: skip
