"""Promises about the declaration itself: what it says fits together, and its options explain and check themselves."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.options import as_dict, check, describe, parse
from neuromyo.core.quantity import Quantity
from neuromyo.fit.runner import prepare_acquisitions
from neuromyo.testing.scene import Case


def typical_satisfies_needs(case: Case) -> None:
    """The typical acquisition has all that the biomarker needs, and the example's signal has its shape."""
    b = case.biomarker
    filled, assumed = prepare_acquisitions(b, b.typical)
    assert not assumed, f"the typical acquisition leaves to be assumed: {', '.join(a.field for a in assumed)}"
    signals = case.clean(b.example)
    assert set(signals) == set(b.typical), (
        f"simulate gives {sorted(signals)}, the typical acquisition has {sorted(b.typical)}"
    )
    for role, signal in signals.items():
        n = filled[role].n_volumes or 1
        need = b.series_need(role)
        assert signal.shape == (n,), f"simulate(example)[{role!r}] has shape {signal.shape}, expected ({n},)"
        assert n >= need.min_volumes, f"{role}: the typical acquisition has {n} volumes, {need.min_volumes} are needed"
        assert np.isfinite(signal).all() and np.abs(signal).max() > 0, f"simulate(example)[{role!r}] is not a signal"
        assert np.iscomplexobj(signal) == (need.part == "complex"), (
            f"{role}: part {need.part!r} and {signal.dtype} disagree"
        )
        if b.noise == "rician":
            assert (signal >= 0).all(), f"{role}: a magnitude cannot be negative"


def simulates_any_shape(case: Case) -> None:
    """simulate takes truths of any leading shape, broadcast against each other, and repeats itself to the bit."""
    b = case.biomarker
    single = case.clean(b.example)
    spread = {name: np.full((2, 1, 3) if i % 2 else (1, 4, 1), v) for i, (name, v) in enumerate(b.example.items())}
    shape = np.broadcast_shapes(*(v.shape for v in spread.values()))
    many, again = case.clean(spread), case.clean(spread)
    for role, signal in many.items():
        wanted = (*shape, single[role].shape[-1])
        assert signal.shape == wanted, f"simulate of truths {shape} gave {signal.shape} for {role!r}, expected {wanted}"
        np.testing.assert_allclose(signal, np.broadcast_to(single[role], wanted), rtol=1e-9, atol=1e-12)
        assert np.array_equal(signal, again[role]), f"simulate is not deterministic ({role!r})"


def quantities_are_consistent(case: Case) -> None:
    """Units convert there and back, ranges are ordered, and the example and the domain are plausible."""
    b = case.biomarker
    for q in b.gives:
        assert q.title.strip(), f"{q.name} has no title"
        assert re.fullmatch(r"[A-Za-z0-9]+", q.suffix), f"{q.name}: BIDS suffix {q.suffix!r}"
        low, high = q.window or q.plausible
        apart = high <= q.plausible[0] or low >= q.plausible[1]
        assert low < high and not apart, f"{q.name}: the window {q.window} shows nothing of {q.plausible}"
        one = q.to_display(1.0)
        assert np.isfinite(one) and one > 0 and np.isfinite(q.to_disk(1.0)), f"{q.name}: the unit does not convert"
        value = case.true_value(q, b.example) if q.rank == "scalar" else None
        if value is not None:
            _plausible(q, float(value), "example")
    _domain_is_consistent(case)


def _domain_is_consistent(case: Case) -> None:
    b, names = case.biomarker, {q.name for q in case.biomarker.gives}
    for listed, what in (
        (b.provides, "provides"), (b.exclude[:1] if b.exclude else (), "exclude"), (b.exclude_from, "exclude_from")
    ):  # fmt: skip
        assert set(listed) <= names, f"{what} names {set(listed) - names}, which it does not give"
    if b.domain is None:
        assert b.bias_table.strip(), "without a domain a biomarker must name its published bias table"
        return
    assert b.domain.snr > 0 and b.domain.quantities, "a domain needs a signal-to-noise ratio and quantities"
    assert set(b.domain.quantities) <= names, f"the domain promises {set(b.domain.quantities) - names}, not given"
    assert set(b.domain.box) <= set(b.example), (
        f"the domain's box has {set(b.domain.box) - set(b.example)}, not in example"
    )
    for name, (low, high) in b.domain.box.items():
        assert low <= b.example[name] <= high, (
            f"the example's {name} = {b.example[name]:g} is outside {low:g} to {high:g}"
        )
        for q in b.gives:
            if q.name == name and q.rank == "scalar":
                _plausible(q, low, "domain")
                _plausible(q, high, "domain")


def _plausible(q: Quantity, value: float, where: str) -> None:
    low, high = q.plausible
    assert low <= value <= high, f"{where}: {q.name} = {value:g} {q.unit} is not within {low:g} to {high:g}"


def says_what_it_is(case: Case) -> None:
    """An equation, a source and a caption stand with it."""
    b = case.biomarker
    assert len(b.equation) > 80, "the module's docstring must give title and equation"
    assert b.title.strip() and b.caption.strip(), "title and caption are what people read"
    assert b.doi and all(re.match(r"10\.\d{4,}/\S+$", d) for d in b.doi), f"sources as DOIs, got {b.doi}"


def options_explain_themselves(case: Case) -> None:
    """Defaults pass their own check, every option is described, and text as typed comes back as the same value."""
    kind = case.biomarker.options
    default = check(kind())
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen, "options are a frozen dataclass"  # type: ignore[attr-defined]
    assert hash(default) == hash(kind()) and parse(kind, {}) == default
    for row in describe(kind):
        assert row["doc"], f"option {row['name']} has no meaning given"
    again = parse(kind, {name: _typed(value) for name, value in as_dict(default).items()})
    assert again == default, f"options as typed come back as {again}, not {default}"
    _refused(kind, {"no_such_option": "1"}, "E-UNKNOWN")
    for row in describe(kind):
        for end, beyond in (("low", -1.0), ("high", 1.0)):
            if row[end] is not None:
                _refused(kind, {row["name"]: repr(row[end] + beyond * max(1.0, abs(row[end])))}, "E-OPTION")


def _typed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _refused(kind: type, given: Mapping[str, str], code: str) -> None:
    try:
        parse(kind, given)
    except NeuromyoError as error:
        assert error.code == code, f"{given}: refused with {error.code}, expected {code}"  # noqa: PT017 - pytest is not needed here
    else:
        raise AssertionError(f"{given} was taken, expected {code}")


def strictly(promise, case: Case) -> None:
    """The promise with every warning an error: no user should see one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        promise(case)
