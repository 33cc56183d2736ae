"""Known answers: a good site passes, a biased one fails, three scans are not enough; intervals cover what they promise.

NEUROMYO_TEST_DRAWS=4000 pytest tests/unit/quality/test_quality_qualify.py -k covers      # the full version
"""

import datetime
import os

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import OptionError
from neuromyo.quality import components, limits, linearity, upgrade, vialset
from neuromyo.quality.qualify import FAIL, NOT_YET, PASS, UNDECIDED, qualify
from neuromyo.quality.readings import Reading, Scan, tables
from neuromyo.stats import intervals, repeats

DRAWS = int(os.environ.get("NEUROMYO_TEST_DRAWS", "600"))
REFERENCES = np.array([250.0, 400, 600, 900, 1200, 1600])
FIRST = datetime.date(2024, 1, 8)


def readings(
    rng,
    *,
    days=6,
    repeats_=2,
    sites=("alpha",),
    bias=0.0,
    day_sd=0.3,
    repeat_sd=0.4,
    gap=7,
    site_sd=0.0,
    drift=0.0,
    step=None,
):
    """T1 readings in percent deviations of known make."""
    out = []
    for site in sites:
        of_site = rng.normal() * site_sd
        for d in range(days):
            of_day = rng.normal(size=6) * day_sd
            for r in range(repeats_):
                day = FIRST + datetime.timedelta(days=gap * d)
                off = bias + of_site + of_day + rng.normal(size=6) * repeat_sd + drift * gap * d / 365.25
                off = off + (step[1] if step and day >= step[0] else 0.0)
                scan = Scan(f"sub-{site}_ses-{d}{r}", site, day, 20.0)
                out += [Reading(scan, f"v{i}", "T1", "t1-ir", "", ref * (1 + o / 100), 5.0, 100, ref, 0.002 * ref)
                        for i, (ref, o) in enumerate(zip(REFERENCES, off, strict=True))]  # fmt: skip
    return out


def judged(rows, upgrade_day=None, which=None):
    return qualify(tables(rows, vialset.QUANTITIES), which or limits.load(), upgrade_day)


def verdicts(found):
    return {j.statistic: j.verdict for j in found.judgements}


def test_a_good_site_passes():
    found = judged(readings(np.random.default_rng(0)))
    assert found.verdict() == "pass"
    assert verdicts(found) == {"bias": PASS, "slope": PASS, "repeatability": PASS, "drift": NOT_YET}


def test_a_site_ten_percent_off_fails_and_says_by_which_vial():
    found = judged(readings(np.random.default_rng(1), bias=10.0))
    assert found.verdict() == "fail"
    assert (
        verdicts(found)["bias"] == FAIL
        and verdicts(found)["slope"] == FAIL
        and verdicts(found)["repeatability"] == PASS
    )
    (bias,) = (j for j in found.judgements if j.statistic == "bias")
    assert bias.what.startswith("vial v") and bias.found.low > 5 and "outside the limits" in bias.why


def test_a_noisy_site_fails_repeatability_alone():
    found = judged(readings(np.random.default_rng(2), repeat_sd=5.0, days=12, day_sd=0.0))
    assert verdicts(found)["repeatability"] == FAIL and found.verdict() == "fail"


def test_three_scans_are_not_enough_and_it_says_how_many_are_lacking():
    found = judged(readings(np.random.default_rng(3), days=3, repeats_=1))
    assert found.verdict() == "not enough data"
    (bias,) = (j for j in found.judgements if j.statistic == "bias")
    assert bias.verdict == UNDECIDED and bias.more >= 2 and "3 scans on 3 days, where the limits demand 5" in bias.why


def test_undecided_asks_for_as_many_days_as_then_decide():
    rng = np.random.default_rng(4)
    found = judged(readings(rng, bias=3.2, day_sd=1.5, days=5))
    (bias,) = (j for j in found.judgements if j.statistic == "bias")
    assert bias.verdict == UNDECIDED and bias.unit_of_more == "days" and bias.more
    assert f"About {bias.more} more days like these would decide" in bias.why


def test_a_bias_at_its_limit_is_never_decided_by_more_scans():
    found = judged(readings(np.random.default_rng(5), bias=5.0, day_sd=0.2, repeat_sd=0.2))
    (bias,) = (j for j in found.judgements if j.statistic == "bias")
    assert bias.verdict == UNDECIDED


def test_one_scan_has_no_interval_and_no_verdict():
    found = judged(readings(np.random.default_rng(6), days=1, repeats_=1))
    assert found.verdict() == "not enough data"
    assert all(j.verdict in (UNDECIDED, NOT_YET) for j in found.judgements)


def test_a_drift_is_judged_once_the_scans_span_long_enough():
    rng = np.random.default_rng(7)
    steady = judged(readings(rng, days=12, gap=30, day_sd=0.1, repeat_sd=0.1))
    drifting = judged(readings(rng, days=12, gap=30, day_sd=0.1, repeat_sd=0.1, drift=4.0))
    assert verdicts(steady)["drift"] == PASS and verdicts(drifting)["drift"] == FAIL


def test_an_upgrade_that_changes_nothing_and_one_that_does():
    rng = np.random.default_rng(8)
    when = FIRST + datetime.timedelta(days=7 * 4)
    same = judged(readings(rng, days=8), when)
    shifted = judged(readings(rng, days=8, step=(when, 4.0)), when)
    early = judged(readings(rng, days=5), when)
    assert (
        verdicts(same)["change"] == PASS
        and verdicts(shifted)["change"] == FAIL
        and verdicts(early)["change"] == UNDECIDED
    )
    assert same.figures[0].change.n_before == 4 and same.figures[0].change.n_after == 4
    assert (
        verdicts(shifted)["bias"] != FAIL
        and verdicts(judged(readings(rng, days=8, bias=4, step=(when, 5.0)), when))["bias"] == FAIL
    )
    (one,) = (j for j in early.judgements if j.statistic == "change")
    assert "two of each are needed" in one.why


def test_sites_are_judged_each_and_together():
    rng = np.random.default_rng(9)
    rows = readings(rng, sites=("alpha", "beta")) + readings(rng, sites=("gamma",), bias=9.0)
    found = judged(rows)
    assert [found.verdict(s) for s in ("alpha", "beta", "gamma")] == [
        "pass",
        "pass",
        "fail",
    ] and found.verdict() == "fail"
    ((_, parts),) = found.components
    assert parts.site > 3 and parts.n_sites == 3


def test_without_dates_all_scans_are_repeats():
    rows = readings(np.random.default_rng(10), days=6, repeats_=1)
    undated = [Reading(Scan(r.scan.label, r.scan.site), *[getattr(r, f) for f in r.__slots__[1:]]) for r in rows]
    found = judged(undated)
    assert found.figures[0].repeatability.wsd.known and found.figures[0].chart is None
    assert "drift" not in verdicts(found)


def test_a_missing_vial_leaves_the_others_judged():
    rows = readings(np.random.default_rng(11))
    holes = [
        r if r.vial != "v2" else Reading(*[float("nan") if f == "value" else getattr(r, f) for f in r.__slots__])
        for r in rows
    ]
    found = judged(holes)
    assert found.figures[0].line.n == 5
    (bias,) = (j for j in found.judgements if j.statistic == "bias")
    assert bias.verdict == UNDECIDED and bias.what == "vial v2"


# --- coverage ---------------------------------------------------------------------------------------------------------


def covers(hits):
    """95 % within the binomial's own scatter (99.9 %); with many draws that is 93 to 97 % or closer."""
    n = len(hits)
    low, high = stats.binom.ppf([0.0005, 0.9995], n, 0.95) / n
    return min(low, 0.93) <= np.mean(hits) <= max(high, 0.97) if n < 1000 else 0.93 <= np.mean(hits) <= 0.97


def test_wsd_covers():
    rng = np.random.default_rng(20)
    groups = np.repeat(np.arange(4), 2)
    hits = []
    for _ in range(DRAWS):
        found = repeats.pooled(rng.normal(size=(8, 6)) * 0.7, groups).wsd
        hits.append(found.low <= 0.7 <= found.high)
    assert covers(hits), np.mean(hits)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_wsd_covers_where_vials_err_together(share):
    rng = np.random.default_rng(21)
    groups = np.repeat(np.arange(6), 2)
    hits = []
    for _ in range(DRAWS):
        x = np.sqrt(share) * rng.normal(size=(12, 1)) + np.sqrt(1 - share) * rng.normal(size=(12, 8))
        found = repeats.pooled(x, groups).wsd
        hits.append(found.low <= 1.0 <= found.high)
    assert covers(hits), np.mean(hits)


def test_bias_covers_with_an_uncertain_reference():
    rng = np.random.default_rng(22)
    hits = []
    for _ in range(DRAWS):
        found = intervals.mean_interval(1.0 + rng.normal() * 0.5 + rng.normal(size=5), 0.5)
        hits.append(found.low <= 1.0 <= found.high)
    assert covers(hits), np.mean(hits)


def test_slope_covers_with_errors_in_both():
    rng = np.random.default_rng(23)
    true, hits = np.linspace(100, 1500, 10), []
    for _ in range(DRAWS):
        x, y = true + rng.normal(size=10) * 8, 5 + 1.03 * true + rng.normal(size=10) * 12
        found = linearity.line(x, y, np.full(10, 8.0), np.full(10, 12.0)).slope
        hits.append(found.low <= 1.03 <= found.high)
    assert covers(hits), np.mean(hits)


def test_icc_covers():
    rng = np.random.default_rng(24)
    hits = []
    for _ in range(DRAWS):
        people = [p + rng.normal(size=3) for p in rng.normal(size=10) * 2]
        found = repeats.of_people(people).icc
        hits.append(found.low <= 0.8 <= found.high)
    assert covers(hits), np.mean(hits)


def test_reproducibility_covers_with_eight_sites():
    rng = np.random.default_rng(25)
    site, day = np.repeat(np.arange(8), 6), np.repeat(np.arange(24), 2)
    hits = []
    for _ in range(DRAWS):
        x = rng.normal(size=8)[site] * 2 + rng.normal(size=24)[day] + rng.normal(size=48)
        found = components.components(x[:, None], site, day)
        assert found is not None
        hits.append(found.reproducibility.low <= np.sqrt(6) <= found.reproducibility.high)
    assert covers(hits), np.mean(hits)


def test_equivalence_is_granted_wrongly_in_one_case_of_twenty_at_the_margin():
    rng = np.random.default_rng(26)
    granted = [
        upgrade.change(rng.normal(size=8), 4.0 + rng.normal(size=8) * 1.5, 4.0).verdict(4.0) == "pass"
        for _ in range(DRAWS)
    ]
    assert abs(np.mean(granted) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / DRAWS)


# --- descriptions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", vialset.names())
def test_packaged_vials_are_sound(name):
    found = vialset.load(name)
    assert found.quantities and all(a.evidence in vialset.EVIDENCE and a.source for a in found.about.values())


def test_packaged_limits_are_sound():
    found = limits.load()
    assert {one.statistic for one in found.limits} <= set(limits.STATISTICS) and all(one.source for one in found.limits)


def test_the_system_phantom_at_twenty_degrees_is_as_published():
    first = vialset.load("system_t1_3t").vials[0].references["T1"]
    assert first.at(20.0)[0] == 1989.0
    assert vialset.load("system_t2_3t").vials[0].references["T2"].at(20.0)[0] == 581.3


def test_eurospin_gels_between_their_two_temperatures():
    """Gel 1: T1 200 ms at 292 K and 223 ms at 296 K; T2 52 and 50 ms."""
    gel = vialset.load("eurospin_to5").vials[0].references
    assert gel["T1"].at(19.0)[0] == 200 and gel["T1"].at(23.0)[0] == pytest.approx(223, abs=0.1)
    assert gel["T2"].at(23.0)[0] == pytest.approx(50, abs=0.1)


def test_an_unknown_temperature_widens_and_does_not_move():
    r = vialset.Reference(100.0, 3.0, 20.0, 0.02)
    value, u = r.at(None)
    assert value == 100.0 and u == pytest.approx(np.hypot(3.0, 100 * 0.02 * 2 / np.sqrt(3)))


GOOD = """radius_mm = 9
[[vial]]
name = "a"
at_mm = [0, 0]
T1 = 400
[[vial]]
name = "b"
at_mm = [30, 0]
T1 = 800
[[vial]]
name = "c"
at_mm = [0, 40]
T1 = 900
"""


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("radius_mm = 9", "radius = 9"), "E-UNKNOWN", "radius"),
        (("radius_mm = 9", ""), "E-OPTION", "radius_mm"),
        (("T1 = 400", "T1 = 0.4"), "E-UNITS", "write 400 if that was in seconds"),
        (("T1 = 400", 'T1 = "long"'), "E-OPTION", "T1"),
        (("at_mm = [30, 0]", "at_mm = [3, 0]"), "E-OPTION", "at least 18 mm apart"),
        (("at_mm = [30, 0]", "at_mm = [30]"), "E-OPTION", "two numbers"),
        (('name = "b"', 'name = "a"'), "E-OPTION", "a twice"),
        (("T1 = 400", "T1 = { value = 400, temp = 3 }"), "E-UNKNOWN", "temp"),
        (("radius_mm = 9", "radius_mm = 9\nturn_limit_deg = 400"), "E-OPTION", "0 to 180"),
        (("radius_mm = 9", "radius_mm = "), "E-OPTION", "TOML"),
    ],
)
def test_a_description_that_is_wrong_is_told_where(change, code, words):
    assert len(vialset.parse(GOOD, "mine.toml").vials) == 3
    with pytest.raises(OptionError, match=words) as caught:
        vialset.parse(GOOD.replace(*change), "mine.toml")
    assert caught.value.code == code and caught.value.where.startswith("mine.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[limit]]\nquantity = "T1"\nstatistic = "bias"\nmost = 3', "within"),
        ('[[limit]]\nquantity = "T1"\nstatistic = "accuracy"\nwithin = 3', "one of bias"),
        ('[[limit]]\nquantity = "T9"\nstatistic = "bias"\nwithin = 3', "T9"),
        ('[[limit]]\nquantity = "T1"\nstatistic = "slope"\nbetween = [1.05, 0.95]', "smaller first"),
        ('[[limit]]\nquantity = "T1"\nstatistic = "bias"\nwithin = -3', "above 0"),
        ("least_scans = 1", "from 2"),
        ("limits = 3", "limits"),
    ],
)
def test_limits_that_are_wrong_are_told_where(text, words):
    with pytest.raises(OptionError, match=words):
        limits.parse(text, "limits.toml")


BIAS_WITHIN_3 = limits.parse(
    'title = "t"\nleast_scans = 2\n[[limit]]\nquantity = "T1"\nstatistic = "bias"\nwithin = 3.0\n', "t.toml"
)
CALM, SCATTERED = {"day_sd": 0.3, "repeat_sd": 0.4}, {"day_sd": 1.0, "repeat_sd": 0.8}


@pytest.mark.parametrize(("true", "scatter", "days", "passes", "fails"), [
    (0.5, CALM, 3, (0.90, 1.0), (0.0, 0.01)),
    (0.5, CALM, 5, (0.98, 1.0), (0.0, 0.01)),
    (0.5, SCATTERED, 3, (0.0, 0.08), (0.0, 0.01)),
    (0.5, SCATTERED, 5, (0.42, 0.63), (0.0, 0.01)),
    (0.5, SCATTERED, 10, (0.97, 1.0), (0.0, 0.01)),
    (3.0, CALM, 3, (0.0, 0.025), (0.04, 0.17)),
    (3.0, CALM, 5, (0.0, 0.025), (0.0, 0.09)),
    (3.0, CALM, 10, (0.0, 0.025), (0.0, 0.04)),
    (5.0, SCATTERED, 3, (0.0, 0.01), (0.89, 1.0)),
    (5.0, SCATTERED, 5, (0.0, 0.01), (0.98, 1.0)),
])  # fmt: skip
def test_how_often_a_site_is_judged_rightly_covers(true, scatter, days, passes, fails):
    """Six vials, one scan a day, a limit of 3 %: never passed where the bias is at the limit or over it."""
    draws = min(max(DRAWS // 6, 100), 1000)
    found = []
    for seed in range(draws):
        rows = readings(np.random.default_rng(seed), days=days, repeats_=1, bias=true, **scatter)
        found.append(verdicts(judged(rows, which=BIAS_WITHIN_3))["bias"])
    share = {verdict: found.count(verdict) / draws for verdict in (PASS, FAIL)}
    assert passes[0] <= share[PASS] <= passes[1] and fails[0] <= share[FAIL] <= fails[1], share
