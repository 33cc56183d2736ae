"""File names of the ORMIR-MIDS and muscle-BIDS layout, as its converter really writes them.

``sub-01/ses-m0/mr-anat/003_sub-01_MESE.nii.gz``: the kind in any case, the visit in the folder but often not in the name, and a
series number before the name where that was asked. The number becomes the run, so that two series of one kind stay apart.
"""

from __future__ import annotations

import re
from dataclasses import replace

from neuromyo.io import names

_KINDS = {kind.casefold(): kind for kind in sorted(names.SERIES_KINDS)}
_NUMBERED = re.compile(r"(\d{3,})_(sub-.*)")


def kind(suffix: str) -> str:
    """The suffix as BIDS writes it: ``mese`` is ``MESE``, ``t1w`` is ``T1w``; others in capitals."""
    return _KINDS.get(suffix.casefold(), suffix.upper())


def split(filename: str) -> names.Name | None:
    """A file name taken apart, or None where it is not one of this layout."""
    numbered = _NUMBERED.fullmatch(filename)
    name = names.split(numbered[2] if numbered else filename)
    if name is None or numbered is None:
        return name
    return (
        None if "run" in name.entities else replace(name, entities=names.ordered({**name.entities, "run": numbered[1]}))
    )


def image_name(filename: str, session: str) -> names.Name | None:
    """The name of an image in the folder of a visit; without a visit in its name, it is that of the folder."""
    name = split(filename)
    if name is None:
        return None
    visit = {"ses": session} if session and "ses" not in name.entities else {}
    return replace(name, entities=names.ordered({**name.entities, **visit}), suffix=kind(name.suffix))
