"""Calling files by names that give no one away.

Exports carry patients' names and numbers in folder and file names. A file is called by its place in the sorted list and by
what is left of its name when words that are not of the trade and long numbers are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuromyo.io.files import printable

#: words that name images, not people
_TRADE = """
    acq avi bad bin bz cd copy data deflated dicom dicomdir dcm deep dir dti dwi e echo empty enhanced ep epi exam f fat ff file files
    flip fr frame gap ge gr gre gz i im ima image images img in inst junk knee leg loc m mag map mese mosaic mr mri mt n nii
    no one out p page part phase philips pixel pixels pos raw real imag rec s scan se ser series siemens slice sl src stack t tar te test
    thigh calf ti tmp tr trunc truncated two txt u uih v vol volume water x xa xml y z zip
"""
_WORDS = frozenset(_TRADE.split())
#: three or more numbers in a row are a date (Siemens' exports end with day and time) or an identifier
_CHAIN = r"[0-9]+(?:[._ -]+[0-9]+){2,}"
_PIECES = re.compile(_CHAIN + r"|[A-Za-z]+|[0-9]+|[._ -]|.", re.DOTALL)
_DIGITS = 5


def discreet(name: str) -> str:
    """What may be shown of a file's name: ``Smith_IM0012.dcm`` becomes ``~_IM0012.dcm``.

    Words that are not of the trade, long numbers and rows of numbers, which may be a date, are taken out.
    """
    said = "".join(_piece(p) for p in _PIECES.findall(name))
    return re.sub(r"~+", "~", said)[:80]


def _piece(piece: str) -> str:
    if piece.isascii() and piece.isdigit():
        return piece if len(piece.lstrip("0")) <= _DIGITS else "~"
    return piece if piece in "._ -" or piece.lower() in _WORDS else "~"


@dataclass(frozen=True)
class Listing:
    """The files under a folder, sorted, as they are known from then on: by number.

    ``open_names`` : messages show whole names (asked for by the user, who then keeps those messages to himself)
    ``called`` : the names to call them by, where they differ (members of an archive, unpacked under numbers)
    """

    root: Path
    files: Sequence[str]
    open_names: bool = False
    called: Sequence[str] = ()

    def path(self, number: int) -> Path:
        return self.root / self.files[number]

    def call(self, number: int) -> str:
        """``file 12 of 40 (~_IM0012.dcm)``, counted from 1 in the order of names."""
        name = (self.called or self.files)[number]
        shown = printable(name) if self.open_names else discreet(Path(name).name)
        return f"file {number + 1} of {len(self.files)} ({shown})"
