"""Which part of the signal an image shows, and whether the scanner made it out of others, in the words headers use."""

from __future__ import annotations

import re
from collections.abc import Iterable

from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Part

#: words for the part, as they stand in Image Type, Frame Type and Complex Image Component, without spaces and underscores
_PARTS: dict[str, Part] = {
    "M": "mag", "MAGNITUDE": "mag", "P": "phase", "PHASE": "phase", "PHASEMAP": "phase", "R": "real", "REAL": "real",
    "I": "imag", "IMAGINARY": "imag",
}  # fmt: skip
_PHILIPS_PART = re.compile(r"([MPRI])_(FFE|SE|TSE|IR|PCA|MIXED|EPI|GRASE|TFE)")

#: words for what a scanner makes of its images
_MADE = {
    "T1MAP": "T1map", "T2MAP": "T2map", "T2STARMAP": "T2starmap", "T2*MAP": "T2starmap", "PDMAP": "PDmap",
    "R1MAP": "other", "R2MAP": "other", "R2STARMAP": "other", "R2*MAP": "other", "R2STAR": "other", "R2*": "other",
    "FATFRACTION": "PDFF", "FATFRAC": "PDFF", "PDFF": "PDFF", "FATPERCENT": "PDFF", "B0MAP": "B0map", "FIELDMAP": "B0map",
    "B1MAP": "B1map", "WATER": "water", "FAT": "fat", "INPHASE": "inphase", "OPPPHASE": "outphase", "OPPOSEDPHASE": "outphase",
    "OUTPHASE": "outphase", "OUTOFPHASE": "outphase", "ADC": "ADC", "EADC": "other", "EXPONENTIAL": "other", "FA": "FA",
    "FRACTIONALANISOTROPY": "FA", "TRACEW": "trace", "TRACE": "trace", "ISOTROPIC": "trace", "TENSOR": "tensor",
    "DIFFUSIONTENSOR": "tensor", "FACOLOR": "colour", "FACOLOUR": "colour", "COLFA": "colour", "RGB": "colour",
    "SUBTRACTION": "subtraction", "SUBTRACT": "subtraction", "SUB": "subtraction", "MIP": "projection", "MAXIP": "projection",
    "MINIP": "projection", "MNIP": "projection", "MPR": "projection", "CPR": "projection", "CSAMPR": "projection",
    "CSAMIP": "projection", "PROJECTION": "projection", "PROJECTIONIMAGE": "projection", "REFORMATTED": "projection",
    "RESAMPLED": "other", "LOCALIZER": "localiser", "SCREENSAVE": "screenshot", "SCREENSHOT": "screenshot", "POSDISP": "screenshot",
    "VELOCITYMAP": "other", "VELOCITY": "other", "PERFUSION": "other", "TTEST": "other",
    "MEAN": "other", "STDDEVIATION": "other", "GOODNESSOFFIT": "other", "WATERFRACTION": "other",
}  # fmt: skip


def plain(word: str) -> str:
    """``T2_STAR MAP`` and ``T2 STAR_MAP`` are one word."""
    return re.sub(r"[ _-]", "", word.upper())


def image_words(view: View) -> tuple[str, ...]:
    """What Frame Type, or else Image Type, says after ORIGINAL or DERIVED, PRIMARY or SECONDARY."""
    return (view.words("FrameType") or view.words("ImageType"))[2:]


def part_of_words(words: Iterable[str]) -> Part | None:
    """The part that the first telling word names."""
    for word in words:
        philips = _PHILIPS_PART.fullmatch(word.upper())
        found = _PARTS.get(philips[1] if philips else plain(word))
        if found:
            return found
    return None


def stated_part(view: View) -> tuple[Part | None, Part | None]:
    """The part by the image type, and by the Complex Image Component."""
    return part_of_words(image_words(view)), part_of_words(view.words("ComplexImageComponent"))


def made_of_words(words: Iterable[str]) -> str:
    """One of `frames.MADE`, by the first telling word."""
    return next((_MADE[w] for w in map(plain, words) if w in _MADE), "")


def stated_made(view: View) -> str:
    """What the image type and the standard attributes say was made of the image."""
    words = image_words(view)
    made = made_of_words(words)
    if made:
        return made
    if view.text("VolumeBasedCalculationTechnique").upper() not in ("", "NONE"):
        return "projection"
    secondary = view.words("ImageType")[:2] == ("DERIVED", "SECONDARY")
    return "other" if secondary and part_of_words(words) is None else ""
