"""Writes docs/tables.md from the data dictionary that travels with the package: `python docs/tables.py`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from neuromyo.core import resources
from neuromyo.io import dictionary
from neuromyo.io.dictionary import Level, Measure, Value

HEAD = """# Clinical tables

Made by `python docs/tables.py`: the text stands there, the lists come from the data dictionary (`src/neuromyo/io/dictionary`).

    neuromyo phenotype BIDS cmap.csv grip.csv --check        # says all that is wrong, writes nothing
    neuromyo phenotype BIDS cmap.csv --unit amplitude=mV     # writes BIDS/phenotype/cmap_ses-m0.tsv and .json

**The file.** Text in UTF-8, cells divided by commas, semicolons or tabs, a header in row 1, decimal points. A missing value is an
empty cell or `n/a`; nothing else is (no NaN, no -999). A response that was looked for and is absent ("NR") is no missing value: its
amplitude is 0, its latency and velocity are `n/a`. What it measures is said by its name (`cmap.csv`) or by `--measure`.

**Long or wide.** Best is one row for each thing measured:

| participant_id | session_id | side | nerve | muscle | amplitude (mV) | distal_latency (ms) |
| --- | --- | --- | --- | --- | --- | --- |
| sub-01 | ses-m0 | left | median | APB | 8.2 | 3.4 |
| sub-01 | ses-m0 | right | tibial | AH | 11.0 | 4.1 |

One row a person does as well, where each column's name says everything: `left_median_apb_amplitude (mV)`, in any order of words.
A name that can be read in two ways is refused, and so is a column that the measure does not know (`--skip COLUMN` leaves one
out knowingly).

**Units** are stated, never guessed: in the header, by `--unit COLUMN=UNIT`, in a column `unit` (or `amplitude_unit`), or as `Units` in a
JSON file beside the table. Only the units listed below are converted. Scores and counts need none.

**People.** `participant_id` is the label that the images have. One that differs by case, zeros or a prefix alone is refused with the
label it probably means. Columns that identify somebody (name, date of birth, hospital number, address, phone, e-mail) are refused,
whatever they hold; dates are not taken: give ages and durations.

**What is checked.** Every cell: numbers within the *possible* range, or refused (W-RANGE outside the *usual* one: kept, and told);
words from the lists; totals against their parts; nothing twice. All complaints come at once, with the row as a spreadsheet counts it.
While there is one, nothing is written. Tables taken later are joined with what is there; a value that contradicts it is refused.

**What is written.** BIDS wants each participant once a table. So `phenotype/<measure>_ses-<visit>.tsv` is wide, a file a visit, in the
units below, with a JSON that describes each column. `check` and `run` hold these tables, `participants.tsv`, `sub-*_sessions.tsv` and
`sub-*_scans.tsv` against the images; a wrong row there ends `run` with status 2, and the images are measured all the same. In
`participants.tsv`, `height` and `weight` are used only if `participants.json` states their `Units`.

**A measure of your own** is a TOML file of the same grammar, given by `--dictionary FILE`; it is called as the file is:

```toml
title = "Timed walk"
about = "Time for ten metres at comfortable speed"
source = "our protocol"
evidence = "convention"          # read, recalled, derived, convention, assumed

[keys.aid]                       # tells the rows of one person and visit apart
meaning = "walking aid"
optional = true
levels = { none = "none", stick = "stick", frame = "frame" }   # or the name of a list below: levels = "muscles"
aliases = { cane = "stick" }

[values.time]
meaning = "time for ten metres"
names = ["t10m"]                 # other names of the column
unit = "s"                       # "1" for a score; instead of a unit: levels, or text = true
also = { ms = 0.001, min = 60.0 }
possible = [1, 600]
plausible = [4, 120]
whole = false

# [[sums]]                       # total = "total", of = ["arm", "leg"]: must add up where all are there
```

Ranges catch slips of unit and of the decimal point; they are no reference values. Evidence *recalled*: by the authors, from the
literature, not yet checked against the source.
"""


def page() -> str:
    parts = [HEAD, "## Measures", *(_measure(dictionary.load(n)) for n in dictionary.names()), "## Lists of words"]
    parts += [_words(n) for n in resources.names("io", "words", ".toml")]
    return "\n\n".join(p.strip("\n") for p in parts) + "\n"


def _measure(m: Measure) -> str:
    source = f"{m.source} ([doi](https://doi.org/{m.doi}))" if m.doi else m.source
    rows = ["| column | meaning | holds | also read | usual | possible |", "| --- | --- | --- | --- | --- | --- |"]
    rows += [_key(name, key) for name, key in m.keys.items()]
    rows += [_value(name, value) for name, value in m.values.items()]
    sums = [f"`{s.total}` = " + " + ".join(f"`{n}`" for n in s.of) for s in m.sums]
    added = [f"Adds up: {'; '.join(sums)}."] if sums else []
    return "\n\n".join(
        [f"### {m.name}: {m.title}", f"{m.about}. Source: {source} ({m.evidence}).", "\n".join(rows), *added]
    )


def _key(name: str, key: Level) -> str:
    shared = next((n for n in resources.names("io", "words", ".toml") if _listed(n) == key.levels), "")
    holds = f"a word of the list [{shared}](#{shared})" if shared else ", ".join(f"`{v}`" for v in key.levels)
    return f"| `{name}` | {key.meaning} (key{', may be left out' if key.optional else ''}) | {holds} | | | |"


def _value(name: str, value: Value) -> str:
    names = ", ".join(f"`{n}`" for n in value.names)
    if value.unit:
        holds = (
            "number, no unit"
            if value.unit == "1"
            else value.unit + (f" (from {', '.join(value.also)})" if value.also else "")
        )
        holds += ", whole" if value.whole else ""
    else:
        holds = ", ".join(f"`{v}`" for v in value.levels) or "a word or two"
    return f"| `{name}` | {value.meaning} | {holds} | {names} | {_range(value.plausible)} | {_range(value.possible)} |"


def _range(pair: tuple[float, float] | None) -> str:
    return f"{pair[0]:g} to {pair[1]:g}" if pair else ""


def _listed(name: str) -> dict[str, str]:
    return tomllib.loads(resources.text("io", f"words/{name}.toml"))["levels"]


def _words(name: str) -> str:
    words = tomllib.loads(resources.text("io", f"words/{name}.toml"))
    also: dict[str, list[str]] = {}
    for alias, level in words.get("aliases", {}).items():
        also.setdefault(level, []).append(f"`{alias}`")
    rows = [
        f"| `{level}` | {meaning} | {', '.join(also.get(level, []))} |" for level, meaning in words["levels"].items()
    ]
    return f"### {name}\n\n" + "\n".join(["| word | meaning | also |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
