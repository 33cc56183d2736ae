"""The promises of every biomarker, for whoever writes one.

    import pytest
    from neuromyo.testing.contract import checks
    from my_package.my_t1 import BIOMARKER

    @pytest.mark.parametrize("check", checks(BIOMARKER), ids=str)
    def test_contract(check):
        check()

Each check is a plain function that raises AssertionError with what was promised and what was found; any warning on the
way is an error too. Draws are seeded, so that a red check stays red. ``NEUROMYO_DRAWS=4000`` in the environment takes
4,000 draws a point instead of 400 where the figures of the domain are checked.

Which checks there are depends on the declaration: promises about chunks, shapes and bad voxels hold for voxel scope;
image scope promises a memory bound instead; figures are checked where there is a domain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neuromyo.core.biomarker import Biomarker, MapNeed, RegionNeed
from neuromyo.testing import declared, figures, promises
from neuromyo.testing.scene import Case

Promise = Callable[[Case], None]

_ALWAYS: tuple[Promise, ...] = (
    declared.says_what_it_is,
    declared.typical_satisfies_needs,
    declared.simulates_any_shape,
    declared.quantities_are_consistent,
    declared.options_explain_themselves,
    figures.recovers_noiseless,
    promises.repeats_itself,
    promises.survives_anything,
)
_VOXEL: tuple[Promise, ...] = (
    figures.recovers_region_means,
    promises.bad_voxel_spoils_no_other,
    promises.takes_any_leading_shape,
    promises.same_bits_however_run,
    promises.volumes_in_any_order,
)
_IMAGE: tuple[Promise, ...] = (promises.keeps_to_its_memory,)
#: promises that are made with the optional maps as well as without
_WITH_MAPS: tuple[Promise, ...] = (figures.recovers_noiseless, promises.same_bits_however_run)


@dataclass(frozen=True, eq=False)
class Check:
    """One promise about one biomarker; call it to hold it to that."""

    name: str
    promise: Promise
    case: Case

    def __call__(self) -> None:
        declared.strictly(self.promise, self.case)

    def __str__(self) -> str:
        return self.name


def checks(
    biomarker: Biomarker,
    *,
    options: Any = None,
    regions: Mapping[str, Mapping[str, float]] | None = None,
    expected: Mapping[str, Callable[[Mapping[str, Any]], Any]] | None = None,
) -> list[Check]:
    """Every promise that a biomarker makes.

    options : to test with others than the defaults
    regions : region role -> truths there, over the example, from which calibration voxels are made
        (``{"fat": {"FF": 1.0, "FatT2": 0.13}}``); needed for every region that is not optional
    expected : quantity -> its truth as a function of the truths, for derived quantities (``{"R1": lambda t: 1 /
        t["T1"]}``). A vector or tensor quantity ``V`` is compared with the truths ``Vx``, ``Vy``... if the example has
        them.
    """
    regions = dict(regions or {})
    for role, need in biomarker.needs.items():
        if isinstance(need, RegionNeed) and not need.optional and role not in regions:
            raise ValueError(f"{biomarker.id} must have the region {role!r}: say what is true there, regions={{...}}")
    chosen = biomarker.options() if options is None else options
    case = Case(biomarker, chosen, regions, dict(expected or {}))
    made = [*_ALWAYS, *(_VOXEL if biomarker.scope == "voxel" else _IMAGE)]
    if biomarker.domain is not None:
        made.append(figures.keeps_its_figures)
    found = [Check(f"{biomarker.id}: {_words(p)}", p, case) for p in made]
    optional = [r for r in biomarker.map_roles if _is_optional(biomarker.needs[r])]
    if optional:
        with_maps = case.with_(maps=True)
        said = " and ".join(optional)
        found += [Check(f"{biomarker.id}: {_words(p)}, {said} given", p, with_maps) for p in _WITH_MAPS if p in made]
    return found


def _is_optional(need: Any) -> bool:
    return isinstance(need, MapNeed) and need.optional


def _words(promise: Promise) -> str:
    return promise.__name__.replace("_", " ")
