"""Published values of nerve and muscle, each with all that it has to share with a value that is compared with it.

The tables lie in ``norms/literature``: ``values.tsv`` (a row a published number, made by ``docs/literature_keys.py``, which keeps every
printed cell) and ``covariates.tsv`` (what is known to move a quantity). Nothing here says which values compare: that is `norms.match`.

*Assumes* that what is marked ``read`` was read where ``read_in`` says, most of it in an abstract and not in the paper.
*Breaks* for a field or DOI marked ``recalled`` or ``assumed``: look it up before it is cited.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from neuromyo.core import resources
from neuromyo.core.errors import OptionError

Evidence = Literal["read", "recalled", "derived", "assumed", ""]
Spread = Literal["sd", "unknown", "none"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One published number, or the reliability of one.

    id : of this row, stable; study : what the publication is called here
    quantity, structure, side, level : in the software's words; parts of a pool are joined by ``+``, "" is not stated; of people with one
        bad side, side is ``affected`` or ``unaffected``
    kind : ``value``, or what else the number is (``change over 12 months``, ``ratio patients / controls`` ...)
    method : by what it was measured; only values of one method compare
    field_T : tesla; field_evidence : how the field is known
    population : as printed; group : ``healthy``, ``healthy men``, ``healthy children``, ``carriers``, ``patients``, ``ex vivo`` ...
    n : people; n_evidence : how n is known; age_mean, age_sd : years
    mean : the number, in ``unit``; statistic : ``mean``, ``median``, ``pooled mean``, or ``none`` where only reliability is given
    sd : standard deviation between people, only where it is known to be one
    spread : ``sd``; ``unknown`` where a "+/-" is printed that may be SD or SEM; ``none`` where no SD was read
    spread_printed : what stands in the paper instead of an SD (``+/- 0.7``, ``IQR 19.9``)
    icc, wcv : reliability as a number; wcv is the within-subject coefficient of variation in percent
    icc_printed, wcv_printed : the same as printed, where it is a range or a bound; reliability : between what (``test-retest`` ...)
    evidence : how the number itself is known; read_in : ``abstract``, ``table``, or ``table of a later paper``
    structure_printed, level_printed, quantity_printed, unit_printed, notes : as collected, unchanged
    """

    id: str
    study: str
    quantity: str
    structure: str
    side: str
    level: str
    kind: str
    method: str
    field_T: float | None
    field_evidence: Evidence
    population: str
    group: str
    n: int | None
    n_evidence: Evidence
    age_mean: float | None
    age_sd: float | None
    mean: float | None
    statistic: Literal["mean", "median", "pooled mean", "none"]
    sd: float | None
    spread: Spread
    spread_printed: str
    unit: str
    icc: float | None
    icc_printed: str
    wcv: float | None
    wcv_printed: str
    wcv_evidence: Evidence
    reliability: str
    evidence: Evidence
    read_in: str
    citation: str
    doi: str
    doi_evidence: Evidence
    structure_printed: str
    level_printed: str
    quantity_printed: str
    unit_printed: str
    notes: str

    @property
    def value_text(self) -> str:
        """``26.75 ± 3.5 %``, ``43.3 mm2 (median, IQR 19.9)``, or that there is no number."""
        if self.mean is None:
            return "no value, reliability only" if self.reliability else "no value"
        unit = f" {self.unit}" if self.unit not in ("1", "") else ""
        if self.sd is not None:
            return f"{self.mean:g} ± {self.sd:g}{unit}"
        about = [] if self.statistic == "mean" else [str(self.statistic)]
        about += [self.spread_printed] if self.spread_printed else []
        about += ["SD or SEM not stated"] if self.spread == "unknown" else []
        return f"{self.mean:g}{unit} ({', '.join(about or ['no SD'])})"

    @property
    def where(self) -> str:
        """``sciatic-nerve, mid-thigh, right``."""
        return ", ".join(w for w in (self.structure, self.level, self.side) if w)

    @property
    def healthy(self) -> bool:
        return self.group.startswith("healthy")


@dataclass(frozen=True, slots=True)
class CovariateEffect:
    """What is known to move a quantity: ``direction`` is rises, falls, changes or none; ``r`` a correlation where one was given."""

    quantity: str
    structure: str
    covariate: str
    direction: str
    r: float | None
    evidence: Evidence
    notes: str


@cache
def entries() -> tuple[Entry, ...]:
    """Every published value, in the order in which they were collected."""
    return tuple(_entry(row) for row in _rows("values"))


@cache
def covariate_effects() -> tuple[CovariateEffect, ...]:
    """What age, size, level and scanner are known to do to each quantity."""
    return tuple(CovariateEffect(**{**row, "r": _number(row["r"])}) for row in _rows("covariates"))  # type: ignore[arg-type]


def of(id_: str) -> Entry:
    """The entry of that id; E-UNKNOWN, with ids spelt nearly so, where there is none."""
    found = {e.id: e for e in entries()}
    if id_ in found:
        return found[id_]
    near = [i for i in found if i.startswith(id_)] or difflib.get_close_matches(id_, found, n=3, cutoff=0.6)
    raise OptionError("E-UNKNOWN", where="published values", needed="the id of one", found=repr(id_),
                      remedy=f"did you mean {' or '.join(near[:8])}?" if near else "see neuromyo norms list")  # fmt: skip


def is_unstated(method: str) -> bool:
    """Whether a method's name says that how it was measured was not read: two such values need not be of one method."""
    return "not stated" in method


def select(
    *, quantity: str = "", structure: str = "", level: str = "", method: str = "", field_T: float | None = None,
    population: str = "", evidence: str = "", text: str = "",
) -> tuple[Entry, ...]:  # fmt: skip
    """The entries to which every word given applies; a search for people, which never says that values compare.

    quantity is the whole name; structure, level, method, population may be part of ours or of the printed word; text is looked for
    everywhere. E-UNKNOWN names what there is where a word fits no entry at all.
    """
    asked = {
        "quantity": (quantity, lambda e, w: w == e.quantity.lower()),
        "structure": (structure, lambda e, w: _plain(w) in _plain(f"{e.structure} | {e.structure_printed}")),
        "level": (level, lambda e, w: _plain(w) in _plain(f"{e.level} | {e.level_printed}")),
        "method": (method, lambda e, w: w in e.method.lower()),
        "population": (population, lambda e, w: e.group.startswith(w) or e.population.lower().startswith(w)),
        "evidence": (evidence, lambda e, w: w == e.evidence),
        "text": (text, lambda e, w: w in " ".join(map(str, _cells(e).values())).lower()),
    }
    found = entries()
    for name, (word, fits) in asked.items():
        if not word:
            continue
        if not any(fits(e, word.lower()) for e in entries()):
            raise _nothing(name, word)
        found = tuple(e for e in found if fits(e, word.lower()))
    return tuple(e for e in found if field_T is None or e.field_T == field_T)


def _nothing(name: str, word: str) -> OptionError:
    if name == "text":
        remedy = "try another word"
    else:
        column = {"population": "group"}.get(name, name)
        known = sorted({str(getattr(e, column)) for e in entries()} - {""})
        near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        remedy = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"there are {', '.join(known[:12])}" + " ..." * (len(known) > 12)
        )
    return OptionError(
        "E-UNKNOWN", where=name, needed="a word that some published value has", found=repr(word), remedy=remedy
    )


def _cells(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _plain(text: str) -> str:
    return text.lower().replace("-", " ").replace("_", " ")


def _rows(name: str) -> list[dict[str, str]]:
    head, *lines = resources.text("norms", f"literature/{name}.tsv").splitlines()
    columns = head.split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]


def _entry(row: Mapping[str, str]) -> Entry:
    numbers = {name: _number(row[name]) for name in ("field_T", "age_mean", "age_sd", "mean", "sd", "icc")}
    words = {name: text for name, text in row.items() if name not in (*numbers, "n", "wcv_percent")}
    n = int(row["n"]) if row["n"] else None
    return Entry(**cast("dict", {**words, **numbers, "n": n, "wcv": _number(row["wcv_percent"])}))


def _number(text: str) -> float | None:
    return float(text) if text else None
