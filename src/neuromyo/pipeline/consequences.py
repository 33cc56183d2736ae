"""What findings mean in numbers: each biomarker's own simulation and estimate, with the thing that is off put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, MapNeed
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.fit import sensitivity
from neuromyo.physics import fat, recovery
from neuromyo.pipeline.plan import MAP_SUFFIX, Task

#: what may well have been the case where a field is assumed to be something else; with words for it
_MAY_HAVE_BEEN: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "refocusing_angle_deg": ({"refocusing_angle_deg": 120.0}, "if it was 120 degrees"),
    "repetition_time": ({"repetition_time": 1.5}, "if it was 1.5 s"),
    "refocusing_pulse": (
        {"excitation_pulse": "sinc-hann", "refocusing_pulse": "sinc-hann"}, "if both pulses were windowed sincs"
    ),
}  # fmt: skip
#: effects below this share are not worth a line; scatter below this ratio neither
_LEAST, _LEAST_SCATTER = 0.01, 1.1
#: spin echoes, whose signal comes back between two trains
_SPIN_ECHOES = ("MESE", "T2w", "T1w", "PDw")


class Consequences:
    """The numbers for one session's plan; ``cache`` may be shared by the sessions of one call."""

    def __init__(self, tasks: Sequence[Task], options: Mapping[str, Any], cache: dict[tuple, Any]) -> None:
        self._tasks = [t for t in tasks if not t.segments]
        self._options = options
        self._cache = cache

    # --- what `neuromyo.protocol.check` asks ---

    def unstated(self, biomarker: str, series: Series, field: str) -> str:
        """What the assumption does if it is wrong."""
        found = self._task(biomarker, series)
        wrong, words = _MAY_HAVE_BEEN.get(field, ({}, ""))
        if found is None or not wrong:
            return ""
        task, role = found
        setting = self._setting(task)
        true = {name: value for name, value in wrong.items() if not series.acquisition.stated(name)}
        effects = self._once(
            "assumed", setting, (role, *true.items()), lambda: sensitivity.wrong_assumption(setting, role, true)
        )
        said = sensitivity.listed(effects, _LEAST)
        return f"{said} {words}" if said else ""

    def off(self, biomarker: str, series: Series, intended: Acquisition) -> str:
        """How much more a biomarker scatters than it would as declared, and what a short TR leaves."""
        found = self._task(biomarker, series)
        if found is None:
            return ""
        task, role = found
        setting = self._setting(task)
        as_declared = {**setting.acquisitions, role: intended}
        ratios = self._once("scatter", setting, (role, intended), lambda: sensitivity.scatter(setting, as_declared))
        said = [f"{name} scatters {r:.1f} times as much" for name, r in (ratios or {}).items() if r >= _LEAST_SCATTER]
        return ", ".join([*said, *_weighing(series, intended)])

    # --- acquisitions that a biomarker does not take ---

    def refusals(self) -> Iterator[Finding]:
        """W-REFUSED for every planned biomarker that its series are there for, but that cannot work on what they state."""
        for task in self._tasks:
            setting = self._setting(task)
            error = self._once("refusal", setting, (), lambda s=setting: sensitivity.refusal(s))
            if error:
                said = f"needs {error.needed}, found {error.found}" if error.needed else error.found
                yield Finding(
                    "warn", "W-REFUSED", f"{task.id}: {task.main.name}", f"{said} ({error.code})", error.remedy,
                    f"{task.id} cannot be computed from it",
                )  # fmt: skip

    # --- maps that could be known and are not ---

    def missing_maps(self, providers: Sequence[Biomarker]) -> Iterator[Finding]:
        """W-NOMAP for every optional map that a planned biomarker goes without and that matters to it."""
        for task in self._tasks:
            biomarker = task.declaration
            assert isinstance(biomarker, Biomarker)
            for role, need in biomarker.needs.items():
                if not isinstance(need, MapNeed) or role in task.maps or need.quantity not in sensitivity.SPANS:
                    continue
                setting = self._setting(task)
                effects = self._once("map", setting, (role,), lambda s=setting, r=role: sensitivity.without_map(s, r))
                said = sensitivity.listed(effects, _LEAST)
                if said:
                    yield _no_map(task, role, need, said, providers)

    # --- helpers ---

    def _task(self, biomarker: str, series: Series) -> tuple[Task, str] | None:
        """The first task of a biomarker that works on a series, with the role the series has in it."""
        for task in self._tasks:
            if task.id == biomarker:
                for role, one in task.series.items():
                    if one is series or one.name == series.name:
                        return task, role
        return None

    def _setting(self, task: Task) -> sensitivity.Setting:
        assert isinstance(task.declaration, Biomarker)
        acquisitions = {role: one.acquisition for role, one in task.series.items()}
        return sensitivity.Setting(task.declaration, self._options[task.id], acquisitions, frozenset(task.maps))

    def _once(self, what: str, setting: sensitivity.Setting, rest: tuple, work: Any) -> Any:
        """The result of ``work``, done once for the same thing. A declaration that fails here fails nobody's check."""
        key = (what, *setting.key, *rest)
        if key not in self._cache:
            try:
                self._cache[key] = work()
            except Exception:  # a biomarker whose simulation does not take this acquisition has nothing to say about it
                self._cache[key] = ()
        return self._cache[key]


def _no_map(task: Task, role: str, need: MapNeed, said: str, providers: Sequence[Biomarker]) -> Finding:
    span = sensitivity.SPANS[need.quantity]
    ways = [b.id for b in providers if need.quantity in b.provides]
    suffix = MAP_SUFFIX.get(need.quantity, f"{need.quantity}map")
    acquire = f"acquire what {' or '.join(ways)} needs, or " if ways else ""
    return Finding(
        "warn", "W-NOMAP", f"{task.id}: {role}", f"no {need.quantity} map: {said} {span.words}",
        f"{acquire}put a {suffix} beside the images", f"{task.id} is computed without it",
    )  # fmt: skip


def _weighing(series: Series, intended: Acquisition) -> Iterator[str]:
    """What a repetition time shorter than intended leaves of muscle water, and of fat, in a spin echo."""
    acquired = series.acquisition
    tr, wanted = acquired.repetition_time, intended.repetition_time
    if series.kind not in _SPIN_ECHOES or tr is None or wanted is None or not tr < wanted:
        return
    last = max(acquired.echo_times or (0.0,))
    muscle, lipid = fat.TISSUE["muscle"].T1, fat.TISSUE["subcutaneous-fat"].T1
    shares = [100 * recovery.share_left(t, last, t1) for t, t1 in ((tr, muscle), (wanted, muscle), (tr, lipid))]
    yield (
        f"at TR {tr:g} s muscle water gives {shares[0]:.0f} % of its signal ({shares[1]:.0f} % as declared) and fat {shares[2]:.0f} %, "
        f"so that fat weighs {shares[2] / shares[0]:.2g} times as much as water"
    )
