"""What can be chosen for an import, checked where it is typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.errors import OptionError
from neuromyo.io import names

#: of a label: file names hold several, and more than 255 bytes no file system takes
_LONGEST = 64
SIDES = ("", "left", "right", "both")
CHARACTERISTICS = ("age", "sex", "height", "weight")


@dataclass(frozen=True)
class IntakeOptions:
    """Options of `neuromyo import`.

    subject : label; sessions : labels in order of date, none where the dataset has no sessions
    series : series number -> (BIDS suffix, entities) that the user says it has
    trust_subject : take all as one person's, though names, numbers or birth dates differ
    keep : which of `CHARACTERISTICS` go into the dataset
    mem_mb, seconds : limits of the process that parses files, the time for each file
    """

    subject: str
    sessions: tuple[str, ...] = ()
    protocol: str = ""
    series: dict[int, tuple[str, dict[str, str]]] = field(default_factory=dict)
    body_part: str = ""
    side: str = ""
    keep: tuple[str, ...] = ()
    key: Path | None = None
    keep_dicom: bool = False
    show_names: bool = False
    trust_subject: bool = False
    mem_mb: int = 2000
    seconds: float = 60.0

    def checked(self) -> IntakeOptions:
        """Itself, or E-OPTION that names the option."""
        for option, labels in (("--subject", (self.subject,)), ("--session", self.sessions)):
            for label in labels:
                if not names.LABEL.fullmatch(label):
                    raise _wrong(option, "a label of letters and digits", repr(label))
                if len(label) > _LONGEST:
                    raise _wrong(option, f"at most {_LONGEST} letters and digits", f"{len(label)}")
        if len(set(self.sessions)) != len(self.sessions):
            raise _wrong("--session", "different labels", ", ".join(self.sessions))
        if self.side not in SIDES:
            raise _wrong("--side", "left, right or both", repr(self.side))
        if self.body_part and not names.LABEL.fullmatch(self.body_part):
            raise _wrong("--body-part", "one word of letters and digits", repr(self.body_part))
        for one in self.keep:
            if one not in CHARACTERISTICS:
                raise _wrong("--keep", f"some of {', '.join(CHARACTERISTICS)}", repr(one))
        if not 200 <= self.mem_mb <= 1_000_000:
            raise _wrong("--mem-mb", "200 to 1000000", f"{self.mem_mb}")
        if not 1 <= self.seconds <= 86_400:
            raise _wrong("--seconds", "1 to 86400", f"{self.seconds:g}")
        return self


def overrides(given: tuple[str, ...]) -> dict[int, tuple[str, dict[str, str]]]:
    """``8=MESE,acq-calf`` typed: series number, BIDS suffix (or ``none``), entities; which there are is checked later."""
    found: dict[int, tuple[str, dict[str, str]]] = {}
    for text in given:
        number, equals, said = text.partition("=")
        kind, *pairs = [part.strip() for part in said.split(",")]
        if not equals or not number.strip().isdecimal() or not kind:
            raise _wrong("--series", "N=KIND[,entity-label...], as 8=MESE,acq-calf", repr(text))
        if int(number) in found:
            raise _wrong("--series", "each series once", f"series {int(number)} twice")
        found[int(number)] = kind, dict(_pair(pair, text) for pair in pairs)
    return found


def _pair(pair: str, text: str) -> tuple[str, str]:
    key, _, label = pair.partition("-")
    if not key or not label:
        raise _wrong("--series", "entities as acq-calf, flip-1, mt-on, part-phase", repr(text))
    return key, label


def _wrong(option: str, needed: str, found: str) -> OptionError:
    return OptionError("E-OPTION", where=option, needed=needed, found=found, remedy="give another value")
