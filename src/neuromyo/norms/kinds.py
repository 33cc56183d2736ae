"""Every quantity this software writes: on which scale it gets a norm, or why it gets none, and whether its profile gets a band.

    slope_X, distal_proximal_X, asymmetry_X, atrophy_X

are decided by what they are of X, whatever X is. A quantity that is not named here (another's plug-in) is taken by its unit
(`transforms.of`) and has no profile of its own.

Assumes: one name means one thing in all tables. Breaks: a plug-in that calls something else by one of these names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neuromyo.norms.transforms import of

_SCANNER = "tells the scanner's field, not the person"
_LYING = "tells how the limb lay in the scanner"
_SURE = "tells how well it was measured"
_ARBITRARY = "in units of that scan alone"
_HELPER = "fitted on the way to another number"

#: quantity -> why it gets no norm
WITHOUT: dict[str, str] = {
    "B0": _SCANNER, "B1": _SCANNER, "RB1": _SCANNER, "PrecessionSign": _SCANNER, "angle_to_slice": _LYING, "angle_to_B0": _LYING,
    "confidence": _SURE, "coverage_section": _SURE, "coverage_length": _SURE, "tract_count": "tells how many lines were asked for",
    "S0": _ARBITRARY, "M0": _ARBITRARY, "W": _ARBITRARY, "F": _ARBITRARY, "Reference": _ARBITRARY, "D": "no single number",
    "V1": "no single number", "FatT2": _HELPER, "FatDoubleBonds": _HELPER,
}  # fmt: skip
#: what something made of another quantity is called -> the scale of it, or why it gets no norm
MADE: dict[str, str] = {"slope_": "identity", "distal_proximal_": "log", "asymmetry_": "identity"}
MADE_WITHOUT: dict[str, str] = {"atrophy_": "healthy people have no affected side"}
#: quantities with a norm, with the unit they are written in
WITH: dict[str, str] = {
    "T2": "ms", "MTsat": "%", "T1": "ms", "T2star": "ms", "R2star": "1/s", "MD": "10^-3 mm2/s", "AD": "10^-3 mm2/s",
    "RD": "10^-3 mm2/s", "PD": "%", "FF": "%", "FA": "1", "MTR": "%", "CSA": "mm2", "CSA_in_plane": "mm2", "contractile_CSA": "mm2",
    "volume": "ml", "contractile_volume": "ml", "perimeter": "mm", "long_diameter": "mm", "short_diameter": "mm", "roundness": "1",
    "flattening": "1", "fascicle_to_nerve_ratio": "1", "bright_fascicle_fraction": "1", "fascicle_count": "1",
    "fascicle_area": "mm2", "largest_fascicle_area": "mm2", "fascicular_volume": "ml", "nerve_to_muscle_T2w": "1",
    "tract_length": "mm", "length": "mm",
}  # fmt: skip
#: of these a band along the nerve would say again what that of CSA or flattening says, or they are no property of a level
_NO_PROFILE = frozenset({"CSA_in_plane", "perimeter", "long_diameter", "short_diameter", "roundness", "largest_fascicle_area",
                         "volume", "contractile_volume", "fascicular_volume", "tract_length", "length"})  # fmt: skip
_REASONS = {"log": "a size, a time or a ratio: above 0, and its spread grows with its size",
            "logit": "a share: between two bounds, and skewed near one", "identity": "symmetric, or of either sign"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """``scale``: log, logit, identity, or empty for no norm; ``why``: in words; ``known``: decided here, not by the unit alone;
    ``along``: whether its profile along a nerve gets a band."""

    scale: str
    why: str
    known: bool = True
    along: bool = False


def kind_of(quantity: str, unit: str) -> Kind:
    """What becomes of a quantity.

    >>> kind_of("CSA", "mm2").scale, kind_of("slope_T2", "ms/100 mm").scale, kind_of("confidence", "1").scale
    ('log', 'identity', '')
    """
    made = next((start for start in MADE if quantity.startswith(start)), "")
    why = WITHOUT.get(quantity.removeprefix(made)) or (_ARBITRARY if unit == "a.u." else "")
    why = why or next((said for start, said in MADE_WITHOUT.items() if quantity.startswith(start)), "")
    if why:
        return Kind("", why)
    scale = of(quantity, unit).name
    known = quantity.removeprefix(made) in WITH
    return Kind(scale, _REASONS[scale], known, known and not made and quantity not in _NO_PROFILE)


def table() -> Iterable[tuple[str, str, str, str]]:
    """Rows of the page: quantity (with its unit), scale, profile, why."""
    for name, unit in sorted(WITH.items(), key=lambda pair: pair[0].lower()):
        kind = kind_of(name, unit)
        yield f"`{name}` ({unit})", kind.scale, "yes" if kind.along else "no", kind.why
    for start, scale in MADE.items():
        yield f"`{start}...`", scale, "no", _REASONS[scale]
    for name, why in (
        *((f"{s}...", w) for s, w in MADE_WITHOUT.items()),
        *sorted(WITHOUT.items(), key=lambda p: p[0].lower()),
    ):
        yield f"`{name}`", "no norm", "no", why
