"""``neuromyo compare``: z, centile and how sure they are, for a table of measurements."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.pipeline.norm_change import Changed
    from neuromyo.pipeline.norm_compare import CompareResult
    from neuromyo.pipeline.norm_envelopes import Seen

_SHOWN, _REASONS = 20, 6
Norms = Annotated[
    Path | None, typer.Option("--norms", metavar="NAME.norm.json", help="The norm: `neuromyo norms build`.")
]


def compare(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.tsv", help="Measurements, or the folder of a run that holds them.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.tsv", help="The table to write.")],
    norms: Norms = None,
    people: Annotated[
        Path | None,
        typer.Option(
            "--people", metavar="TSV", help="participants.tsv: age, sex, height, weight, site of each person."
        ),
    ] = None,
    age: Annotated[float | None, typer.Option("--age", help="Years; for whom --people does not say it.")] = None,
    sex: Annotated[str, typer.Option("--sex", help="M or F.")] = "",
    height: Annotated[float | None, typer.Option("--height", help="Metres, such as 1.72.")] = None,
    weight: Annotated[float | None, typer.Option("--weight", help="Kilograms.")] = None,
    side: Annotated[str, typer.Option("--side", help="left or right, for rows that do not say it.")] = "",
    site: Annotated[str, typer.Option("--site", help="Scanner or centre, as the norm names it.")] = "",
    field_t: Annotated[float | None, typer.Option("--field", help="Field strength of the scans, in tesla.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="OUT.html", help="A page with healthy bands.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="TSV", help="The same people earlier: OUT_change.tsv tells what changed."),
    ] = None,
    retest: Annotated[
        Path | None,
        typer.Option("--retest", metavar="TSV", help="Repeat scans of people who did not change, for --baseline."),
    ] = None,
    retest_cv: Annotated[
        str, typer.Option("--retest-cv", help="Or their coefficient of variation, percent: 2.1, or T2=2.1,CSA=6.4.")
    ] = "",
    retest_n: Annotated[int, typer.Option("--retest-n", help="Of how many people, each scanned twice.")] = 0,
    retest_days: Annotated[float, typer.Option("--retest-days", help="Days between the repeat scans.")] = math.nan,
    years: Annotated[float, typer.Option("--years", help="Years between baseline and follow-up.")] = math.nan,
    baseline_session: Annotated[str, typer.Option("--baseline-session", help="Which session is the baseline.")] = "",
    followup_session: Annotated[str, typer.Option("--followup-session", help="Which session is the follow-up.")] = "",
) -> int:
    """Compare measurements with healthy people: adds z, centile, their interval, the normal range and flags to the table."""
    from neuromyo.pipeline import norm_compare, norm_since

    stated = norm_compare.stated_body(age, sex, height, weight, side, site)
    since = norm_since.Since(
        baseline, retest, retest_cv, retest_n, baseline_session, followup_session, retest_days, years
    )
    result = norm_compare.compare_files(
        norm_compare.CompareRequest(table, norms, out, people, stated, field_t, html, since)
    )
    _say(result)
    return 0


def _say(result: CompareResult) -> None:
    from neuromyo.pipeline.comparing import verdict
    from neuromyo.report import envelope
    from neuromyo.report.tables import main_rows

    found = result.compared
    rows = found.table.rows()
    speaker.answer(
        {
            "norm": result.norm,
            "rows": [rows[i] | {"verdict": verdict(place)} for i, place in sorted(found.places.items())],
            "not_compared": [{"row": i, "why": why} for i, why in sorted(found.refused.items())],
            "profiles": [_profile(one) for one in result.profiled.seen],
            "changes": [_change(one) for one in result.changes],
            "files": list(result.files),
            "findings": [f.as_dict() for f in result.findings],
            "exit": 0,
        }
    )
    speaker.note(*(str(f) for f in result.findings))
    mains = [list(found.places)[k] for k in main_rows([rows[i] for i in found.places])]
    out = [i for i in found.unusual if i in mains]
    doubtful = [i for i in mains if i not in out and verdict(found.places[i]) != "usual"]
    shown = [*out, *doubtful][:_SHOWN]
    head = ("person", "what", "side", "value", "normal", "z (95 % interval)", "centile", "verdict", "norm's people")
    if shown:
        speaker.table("", head, [_line(rows[i], found.places[i]) for i in shown])
    many, all_ = len(out), len(mains)
    if all_:
        speaker.out(_counted(many, all_))
    if len(found.refused):
        n = len(found.refused)
        speaker.out(f"{n} number{'s' * (n != 1)} could not be compared; why is told above.")
    for one in result.profiled.seen:
        if one.envelope.unusual.any():
            speaker.out(f"{_who(one.subject, one.session)}: {envelope.said(one.envelope)}")
    compared = [one.envelope for one in result.profiled.seen if not one.envelope.refused]
    if compared:
        within = sum(not e.unusual.any() for e in compared)
        speaker.out(
            f"{within} of {len(compared)} profiles along nerves lie within the band of healthy people all along."
        )
    _changes(result.changes)
    speaker.out(*result.files)


def _counted(many: int, all_: int) -> str:
    lies = "lies" if many == 1 else "lie"
    return f"{many} of {all_} numbers {lies} outside of what 95 % of healthy people have; chance alone would give about {0.05 * all_:.1f}."


def _profile(one: Seen) -> dict[str, object]:
    from neuromyo.report.envelope import said

    e = one.envelope
    return {
        "subject": one.subject, "session": one.session, "side": e.side, "what": str(e.key), "zero": e.zero, "said": said(e),
        "refused": e.refused, "how": e.how, "p_anywhere": e.p_anywhere if e.p_anywhere == e.p_anywhere else None,
        "unusual_mm": [float(p) for p, u in zip(e.positions_mm, e.unusual, strict=True) if u],
    }  # fmt: skip


def _change(one: Changed) -> dict[str, object]:
    from neuromyo.pipeline.norm_change import COLUMNS

    cells = dict(zip(COLUMNS, one.cells(), strict=True))
    return {k: None if v != v else v for k, v in cells.items()}


def _changes(found: tuple[Changed, ...]) -> None:
    """What changed reliably, a line each; why others cannot be told, a line a reason; the rest is counted."""
    if not found:
        return
    from neuromyo.report.tables import main_rows

    found = tuple(found[i] for i in main_rows([one.row for one in found]))
    told = [one for one in found if one.change.verdict in ("rise", "fall")]
    for one in told[:_SHOWN]:
        row = one.row
        side = f", {row['side']}" if row["side"] in ("left", "right") else ""
        what = f"{row['quantity']} of {row['region']}{side} ({row['statistic']})"
        speaker.out(f"{_who(row['subject'], row['session'])}: {what}: {one.change.words}")
    if len(told) > _SHOWN:
        speaker.out(f"and {len(told) - _SHOWN} more in the table")
    reasons = Counter(one.change.refused for one in found if one.change.refused)
    for why, n in reasons.most_common(_REASONS):
        speaker.out(f"{n} number{'s' * (n != 1)}: cannot be told: {why}")
    judged = len(found) - sum(reasons.values())
    if judged:
        rest = f"{judged - len(told)} of {judged} numbers show no reliable change"
        speaker.out(f"{rest}; chance alone would make about {0.05 * judged:.1f} look changed.")


def _who(subject: str, session: str) -> str:
    return f"sub-{subject}" + (f" ses-{session}" if session else "")


def _line(row, place) -> tuple[str, ...]:
    from neuromyo.pipeline.comparing import verdict

    who = _who(row["subject"], row["session"])
    what = f"{row['quantity']} of {row['region']}" + (f" at {row['level']}" if row["level"] else "")
    low, _, high = place.normal
    z_low, z_high = place.z_interval
    people = f"{place.n_controls} (worth {place.n_effective:.0f})"
    return (
        who, f"{what} ({row['statistic']})", row["side"] or "-", f"{row['value']:.4g} {row['unit']}", f"{low:.4g} to {high:.4g}",
        f"{place.z:+.1f} ({z_low:+.1f} to {z_high:+.1f})", _centile(place.centile), verdict(place), people,
    )  # fmt: skip


def _centile(share: float) -> str:
    """Never 0 or 100: nobody is beyond all healthy people for certain."""
    return "< 0.1" if share < 0.1 else "> 99.9" if share > 99.9 else f"{share:.1f}"
