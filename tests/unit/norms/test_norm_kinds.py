"""Every quantity that is written has a scale or a reason for none; the page of them is the code's own."""

from pathlib import Path

import numpy as np
import pytest

from neuromyo.fascicles import fascicle_rows
from neuromyo.norms import kinds
from neuromyo.pipeline import registries, trusted

MUSCLES = {"length": "mm", "CSA": "mm2", "contractile_CSA": "mm2", "volume": "ml", "contractile_volume": "ml", "asymmetry_CSA": "%",
           "asymmetry_volume": "%", "asymmetry_contractile_CSA": "%", "atrophy_contractile_volume": "%"}  # fmt: skip
TRACTS = {"tract_count": "1", "tract_length": "mm", "coverage_section": "1", "coverage_length": "1"}


def voxelwise():
    """Quantities of maps that regions and nerves report, with their unit in the table."""
    known = registries.biomarkers()
    gives = [q for id_ in known.ids() for q in known.get(id_).gives]
    return {q.name: q.display for q in gives if q.rank == "scalar" and q.summarised}


def shapes():
    """What `course.shape` writes: its own table, of no sections."""
    from neuromyo.course import shape

    return {name: unit for name, (unit, _, _) in shape._quantities(()).items()}


def written():
    along = {**voxelwise(), **shapes()}
    made = {f"{start}{name}": unit for name, unit in along.items() for start in ("slope_", "distal_proximal_")}
    return {**along, **made, **fascicle_rows.UNITS, **MUSCLES, **TRACTS}


@pytest.mark.parametrize(("quantity", "unit"), sorted(written().items()))
def test_every_written_quantity_is_decided(quantity, unit):
    kind = kinds.kind_of(quantity, unit)
    bare = quantity.removeprefix("slope_").removeprefix("distal_proximal_")
    assert kind.known and bool(kind.scale) == (bare in kinds.WITH or quantity.startswith("asymmetry_")), (
        f"decide on {quantity} ({unit})"
    )
    assert kind.why


def test_the_unit_of_the_list_is_the_unit_that_is_written():
    said = written()
    assert {q: u for q, u in kinds.WITH.items() if said.get(q, u) != u} == {}
    assert set(kinds.WITH) <= set(said), "the list holds what is not written"


@pytest.mark.parametrize(
    ("quantity", "unit", "scale"),
    [("T2", "ms", "identity"), ("FF", "%", "logit"), ("CSA", "mm2", "log"), ("volume", "ml", "log"), ("contractile_CSA", "mm2", "log"),
     ("slope_CSA", "mm2/100 mm", "identity"), ("slope_FF", "%/100 mm", "identity"), ("slope_B1", "%/100 mm", ""),
     ("distal_proximal_T2", "1", "log"),
     ("asymmetry_volume", "%", "identity"), ("flattening", "1", "logit"), ("fascicle_count", "1", "log"),
     ("angle_to_B0", "deg", ""), ("confidence", "1", ""), ("coverage_length", "1", ""), ("atrophy_volume", "%", ""), ("PD", "a.u.", "")],
)  # fmt: skip
def test_scales(quantity, unit, scale):
    assert kinds.kind_of(quantity, unit).scale == scale


def row(**more):
    return {
        "region": "sciatic-nerve",
        "slice": "",
        "level": "",
        "statistic": "mean",
        "quantity": "T2",
        "unit": "ms",
        **more,
    }


def test_what_has_no_norm_is_not_compared_and_places_along_a_nerve_are_no_regions():
    assert trusted.compares(row()) and trusted.distance(row()) is None
    assert not trusted.compares(row(quantity="confidence", unit="1"))
    along = row(level="-40 mm", slice="7")
    assert trusted.distance(along) == -40.0 and not trusted.compares(along)
    assert not trusted.compares(row(level="40 mm")), "profiles of tracts have no slice"
    assert trusted.distance(row(level="40 mm", statistic="max")) is None
    assert trusted.distance(row(level="40 mm", quantity="perimeter", unit="mm")) is None
    assert trusted.distance(row(level="thigh")) is None and trusted.compares(row(level="thigh"))


def test_the_page_holds_the_table_of_the_code():
    page = (Path(__file__).parents[3] / "docs" / "norms.md").read_text()
    for line in kinds.table():
        assert f"| {' | '.join(line)} |" in page, f"docs/norms.md lacks or misstates {line[0]}"


def test_scales_are_undone_where_values_can_be():
    from neuromyo.norms.transforms import of

    for quantity, unit in written().items():
        if kinds.kind_of(quantity, unit).scale:
            scale, value = of(quantity, unit), np.array([0.2, 0.7])
            np.testing.assert_allclose(scale.back(scale.forward(value)), value, rtol=1e-9)
