r"""Philips: three sizes of one number, parts in a private element, the averages it appends to diffusion series.

A stored number s is displayed as :math:`D = s\,RS + RI`, RS and RI chosen series by series for the screen. The signal is
:math:`D / (RS\,SS)` with the private scale slope SS (2005,100E); without it nothing compares between series, and the image is
marked ``display`` with RS as its ``display_slope``. Phase is displayed in thousandths of a radian. Gradient directions are in
the patient's frame. In classic exports of enhanced files the private elements stand in the sequence 2005,140F.

*Cites* Chenevert et al., Transl Oncol 2014;7(1):65, doi 10.1593/tlo.13811 (scaling).
"""

from __future__ import annotations

from pydicom.sequence import Sequence

from neuromyo.dicom.dialect import Dialect, Plane, Scaled
from neuromyo.dicom.diffusion import Gradient, unit
from neuromyo.dicom.elements import Part as Header
from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Part, Scale
from neuromyo.dicom.kinds import image_words, part_of_words, plain
from neuromyo.dicom.scaling import SIGNALS, stated

_DD1, _IMAGING = "Philips MR Imaging DD 001", "Philips Imaging DD 001"
_DD5 = "Philips MR Imaging DD 005"
#: what Philips alone calls the images it makes: as (the beginning of) any word of the image type
_WATER_FAT = {"W": "water", "F": "fat", "IP": "inphase", "OP": "outphase", "FF": "PDFF"}
#: as its fourth value (in the third, enhanced files say T1 or T2 of a weighting)
_MAPS = {
    "T1": "T1map",
    "T2": "T2map",
    "R2": "other",
    "B0": "B0map",
    "B1": "B1map",
    "T2STAR": "T2starmap",
    "R2STAR": "other",
}


def _widened(view: View) -> View:
    """The view, with the private sequence of classic exports looked into after the plane's own parts."""
    for creator in (_DD5, _DD1):
        found = view.private(0x2005, creator, 0x0F, "SQ")
        if isinstance(found, Sequence) and len(found):
            return View(view.top, (*view.parts, Header(found[0])))
    return view


def _part(view: View) -> Part | None:
    return part_of_words([view.private_text(0x2005, _DD1, 0x11, "CS")])


def _made(view: View) -> str | None:
    words = image_words(view)
    found = next((_WATER_FAT[head] for w in words if (head := w.split("_")[0]) in _WATER_FAT), None)
    return found or next((_MAPS[plain(w)] for w in words[1:2] if plain(w) in _MAPS), None)


def _gradient(view: View, _: Plane) -> Gradient:
    b = view.number("DiffusionBValue")
    b = view.private_number(0x2001, _IMAGING, 0x03, "FL") if b is None else b
    given = [n for element in (0xB0, 0xB1, 0xB2) for n in view.private_numbers(0x2005, _DD1, element, "FL")[:1]]
    said = view.private_text(0x2001, _IMAGING, 0x04, "CS").upper()
    # an average over directions, appended by the scanner, has a b-value and three zeros (or "I") for a direction
    isotropic = bool(b) and (said in ("I", "ISOTROPIC") or (len(given) == 3 and not any(given)))
    return Gradient(b, unit(given) if b and not isotropic else None, isotropic)


def _scale(view: View, part: Part, made: str) -> Scaled | None:
    if made not in SIGNALS or part == "phase":
        return None
    slope, intercept, _ = stated(view)
    true = view.private_number(0x2005, _DD1, 0x0E, "FL")
    if true is None or true <= 0 or slope <= 0:
        return Scaled(Scale(slope, intercept, "display", slope))
    return Scaled(Scale(1 / true, intercept / (slope * true), "signal", slope))


def _mt(view: View) -> bool | None:
    """The private "magnetisation transfer contrast", Y or N."""
    return {"Y": True, "N": False}.get(view.private_text(0x2005, _DD1, 0x1C, "CS").upper()[:1])


DIALECT = Dialect("Philips", view=_widened, part=_part, made=_made, gradient=_gradient, scale=_scale, mt=_mt)
