"""``neuromyo compare``: z, centile and how sure they are, for a table of measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.pipeline.norm_envelopes import Seen
    from neuromyo.pipeline.norming import CompareResult

_SHOWN = 20
Norms = Annotated[Path, typer.Option("--norms", metavar="NAME.norm.json", help="The norm: `neuromyo norms build`.")]


def compare(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.tsv", help="Measurements, or the folder of a run that holds them.")
    ],
    norms: Norms,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.tsv", help="The table to write.")],
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
) -> int:
    """Compare measurements with healthy people: adds z, centile, their interval, the normal range and flags to the table."""
    from neuromyo.pipeline import norming

    stated = norming.stated_body(age, sex, height, weight, side, site)
    result = norming.compare_files(norming.CompareRequest(table, norms, out, people, stated, field_t, html))
    _say(result)
    return 0


def _say(result: CompareResult) -> None:
    from neuromyo.pipeline.comparing import verdict
    from neuromyo.report import envelope

    found = result.compared
    rows = found.table.rows()
    speaker.answer(
        {
            "norm": result.norm,
            "rows": [rows[i] | {"verdict": verdict(place)} for i, place in sorted(found.places.items())],
            "not_compared": [{"row": i, "why": why} for i, why in sorted(found.refused.items())],
            "profiles": [_profile(one) for one in result.profiled.seen],
            "files": list(result.files),
            "findings": [f.as_dict() for f in result.findings],
            "exit": 0,
        }
    )
    speaker.note(*(str(f) for f in result.findings))
    out = found.unusual
    doubtful = [i for i in found.places if i not in out and verdict(found.places[i]) != "usual"]
    shown = [*out, *doubtful][:_SHOWN]
    head = ("person", "what", "side", "value", "normal", "z (95 % interval)", "centile", "verdict", "norm's people")
    if shown:
        speaker.table("", head, [_line(rows[i], found.places[i]) for i in shown])
    many, all_ = len(out), len(found.places)
    said = f"{many} of {all_} numbers {'lies' if many == 1 else 'lie'} outside of what 95 % of healthy people have"
    speaker.out(f"{said}; chance alone would give about {0.05 * all_:.1f}.")
    if len(found.refused):
        n = len(found.refused)
        speaker.out(f"{n} number{'s' * (n != 1)} could not be compared; why is told above.")
    for one in result.profiled.seen:
        speaker.out(f"{_who(one.subject, one.session)}: {envelope.said(one.envelope)}")
    speaker.out(*result.files)


def _profile(one: Seen) -> dict[str, object]:
    from neuromyo.report.envelope import said

    e = one.envelope
    return {
        "subject": one.subject, "session": one.session, "side": e.side, "what": str(e.key), "zero": e.zero, "said": said(e),
        "refused": e.refused, "how": e.how, "p_anywhere": e.p_anywhere if e.p_anywhere == e.p_anywhere else None,
        "unusual_mm": [float(p) for p, u in zip(e.positions_mm, e.unusual, strict=True) if u],
    }  # fmt: skip


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
