"""What makes the places of people in norms doubtful, named: which site was not known, who lies outside of the controls and by what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from neuromyo.core.norm import Body, Place
from neuromyo.io.who import core
from neuromyo.norms import reading
from neuromyo.norms.engine import Norm
from neuromyo.pipeline.persons import Roster

_SHOWN = 3


@dataclass
class Doubts:
    """Collected over all norms of a comparison. ``stated``: sites of people whom no control shares; ``known``: the norms' own."""

    stated: dict[str, None] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    outside: dict[str, None] = field(default_factory=dict)

    def note(self, norm: Norm, place: Place, body: Body) -> None:
        """One value's place."""
        if "W-NEWSITE" in place.flags:
            self.stated[body.site] = None
            self.known.update(norm.sites)
        if "W-EXTRAPOLATED" in place.flags:
            self.outside |= dict.fromkeys(reading.beyond(norm, body))

    @property
    def site(self) -> tuple[str, str]:
        """(which site the norm has no controls from, what to do), as ends of a sentence."""
        if not self.stated:
            return "", ""
        known = _listed(sorted(self.known))
        said = _listed([name for name in self.stated if name])
        alike = {core(name): name for name in sorted(self.known)}
        slips = [
            f"write '{alike[core(s)]}' for '{s}' if that is meant" for s in self.stated if core(s) and core(s) in alike
        ]
        unstated = "state it by --site, or in a column site of the table of people"
        words = f" (stated: {said or 'none'}; the norm's: {known or 'not named'})"
        return words, slips[0] if slips else unstated if "" in self.stated else ""

    @property
    def beyond(self) -> str:
        """By what people lie outside, as the end of a sentence."""
        return f": {_listed(list(self.outside))}" if self.outside else ""


def unknown(people: Iterable[str], roster: Roster) -> str:
    """What is not known of these people, as the end of a sentence."""
    bodies = [roster.body(who) for who in dict.fromkeys(people)]
    facts = {"age": "age", "sex": "sex", "height": "height_m", "weight": "weight_kg"}
    said = [name for name, attribute in facts.items() if any(getattr(b, attribute) is None for b in bodies)]
    return f" (not known of everybody: {', '.join(said)})" if said else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + f" and {len(words) - _SHOWN} more" * (len(words) > _SHOWN)
