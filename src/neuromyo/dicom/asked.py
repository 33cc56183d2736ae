"""What the user says of series: checked before it is believed, and beside what the headers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neuromyo.core.errors import Finding, OptionError
from neuromyo.dicom.looks import Look
from neuromyo.dicom.sidecar import SIDES
from neuromyo.dicom.stack import Stack
from neuromyo.io import names

#: series number -> (kind, entities), as asked for
Overrides = Mapping[int, tuple[str, Mapping[str, str]]]
#: the kind by which a user leaves a series out
SKIP = "none"
#: the maps that scanners make (`frames.MADE`) -> their suffix
MAPS = {"T1map": "T1map", "T2map": "T2map", "T2starmap": "T2starmap", "PDmap": "PDmap", "PDFF": "PDFF", "B0map": "B0map",
        "B1map": "TB1map", "ADC": "ADC", "FA": "FA", "trace": "trace"}  # fmt: skip

#: words of headers that contradict no part of the limb, and those that mean the same
_WIDE = {"EXTREMITY", "LEG", "LEGS", "LOWEREXTREMITY", "LOWERLIMB", "BODY", "WHOLEBODY"}
_OTHER_WORDS = {
    "CALF": {"LOWERLEG", "TIBIA"}, "THIGH": {"THIGHS", "UPPERLEG", "FEMUR"}, "LEG": {"CALF", "LOWERLEG", "THIGH", "UPPERLEG", "KNEE"},
    "FOREARM": {"LOWERARM", "UPPEREXTREMITY", "UPPERLIMB"}, "ARM": {"UPPERARM", "UPPEREXTREMITY", "UPPERLIMB"},
}  # fmt: skip


def check(overrides: Overrides, side: str) -> None:
    """E-UNKNOWN and E-OPTION for what no series can be."""
    if side and side not in SIDES:
        raise OptionError(
            "E-OPTION", where="--side", needed=f"one of {', '.join(SIDES)}", found=side[:40], remedy="name one of them"
        )
    known = (names.SERIES_KINDS | set(MAPS.values()) | {SKIP}) - set(names.PHASE_KINDS)
    for number, (kind, entities) in overrides.items():
        where = f"--series {number}"
        if kind not in known:
            raise OptionError("E-UNKNOWN", where=where, needed="a kind of image that BIDS knows", found=kind[:40],
                              remedy=f"give one of {', '.join(sorted(known))}")  # fmt: skip
        wrong = next((k for k, v in entities.items() if k not in names.ENTITIES or not names.LABEL.fullmatch(v) or k in ("sub", "ses")),
                     None)  # fmt: skip
        if wrong is not None:
            raise OptionError("E-OPTION", where=f"{where}: {wrong[:40]}", needed="an entity of BIDS with a label of letters and digits",
                              found="another", remedy="write it like acq-calf")  # fmt: skip


def not_there(overrides: Overrides, stacks: Sequence[Stack]) -> Iterator[Finding]:
    """W-NOTFOUND for series that were named but are not there."""
    there = sorted({n for s in stacks for n in s.numbers})
    for number in sorted(set(overrides) - set(there)):
        listed = ", ".join(map(str, there)) or "none"
        yield Finding(
            "warn", "W-NOTFOUND", f"--series {number}", "there is no such series to import", f"series are {listed}"
        )


def contradictions(looks: Sequence[Look], body_part: str, side: str) -> Iterator[Finding]:
    """Where the headers say another side or body part than the user."""
    part = body_part.upper()
    said = (("Laterality", SIDES.get(side, ""), "W-SIDE", {"B"}),
            ("BodyPartExamined", part, "W-BODYPART", _WIDE | _OTHER_WORDS.get(part, set())))  # fmt: skip
    for key, given, code, fitting in said:
        others = {str(v) for look in looks if (v := look.stack.facts.get(key))} - {given, *fitting}
        for other in sorted(others if given else ()):
            which = sorted({n for look in looks if look.stack.facts.get(key) == other for n in look.stack.numbers})
            yield Finding("warn", code, f"series {', '.join(map(str, which))}: {key}",
                          f"the header says {other}, you say {given}", "look at the images", "your word is used")  # fmt: skip
