"""What is said of chains: sentences, tables, drawings and methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuromyo.core.analysis import Chain, Figure, Table, columns
from neuromyo.stats.coverage import coverage
from neuromyo.stats.intervals import Interval
from neuromyo.stats.paths import METHOD
from neuromyo.study.cells import with_ends
from neuromyo.study.chain_join import Marker, Route
from neuromyo.study.chain_links import PEOPLE, Link, Model
from neuromyo.study.said import capital, listed, people, percent, r_ends, r_number, r_text

if TYPE_CHECKING:
    from neuromyo.study.chain import Options

#: drawings, links told in a sentence, markers of a stage in one drawing
_DRAWN, _TOLD, _WIDE = 6, 3, 2
_CAUSE = ("That one link acts on the next is assumed, not shown: other orders fit the same numbers as well, and only change over time or "
          "an intervention can tell.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Told:
    """Everything found, to be put into words."""

    title: str
    who: str
    routes: Sequence[Route]
    links: Sequence[Link]
    models: Sequence[Model]
    options: Options

    def summary(self) -> tuple[str, ...]:
        told = [_model_said(m, self.options.level) for m in self.models[:_TOLD]]
        told = told or [self._route_said(route) for route in self.routes[:_TOLD]]
        more = len(self.models or self.routes) - _TOLD
        return (*told, *([f"{more} more are in the tables."] if more > 0 else []), *([_CAUSE] if self.models else []))

    def tables(self) -> tuple[Table, ...]:
        return (*((self._effects(), self._explained()) if self.models else ()), self._links())

    def figures(self) -> tuple[Figure, ...]:
        if self.models:
            return tuple(_drawn_model(m, i) for i, m in enumerate(self.models[:_DRAWN]))
        return tuple(self._drawn_route(route) for route in self.routes[:_DRAWN])

    def methods(self) -> tuple[str, ...]:
        held = f", with {listed(self.options.given)} held" if self.options.given else ""
        sides = {"both": "each limb of a person entering by itself", "mean": "as the mean of a person's two limbs"}
        how = sides.get(self.options.side, f"on the {self.options.side} side")
        out = [
            f"Measurements of nerve, motor response, muscle and strength were joined by the common innervation and by side, {how}.",
            f"Links were described by Pearson's correlation{held}, with {percent(self.options.level)} confidence intervals by Fisher's "
            "transformation that count people, not limbs.",
        ]
        if self.models:
            out += [
                f"Where {PEOPLE} people or more had a whole chain, a recursive path model was fitted by least squares, each stage "
                f"regressed on all before it{held} (Wright 1934, doi:10.1214/aoms/1177732676); effects are standardised.",
                f"Intervals are bias-corrected and accelerated by quantiles of t, from {self.options.repeats} samples of people drawn "
                f"with replacement, both limbs of a person together (DiCiccio and Efron 1996, doi:10.1214/ss/1032280214; seed "
                f"{self.options.seed}); that of an effect through one link: {self._covered()}.",
                "Neither correlations nor effects were corrected for their number. The order of the stages was assumed.",
            ]
        return tuple(out)

    def _covered(self) -> str:
        """How often such intervals held the truth where that was measured, at the fewest people of a model."""
        return str(coverage(METHOD, min(m.n_people for m in self.models), "indirect"))

    def _route_said(self, route: Route) -> str:
        own = [k for k in self.links if k.route is route]
        steps = sorted((k for k in own if k.neighbours and k.r.known), key=lambda k: -abs(k.r.value))
        most = max(k.n_people for k in own)
        if not steps:
            return f"{capital(route.title)}: no two neighbouring links were measured in enough people."
        told = "; ".join(
            f"{k.start.said} with {k.end.said}: r = {r_text(k.r.value, k.r.low, k.r.high, self.options.level)}, {_n(k)}"
            for k in steps[:_TOLD]
        )
        rest = f"; the closest {_TOLD} of {len(steps)} links" if len(steps) > _TOLD else ""
        return f"{capital(route.title)}, up to {most} people ({self.who}), described only: {told}{rest}."

    def _links(self) -> Table:
        cols = columns(
            ("chain", "nerve, muscle and movement", "", "text"), ("from", "the earlier link", "", "text"),
            ("to", "the later link", "", "text"),
            ("neighbours", "whether nothing measured lies between", "", "text"), ("people", "people with both", "", "count"),
            ("limbs", "limbs with both", "", "count"), ("r", "Pearson's correlation" + (", covariates held" if self.options.given else "")),
            ("r_low", "lower end of its interval"), ("r_high", "upper end of its interval"),
        )  # fmt: skip
        rows = [(k.route.title, k.start.title, k.end.title, "yes" if k.neighbours else "no", k.n_people, k.n_limbs, *with_ends(k.r))
                for k in self.links]  # fmt: skip
        note = f"{percent(self.options.level)} confidence intervals that count people, not limbs; not corrected for the number of links"
        return Table("chain-links", "Correlations of the links", cols, tuple(rows), note)

    def _effects(self) -> Table:
        cols = columns(
            ("chain", "nerve, muscle and movement", "", "text"), ("model", "number of the path model", "", "count"),
            ("effect", "direct, along the whole chain, indirect by all ways, or total", "", "text"),
            ("way", "from what to what", "", "text"),
            ("size", "change of the last for one SD more of the first", "SD"), ("size_low", "lower end of its interval", "SD"),
            ("size_high", "upper end of its interval", "SD"), ("people", "people with all of the chain", "", "count"),
            ("limbs", "limbs with all of the chain", "", "count"),
        )  # fmt: skip
        rows = [(m.route.title, i + 1, e.kind, _way(e.markers), *with_ends(e.size), m.n_people, m.n_limbs)
                for i, m in enumerate(self.models) for e in m.effects]  # fmt: skip
        note = f"{percent(self.options.level)} confidence intervals by resampling people ({self._covered()} through one link). {_CAUSE}"
        return Table("chain-effects", "Effects along the chain, by path model", cols, tuple(rows), note)

    def _explained(self) -> Table:
        cols = columns(
            ("model", "number of the path model", "", "count"), ("variable", "link of the chain", "", "text"),
            ("explained", "share of its variance that earlier links and covariates explain", "%", "percent"),
        )  # fmt: skip
        rows = [(i + 1, marker.title, 100 * share) for i, m in enumerate(self.models)
                for marker, share in list(zip(m.markers, m.explained, strict=True))[1:]]  # fmt: skip
        return Table(
            "chain-explained",
            "What earlier links explain",
            cols,
            tuple(rows),
            "in the people it was fitted to: rather too much",
        )

    def _drawn_route(self, route: Route) -> Chain:
        shown = [m for stage in route.stages.values() for m in stage[:_WIDE]]
        names = {m.name for m in shown}
        own = [
            k
            for k in self.links
            if k.route is route and k.neighbours and {k.start.name, k.end.name} <= names and k.r.known
        ]
        arrows = tuple(
            (k.start.label, k.end.label, f"r = {_with(k.r)}, {_n(k)}", float(k.r.value), k.sure) for k in own
        )
        caption = (f"{capital(route.title)}: correlations with {percent(self.options.level)} confidence intervals, solid where these "
                   "leave out zero. Arrows follow the assumed order, and show no cause.")  # fmt: skip
        return Chain(f"chain-{route.id}", route.title, tuple(m.label for m in shown), arrows, caption)


def _model_said(model: Model, level: float) -> str:
    by = {e.kind: e for e in model.effects if e.kind != "direct"}
    first, last = model.markers[0].said, model.markers[-1].said
    limbs = f" ({model.n_limbs} limbs)" if model.n_limbs > model.n_people else ""
    head = f"{capital(model.route.title)}, {model.n_people} people{limbs}"
    if "along" not in by:
        one = model.effects[0].size
        return f"{head}: one SD more of {first} went with {_sd(one)} of {last} ({percent(level)} CI {_ends(one)})."
    direct = next(e for e in model.effects if e.kind == "direct" and e.markers == (model.markers[0], model.markers[-1]))
    along, total = by["along"].size, by["total"].size
    return (f"{head}: one SD more of {first} went with {_sd(total)} of {last} ({percent(level)} CI {_ends(total)}); "
            f"along the chain, through {_through(model.markers)}, with {_sd(along)} ({_ends(along)}), past all between with "
            f"{_sd(direct.size)} ({_ends(direct.size)}).")  # fmt: skip


def _drawn_model(model: Model, index: int) -> Chain:
    arrows = tuple((e.markers[0].label, e.markers[1].label, _with(e.size), max(-1.0, min(1.0, float(e.size.value))), e.sure)
                   for e in model.effects if e.kind == "direct")  # fmt: skip
    caption = (f"Path model of {model.n_people} people: change of each link, in SD, for one SD more of an earlier one, the others held; "
               "solid where the interval leaves out zero. The order is assumed.")  # fmt: skip
    title = model.route.title + (f", through {_through(model.markers)}" if len(model.markers) > 2 else "")
    return Chain(f"chain-model-{index + 1}", title, tuple(m.label for m in model.markers), arrows, caption)


def _through(markers: Sequence[Marker]) -> str:
    return listed([m.said for m in markers[1:-1]])


def _way(markers: Sequence[Marker]) -> str:
    return " → ".join(m.name for m in markers)


def _n(link: Link) -> str:
    return people(link.n_people) + (f" ({link.n_limbs} limbs)" if link.n_limbs > link.n_people else "")


def _with(found: Interval) -> str:
    return f"{r_number(found.value)} ({_ends(found)})"


def _ends(found: Interval) -> str:
    return r_ends(found.low, found.high) if found.known else "no interval"


def _sd(found: Interval) -> str:
    return f"{r_number(found.value)} SD"
