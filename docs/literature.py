"""Writes docs/literature.md from the published values that travel with the package: `python docs/literature.py`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from neuromyo.norms import literature, match
from neuromyo.norms.literature import Entry
from neuromyo.norms.method import method_of, why_none
from neuromyo.report.literature import effect_text, reliability

HEAD = """# Published values

Made by `python docs/literature.py`: the text stands there, the lists come from `src/neuromyo/norms/literature`.

    neuromyo norms list --quantity MTR --structure sciatic --population healthy
    neuromyo norms show preisner2021-1            # every field, and what it compares with
    neuromyo norms plot T2 -o t2.html             # also .svg and .png; a band for each method

**A value compares with another only where quantity, structure, level, method, unit, field and people are the same and stated.** Healthy
sciatic T2 is 44.6 ms by a T2-prepared TSE and 64.5 or 70 ms by multi-echo spin echoes; MTR is 26.8, 37.2 or 39.4 % by protocol; the
sural nerve's FA falls from .66 to .56 as directions go from 6 to 32; the cross-section is 20 mm2 in the distal thigh and 43 mm2 in the
middle. So the software never compares across methods: it refuses (E-METHOD), says what differs, and names the nearest value. A method
whose name says *not stated* compares with nothing, not even with itself, unless somebody vouches for a value by its id.

**What goes into a norm.** Only a mean and a standard deviation between healthy people, with how many they were. A "±" of which SD or SEM
is not stated (*spread unknown*), a median, a pooled mean and an assumed number of people stay out; `norms show` says why. Both sides of
one study are the same people, and count once.

**How it is known.** Most values were read in abstracts, not in the papers. *read*: seen where stated; *recalled*: from memory, to be
looked up before it is cited; *derived*: computed from what was read; *assumed*. Fields and DOIs bear a mark of their own, since some were
recalled where the value was read.

**How it is kept.** `docs/literature_keys.py` makes the table from the collection as it was written down: all its rows, every printed cell
unchanged, with the keys beside them by the rules in `docs/literature_keys.toml`. A correction goes into the collection or the rules.

**Levels** are words for where along the limb: `thigh` is somewhere in the thigh, `mid-thigh` its middle, and they do not compare.
"""
BIOMARKERS = (
    "t2-mono", "t2-epg", "t2-water", "pdff", "pdff-two-point", "pdff-magnitude", "pdff-images", "dti", "tracts", "mtr", "mtsat", "stage-mt",
    "t1-ir", "t1-vfa", "t1-two-tr", "t2star", "proton-density", "nerve-morphometry", "morphometry",
)  # fmt: skip
#: biomarkers of which more than the id decides
DECIDED = {
    "dti": "DTI, N directions", "tracts": "DTI, N directions", "pdff": "3-point, 6-point or multi-echo Dixon",
    "mtr": "MTR, protocol of STUDY",
}  # fmt: skip
_HEADER = "| id | where | people | n | method | field | value | reliability | source |\n" + "| --- " * 9 + "|"


def page() -> str:
    parts = [HEAD, _counts(), _methods(), _covariates()]
    by_quantity = sorted(literature.entries(), key=lambda e: e.quantity.lower())
    for quantity, rows in groupby(by_quantity, key=lambda e: e.quantity):
        parts.append(f"## {quantity}\n\n{_HEADER}\n" + "\n".join(map(_row, rows)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _counts() -> str:
    every = literature.entries()
    with_mean = sum(e.mean is not None for e in every)
    usable = [e for e in every if match.usable_as_prior(e)]
    stated = sum(not literature.is_unstated(e.method) and e.field_T is not None for e in usable)
    return (
        f"**In numbers:** {len(every)} rows of {len({e.citation for e in every})} publications; {with_mean} give a value, "
        f"{sum(e.spread == 'sd' for e in every)} with an SD, {sum(e.spread == 'unknown' for e in every)} with a ± of unknown kind; "
        f"{len(usable)} give mean, SD and number of healthy people (marked by a star), and {stated} of these method and field too: those "
        "can go into a norm without anybody vouching for them."
    )


def _methods() -> str:
    lines = [
        "## Our biomarkers among the methods",
        "",
        "| biomarker | published as | why nothing compares (where more is not stated) |",
        "| --- | --- | --- |",
    ]
    for id_ in BIOMARKERS:
        found = method_of(id_) or DECIDED.get(id_, "")
        lines.append(f"| `{id_}` | {found} | {why_none(id_)} |")
    return "\n".join(lines)


def _covariates() -> str:
    told = "\n".join(f"- {effect_text(e)}" for e in literature.covariate_effects())
    return f"## What is known to move a value\n\n{told}"


def _row(e: Entry) -> str:
    star = " *" if match.usable_as_prior(e) else ""
    field = (
        ""
        if e.field_T is None
        else f"{e.field_T:g} T" + ("" if e.field_evidence == "read" else f" ({e.field_evidence})")
    )
    doi = f" [{e.doi}](https://doi.org/{e.doi})" + ("" if e.doi_evidence == "read" else " (recalled)") if e.doi else ""
    value = e.value_text if e.kind == "value" else f"{e.kind}: {e.value_text}"
    cells = (f"`{e.id}`{star}", e.where, e.population, "" if e.n is None else str(e.n), e.method, field, value, reliability(e),
             e.citation + doi)  # fmt: skip
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
