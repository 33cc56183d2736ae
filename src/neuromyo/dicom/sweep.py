"""The last search, as the parent process sees it: what it found in what is about to be moved into place.

The search itself runs in the child (`neuromyo.dicom.leaks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom.child import as_error


@dataclass(frozen=True)
class Swept:
    """The end of a search, for the parent process.

    leaks : an E-PHI for each file of the output that holds a word; nothing may be moved into place
    refused : file number -> E-PHI, source files whose pixels may name the person
    n_words : how many words were looked for
    unsought : kinds of which a value was too short to be looked for
    """

    leaks: tuple[NeuromyoError, ...]
    refused: Mapping[int, NeuromyoError]
    n_words: int
    unsought: tuple[str, ...]


def swept(messages: Iterable[Mapping[str, Any]]) -> Swept:
    """What the job ``sweep`` found, from its messages; E-PHI where the search was not finished over all files."""
    leaks, refused, last = [], {}, {}
    for message in messages:
        if "leak" in message:
            leaks.append(as_error(message["leak"]))
        elif "error" in message and "file" in message:
            refused[int(message["file"])] = as_error(message["error"])
        elif "swept" in message:
            last = message["swept"]
    if not last.get("whole"):
        raise DataError("E-PHI", where="the last search for patient data", needed="all files searched",
                        found="one that ended its reader, so that the search could not be finished",
                        remedy="nothing was moved into place; leave out the series named, or permit more memory or time")  # fmt: skip
    return Swept(tuple(leaks), refused, last["words"], tuple(last["unsought"]))
