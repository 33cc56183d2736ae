"""BIDS kinds by what the images are: spin or gradient echo, and what was varied between stacks of one grid.

Several stacks make one kind together: the inversion times of IRT1, the flip angles of VFA, MT on and off. Those are looked for first;
a stack that stands alone is named by its echoes, and by echo and repetition time where there is one echo. Nothing is guessed: where the
numbers lie between two contrasts and no word of the protocol's name decides, there is no kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neuromyo.dicom import geometry
from neuromyo.dicom.looks import Look, near

#: double-angle scans use large angles; two small ones are a variable-flip T1 scan
_LARGE_FLIP = 80.0
#: least inversion times that make an inversion recovery series
_INVERSIONS = 3
#: what of a phase-encoding direction is the opposite of what
_OTHER_WAY = {"row": "row-", "col": "col-", "row-": "row", "col-": "col"}
#: images of water and fat that scanners make, by `Frame.made`
RECONSTRUCTED = {"water": "water", "fat": "fat", "inphase": "inphase", "outphase": "outphase"}


def guesses(looks: Sequence[Look]) -> dict[int, tuple[str, dict[str, str]]]:
    """Place of a look -> (kind, entities that go with it); looks that cannot be named are absent."""
    named: dict[int, tuple[str, dict[str, str]]] = {}
    images = [look for look in looks if not look.stack.made]
    for look in images:
        kind = _diffusion(look, images)
        if kind:
            named[look.place] = kind, _direction(look)
    for place, kind in _field_maps([look for look in images if look.place not in named]):
        named[place] = kind, {}
    for family in _families([look for look in images if look.place not in named]):
        for place, kind, entities in _of_family(family):
            named.setdefault(place, (kind, entities))
    for look in images:
        if look.place not in named and _has_magnitude(look, images) and (kind := _alone(look)):
            named[look.place] = kind, {}
    for look in looks:
        if look.stack.made in RECONSTRUCTED:
            named[look.place] = _dixon(look), {"rec": RECONSTRUCTED[look.stack.made]}
    return named


# --- diffusion --------------------------------------------------------------------------------------------------------


def _diffusion(look: Look, looks: Sequence[Look]) -> str:
    if look.weighted:
        return "dwi"
    if not (look.diffusion or look.planar):
        return ""
    partners = [o for o in looks if o.weighted and o.on_grid_of(look) and o.stack.part == look.stack.part]
    if look.stack.n == 1 and any(_encoded(look) and _encoded(look) == _encoded(o) for o in partners):
        return "sbref"
    if look.diffusion:
        return "dwi"
    return "epi" if any(_reversed(look, o) for o in partners) else ""


def _encoded(look: Look) -> object:
    """The direction of phase encoding, as far as it is stated."""
    return look.stack.facts.get("PhaseEncodingDirection")


def _reversed(one: Look, other: Look) -> bool:
    direction = _encoded(one)
    return isinstance(direction, str) and direction in _OTHER_WAY and _encoded(other) == _OTHER_WAY[direction]


def _direction(look: Look) -> dict[str, str]:
    """``dir-AP``: where the phase encoding leads in the body, where the header tells it."""
    axis = image_axis(_encoded(look))
    return {"dir": geometry.towards(axis, look.stack.affine)} if axis else {}


def image_axis(direction: object) -> str:
    """``row-`` (towards lower column index) as BIDS says it of the image as stored: ``i-``; "" where it is not stated.

    Rows are stored last first (`neuromyo.dicom.geometry`), so that ``col``, towards higher row index, is ``j-``.
    """
    words = {"row": "i", "col": "j-", "row-": "i-", "col-": "j"}
    return words.get(direction, "") if isinstance(direction, str) else ""


# --- stacks that belong together --------------------------------------------------------------------------------------


def _families(looks: Sequence[Look]) -> list[list[Look]]:
    """Stacks alike but for flip angle, repetition time, inversion time and MT pulse."""
    families: list[list[Look]] = []
    for look in looks:
        home = next((f for f in families if f[0].alike(look, but=("flip", "tr", "ti", "mt"))), None)
        if home is None:
            families.append([look])
        else:
            home.append(look)
    return families


def _of_family(family: list[Look]) -> Iterator[tuple[int, str, dict[str, str]]]:
    inverted = [look for look in family if look.ti is not None]
    if len(_different([look.ti for look in inverted])) >= _INVERSIONS and not _is_look_locker(inverted):
        yield from ((look.place, "IRT1", {}) for look in inverted)
    rest = [look for look in family if look not in inverted]
    if any(look.mt for look in rest):
        yield from _saturated(rest)
    elif len(rest) > 1:
        yield from _two_intervals(rest)
        yield from _angles(rest)


def _is_look_locker(family: list[Look]) -> bool:
    """Gradient echoes at several times after one inversion come in one series; IRT1 inverts anew for every image."""
    return family[0].echo != "spin" and len({look.stack.numbers for look in family}) == 1


def _saturated(family: list[Look]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """MT on and its partners without: a ratio, or a set over flip angles too."""
    on, off = [look for look in family if look.mt], [look for look in family if not look.mt]
    if not off or family[0].echo == "spin":
        return
    echoes = family[0].n_echoes > 1
    flips = _different([look.flip for look in family])
    kind = "MPM" if echoes else "MTS" if len(flips) > 1 else "MTR"
    for look in on:
        if any(near(look.flip, o.flip) and near(look.tr, o.tr) for o in off):
            yield look.place, kind, {"mt": "on"}
    for look in off:
        paired = any(near(look.flip, o.flip) and near(look.tr, o.tr) for o in on)
        if paired or (kind != "MTR" and look.echo == "gradient"):
            yield look.place, kind, {"mt": "off"}


def _two_intervals(family: list[Look]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Actual flip angle imaging: two repetition times of one series, or of what is called so."""
    intervals = _different([look.tr for look in family])
    flips = _different([look.flip for look in family])
    if len(intervals) != 2 or len(flips) != 1 or family[0].echo == "spin":
        return
    together = len({look.stack.numbers for look in family}) == 1 and flips[0] >= 40
    if together or all("afi" in look.words for look in family):
        for look in family:
            yield look.place, "TB1AFI", {"acq": "tr1" if near(look.tr, intervals[0]) else "tr2"}


def _angles(family: list[Look]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Double-angle B1, or variable flip angles, of one repetition time."""
    for tr in _different([look.tr for look in family]):
        same = [look for look in family if near(look.tr, tr)]
        flips = _different([look.flip for look in same])
        if len(flips) == 2 and near(flips[1], 2 * flips[0]) and _is_double_angle(same, flips[1]):
            yield from ((look.place, "TB1DAM", {}) for look in same)
        elif len(flips) > 1 and family[0].echo == "gradient":
            yield from ((look.place, "VFA", {}) for look in same)


def _is_double_angle(family: list[Look], larger: float) -> bool:
    return family[0].n_echoes <= 1 and (larger >= _LARGE_FLIP or all(look.words & {"dam", "b1"} for look in family))


def _different(values: Sequence[float | None]) -> list[float]:
    """The different numbers among the values, in rising order."""
    found: list[float] = []
    for value in sorted(v for v in values if v is not None):
        if not found or not near(found[-1], value):
            found.append(value)
    return found


def _field_maps(looks: Sequence[Look]) -> Iterator[tuple[int, str]]:
    """A difference of phases, at the second of two echoes whose magnitudes lie beside it, in a series called field map."""
    for phase in looks:
        if phase.stack.part != "phase" or phase.stack.n != 1 or not phase.words & _FIELD_MAP:
            continue
        for size in looks:
            if size.stack.part == "mag" and size.stack.n == 2 and size.on_grid_of(phase) and size.echo != "spin":
                same = near(size.tr, phase.tr) and near(size.flip, phase.flip)
                if same and near(size.stack.echo_times[1], phase.te):
                    yield from ((size.place, "magnitude"), (phase.place, "phasediff"))


_FIELD_MAP = frozenset({"fieldmap", "fmap", "map", "b0"})


# --- stacks alone -----------------------------------------------------------------------------------------------------


def _has_magnitude(look: Look, looks: Sequence[Look]) -> bool:
    """Phase of a single echo says what it is by its magnitude: alone, it may be a difference of phases."""
    if look.stack.part != "phase" or look.n_echoes > 1:
        return True
    return any(o.stack.part in ("mag", "real") and o.alike_but_part(look) for o in looks)


def _alone(look: Look) -> str:
    if look.n_echoes > 1:
        return {"spin": "MESE", "gradient": "MEGRE"}.get(look.echo, "")
    if look.planar or look.te is None or look.mt:
        return ""
    words = {kind for kind, (names, (low, high)) in _CONTRASTS.items() if look.words & names and low <= look.te <= high}
    by_numbers = _spin_contrast(look) if look.echo == "spin" else _gradient_contrast(look) if look.echo else ""
    if by_numbers or len(words) != 1:
        return by_numbers
    return words.pop()


#: kind -> words for it, and the echo times (s) at which a word is believed
_CONTRASTS: dict[str, tuple[set[str], tuple[float, float]]] = {
    "T1w": ({"t1", "t1w"}, (0.0, 0.035)), "T2w": ({"t2", "t2w", "stir", "tirm"}, (0.030, 0.5)), "PDw": ({"pd", "pdw"}, (0.0, 0.050)),
    "T2starw": ({"t2star", "t2starw"}, (0.008, 0.1)),
}  # fmt: skip


def _spin_contrast(look: Look) -> str:
    """By echo and repetition time (s) of a spin echo; "" between the contrasts."""
    te, tr, ti = look.te or 0.0, look.tr, look.ti
    if tr is None:
        return ""
    if ti is not None:  # fat or fluid nulled
        nulled = "T2w" if 0.1 <= ti <= 0.3 and te >= 0.030 else "FLAIR" if ti >= 1.5 and te >= 0.060 else ""
        return nulled if tr >= 1.5 else ""
    if te <= 0.030 and tr <= 1.2:
        return "T1w"
    if te >= 0.060 and tr >= 1.5:
        return "T2w"
    return "PDw" if te <= 0.030 and tr >= 2.0 else ""


def _gradient_contrast(look: Look) -> str:
    """By echo time (s), repetition time (s) and angle (degrees) of a gradient echo; "" between the contrasts."""
    te, tr, flip = look.te or 0.0, look.tr, look.flip
    if te >= 0.015:
        return "T2starw"
    if te <= 0.010 and look.ti is not None and 0.5 <= look.ti <= 1.3:
        return "T1w"  # prepared by an inversion
    if te > 0.010 or tr is None or flip is None or look.ti is not None:
        return ""
    if (tr <= 0.050 and flip >= 9) or (tr <= 0.8 and flip >= 40):
        return "T1w"
    return "PDw" if (tr <= 0.050 and flip <= 5) else ""


def _dixon(look: Look) -> str:
    """Images of water or fat are named by their weighting; T1w where it is not plain, as most are."""
    by_numbers = _spin_contrast(look) if look.echo == "spin" else _gradient_contrast(look)
    return by_numbers if by_numbers in ("T1w", "T2w", "PDw") else "T1w"
