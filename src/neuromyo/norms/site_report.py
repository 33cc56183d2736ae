r"""What is left between sites after harmonising: how large the difference may still be, in SDs between healthy people.

Before: what the controls of the site say, :math:`\hat\gamma \pm t\,\mathrm{se}`. After: the same interval with what was taken out
subtracted, :math:`(\hat\gamma - \gamma^* \pm t\,\mathrm{se}) / \delta^*`. The after-interval is as wide as the before-interval: harmonising
moves a site, it does not make its few controls more. Of the spread likewise, as ratio of SDs. A test for site differences on the
values that the model was made from would always find none, and is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.norms.harmonise import Harmoniser
from neuromyo.norms.site_model import Effect
from neuromyo.stats.intervals import Interval, sd_interval, t_interval

#: effect sizes in words, Cohen's; below the first nobody need care
WORDS = ((0.2, "negligible"), (0.5, "small"), (0.8, "medium"), (float("inf"), "large"))


@dataclass(frozen=True, slots=True)
class Line:
    """One feature at one site; shifts in SDs between healthy people, spreads as ratios to the common SD.

    people, worth : controls, and how many people scanned at one site only they are worth
    before, after : shift of the site; spread_before, spread_after : its SD
    se : the uncertainty that a harmonised value near the middle carries, in the same SDs
    """

    feature: str
    site: str
    people: int
    worth: float
    before: Interval
    after: Interval
    spread_before: Interval
    spread_after: Interval
    se: float

    @property
    def size(self) -> str:
        """The shift before, in words."""
        return in_words(self.before.value)

    @property
    def left(self) -> str:
        """What may be left at worst: the farther end of the interval, in words."""
        return in_words(max(abs(self.after.low), abs(self.after.high)))


def in_words(shift: float) -> str:
    """An effect size in Cohen's words."""
    return next(word for limit, word in WORDS if abs(shift) < limit)


def lines(harmoniser: Harmoniser) -> tuple[Line, ...]:
    """Every feature at every site, but for a reference, which nothing is taken out of."""
    return tuple(
        _line(model.feature.name, site, model.sites[site])
        for model in harmoniser.models
        for site in harmoniser.sites
        if site != harmoniser.options.reference
    )


def _line(feature: str, site: str, effect: Effect) -> Line:
    se = float(np.sqrt(effect.variance * effect.raw_spread2))
    before = t_interval(effect.raw_shift, se, effect.df)
    stretch = float(np.exp(-effect.log_spread))
    after = t_interval(effect.raw_shift - effect.shift, se, effect.df).scaled(stretch)
    spread = sd_interval(effect.raw_spread2, effect.df)
    return Line(
        feature,
        site,
        effect.people,
        effect.worth,
        before,
        after,
        spread,
        spread.scaled(stretch),
        effect.shift_se * stretch,
    )


def summary(found: Sequence[Line]) -> tuple[str, ...]:
    """A sentence for each site: how far off it was, and what may be left."""
    said = []
    for site in sorted({line.site for line in found}):
        mine = [line for line in found if line.site == site]
        before, after = (
            np.median([abs(x) for x in v]) for v in ([m.before.value for m in mine], [m.after.value for m in mine])
        )
        may = np.median([max(abs(m.after.low), abs(m.after.high)) for m in mine])
        people = min(m.people for m in mine)
        said.append(f"{site} ({people} controls): off by {before:.2f} SD (median over {len(mine)} numbers), {after:.2f} SD after; "
                    f"with so many controls up to {may:.2f} SD may be left")  # fmt: skip
    return tuple(said)
