"""A biomarker of somebody else's is one file and one line of their packaging; a broken one is reported, not fatal."""

import importlib
import sys
import textwrap

import pytest

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import PluginError
from neuromyo.core.registry import Registry
from neuromyo.testing.contract import checks

TOY = '''
r"""Mean signal over the volumes: the smallest biomarker there is.

.. math:: M = \\\\frac{1}{n} \\\\sum_i S_i

*Assumes* nothing. *Breaks* never.
"""
import numpy as np
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, SeriesNeed
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason


def simulate(truth, acquisitions, options):
    return {"image": np.asarray(truth["M"], float)[..., None] * np.ones(3)}


def estimate(inputs, options):
    values = inputs.signals["image"].astype(float).mean(axis=-1)
    reason = np.where(values > 0, Reason.OK, Reason.NO_SIGNAL).astype(np.uint8)
    reason[~np.isfinite(inputs.signals["image"]).all(axis=-1)] = Reason.NOT_FINITE
    return Estimate({"M": values}, reason)


BIOMARKER = Biomarker(
    id="toy-mean", title="mean signal", doi=("10.1000/xyz123",),
    needs={"image": SeriesNeed(kinds=("MESE",))},
    gives=(Quantity("M", "mean signal", "a.u.", (0.0, 1e9), "Mmap"),),
    simulate=simulate, estimate=estimate,
    typical={"image": Acquisition(echo_times=(0.01, 0.02, 0.03))}, example={"M": 100.0},
    domain=Domain({"M": (50.0, 200.0)}, 50.0, ("M",)), caption="The mean over the volumes.",
)
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a distribution of plug-ins, as its entry points and modules."""

    def installed(entries: dict[str, str], **modules: str) -> Registry[Biomarker]:
        lines = ["[neuromyo.biomarkers]", *(f"{name} = {value}" for name, value in entries.items())]
        info = tmp_path / "stranger-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        return Registry("neuromyo.biomarkers", "neuromyo.biomarkers", "BIOMARKER", Biomarker)

    before = set(sys.modules)
    yield installed
    for name in set(sys.modules) - before:
        if name.startswith("stranger"):
            del sys.modules[name]


def test_one_file_is_a_biomarker(install):
    registry = install({"toy-mean": "stranger_toy"}, stranger_toy=TOY)
    assert "toy-mean" in registry.ids() and "t2-water" in registry.ids()
    toy = registry.get("toy-mean")
    assert toy in list(registry) and not registry.findings
    names = [str(check) for check in checks(toy)]
    assert any("figures" in name for name in names)
    for check in checks(toy):
        check()


def test_the_declaration_itself_can_be_named(install):
    registry = install({"toy-mean": "stranger_toy:BIOMARKER"}, stranger_toy=TOY)
    assert registry.get("toy-mean").title == "mean signal"


def test_broken_plug_ins_are_reported_and_the_rest_go_on(install):
    registry = install(
        {
            "toy-mean": "stranger_toy",
            "broken-import": "stranger_broken",
            "not-there": "stranger_not_there",
            "wrong-kind": "stranger_wrong",
            "other-id": "stranger_toy:BIOMARKER",
            "bad-declaration": "stranger_bad",
        },
        stranger_toy=TOY,
        stranger_broken="raise RuntimeError('no licence found')",
        stranger_wrong="BIOMARKER = 'a string'",
        stranger_bad=TOY.replace('title="mean signal"', 'title="x"').replace('"toy-mean"', '"Bad_Declaration"'),
    )
    ids = {b.id for b in registry}
    assert {"toy-mean", "t2-mono", "t2-water"} <= ids and len(ids) == 1 + len(registry._own)
    said = {f.where: f.message for f in registry.findings}
    assert set(said) == {
        f"plug-in {n}" for n in ("broken-import", "not-there", "wrong-kind", "other-id", "bad-declaration")
    }
    assert "no licence found" in said["plug-in broken-import"]
    assert "toy-mean" in said["plug-in other-id"]
    assert all(f.level == "warn" and f.code == "W-PLUGIN" and f.remedy for f in registry.findings)
    list(registry)
    assert len(registry.findings) == 5  # said once
    with pytest.raises(PluginError, match="no licence found"):
        registry.get("broken-import")


@pytest.mark.parametrize("name", ["t2-water", "t2w-ater"])
def test_ids_that_collapse_alike_are_refused(install, name):
    """t2-water and t2w-ater would both be written as desc-t2water."""
    with pytest.raises(PluginError, match="no other collapses to") as caught:
        install({name: "stranger_toy"}, stranger_toy=TOY)
    assert caught.value.code == "E-PLUGIN"
