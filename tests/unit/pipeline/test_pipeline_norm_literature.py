"""Published values in a norm: used where everything is the same or vouched for, else one line that says which comes nearest."""

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.pipeline import norm_build
from neuromyo.pipeline.norm_literature import Sought
from tests.unit.norms.cohort_tables import healthy

#: Preisner 2021 (doi:10.1007/s00330-021-08072-9): sciatic nerve at the thigh, 3 T, n = 21
T2, MTR = "preisner2021-2", "preisner2021-1"


def nerves(level="thigh"):
    """Fifteen controls with T2 and MTR of the sciatic nerve, near the published ones."""
    made, rng = healthy(15), np.random.default_rng(3)
    rows = []
    for person in made.people:
        who = person["participant_id"][4:]
        for quantity, biomarker, unit, mean, sd in (
            ("T2", "t2-mono", "ms", 64.5, 8.2),
            ("MTR", "mtr", "%", 26.75, 3.5),
        ):
            rows.append({"subject": who, "session": "", "region": "sciatic-nerve", "region_source": "", "side": "left", "level": level,
                         "quantity": quantity, "biomarker": biomarker, "unit": unit, "value": round(rng.normal(mean, sd), 2),
                         "statistic": "mean", "flags": ""})  # fmt: skip
    made.rows = rows
    return made


def build(folder, made, **more):
    measured, people = made.write(folder)
    request = norm_build.BuildRequest(
        (measured,), people, folder / "n.norm.json", literature=True, **{"field_t": 3.0, **more}
    )
    result = norm_build.build(request)
    used = {e.key.quantity: [p.label for p in e.published] for e in result.file.entries}
    return used, [str(f) for f in result.findings if f.code == "N-LOCALONLY"], (folder / "n.norm.md").read_text()


def test_the_same_method_level_and_field_is_used_and_stands_on_the_card(tmp_path):
    used, lines, card = build(tmp_path, nerves())
    assert used["T2"] == ["Preisner 2021 (n = 21)"]
    assert "Preisner 2021 (n = 21)" in card and "T2 of sciatic-nerve" in card
    assert used["MTR"] == [], "whose pulse it was is not known"
    (line,) = lines
    assert line.startswith("MTR of sciatic-nerve: no published value is used: nearest is ")
    assert "differs in method" in line and "--like" in line


def test_mtr_enters_only_where_somebody_vouches_for_it(tmp_path):
    used, lines, card = build(tmp_path, nerves(), like=(MTR,))
    assert used["MTR"] == ["Preisner 2021 (n = 21)"] and not lines
    assert f"vouches that the controls were measured as in {MTR}" in card


def test_a_level_that_rows_do_not_tell_can_be_stated(tmp_path):
    used, lines, _ = build(tmp_path, nerves(level=""))
    assert used["T2"] == [] and any(line.startswith("T2") and "--level hip" in line and T2 in line for line in lines)
    # Castro-Teran 2025 (n = 30, hip) and Preisner 2021 (thigh) differ in the level alone; the larger is named first
    assert build(tmp_path, nerves(level=""), level="thigh")[0]["T2"] == ["Preisner 2021 (n = 21)"]


def test_vouching_does_not_undo_what_is_stated_otherwise(tmp_path):
    used, lines, _ = build(tmp_path, nerves(level="knee"), like=(T2,))
    assert used["T2"] == [] and any(T2 in line and "knee" in line for line in lines)
    used, _, _ = build(tmp_path, nerves(), field_t=1.5, like=(T2,))
    assert used["T2"] == []


def test_an_unknown_id_is_refused_with_the_likely_one():
    with pytest.raises(NeuromyoError, match="is preisner2021-2 meant") as told:
        Sought(like=("preisner-2021-2",))
    assert told.value.code == "E-OPTION"
    with pytest.raises(NeuromyoError, match="found zzz; neuromyo norms list"):
        Sought(like=("zzz",))
