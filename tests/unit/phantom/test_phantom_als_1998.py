"""The made-up cohort of 1998: the numbers of its seed, the paper's pattern in many seeds, and legs that have its values."""

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import OptionError
from neuromyo.phantom import als_1998, als_1998_legs, als_1998_paint
from neuromyo.phantom.acquire import Scan, signals
from neuromyo.phantom.tissue import FAT
from neuromyo.phantom.write import make_scene

SEEDS = 200
#: r of 11 people from which p is below 0.05
SIGNIFICANT = 0.602


def r(made, x, y):
    return stats.pearsonr(made.values[x][0, made.ill], made.values[y][0, made.ill]).statistic


def p_of_groups(made, name):
    first = made.values[name][0]
    return stats.ttest_ind(first[made.ill], first[~made.ill], equal_var=False).pvalue


def test_the_chosen_seed_means_these_people_for_good():
    """Numbers that the first version of this generator gave, kept to all digits that were printed."""
    made = als_1998.draw()
    assert made.seed == 1427 and made.ill.sum() == 11 and (~made.ill).sum() == 8
    assert made.labels[0] == "A01" and made.labels[10] == "A11" and made.labels[11] == "C01"
    assert made.values["T2"][0, [0, 8, 11]] == pytest.approx([34.637, 42.308, 31.442], abs=5e-4)
    assert made.values["volume"][1, [0, 10, 18]] == pytest.approx([116.937, 97.328, 156.963], abs=5e-4)
    assert p_of_groups(made, "T2") == pytest.approx(0.006048597892408858, abs=1e-12)
    assert p_of_groups(made, "T1") == pytest.approx(0.7253985183895519, abs=1e-12)
    assert p_of_groups(made, "volume") == pytest.approx(0.10517594161456541, abs=1e-12)
    found = [
        r(made, *pair)
        for pair in (("T2", "cmap"), ("T2", "mvic"), ("volume", "mvic"), ("volume", "cmap"), ("T1", "cmap"))
    ]
    wanted = [-0.9083840937432404, -0.8267887331135524, 0.7397246940234442, 0.23588288320621095, 0.2211690422640311]
    assert found == pytest.approx(wanted, abs=1e-12)
    change = {name: (made.values[name][1] - made.values[name][0])[made.ill] for name in ("T2", "cmap")}
    assert stats.pearsonr(change["T2"], change["cmap"]).statistic == pytest.approx(-0.6331020636458714, abs=1e-12)


def test_the_papers_pattern_comes_up_in_about_six_cohorts_of_ten():
    hits = 0
    for seed in range(SEEDS):
        made = als_1998.draw(seed)
        hits += (
            p_of_groups(made, "T2") < 0.05 and p_of_groups(made, "T1") > 0.1 and p_of_groups(made, "volume") > 0.1
            and r(made, "T2", "cmap") < -SIGNIFICANT and r(made, "T2", "mvic") < -SIGNIFICANT
        )  # fmt: skip
    assert 0.50 <= hits / SEEDS <= 0.66


def test_the_reader_calls_six_of_eleven_abnormal_and_no_control():
    made = als_1998.draw()
    read = als_1998.visual_reading(made)
    assert read[made.ill].sum() == 6 and read[~made.ill].sum() == 0
    assert pytest.approx(33 + 2 * np.sqrt(1 + 0.25)) == als_1998.READER_LIMIT


def test_it_is_said_that_the_seed_was_chosen():
    assert "chosen" in als_1998.CHOSEN and "3,000" in als_1998.CHOSEN and "no evidence" in als_1998.CHOSEN


@pytest.fixture(scope="module")
def painted():
    made = als_1998.draw()
    plan = als_1998_legs.study(made)
    return made, plan, als_1998_paint.paint(plan, made, 8, 0)  # the ninth patient: a severe one


def test_a_leg_has_the_tables_volume_t2_and_t1(painted):
    """T2 by the closed form of two echoes and T1 by a search over its own equation, on signals without noise: neither is the estimator
    that the leg was painted with."""
    made, plan, leg = painted
    table = {name: value[0, 8] for name, value in made.values.items()}
    here = make_scene(plan, plan.people[8], leg.visit, (8, 0), als_1998_legs.SAMPLING)
    parts = als_1998_legs.muscle_parts(here)
    assert als_1998_legs.volume_ml(here) == pytest.approx(table["volume"], rel=0.003)
    scan = Scan.of(als_1998_paint._SCAN.biomarker)
    made_of = [signals(scan, here.truth(k, p)) for k, p in parts.items()]
    share = np.concatenate([p.fraction for p in parts.values()])
    long, short = (np.concatenate([m[role] for m in made_of]) for role in ("tr2", "tr1"))
    t2 = 60.0 / np.log(long[:, 0] / long[:, 1])
    assert np.average(t2, weights=share) == pytest.approx(table["T2"], abs=0.05)
    t1 = np.arange(0.3, 3.0, 2e-4)

    def size(tr):
        return 1 - 2 * np.exp(-(tr - 0.01) / t1) + np.exp(-tr / t1)

    ratio = size(0.5) / _two_pulses(t1)
    found = np.interp(-(short[:, 0] / long[:, 0]), -ratio, t1)
    assert 1e3 * np.average(found, weights=share) == pytest.approx(table["T1"], rel=0.004)


def _two_pulses(t1):
    """Magnetisation before each excitation at TR 2 s with pulses of 180 degrees at 10 and 50 ms, followed from an excitation
    of 90 degrees, which leaves nothing along the field."""
    now = np.zeros_like(t1)
    for pause, pulse in ((0.01, True), (0.04, True), (1.95, False)):
        now = 1 + (now - 1) * np.exp(-pause / t1)
        now = -now if pulse else now
    return now


def test_fat_and_oedema_make_up_the_t2_of_a_severe_patient(painted):
    made, _, leg = painted
    severity = made.severity[0, 8]
    assert leg.truth.fat == pytest.approx(0.02 + als_1998_paint.FAT_GAIN * severity**2, abs=0.02)
    assert leg.truth.water_T2 < leg.truth.T2  # fat makes up the rest
    assert FAT.T2 > leg.truth.T2
    assert leg.visit.disease.atrophy[als_1998_legs.MUSCLE] > 0.15


def test_a_t2_that_no_muscle_has_is_refused_with_who_it_is(painted):
    made, plan, _ = painted
    values = {**made.values, "T2": np.full_like(made.values["T2"], 9.0)}
    wrong = als_1998.MadeCohort(made.ill, made.severity, values, made.seed)
    with pytest.raises(OptionError) as refused:
        als_1998_paint.paint(plan, wrong, 11, 0)
    assert refused.value.where == "sub-C01 ses-m0" and "9.0" in refused.value.needed and refused.value.remedy
