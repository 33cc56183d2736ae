"""Stacks to the files of a BIDS dataset: as the user says, as the protocol declares, as the images show, or not at all.

What cannot be told is not imported under a guessed name: W-KIND names the series and the option that settles it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from neuromyo.core.errors import Finding
from neuromyo.dicom import declared, geometry, recognise
from neuromyo.dicom.asked import MAPS, SKIP, Overrides, check, contradictions, not_there
from neuromyo.dicom.doubts import scale_doubts
from neuromyo.dicom.looks import Look
from neuromyo.dicom.naming import NO_ECHO, SETS, Chosen, Named, files_of, numbered, with_runs
from neuromyo.dicom.sidecar import rounded, sidecar_of
from neuromyo.dicom.stack import Stack
from neuromyo.io import names
from neuromyo.protocol.protocol import Protocol

__all__ = ["SKIP", "Named", "ignored", "named"]

#: maps that BIDS has no name for in derivatives
_UNKNOWN_TO_BIDS = ("PDFF", "B0map", "ADC", "FA", "trace")
#: what is left out -> how it is called
_LEFT_OUT = {
    "localiser": "a localiser", "screenshot": "a picture of the screen", "colour": "a colour map", "tensor": "a tensor map",
    "subtraction": "a subtraction", "projection": "a projection", "other": "an image that the scanner derived from others",
}  # fmt: skip
#: kind -> what has to be stated for it: attribute of the look, in words
_NEEDS = {
    "VFA": {"flip": "flip angle", "tr": "repetition time"}, "TB1DAM": {"flip": "flip angle"}, "TB1AFI": {"tr": "repetition time"},
    "MPM": {"flip": "flip angle", "tr": "repetition time"}, "MTS": {"flip": "flip angle", "tr": "repetition time"},
    "IRT1": {"ti": "inversion time"}, "MESE": {"te": "echo time"}, "MEGRE": {"te": "echo time"},
}  # fmt: skip


def named(
    stacks: Sequence[Stack],
    *,
    subject: str,
    session: str = "",
    protocol: Protocol | None = None,
    overrides: Overrides | None = None,
    body_part: str = "",
    side: str = "",
) -> tuple[tuple[Named, ...], tuple[Finding, ...]]:
    """The files that the stacks of one examination become, and what is to be said.

    subject, session : labels; protocol : what was to be acquired; overrides : series number -> (kind, entities), before all
    else, kind ``none`` to leave a series out; body_part (``calf``) and side (``left``, ``right``, ``both``) as the user says
    """
    overrides = overrides or {}
    check(overrides, side)
    looks = [Look(stack, place) for place, stack in enumerate(stacks)]
    findings = [*not_there(overrides, stacks), *contradictions(looks, body_part, side)]
    chosen, said = _chosen(looks, protocol, overrides)
    fixed = {"sub": subject, **({"ses": session} if session else {})}
    chosen = with_runs(numbered([_labelled(one, fixed, side) for one in chosen]))
    made = [_with_both_times(file, chosen) for one in chosen for file in _files(one, body_part, side)]
    scales = scale_doubts(_compared(chosen), [one.look.stack for one in chosen])
    return tuple(made), (*findings, *said, *_taken_as_off(chosen), *_repeated(chosen), *scales)


def ignored(files: Sequence[Named]) -> list[str]:
    """Patterns for the .bidsignore of derivatives/scanner: maps that BIDS has no name for."""
    return [f"*_{kind}.*" for kind in _UNKNOWN_TO_BIDS if any(f.derivative and f.kind == kind for f in files)]


# --- which kind -------------------------------------------------------------------------------------------------------


def _chosen(
    looks: Sequence[Look], protocol: Protocol | None, overrides: Overrides
) -> tuple[list[Chosen], list[Finding]]:
    asked = {look.place: given for look in looks if (given := _asked(look, overrides)) is not None}
    shown = recognise.guesses([look for look in looks if look.place not in asked and not _is_survey(look)])
    chosen: list[Chosen] = []
    findings: list[Finding] = []
    for look in looks:
        one = _one(look, asked.get(look.place), shown.get(look.place), protocol)
        if isinstance(one, Finding):
            findings.append(one)
        elif (lacking := _lacking(one)) is not None:
            findings.append(lacking)
        else:
            chosen.append(one)
    return chosen, list(dict.fromkeys(findings))


def _asked(look: Look, overrides: Overrides) -> tuple[str, Mapping[str, str]] | None:
    return next((overrides[n] for n in look.stack.numbers if n in overrides), None)


def _one(
    look: Look,
    asked: tuple[str, Mapping[str, str]] | None,
    shown: tuple[str, dict[str, str]] | None,
    protocol: Protocol | None,
) -> Chosen | Finding:
    made = look.stack.made
    if asked is not None:
        kind, entities = asked
        if kind == SKIP:
            return _left_out(look, "as asked")
        rec = {"rec": recognise.RECONSTRUCTED[made]} if made in recognise.RECONSTRUCTED else {}
        return Chosen(look, kind, {**rec, **entities}, entities, kind in MAPS.values())
    if made in MAPS:
        return Chosen(look, MAPS[made], derivative=True)
    if made in _LEFT_OUT:
        return _left_out(look, _LEFT_OUT[made])
    if _is_survey(look):
        return _left_out(look, "planes in three directions, as of a localiser")
    if protocol is not None and (sequence := declared.best(look, protocol)) is not None:
        entities = {**sequence.entities, **({"dir": shown[1]["dir"]} if shown and "dir" in shown[1] else {})}
        return Chosen(look, sequence.kind, entities, entities)
    return Chosen(look, *shown) if shown else _unknown(look)


def _is_survey(look: Look) -> bool:
    """A localiser that does not say so: its planes look in several directions."""
    return look.stack.orientations > 1 and (look.stack.orientations > 2 or bool(look.words & {"loc", "localizer", "localiser", "scout",
                                                                                              "survey"}))  # fmt: skip


def _lacking(one: Chosen) -> Finding | None:
    """W-KIND where what a kind has to state is not stated, or it has no place for what was acquired."""
    look = one.look
    missing = [words for name, words in _NEEDS.get(one.kind, {}).items() if not getattr(look, name)]
    if one.kind == "dwi" and look.stack.b_values is None:
        missing.append("b-value")
    if missing:
        said = f"looks like {one.kind}, but its header states no {' and no '.join(missing)}"
    elif one.kind in NO_ECHO and look.n_echoes > 1:
        said = f"has {look.n_echoes} echoes, for which {one.kind} has no place"
    else:
        return None
    remedy = "" if not look.stack.numbers else f"name it by --series {_number(look)}=KIND, or "
    return Finding("warn", "W-KIND", look.stack.call, said, f"{remedy}export it again",
                   "it is not imported")  # fmt: skip


def _taken_as_off(chosen: Sequence[Chosen]) -> Iterator[Finding]:
    for one in chosen:
        if one.entities.get("mt") == "off" and one.look.mt is None and "mt" not in one.own:
            yield Finding("note", "N-MT", one.look.stack.call, "taken as MT off: its header says nothing, that of its twin says on",
                          f"--series {_number(one.look)}={one.kind},mt-on if it is not so")  # fmt: skip


def _compared(chosen: Sequence[Chosen]) -> dict[str, list[Stack]]:
    """Stacks whose signals will be used together: sets of one kind, water and fat, real and imaginary part."""
    groups: dict[str, list[Stack]] = {}
    for one in chosen:
        part = one.look.stack.part
        if one.kind in SETS and part != "phase":
            groups.setdefault(one.kind, []).append(one.look.stack)
        elif "rec" in one.entities:
            groups.setdefault("images of water and fat", []).append(one.look.stack)
        elif part in ("real", "imag"):
            groups.setdefault(f"real and imaginary part, {one.look.stack.call}", []).append(one.look.stack)
    return groups


def _repeated(chosen: Sequence[Chosen]) -> Iterator[Finding]:
    """N-RUN: which series share a name but for their run."""
    groups: dict[tuple, dict[str, str]] = {}
    for one in chosen:
        if "run" in one.entities and "run" not in one.own:
            groups.setdefault((one.kind, one.entities.get("acq")), {})[one.entities["run"]] = one.look.stack.call
    for (kind, _), calls in groups.items():
        listed = ", ".join(f"run-{run} is {call}" for run, call in calls.items())
        yield Finding("note", "N-RUN", kind, f"several series are of this kind: {listed}",
                      "tell them apart by --series N=KIND,acq-LABEL, or leave one out by --series N=none")  # fmt: skip


def _number(look: Look) -> str:
    return str(look.stack.numbers[0]) if look.stack.numbers else "N"


def _left_out(look: Look, why: str) -> Finding:
    return Finding(
        "note", "N-LEFTOUT", look.stack.call, f"left out: {why}", f"--series {_number(look)}=KIND takes it in"
    )


def _unknown(look: Look) -> Finding:
    """What is known of an image that has no name, and how to give it one."""
    stack = look.stack
    facts = [
        {"spin": "spin echo", "gradient": "gradient echo"}.get(
            look.echo, "neither spin nor gradient echo by its header"
        )
    ]
    if look.planar:
        facts.append("echo-planar")
    if look.te is not None:
        facts.append(f"{look.n_echoes} echo{'es' if look.n_echoes > 1 else ''} from {look.te * 1e3:.4g} ms")
    for words, value, unit, factor in (
        ("TR", look.tr, " ms", 1e3),
        ("TI", look.ti, " ms", 1e3),
        ("flip angle", look.flip, " degrees", 1),
    ):
        if value is not None:
            facts.append(f"{words} {value * factor:.4g}{unit}")
    if look.mt is not None:
        facts.append(f"MT {'on' if look.mt else 'off'}")
    said = f"what it is cannot be told ({', '.join(facts)}; {' x '.join(map(str, stack.shape[:3]))} voxels)"
    examples = ", ".join(("MESE", "MEGRE", "T1w", "T2w", "MTR"))
    remedy = f"say it by --series {_number(look)}=KIND (such as {examples}), or leave it out by --series {_number(look)}={SKIP}"
    if not stack.numbers:
        remedy = "export it again with a SeriesNumber, by which --series can name it"
    return Finding("warn", "W-KIND", stack.call, said, remedy, "it is not imported")


# --- names and sidecars -----------------------------------------------------------------------------------------------


def _labelled(one: Chosen, fixed: Mapping[str, str], side: str) -> Chosen:
    """With subject and session; ``acq`` by user or protocol, else by the side where only one was scanned."""
    acq = {"acq": side} if side in ("left", "right") and "acq" not in one.entities else {}
    return Chosen(one.look, one.kind, {**fixed, **acq, **one.entities}, one.own, one.derivative)


def _files(one: Chosen, body_part: str, side: str) -> Iterator[Named]:
    for kind, entities, volumes in files_of(one):
        said = sidecar_of(one.look, kind, volumes, body_part=body_part, side=side, mt_on=one.mt_on)
        if one.derivative:
            said["SkullStripped"] = False
        labels = names.ordered(entities)
        yield Named(one.look.stack, volumes, one.folder, names.join(labels, kind), kind, labels, said,
                    _gradients(one), one.derivative)  # fmt: skip


def _with_both_times(file: Named, chosen: Sequence[Chosen]) -> Named:
    """A difference of phases states the two echo times of its magnitudes."""
    sizes = [o.look.stack for o in chosen if o.kind == "magnitude" and o.look.on_grid_of(Look(file.stack, -1))]
    if file.kind != "phasediff" or not sizes:
        return file
    first, second = (rounded(t) for t in sizes[0].echo_times)
    said = {k: v for k, v in file.sidecar.items() if k != "EchoTime"}
    return replace(file, sidecar={**said, "EchoTime1": first, "EchoTime2": second})


def _gradients(one: Chosen) -> dict[str, str]:
    """The bval (s/mm2) and bvec of a diffusion series."""
    stack = one.look.stack
    if one.kind != "dwi" or stack.b_values is None:
        return {}
    rows = geometry.bvec_rows([v[0].b_vector for v in stack.planes], stack.affine)
    lines = [" ".join(f"{v + 0.0:.8g}" for v in np_row) for np_row in rows.round(8).tolist()]
    return {"bval": " ".join(f"{b * 1e-6:.6g}" for b in stack.b_values) + "\n", "bvec": "\n".join(lines) + "\n"}
