"""Folders of scanner files, each with the truth that must come out of it: values, places, parts and times.

`CASES` are to be read rightly, `BROKEN` are to be refused or warned of. Whoever judges a reader runs over both.
"""

from . import cases_broken, cases_ge_uih, cases_philips, cases_siemens, cases_ways
from .truth import BROKEN, CASES, Truth, mese, weighted

__all__ = [
    "BROKEN",
    "CASES",
    "Truth",
    "cases_broken",
    "cases_ge_uih",
    "cases_philips",
    "cases_siemens",
    "cases_ways",
    "mese",
    "weighted",
]
