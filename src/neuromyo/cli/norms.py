"""``neuromyo norms``: the published values (``list``, ``show``, ``plot``), and norms of one's own where they are built."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.norms.literature import Entry

norms = typer.Typer(
    help="Published values of nerve and muscle, and norms from controls of your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Structure = Annotated[str, typer.Option("--structure", help="Nerve or muscle, or a part of its name: sciatic.")]
Level = Annotated[str, typer.Option("--level", help="Where along the limb, or a part of it: thigh.")]
Method = Annotated[str, typer.Option("--method", help="How it was measured, or a part of it: Dixon.")]
Field = Annotated[float | None, typer.Option("--field", help="Field strength in tesla: 3.")]
Population = Annotated[str, typer.Option("--population", help="healthy, patients, carriers, or a disease: CMT1A.")]
EvidenceOption = Annotated[str, typer.Option("--evidence", help="How the number is known: read or derived.")]
Words = Annotated[str, typer.Option("--text", help="Words looked for everywhere, sources and notes too.")]


@norms.command("list", short_help="Published values, searched by quantity, place, method, people.")
def list_(
    quantity: Annotated[str, typer.Option("--quantity", help="FA, MTR, T2, FF, CSA ...")] = "",
    structure: Structure = "",
    level: Level = "",
    method: Method = "",
    field: Field = None,
    population: Population = "",
    evidence: EvidenceOption = "",
    text: Words = "",
) -> int:
    """List published values. Two of them compare only where method, place, field and people are the same: see `norms show`."""
    from neuromyo.norms import literature

    found = literature.select(quantity=quantity, structure=structure, level=level, method=method, field_T=field,
                              population=population, evidence=evidence, text=text)  # fmt: skip
    speaker.answer(
        {"values": [_plain(e) for e in found], "count": len(found), "of": len(literature.entries()), "exit": 0}
    )
    rows = [(e.id, e.quantity if e.kind == "value" else f"{e.quantity}, {e.kind}", e.where, e.method, e.population, _text(e.n),
             e.value_text, _tesla(e), e.study) for e in found]  # fmt: skip
    columns = ("id", "quantity", "where", "method", "people", "n", "value", "field", "study")
    speaker.table("", columns, rows)
    starred = any(e.field_T and e.field_evidence != "read" for e in found)
    speaker.out(
        f"{len(found)} of {len(literature.entries())} published values."
        + " * field not read: recalled, assumed or derived" * starred
    )
    if len({e.method for e in found if e.mean is not None}) > 1:
        speaker.note(
            "They are of several methods, which do not compare; `neuromyo norms show ID` says what one value compares with."
        )
    return 0


@norms.command("show", short_help="One published value, whole, and what compares with it.")
def show(id_: Annotated[str, typer.Argument(metavar="ID", help="From `neuromyo norms list`.")]) -> int:
    """Show a published value: every field, how each is known, what it compares with, and what keeps it from the nearest others."""
    from neuromyo.norms import literature, match
    from neuromyo.report.literature import effect_text

    entry = literature.of(id_)
    found = match.alike(entry)
    effects = [e for e in literature.covariate_effects() if e.quantity == entry.quantity]
    ours = match.usable_as_prior(entry)
    speaker.answer({**_plain(entry), "comparable": [e.id for e in found.comparable], "usable_as_prior": ours,
                    "others": [{"id": near.entry.id, "differs": [vars_of(d) for d in near.differs]} for near in found.others[:5]],
                    "covariates": [vars_of(e) for e in effects], "exit": 0})  # fmt: skip
    speaker.out(f"{entry.id}: {entry.quantity} of {entry.where}, {entry.population}: {entry.value_text}", "")
    speaker.table("", ("field", "value"), [(k, _text(v)) for k, v in _plain(entry).items() if v not in (None, "")])
    if entry.doi:
        checked = "" if entry.doi_evidence == "read" else " (recalled, not checked)"
        speaker.out(f"source: {entry.citation}, https://doi.org/{entry.doi}{checked}")
    speaker.out("", "Can serve in a norm: its mean and SD between healthy people are known." if ours else
                f"Cannot serve in a norm: {match.why_no_prior(entry)}.")  # fmt: skip
    same = "; ".join(f"{e.value_text} ({e.population}, {e.id})" for e in found.comparable)
    speaker.out(f"Compares with: {same or 'no other published value'}.")
    if found.others:
        speaker.out("Nearest that do not compare:", *(f"  {near.of_two()}" for near in found.others[:5]))
    if effects:
        speaker.out("Known to move it:", *(f"  {effect_text(e)}" for e in effects))
    return 0


@norms.command("plot", short_help="Published values of one quantity as a forest plot.")
def plot(
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="FA, MTR, T2, FF, CSA ...")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="File.svg, .png or .html.")],
    structure: Structure = "",
    level: Level = "",
    method: Method = "",
    field: Field = None,
    population: Population = "",
    evidence: EvidenceOption = "",
    text: Words = "",
) -> int:
    """Draw published values: a band for each method, healthy and patients apart, SD only where it is known to be one."""
    from neuromyo.core.errors import OptionError
    from neuromyo.io import store
    from neuromyo.norms import literature
    from neuromyo.report.literature import drawing

    found = literature.select(quantity=quantity, structure=structure, level=level, method=method, field_T=field,
                              population=population, evidence=evidence, text=text)  # fmt: skip
    if out.is_dir():
        raise OptionError("E-OUTDIR", where=f"-o {out}", needed="the name of a file", found="a folder",
                          remedy=f"write {out / 'plot.png'}")  # fmt: skip
    name = found[0].quantity if found else quantity
    effects = [e for e in literature.covariate_effects() if e.quantity == name]
    store.write_bytes(out, drawing(found, name, effects, out.name))
    drawn = [e for e in found if e.kind == "value" and e.mean is not None]
    methods = sorted({e.method for e in drawn})
    speaker.answer({"file": str(out), "quantity": name, "drawn": [e.id for e in drawn], "methods": methods, "exit": 0})
    speaker.out(f"{out}: {len(drawn)} values of {name} by {len(methods)} method{'s' * (len(methods) != 1)}")
    return 0


def vars_of(one: Any) -> dict[str, Any]:
    """The fields of a frozen value with slots."""
    return {name: getattr(one, name) for name in one.__slots__}


def _plain(entry: Entry) -> dict[str, Any]:
    return vars_of(entry)


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _tesla(entry: Entry) -> str:
    return "" if entry.field_T is None else f"{entry.field_T:g} T" + "*" * (entry.field_evidence != "read")


# norms of one's own (build, merge, card) and sites brought into line are verbs of files of their own
for _name in ("neuromyo.cli.norms_build", "neuromyo.cli.norms_harmonise"):
    if importlib.util.find_spec(_name) is not None:
        importlib.import_module(_name).add_to(norms)
