"""The letter: verdict first, names escaped, nothing fetched, the same bytes again."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest

from neuromyo.core.errors import DataError, Finding
from neuromyo.quality import limits, vialset
from neuromyo.quality.limits import Limit
from neuromyo.quality.qualify import qualify
from neuromyo.quality.readings import Reading, Scan, tables
from neuromyo.report import qa
from neuromyo.stats.intervals import Interval


def view(bias=0.0, days=6, site="<b>St Elsewhere</b>", **more):
    rng = np.random.default_rng(0)
    refs, rows = [300.0, 600.0, 900.0, 1500.0], []
    for d in range(days):
        for r in "ab":
            scan = Scan(f"sub-x_ses-{d}{r}", "x", datetime.date(2024, 1, 1) + datetime.timedelta(days=d), 20.0)
            rows += [Reading(scan, f"v{i}", "T1", "t1-ir", "", ref * (1 + (bias + rng.normal() * 0.3) / 100), 3.0, 90, ref, 1.0)
                     for i, ref in enumerate(refs)]  # fmt: skip
    found = qualify(tables(rows, vialset.QUANTITIES), limits.load())
    return qa.QaView(
        site,
        vialset.load("system_t1_3t"),
        found,
        **{"findings": (), "lost": (), "versions": {"neuromyo": "9.9"}, **more},
    )


@pytest.mark.parametrize(
    ("bias", "days", "answer"), [(0, 6, "Qualified"), (9, 6, "Not qualified"), (0, 1, "Not enough data to decide")]
)
def test_the_verdict_stands_first(bias, days, answer):
    page = qa.page(view(bias, days))
    assert answer in page and page.index(answer) < page.index("Criteria")


def test_names_are_escaped_and_nothing_is_fetched():
    lost = (("sub-y_ses-1", DataError("E-VIALS", where="sub-y", found="<script>")),)
    page = qa.page(view(lost=lost, findings=(Finding("warn", "W-ASSUMED", "all", "no <i>date</i>"),)))
    assert "<b>St" not in page and "&lt;b&gt;St" in page and "<script" not in page and "<i>date" not in page
    assert "src=" not in page and "url(" not in page
    assert page == qa.page(view(lost=lost, findings=(Finding("warn", "W-ASSUMED", "all", "no <i>date</i>"),)))


def test_what_machines_read_says_the_same():
    said = json.loads(json.dumps(qa.as_json(view(9)), allow_nan=False))
    assert said["verdict"] == "fail" and {j["criterion"]: j["verdict"] for j in said["judgements"]}["bias"] == "fail"
    assert len(said["figures"][0]["vials"]) == 4


@pytest.mark.parametrize(
    ("limit", "unit", "words"),
    [
        (Limit("T1", "bias", -3, 3), "%", "within ± 3 %"),
        (Limit("T1", "slope", 0.95, 1.05), "", "0.95 to 1.05"),
        (Limit("T1", "repeatability", 0, 2), "%", "at most 2 %"),
        (Limit("T1", "bias", -3, 3, (200, 2000)), "%", "within ± 3 %, for 200 to 2000 ms"),
    ],
)
def test_limits_in_words(limit, unit, words):
    assert qa.limit_text(limit, unit) == words


def test_intervals_in_words():
    assert qa.interval_text(Interval(-1.234, -2.0, 0.5, 4), "%") == "−1.23 (−2.00 to 0.50) %"
    assert qa.interval_text(Interval(1.5, float("nan"), float("nan"), 0), "%") == "1.50 %"
    assert qa.interval_text(Interval(float("nan"), float("nan"), float("nan"), 0)) == "–"


def test_on_a_phone_limit_and_figure_stand_under_the_criterion():
    """Cells of a stacked table say what they are; a table beside the screen hid limit, figure and remark."""
    page = qa.page(view())
    assert '<table class="criteria stack">' in page
    assert (
        page.count('<td data-what="limit">')
        == page.count('<td data-what="found (95 %)">')
        == page.count('<b class="pass">passed</b>')
    )
