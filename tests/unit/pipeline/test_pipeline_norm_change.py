"""Two visits: pairs, what is known of repeat scans, verdicts and their words, and the files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body
from neuromyo.pipeline import norm_change, norm_compare, norm_since
from neuromyo.pipeline.norm_change import Repeatability
from neuromyo.pipeline.persons import Roster

ROSTER = Roster({"p1": Body(50.0, "F", site="here")})


def row(value, who="p1", session="", side="left", quantity="T2", unit="ms", **more):
    return {"subject": who, "session": session, "region": "soleus", "side": side, "quantity": quantity, "biomarker": "t2-water",
            "unit": unit, "value": value, "statistic": "mean", "flags": "", **more}  # fmt: skip


def table(*rows):
    return Measurements.of(rows)


def repeats(n=10, sd=0.5, seed=0, sides=("left",)):
    rng = np.random.default_rng(seed)
    return table(*(row(35 + rng.normal(0, 2) * 0 + sd * rng.normal(), f"r{i}", s, side)
                   for i in range(n) for side in sides for s in ("a", "b")))  # fmt: skip


def changes(one, two, known, **more):
    return norm_change.compare(table(*one), table(*two), known, ROSTER, **more)


def test_the_limit_is_students_and_never_2_77_from_ten_people():
    """Against the closed form: t(10) sqrt(2) w = 3.15 w."""
    known = repeats()
    values = [r["value"] for r in known.rows()]
    w = np.sqrt(np.mean([(a - b) ** 2 / 2 for a, b in zip(values[::2], values[1::2], strict=True)]))
    limit = stats.t.ppf(0.975, 10) * np.sqrt(2) * w
    for step, verdict in ((0.99, "none"), (1.01, "rise"), (-1.01, "fall")):
        (one,), _ = changes([row(36.0)], [row(36.0 + step * limit)], Repeatability(known))
        assert one.change.verdict == verdict, step
        assert one.change.high - 36.0 == pytest.approx(limit, rel=1e-9)
    assert limit / w == pytest.approx(3.151, abs=1e-3)


def test_both_sides_of_a_person_count_as_one_person():
    (one,), findings = changes([row(36.0)], [row(36.1)], Repeatability(repeats(5, sides=("left", "right"))))
    assert one.change.df == 5 and [f.code for f in findings] == ["W-FEW"]
    assert one.change.multiplier == pytest.approx(stats.t.ppf(0.975, 5))


def test_three_repeats_are_too_few_and_say_so():
    (one,), _ = changes([row(36.0)], [row(60.0)], Repeatability(repeats(2)))
    assert one.change.verdict == "unknown" and one.change.words.startswith("cannot be told: too few repeat scans")


def test_a_published_coefficient_is_of_one_quantity():
    both = [row(36.0), row(5.0, quantity="FF", unit="%")], [row(40.0), row(9.0, quantity="FF", unit="%")]
    with pytest.raises(NeuromyoError, match="a coefficient for each quantity"):
        changes(*both, Repeatability(published=norm_change.published_of("2.1"), n=12))
    made, _ = changes(*both, Repeatability(published=norm_change.published_of("T2=2.1"), n=12))
    told = {c.row["quantity"]: c.change for c in made}
    limit = stats.t.ppf(0.975, 12) * np.sqrt(2) * 0.021 * 36
    assert told["T2"].verdict == "rise" and told["T2"].high - 36 == pytest.approx(limit)
    assert told["FF"].words == "cannot be told: nothing is known of repeat scans of FF of soleus"


def test_pairs_are_of_one_person_side_and_thing():
    one = [row(36.0), row(30.0, side="right"), row(33.0, who="p2")]
    two = [row(30.0, side="right"), row(36.0), row(36.0, region="tibialis-anterior")]
    made, findings = changes(one, two, Repeatability(repeats()))
    assert {(c.row["side"], c.change.baseline, c.change.follow) for c in made} == {
        ("left", 36.0, 36.0),
        ("right", 30.0, 30.0),
    }
    assert [f.code for f in findings].count("N-CONTROL") == 2
    with pytest.raises(NeuromyoError, match="none in common"):
        changes([row(1.0, who="p8")], [row(1.0)], Repeatability(repeats()))


def test_a_value_in_doubt_has_no_verdict():
    (one,), _ = changes([row(36.0, flags="TRUNCATED")], [row(46.0)], Repeatability(repeats()))
    assert one.change.words == "cannot be told: at baseline, the field of view cuts the region off, so it is too small"


def test_visits_of_one_table_are_told_apart_by_their_sessions(tmp_path):
    rows = table(row(36.0, session="bl"), row(41.0, session="m12"))
    with pytest.raises(NeuromyoError, match="choose one by --followup-session"):
        norm_change.visit(rows, "", "--followup-session", "t.tsv")
    with pytest.raises(NeuromyoError, match="a session of t.tsv, found m6; choose from bl, m12"):
        norm_change.visit(rows, "m6", "--followup-session", "t.tsv")
    since = norm_since.Since(retest_cv="2.1", retest_n=12, baseline_session="bl", followup_session="ses-m12")
    (one,), _ = norm_since.compare(since, rows, Path("t.tsv"), ROSTER, {})
    assert one.change.verdict == "rise" and one.row["session"] == "m12"


@pytest.mark.parametrize(
    ("more", "said"),
    [({}, "found neither"), ({"retest_cv": "2.1"}, "--retest-n"), ({"retest_cv": "0.021x", "retest_n": 12}, "found 0.021x; write 2.1"),
     ({"retest_cv": "-2", "retest_n": 12}, "percent above 0")],
)  # fmt: skip
def test_without_repeat_scans_there_is_no_verdict(tmp_path, more, said):
    since = norm_since.Since(baseline_session="a", followup_session="b", **more)
    with pytest.raises(NeuromyoError, match=said):
        norm_since.compare(since, table(row(1.0, session="a"), row(1.0, session="b")), Path("t.tsv"), ROSTER, {})


def test_compare_writes_the_changes_and_the_page_tells_them_without_a_norm(tmp_path):
    for name, value in (("bl", 36.0), ("fu", 41.0)):
        lines = [row(value), row(value, side="right", flags="TRUNCATED")]
        (tmp_path / f"{name}.tsv").write_text(
            "\n".join("\t".join(str(v) or "n/a" for v in r) for r in (lines[0].keys(), *(r.values() for r in lines)))
            + "\n"
        )
    since = norm_since.Since(tmp_path / "bl.tsv", retest_cv="2.1", retest_n=12)
    out, page = tmp_path / "z.tsv", tmp_path / "z.html"
    result = norm_compare.compare_files(
        norm_compare.CompareRequest(tmp_path / "fu.tsv", None, out, html=page, since=since)
    )
    assert [c.change.verdict for c in result.changes] == ["rise", "unknown"]
    with (tmp_path / "z_change.tsv").open() as file:
        first, second = csv.DictReader(file, delimiter="\t")
    assert (
        first["change"] == "5"
        and first["verdict"] == "rise"
        and first["words"].startswith("reliable rise: 36 to 41 ms")
    )
    assert second["verdict"] == "unknown" and second["p"] == "n/a"
    text = page.read_text()
    assert (
        "<h1><bdi>fu.tsv</bdi></h1>" in text and "1 of 1 number changed reliably" in text and "cannot be told" in text
    )
    assert "compared with the norm" not in text


def test_a_table_is_not_its_own_baseline(tmp_path):
    since = norm_since.Since(tmp_path / "t.tsv", retest_cv="2.1", retest_n=12)
    with pytest.raises(NeuromyoError, match="found the follow-up itself"):
        norm_since.compare(since, table(row(1.0)), tmp_path / "t.tsv", ROSTER, {})


def test_repeat_scans_that_agree_to_the_last_digit_are_told():
    known = table(*(row(35.0, f"r{i}", s) for i in range(8) for s in ("a", "b")))
    (one,), _ = changes([row(36.0)], [row(60.0)], Repeatability(known))
    assert one.change.words.startswith("cannot be told: repeat scans cannot be used: needed an error above 0")
