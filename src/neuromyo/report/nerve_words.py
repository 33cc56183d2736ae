"""What the quantities of a nerve are called where people read."""

from __future__ import annotations

from collections.abc import Mapping

#: quantities in the order in which people ask for them, with their headings
HEADINGS: Mapping[str, str] = {
    "CSA": "cross-section", "CSA_in_plane": "cross-section in the slice", "roundness": "roundness", "flattening": "flattening",
    "fascicle_to_nerve_ratio": "fascicles' share of the nerve", "fascicle_count": "fascicles", "fascicle_area": "area of one fascicle",
    "largest_fascicle_area": "largest fascicle", "fascicular_volume": "volume of fascicles",
    "bright_fascicle_fraction": "bright share of fascicles", "nerve_to_muscle_T2w": "nerve to muscle, T2-weighted",
    "angle_to_slice": "angle to the slice's normal", "angle_to_B0": "angle to the main field", "confidence": "confidence",
    "long_diameter": "long diameter", "short_diameter": "short diameter",
}  # fmt: skip

#: those that a summary of a few sentences tells; the others stand with the nerve and in the tables
FIRST_TOLD = ("CSA", "fascicle_to_nerve_ratio", "nerve_to_muscle_T2w")
_CHANGES = {"slope_": "slope of {} towards the foot", "distal_proximal_": "{}, distal over proximal third"}


def words(quantity: str) -> str:
    """``slope_CSA`` -> ``slope of cross-section towards the foot``; a name that is not known here as it is."""
    for begin, text in _CHANGES.items():
        if quantity.startswith(begin):
            return text.format(words(quantity.removeprefix(begin)))
    return HEADINGS.get(quantity, quantity)
