"""Gives each published value the keys it is compared by: `python docs/literature_keys.py REFERENCE.csv`.

REFERENCE.csv is the collection as it was written down (structure, level, biomarker, unit, field_T, population, n, age_mean, age_sd, mean,
sd, icc, wcv_percent, citation, doi, notes). Out comes `src/neuromyo/norms/literature/values.tsv`: the same rows in the same order, every
printed cell unchanged, and beside them what the software compares by. A word that no rule knows stops the script.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve()
OUT = HERE.parents[1] / "src" / "neuromyo" / "norms" / "literature" / "values.tsv"
RULES = tomllib.loads(HERE.with_suffix(".toml").read_text(encoding="utf-8"))
COLUMNS = (
    "id", "study", "quantity", "structure", "side", "level", "kind", "method", "field_T", "field_evidence", "population", "group", "n",
    "n_evidence", "age_mean", "age_sd", "mean", "statistic", "sd", "spread", "spread_printed", "unit", "icc", "icc_printed", "wcv_percent",
    "wcv_printed", "wcv_evidence", "reliability", "evidence", "read_in", "citation", "doi", "doi_evidence", "structure_printed",
    "level_printed", "quantity_printed", "unit_printed", "notes",
)  # fmt: skip
DIFFUSION = ("FA", "MD", "AD", "RD", "ADC")
#: where a note says by what the spread is given that is no standard deviation
SPREADS = (r"\+/- [\d.]+", r"IQR [\d.]+", r"(?<!age )range [\d.]+-[\d.]+", r"95% CI [\d.]+-[\d.]+")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seen: Counter[str] = Counter()
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        study = RULES["studies"][row["citation"]]
        seen[study["id"]] += 1
        keyed = keys(row, study["label"], f"{study['id']}-{seen[study['id']]}")
        lines.append("\t".join(keyed[c] for c in COLUMNS))
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} rows, {len(seen)} studies -> {OUT.relative_to(HERE.parents[1])}")


def keys(row: dict[str, str], label: str, id_: str) -> dict[str, str]:
    """One row of the packaged table."""
    printed, notes = row["biomarker"], row["notes"]
    quantity, kind = quantity_of(printed)
    return {
        **{name: row[name] for name in ("field_T", "population", "n", "age_mean", "age_sd", "mean", "sd", "icc", "wcv_percent")},
        **{name: row[name] for name in ("citation", "notes")},
        "id": id_, "study": label, "quantity": quantity, "kind": kind,
        "structure": structure_of(row), "side": side_of(row["level"]), "level": level_of(row, label),
        "method": method_of(printed, quantity, notes, label), "group": RULES["groups"][row["population"]],
        "field_evidence": field_evidence(row), "n_evidence": n_evidence(row),
        "statistic": statistic_of(row), "spread": spread_of(row), "spread_printed": first(SPREADS, notes) if row["mean"] else "",
        "unit": RULES["units"].get(row["unit"], row["unit"]),
        "icc_printed": first((r"(?<=icc as printed: )\S+(?: \(.*?\))?",), notes) or row["icc"],
        "wcv_printed": first((r"(?<=wcv_percent as printed: )\S+",), notes) or row["wcv_percent"],
        "wcv_evidence": ("derived" if "wCV = SEM/mean computed here" in notes else "read") if row["wcv_percent"] else "",
        "reliability": reliability_of(row),
        "evidence": "derived" if n_evidence(row) == "assumed" else "read",
        "read_in": "table of a later paper" if "secondary source" in notes else first((r"(?<=READ )\w+",), notes),
        "doi": row["doi"] or first((r"(?<=DOI )10\.\S+(?= recalled)",), notes),
        "doi_evidence": "read" if row["doi"] else ("recalled" if re.search(r"DOI 10\.\S+ recalled", notes) else ""),
        "structure_printed": row["structure"], "level_printed": row["level"], "quantity_printed": printed,
        "unit_printed": row["unit"],
    }  # fmt: skip


def quantity_of(printed: str) -> tuple[str, str]:
    """Our name of the quantity, and whether the number is a value or a change, difference or ratio of values."""
    for ending, kind in RULES["kinds"].items():
        if printed.endswith(ending):
            return quantity_of(printed.removesuffix(ending).rstrip())[0], kind
    bare = re.sub(r" \((?!TE|single|Dixon|MRI).*\)$", "", printed)
    return RULES["quantities"].get(printed) or RULES["quantities"].get(bare) or bare, "value"


def structure_of(row: dict[str, str]) -> str:
    root = re.match(r"(L\d|S\d) ", row["level"])
    if "nerve root" in row["structure"] and root:
        return f"{root[1].lower()}-root"
    return RULES["structures"][row["structure"]]


def side_of(level: str) -> str:
    """left or right, or of people with one bad side affected or unaffected."""
    found = re.findall(r"\b(?:left|right|affected|unaffected)\b", level)
    return found[0] if found else ""


def level_of(row: dict[str, str], label: str) -> str:
    """One word for where along the limb; the more general one where the printed words leave it open."""
    here = {**RULES["levels_of"].get(row["structure"], {}), **RULES["levels_in"].get(label, {})}
    root = r"^[LS]\d " if "nerve root" in row["structure"] else r"(?!)"
    bare = re.sub(rf"{root}|\b(?:left|right)\b", "", row["level"]).strip(" ,")
    return here[bare] if bare in here else RULES["levels"][bare]


def method_of(printed: str, quantity: str, notes: str, label: str) -> str:
    """By what the number was measured, as far as it was read."""
    if stated := re.search(r"method: ([\w -]+)", notes):
        return stated[1]
    for table in (RULES["methods_printed"], RULES["methods"].get(label, {})):
        if (found := table.get(printed) or table.get(quantity)) is not None:
            return found
    if quantity == "MTR":
        return f"MTR, protocol of {label}"
    if quantity in DIFFUSION:
        n = re.search(r"(\d+) directions", notes)
        return f"DTI, {n[1]} directions" if n else "DTI, directions not stated"
    return RULES["methods_else"][quantity]


def field_evidence(row: dict[str, str]) -> str:
    notes = row["notes"]
    if not row["field_T"]:
        return ""
    if "companion" in notes:
        return "derived"
    if "field 3 T assumed" in notes:
        return "assumed"
    return "recalled" if re.search(r"field (?:3 T )?recalled|field not in excerpt|3 T recalled", notes) else "read"


def n_evidence(row: dict[str, str]) -> str:
    if not row["n"]:
        return ""
    return "assumed" if "n=14 assumed equal" in row["notes"] and row["population"] == "healthy" else "read"


def statistic_of(row: dict[str, str]) -> str:
    if not row["mean"]:
        return "none"
    if "MEDIAN" in row["notes"]:
        return "median"
    return "pooled mean" if "meta-analysis" in row["citation"] else "mean"


def spread_of(row: dict[str, str]) -> str:
    """``sd`` where a number stands that is known to be one; ``unknown`` for a "+/-" of unknown kind; else ``none``."""
    if row["sd"]:
        return "sd"
    return "unknown" if "+/-" in row["notes"] else "none"


def reliability_of(row: dict[str, str]) -> str:
    """What kind of reliability an ICC or CV states."""
    if not (row["icc"] or row["wcv_percent"] or re.search(r"(?:icc|wcv_percent) as printed", row["notes"])):
        return ""
    for sign, kind in RULES["reliability"].items():
        if sign in row["notes"]:
            return kind
    return "kind not stated"


def first(patterns: tuple[str, ...], text: str) -> str:
    return next((m[0] for p in patterns if (m := re.search(p, text))), "")


if __name__ == "__main__":
    main()
