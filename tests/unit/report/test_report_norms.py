"""Values on the healthy band: which are unusual and how surely, what is said of it, envelopes along nerves."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Envelope, NormKey, judge
from neuromyo.report import envelope, norms, session
from tests.unit.report.conftest import example_view

NAN = float("nan")


def row(z: float, low: float = NAN, high: float = NAN, region: str = "soleus", side: str = "left", **more) -> dict:
    return {
        "subject": "01", "region": region, "side": side, "quantity": "T2", "biomarker": "t2-water", "unit": "ms",
        "value": 32 + 1.5 * z, "statistic": "mean", "z": z, "z_low": low, "z_high": high, "normal_low": 29.1,
        "normal_high": 34.9, "n_effective": 8.0, "agreement": 0.4, "norm": "calf 1", "flags": "", **more,
    }  # fmt: skip


def profile(value: np.ndarray, **more) -> Envelope:
    n = len(value)
    x, middle = 10.0 * np.arange(n), np.full(n, 40.0)
    made = Envelope(
        NormKey("CSA", "nerve-morphometry", "slice", "sciatic-nerve", "", "mm2"), x, value, middle, middle - 8, middle + 8,
        middle - 12, middle + 12, (value - 40) / 4, np.zeros((n, 2)), np.abs(value - 40) > 12, 0.004, "Bonferroni-t", 14,
    )  # fmt: skip
    return replace(made, **more)


@pytest.mark.parametrize(
    ("z", "low", "high", "expected"),
    [
        (3.5, 2.1, 4.9, "sure"), (-3.5, -4.9, -2.1, "sure"), (2.5, 1.2, 3.8, "unsure"), (-2.5, -3.8, -1.2, "unsure"),
        (1.5, 0.4, 2.6, "open"), (0.2, -0.5, 0.9, "usual"), (3.0, NAN, NAN, "unsure"), (0.0, NAN, NAN, "open"),
    ],
)  # fmt: skip
def test_verdicts(z, low, high, expected):
    assert judge(z, low, high) == expected


def test_how_many_are_unusual_and_how_many_would_be_by_chance():
    rows = [row(3.5, 2.1, 4.9), row(2.3, 1.0, 3.6), *(row(0.1, -0.5, 0.7) for _ in range(38))]
    counted, named, chance = norms.sentences(rows)
    assert counted == "2 of 40 values lie outside of what 95 % of healthy people have, 1 of them surely."
    assert named.startswith("Soleus, left: T2 37.2 ms (higher than the usual 29.1 to 34.9 ms); Soleus")
    assert chance == "In a healthy person about 2 of 40 would, by chance."
    assert norms.sentences([row(0.1, -0.5, 0.7)]) == ("The value lies within what 95 % of healthy people have.",)
    within, open_ = row(0.1, -0.5, 0.7), row(1.0, -0.2, 2.4)
    (said,) = norms.sentences([within, within, open_])
    assert said.startswith("None of 3 values lies outside") and said.endswith(
        "for 1 of them the norm is not certain enough to be sure."
    )
    assert "for all of them" in norms.sentences([open_, open_])[0]
    assert norms.sentences([open_])[0].endswith("but the norm is not certain enough to be sure.")
    assert norms.sentences([row(2.3, 1.0, 3.6)])[0].endswith(", but the norm is not certain enough to be sure.")
    two = norms.sentences([row(2.3, 1.0, 3.6), row(2.2, 1.0, 3.6)])[0]
    assert "for none of them is the norm certain enough" in two
    assert norms.sentences([]) == ()


def test_the_most_unusual_comes_first_and_every_number_has_its_unit():
    table = Measurements.of(
        [row(0.1, -0.5, 0.7), row(4.4, 3.0, 5.8, side="right"), row(-2.2, -3.5, -0.9, region="gracilis")]
    )
    part = norms.part(table)
    assert part is not None
    assert [key for key, *_ in part.groups] == ["sure", "unsure", "usual"]
    first = part.groups[0][3][0]
    assert (first.name, first.value, first.normal) == ("Soleus, right: T2", "38.6 ms", "29.1 to 34.9 ms")
    assert first.z == "+4.4 (+3.0 to +5.8)" and first.direction == "higher"
    assert part.groups[1][3][0].direction == "lower"


def test_the_strip_puts_value_band_and_interval_on_one_scale():
    drawn = str(norms.strip(2.0, 1.0, 3.0, "unsure", "T2"))
    at = float(re.search(r'circle cx="([\d.]+)"', drawn)[1])
    a, b = map(float, re.search(r'x1="([\d.]+)" y1="13" x2="([\d.]+)"', drawn).groups())
    band = [float(x) for x in re.findall(r"[ML]([\d.]+) ", re.search(r'd="([^"]+)" class="band"', drawn)[1])]
    assert at == pytest.approx((a + b) / 2, abs=0.02) and max(band) < at
    assert (at - 150) / (max(band) - 150) == pytest.approx(2.0 / 1.96, abs=0.01)
    beyond = str(norms.strip(9.0, 7.0, 11.0, "sure", "T2"))
    assert "circle" not in beyond and 'class="place sure"' in beyond


def test_what_holds_for_the_norm_is_said_once_and_what_holds_for_a_value_beside_it():
    few = "W-FEW,W-CONFLICT,W-EXTRAPOLATED"
    part = norms.part(Measurements.of([row(0.1, flags=few), row(0.2, side="right", flags="W-FEW")]))
    assert part is not None
    assert any("disagree" in r and "0.40" in r and "(1 of 2 values)" in r for r in part.remarks)
    assert any("few controls" in r and "about 8 people" in r for r in part.remarks)
    rows = [r for group in part.groups for r in group[3]]
    assert sorted(len(r.remarks) for r in rows) == [0, 1]


def test_envelopes_say_where_and_how_rarely():
    value = np.full(16, 41.0)
    value[[9, 10, 11]] = 60.0
    value[3] = NAN
    one = profile(value)
    assert envelope.said(one) == (
        "Cross-section of the sciatic nerve is unusual at 90 to 110 mm (high); 0.4 % of healthy people reach as far out somewhere."
    )
    drawn = str(envelope.along(one))
    assert drawn.count('class="place sure"') == 3 and drawn.count('class="person"') == 2
    inside = profile(np.full(16, 41.0))
    assert "within the band of 14 healthy people at all 16 levels" in envelope.said(inside)
    assert "too few controls" in envelope.said(profile(value, refused="too few controls"))


def test_a_session_says_it_first_and_without_norms_says_so():
    view = example_view()
    assert "No reference range was applied" in session.page(view)
    table = Measurements.of([row(3.4, 2.2, 4.6), row(0.1, -0.6, 0.8, side="right")])
    value = np.full(16, 41.0)
    value[4] = 70.0
    page = session.page(
        replace(view, measurements=table, envelopes=(profile(value),), norm_notes=("calf 1: 20 controls",))
    )
    assert "No reference range was applied" not in page and 'href="#norms"' in page
    head = page[: page.index("</header>")]
    assert "1 of 2 values lies outside" in head and "unusual at 40 mm (high)" in head
    assert "calf 1: 20 controls" in page


def test_a_page_of_a_table_has_a_section_a_person_and_escapes_names():
    table = Measurements.of([row(3.4, 2.2, 4.6, norm="<b>evil</b>"), row(0.1, subject="02")])
    page = norms.page(table, "patients.tsv")
    assert "sub-01" in page and "sub-02" in page and "<b>evil</b>" not in page
    nothing = norms.page(Measurements.of([row(NAN)]), "t.tsv")
    assert "No value of this person could be compared." in nothing
