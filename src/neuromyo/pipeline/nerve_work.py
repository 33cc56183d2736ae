"""The nerves of a session as steps of its ledger: followed before the fits, measured after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from neuromyo.core.errors import EXIT_INPUT, Finding, NeuromyoError
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.nerve import Trace
from neuromyo.pipeline import ledger, nearest, nerve_cache, nerve_steps
from neuromyo.pipeline.ledger import Entry
from neuromyo.pipeline.nerve_steps import Pictures, Wanted
from neuromyo.pipeline.results import Results

Made = tuple[dict[str, str], dict[str, Any]]


class Steps(Protocol):
    """What a session offers to those who take steps in it."""

    job: Any
    ready: Any
    labels: Results[Labels]
    maps: Results[Maps]
    findings: list[Finding]

    @property
    def keys(self) -> dict[str, str]: ...

    def attempt(self, name: str, do: Callable[[], None]) -> None: ...

    def once(self, name: str, key: str, make: Callable[[], Made], recall: Callable[[Entry], None]) -> None: ...


def _raise(error: NeuromyoError) -> None:
    raise error


@dataclass
class NerveWork:
    """The nerves that a session's options ask for, and what became of them."""

    steps: Steps
    traces: Results[Trace] = field(default_factory=Results)
    examined: Results[Any] = field(default_factory=Results)
    wanted: tuple[Wanted, ...] = ()

    def follow(self) -> None:
        """Follows every nerve asked for; what was followed joins the session's regions."""
        steps, ready = self.steps, self.steps.ready
        self.pictures = Pictures([s for s in ready.usable if s.kind != "dwi"])

        astray: list[NeuromyoError] = []

        def listed() -> None:
            drawn = list(steps.labels.values())
            self.wanted, wrong = nerve_steps.wanted(steps.job.options, ready.subject, ready.session, drawn)
            astray.extend(wrong)

        steps.attempt("nerves", listed)
        for error in astray:  # each a failure of its own: the other nerves are followed all the same
            steps.attempt("nerves", lambda error=error: _raise(error))
        for one in self.wanted:
            steps.attempt(one.step, lambda one=one: self._follow(one))

    def examine(self) -> None:
        """Measures every nerve that was followed, with the profiles of the session's maps."""
        for one in self.wanted:
            if one.step in self.traces:
                self.steps.attempt(f"measure {one.step}", lambda one=one: self._examine(one))

    def rows(self, subject: str, session: str) -> Iterator[Mapping[str, Any]]:
        """The rows of all nerves for the session's table."""
        for one in self.examined.values():
            yield from ({"subject": subject, "session": session, **row} for row in one.rows)

    def views(self) -> tuple[Any, ...]:
        """What the session's page shows."""
        return tuple(one.view() for one in self.examined.values())

    # --- one nerve ---

    def _follow(self, one: Wanted) -> None:
        steps = self.steps
        before = {n: k for n, k in steps.keys.items() if one.proposals and n in steps.labels}
        key = nerve_steps.key(one, self.pictures.series, steps.ready.inputs, before)
        steps.once(one.step, key, lambda: self._tried(one, key), lambda entry: self._recall(one, entry))

    def _tried(self, one: Wanted, key: str) -> Made:
        """What became of it. That it cannot be followed is a result too, which no later run has to find out again."""
        try:
            return self._make(one, key)
        except NeuromyoError as error:
            if error.exit_status != EXIT_INPUT:
                raise
            told = nerve_steps.unfollowed(error, one.step)
            self.steps.findings.append(told)
            return {}, {"cache": "", "findings": [told.as_dict()]}

    def _make(self, one: Wanted, key: str) -> Made:
        from neuromyo.io import store
        from neuromyo.pipeline import nerves

        images = self.pictures.images
        drawn = (
            nearest.of_each_family(dict(self.steps.labels), images[0].grid, "")
            if images and len(self.steps.labels)
            else ()
        )
        trace, told = nerves.follow(
            images, one.name, one.side, one.landmarks, drawn[0] if drawn else None, proposals=one.proposals
        )
        out = self.steps.job.out
        made = nerve_steps.write(out, one, trace, images[0], self.steps.ready)
        archive = f"record/{self.steps.job.folder}/cache/{key}.npz"
        made[archive] = store.write_bytes(out / archive, nerve_cache.pack(trace))
        self._keep(one, trace, told)
        return made, {"cache": archive, "findings": [f.as_dict() for f in told]}

    def _recall(self, one: Wanted, entry: Entry) -> None:
        told = [Finding(**f) for f in entry.notes["findings"]]
        if not entry.notes["cache"]:
            self.steps.findings += told
            return
        path = self.steps.job.out / entry.notes["cache"]
        self._keep(one, nerve_cache.unpack(path.read_bytes()), told)

    def _keep(self, one: Wanted, trace: Trace, told: Sequence[Finding]) -> None:
        self.traces.put(one.step, trace)
        self.steps.labels.put(one.step, trace.labels(source=nerve_steps.trace_source(one)))
        self.steps.findings += told

    def _examine(self, one: Wanted) -> None:
        name = f"measure {one.step}"
        used = {one.step, *self.steps.maps, *self.steps.labels} - {n for n in self.traces if n != one.step}
        done = {n: k for n, k in self.steps.keys.items() if n in used}
        key = ledger.key(step="measure nerve", done=done, code=nerve_steps.code())
        self.steps.once(name, key, lambda: self._measure(one, key), lambda entry: self._recall_measured(one, entry))

    def _measure(self, one: Wanted, key: str) -> Made:
        from neuromyo.io import store
        from neuromyo.pipeline import nerves

        trace = self.traces[one.step]
        others = {n: labels for n, labels in self.steps.labels.items() if n not in self.traces}
        drawn = nearest.of_each_family(others, trace.grid, "") if others else ()
        found = nerves.examine(
            self.pictures.images, trace, one.landmarks, labels=drawn[0] if drawn else None,
            maps=tuple(self.steps.maps.values()), source=nerve_steps.trace_source(one),
        )  # fmt: skip
        out, archive = self.steps.job.out, f"record/{self.steps.job.folder}/cache/{key}.npz"
        made = nerve_steps.write_profile(out, one, found, self.steps.ready)
        made[archive] = store.write_bytes(out / archive, nerve_cache.pack_examined(found))
        self.examined.put(one.step, found)
        self.steps.findings += found.findings
        return made, {"cache": archive}

    def _recall_measured(self, one: Wanted, entry: Entry) -> None:
        path = self.steps.job.out / entry.notes["cache"]
        found = nerve_cache.unpack_examined(path.read_bytes(), self.traces[one.step], self.pictures)
        self.examined.put(one.step, found)
        self.steps.findings += found.findings
