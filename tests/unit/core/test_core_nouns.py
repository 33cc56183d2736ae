"""Labels, measurements, quantities, reasons, acquisitions, series and errors."""

import pickle

import numpy as np
import pytest

from neuromyo.core import errors
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, SeriesNeed, fill_assumptions
from neuromyo.core.errors import CODES, DataError, Finding, NeuromyoError, worst_exit
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.measurements import COLUMNS, Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason, count, keeps_value
from neuromyo.core.series import ArrayData, Data, Series
from neuromyo.core.units import UNITS, from_si, to_si

GRID = Grid.of((3, 2, 1), np.eye(4))


@pytest.fixture
def leg():
    volume = np.array([[[1], [2]], [[3], [0]], [[4], [4]]])
    return Labels(volume, GRID, (
        Region(1, "soleus", "left", "calf"), Region(2, "gastrocnemius", "left", "calf"),
        Region(3, "soleus", "right", "calf"), Region(4, "fibula", "right", "bone"), Region(9, "calf", "none", "leg"),
    ))  # fmt: skip


def test_a_parent_pools_its_children(leg):
    assert leg.mask("soleus").sum() == 2 and leg.mask("soleus", "left").sum() == 1
    assert leg.mask("calf").sum() == 3 and leg.mask("leg").sum() == 3 and leg.mask("thigh").sum() == 0
    groups = {(name, side): indices for name, side, indices in leg.groups()}
    assert groups["bone", "right"] == (4,) and groups["leg", "left"] == (1, 2) and groups["leg", "right"] == (3,)
    assert groups["calf", "left"] == (1, 2) and groups["calf", "none"] == (9,), "a parent that is drawn is pooled too"


def test_a_ring_of_parents_ends():
    ring = Labels(np.zeros((3, 2, 1), int), GRID, (Region(1, "a", parent="b"), Region(2, "b", parent="a")))
    assert len(ring.find("a")) == 2
    with pytest.raises(ValueError, match="differ"):
        Labels(np.zeros((3, 2, 2), int), GRID, ())


def row(**changes):
    return {"subject": "01", "region": "soleus", "quantity": "T2", "biomarker": "t2-mono", "value": 35.0,
            "statistic": "mean"} | changes  # fmt: skip


def test_measurements_keep_types_and_gaps():
    table = Measurements.of([row(), row(region="tibialis", value=None, flags=("A", "B"))])
    assert list(table.columns) == list(COLUMNS) and len(table) == 2
    assert (
        np.isnan(table.columns["value"][1]) and table.columns["flags"][1] == "A,B" and table.columns["session"][0] == ""
    )
    assert len(table.where(region="soleus")) == 1 and table.rows()[0]["value"] == 35.0
    assert list(table.to_frame().columns) == list(COLUMNS)


def test_measurements_refuse_duplicates_and_strangers():
    with pytest.raises(DataError, match="soleus") as caught:
        Measurements.join([Measurements.of([row()]), Measurements.of([row(value=3.0)])])
    assert caught.value.code == "E-TABLE"
    assert len(Measurements.of([row(), row(statistic="median")])) == 2
    with pytest.raises(KeyError, match="colour"):
        Measurements.of([row(colour="red")])


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_units_go_there_and_back(unit):
    assert to_si(from_si(0.37, unit), unit) == pytest.approx(0.37, rel=1e-12)


def test_quantities_know_their_units():
    t2 = Quantity("T2", "T2", "ms", (0.002, 3.0), "T2map", window=(0.0, 0.1))
    assert (
        t2.unit == "s"
        and t2.disk_unit == "s"
        and t2.to_display(0.035) == pytest.approx(35)
        and t2.shown == (0.0, 100.0)
    )
    share = Quantity("FF", "fat fraction", "%", (-1.0, 2.0), "PDFF")
    assert share.to_disk(0.2) == pytest.approx(20) and share.shown == (-100.0, 200.0)
    assert Quantity("D", "D", "m2/s", (0, 1), "ADC", rank="tensor").components == 6
    for wrong in (("T 2", "ms", (0, 1)), ("T2", "furlong", (0, 1)), ("T2", "ms", (1, 1))):
        with pytest.raises(ValueError, match=r"name|unit|range"):
            Quantity(wrong[0], "", wrong[1], wrong[2], "T2map")


def test_reasons_have_sentences_and_counts():
    assert all(r.sentence for r in Reason)
    assert sorted(r.value for r in Reason) == list(range(len(Reason)))
    codes = np.array([[0, 0, 8], [5, 9, 0]], dtype=np.uint8)
    assert keeps_value(codes).tolist() == [[True, True, True], [False, True, True]]
    assert next(iter(count(codes).items())) == (Reason.OK, 3) and count(codes, codes == 5) == {Reason.AT_BOUND: 1}


def test_acquisitions_select_and_state():
    a = Acquisition(echo_times=(0.01, 0.02, 0.03), repetition_time=3.0, flip_angles_deg=(90.0,))
    assert a.n_volumes == 3 and a.stated("repetition_time") and not a.stated("field_strength")
    b = a.select((2, 0))
    assert b.echo_times == (0.03, 0.01) and b.flip_angles_deg == (90.0,)
    assert set(a.as_dict()) == {"echo_times", "repetition_time", "flip_angles_deg"}
    need = SeriesNeed(
        ("MESE",), assumable=(Assumable("refocusing_angle_deg", 180.0, "usual"), Assumable("repetition_time", 9.0, ""))
    )
    filled, made = fill_assumptions(need, a, "mese")
    assert filled.refocusing_angle_deg == 180.0 and filled.repetition_time == 3.0
    assert [m.as_dict() for m in made] == [
        {"field": "refocusing_angle_deg", "value": "180", "why": "usual", "role": "mese"}
    ]


def test_series_are_handles():
    series = Series(ArrayData(np.arange(12.0).reshape(3, 2, 1, 2)), GRID, Acquisition(), "MESE")
    assert isinstance(series.data, Data) and series.n == 2 and series.name == "MESE"
    assert series.read((slice(0, 1), slice(None), slice(None))).dtype == np.float32
    assert series.with_data(np.zeros((3, 2, 1, 5), complex)).read().dtype == np.complex64
    with pytest.raises(ValueError, match="differ"):
        series.with_data(np.zeros((3, 2, 2, 1)))
    with pytest.raises(ValueError, match="x, y, z, n"):
        ArrayData(np.zeros((3, 2, 1)))


KINDS = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, NeuromyoError)]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_another_process(kind):
    error = kind("E-GRID", where="a.nii", needed="one grid", found="two", remedy="resample")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error) and again.as_dict() == error.as_dict()
    assert str(error) == "a.nii: needed one grid, found two; resample [E-GRID]"
    assert Finding.from_error(error).level == "stop" and "E-GRID" in str(Finding.from_error(error))


def test_codes_decide_the_exit():
    assert all(status in (1, 2, 3, 4) and text for status, text in CODES.values())
    assert DataError("E-DISK", where="x", found="full").exit_status == 3
    assert (
        worst_exit([0, 2, 4, 3]) == 3
        and worst_exit([2, 4]) == 4
        and worst_exit([2, 1, 3]) == 1
        and worst_exit([0]) == 0
    )
    with pytest.raises(KeyError, match="E-NONSENSE"):
        DataError("E-NONSENSE", where="x", found="y")
