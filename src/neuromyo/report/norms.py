"""Values against healthy people: what is unusual, how sure that is, and each value on the band that healthy people fill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.findings import FINDINGS
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import BAND, LIMIT, Envelope, judge
from neuromyo.report import change, wording
from neuromyo.report.envelope import along, said, told
from neuromyo.report.html import render
from neuromyo.report.svg import Axis, Plot
from neuromyo.report.tables import main_rows, title_of, whole_regions

#: the strip shows deviates up to here; what lies further out gets an arrow
REACH = 5.0
#: so many rows without anything unusual are shown at once
SHOWN = 12

#: so many profiles are drawn whatever they show; of more, only unusual ones at once
DRAWN = 2

#: verdict -> (heading, what it means), in the order of the page
VERDICTS: dict[str, tuple[str, str]] = {
    "sure": ("Unusual", "outside of what 95 % of healthy people have, however the norm's uncertainty falls"),
    "unsure": ("Probably unusual", "outside, but the norm is too uncertain to be sure"),
    "open": ("Cannot be told", "inside, but the norm is so uncertain that it may be outside"),
    "usual": ("Usual", "inside, however the norm's uncertainty falls"),
}
_MARK = {"sure": "!", "unsure": "?", "open": "·", "usual": "✓"}


@dataclass(frozen=True, slots=True)
class Row:
    """One value: texts, its strip, and its verdict (a key of `VERDICTS`)."""

    verdict: str
    name: str
    value: str
    normal: str
    z: str
    direction: str
    strip: Markup
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NormsPart:
    """What the template shows: sentences, rows by verdict, envelopes (of many, those ``within`` the band folded), what the norms are
    made from."""

    sentences: tuple[str, ...]
    groups: tuple[tuple[str, str, str, tuple[Row, ...]], ...]
    scale: Markup
    envelopes: tuple[tuple[Markup, str], ...]
    sources: tuple[str, ...]
    remarks: tuple[str, ...]
    within: tuple[tuple[Markup, str], ...] = ()
    fold_from: int = SHOWN


def part(
    table: Measurements,
    biomarkers: Mapping[str, Biomarker] | None = None,
    envelopes: Sequence[Envelope] = (),
    notes: Sequence[str] = (),
) -> NormsPart | None:
    """The section on norms; None where nothing was compared.

    notes : what the norms are made from, as sentences
    """
    placed = [r for r in whole_regions(table) if np.isfinite(r["z"])]
    rows = [placed[i] for i in main_rows(placed)]
    drawn = [e for e in envelopes if not e.refused]
    first = [e for e in drawn if e.unusual.any() or len(drawn) <= DRAWN]
    if not rows and not envelopes:
        return None
    several = len({r["statistic"] for r in rows}) > 1
    everywhere = _everywhere(rows)
    made = [
        _row(r, biomarkers or {}, several, everywhere, _source(r, rows))
        for r in sorted(rows, key=lambda r: -abs(r["z"]))
    ]
    groups = tuple((v, *VERDICTS[v], tuple(r for r in made if r.verdict == v)) for v in VERDICTS)
    return NormsPart(
        sentences=(*sentences(rows, biomarkers), *told(envelopes)),
        groups=tuple(g for g in groups if g[3]),
        scale=_scale(),
        envelopes=tuple((along(e), said(e)) for e in first),
        within=tuple((along(e), said(e)) for e in drawn if e not in first),
        sources=tuple(notes) or tuple(dict.fromkeys(r["norm"] for r in rows if r["norm"])),
        remarks=(*_remarks(rows), *_others(len(placed) - len(rows))),
    )


def page(
    table: Measurements,
    name: str,
    biomarkers: Mapping[str, Biomarker] | None = None,
    envelopes: Sequence[Envelope] | Mapping[tuple[str, str], Sequence[Envelope]] = (),
    notes: Sequence[str] = (),
    norm: str = "",
    changes: Mapping[tuple[str, str], Sequence[change.Pair]] | None = None,
) -> str:
    """The self-contained page of a table against norms; a person a section. A pure function of what it is given.

    name : of the table; envelopes : by (subject, session), or all of the one person of the table; norm : what it is compared with
    changes : since an earlier visit, by (subject, session)
    """
    people = dict.fromkeys((r["subject"], r["session"]) for r in table.rows())
    parts = []
    for subject, session in people:
        one = part(
            table.where(subject=subject, session=session),
            biomarkers,
            _of_visit(envelopes, (subject, session), len(people)),
            notes,
        )
        since = change.part((changes or {}).get((subject, session), ()), biomarkers or {})
        parts.append((_who(subject, session), one, since))
    return render("norms_page.html.j2", title=name, norm=norm, people=parts)


def _of_visit(
    envelopes: Sequence[Envelope] | Mapping[tuple[str, str], Sequence[Envelope]], visit: tuple[str, str], people: int
) -> Sequence[Envelope]:
    if isinstance(envelopes, Mapping):
        return envelopes.get(visit, ())
    return envelopes if people == 1 else ()


#: where the norm is too uncertain: of several values, of one
_UNSURE = (
    "but for none of them is the norm certain enough to be sure",
    "but the norm is not certain enough to be sure",
)
#: so many unusual values are named in the sentences
NAMED = 3


def sentences(rows: Sequence[Mapping[str, Any]], biomarkers: Mapping[str, Biomarker] | None = None) -> tuple[str, ...]:
    """How many values are unusual, which are furthest out, and how many would be by chance."""
    if not rows:
        return ()
    judged = [(judge(r["z"], r["z_low"], r["z_high"]), r) for r in rows]
    outside = [(v, r) for v, r in judged if v in ("sure", "unsure")]
    chance = (1 - BAND) * len(rows)
    n = wording.plural(len(rows), "value")
    if not outside:
        return (_none(len(rows), sum(v == "open" for v, _ in judged)),)
    sure = sum(v == "sure" for v, _ in outside)
    counted = (
        f"{len(outside)} of {n} {'lies' if len(outside) == 1 else 'lie'} outside of what 95 % of healthy people have"
    )
    told = f"{sure} of them surely"
    if sure in (0, len(outside)):
        one = len(outside) == 1
        told = ("surely" if one else "all of them surely") if sure else _UNSURE[one]
    by_chance = f"In a healthy person {_about(chance)} of {len(rows)} would, by chance."
    furthest = sorted((r for _, r in outside), key=lambda r: -abs(r["z"]))[:NAMED]
    several = len({r["statistic"] for r in rows}) > 1
    named = "; ".join(_named(_row(r, biomarkers or {}, several)) for r in furthest)
    lead = "Furthest out: " if len(outside) > len(furthest) else ""
    return (f"{counted}, {told}.", wording.sentence(lead + named), by_chance)


def _none(n: int, doubtful: int) -> str:
    """Nothing outside; for how many values that may change when the norm gets better."""
    if n == 1:
        return f"The value lies within what 95 % of healthy people have{', but the norm is not certain enough to be sure' * doubtful}."
    many = "all" if doubtful == n else str(doubtful)
    doubt = f"; for {many} of them the norm is not certain enough to be sure" * bool(doubtful)
    return f"None of {n} values lies outside of what 95 % of healthy people have{doubt}."


def _named(row: Row) -> str:
    return f"{row.name} {row.value} ({row.direction} than the usual {row.normal})"


def _about(n: float) -> str:
    return f"about {n:.0f}" if n >= 1.5 else "about one" if n >= 0.75 else "less than one"


def _row(
    row: Mapping[str, Any],
    biomarkers: Mapping[str, Biomarker],
    several: bool,
    everywhere: Sequence[str] = (),
    source: str = "",
) -> Row:
    z, low, high = row["z"], row["z_low"], row["z_high"]
    side = f", {row['side']}" if row["side"] in ("left", "right") else ""
    what = title_of(biomarkers, row["biomarker"], row["quantity"])
    kind = f" ({row['statistic']})" if several and row["statistic"] not in ("mean", "volume") else ""
    place = wording.capital(wording.region(row["region"])) + side
    name = f"{place}: {wording.short(what)}{kind}{source}"
    judged = judge(z, low, high)
    normal = f"{wording.number(row['normal_low'], row['value'])} to {wording.with_unit(row['normal_high'], row['unit'], row['value'])}"
    interval = f" ({_signed(low)} to {_signed(high)})" if np.isfinite(low) else ""
    direction = ("higher" if z > 0 else "lower") if judged in ("sure", "unsure") else ""
    flags = tuple(f for f in row["flags"].split(",") if f in _ROW_FLAGS and f not in everywhere)
    return Row(
        judged, name, wording.with_unit(row["value"], row["unit"]), normal if np.isfinite(row["normal_low"]) else "–",
        _signed(z) + interval, direction, strip(z, low, high, judged, name), tuple(FINDINGS[f] for f in flags),
    )  # fmt: skip


#: remarks that belong to a person's value rather than to the norm as a whole
_ROW_FLAGS = ("W-EXTRAPOLATED", "W-LEVERAGE", "W-COVARIATE")
_NORM_FLAGS = ("W-CONFLICT", "W-FEW", "W-NEWSITE", "N-LOCALONLY")


def _everywhere(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Remarks that half of the values or more bear: told once below."""
    borne = [r["flags"].split(",") for r in rows]
    return tuple(f for f in _ROW_FLAGS if len(rows) > 3 and 2 * sum(f in b for b in borne) > len(rows))


def _source(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Who drew the region, where two did."""
    names = ("region", "side", "quantity", "biomarker", "acquisition")
    drawn = {r["region_source"] for r in rows if all(r[n] == row[n] for n in names)}
    return f", by {row['region_source']}" if len(drawn) > 1 else ""


def _remarks(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What holds for norms as a whole, with how many values it concerns and what that is worth."""
    out = []
    for flag in (*_everywhere(rows), *_NORM_FLAGS):
        hit = [r for r in rows if flag in r["flags"].split(",")]
        if not hit:
            continue
        extra = ""
        if flag == "W-CONFLICT":
            weights = [r["agreement"] for r in hit if np.isfinite(r["agreement"])]
            extra = f"; the published values keep a weight of {min(weights):.2f} at least" if weights else ""
        if flag == "W-FEW":
            least, most = (f"{f(r['n_effective'] for r in hit):.0f}" for f in (min, max))
            extra = f"; worth about {least if least == most else f'{least} to {most}'} people"
        share = "" if len(hit) == len(rows) else f" ({len(hit)} of {len(rows)} values)"
        out.append(wording.sentence(FINDINGS[flag] + extra + share))
    return tuple(out)


def _others(n: int) -> Iterator[str]:
    """What is not shown."""
    if n:
        yield f"{wording.plural(n, 'value')} more (medians and fits to the mean signal of the same regions) in the table."


def _signed(z: float) -> str:
    return f"{z:+.1f}".replace("-", "−") if np.isfinite(z) else "–"


def _axis() -> Axis:
    return Axis(-REACH, REACH, 6, 294)


def strip(z: float, low: float, high: float, judged: str, name: str) -> Markup:
    """The healthy band (shaded), the deviate (dot) and the interval of the true deviate (line), on one scale for all rows."""
    axis = _axis()
    plot = Plot(
        300,
        26,
        f"{name}: z {_signed(z)}" + (f", 95 % interval {_signed(low)} to {_signed(high)}" if np.isfinite(low) else ""),
    )
    left, right = axis(-LIMIT), axis(LIMIT)
    plot.path([(left, 3), (right, 3), (right, 23), (left, 23)], "band", closed=True)
    plot.line(axis(0), 3, axis(0), 23, "middle")
    if np.isfinite(low) and np.isfinite(high):
        ends = np.clip([low, high], -REACH, REACH)
        plot.line(axis(ends[0]), 13, axis(ends[1]), 13, f"whisker {judged}")
    at = axis(float(np.clip(z, -REACH, REACH)))
    if abs(z) > REACH:
        point = 1 if z > 0 else -1
        plot.path([(at + 4 * point, 13), (at - 5 * point, 7), (at - 5 * point, 19)], f"place {judged}", closed=True)
    else:
        plot.dot(at, 13, f"place {judged}", 5)
    return plot.markup()


def _scale() -> Markup:
    axis = _axis()
    plot = Plot(300, 30, "Scale of the strips: z from −5 to 5, healthy people mostly between −2 and 2")
    for tick in (-4, -2, 0, 2, 4):
        plot.text(axis(tick), 26, f"{tick:+d}".replace("-", "−") if tick else "0", "middle", "tick")
        plot.line(axis(tick), 28, axis(tick), 30, "axis")
    plot.text(axis(0), 12, "95 % of healthy people", "middle", "tick")
    return plot.markup()


def _who(subject: str, session: str) -> str:
    said = (f"sub-{subject}" if subject else "") + (f" ses-{session}" if session else "")
    return said or "The table"
