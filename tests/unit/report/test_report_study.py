"""The page of a study: what was found first, numbers as people read them, files to take away, each method once."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from neuromyo.core.analysis import Analysis, Courses, Dots, Table, columns
from neuromyo.core.errors import Finding
from neuromyo.report import study_methods, study_tables
from neuromyo.report import study_numbers as numbers
from neuromyo.report.study import StudyView, drawing, files, groups_of, merged, methods, page
from tests.unit.report import study_example as example


class Reader(HTMLParser):
    """What a person reads, without style; and the addresses of links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: dict[str, str] = {}
        self.ids: list[str] = []
        self.hidden = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.hidden += tag == "style"
        if tag == "a":
            self.links[given.get("download") or given["href"]] = given["href"]
        if "id" in given:
            self.ids.append(given["id"])

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def made() -> str:
    return page(example.view())


def decoded(address: str) -> str:
    assert address.startswith("data:")
    return base64.b64decode(address.split(",", 1)[1]).decode("utf-8")


def test_the_page_goes_from_people_to_results_to_methods(made):
    said = Reader(made[made.index("<main>") :]).text
    order = [
        "Flow of people",
        "In short",
        "T2 of the right tibialis anterior was 5.2 ms higher",
        "Statistical methods",
        "Provenance and downloads",
    ]
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    assert said.count("suggests, does not confirm.") == 4 and "exploratory" in said[: said.index("Statistical methods")]


def test_nothing_of_the_machine_is_printed_and_the_same_view_gives_the_same_bytes(made):
    reader = Reader(made)
    assert not re.search(r"\b(nan|inf|None|True|False|e[+-]\d\d)\b", reader.text)
    assert len(reader.ids) == len(set(reader.ids))
    assert page(example.view()) == made
    assert "<script" not in made and " src=" not in made and "@import" not in made and "url(" not in made
    outside = [a for a in reader.links.values() if not a.startswith(("#", "data:", "./"))]
    assert outside and all(a.startswith("https://doi.org/10.") for a in outside)


def test_an_estimate_and_its_interval_are_one_column_to_the_digit_that_it_bears(made):
    said = Reader(made).text
    assert "5.2 (1.5 to 8.9)" in said and "24 (−61 to 109)" in said and "1.31 (0.32 to 2.28)" in said
    assert "difference (95 % interval)" in said and "difference low" not in said
    assert "−0.84 (−0.96 to −0.48)" in said and "0.96 (0.86 to 0.99)" in said
    assert "0.0496" in said and "< 0.001" in said


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.009, "0.009"),
        (0.0004, "<\xa00.001"),
        (0.23, "0.23"),
        (0.049999, "0.0499"),
        (0.05, "0.050"),
        (0.0501, "0.0501"),
        (1.0, ">\xa00.99"),
        (0.0, "<\xa00.001"),
        (-0.1, "–"),
        (1.2, "–"),
        (math.nan, "–"),
    ],
)
def test_p_values(p, text):
    assert numbers.p_value(p) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((3.21, 0.84, 5.58), "3.2 (0.8 to 5.6)"),
        ((-0.004, -0.0102, 0.0022), "−0.0040 (−0.0102 to 0.0022)"),
        ((1234.5, 1100, 1400), "1,234 (1,100 to 1,400)"),
        ((1.2, math.nan, math.nan), "1.20"),
        ((math.nan, 1, 2), "–"),
        ((0.5, -1e6, 1e6), "0.500 (−1,000,000 to 1,000,000)"),
        ((5.0, 5.0, 5.0), "5.000 (5.000 to 5.000)"),
        ((2.0, -math.inf, 3.0), "2.00 (up to 3.00)"),
        ((2.0, 1.0, math.inf), "2.00 (1.00 or more)"),
        ((2.0, -math.inf, math.inf), "2.00 (no bounds)"),
        ((-0.0001, -4.0, 4.0), "0.0 (−4.0 to 4.0)"),
        ((2e-9, 1e-9, 3e-9), "2.0 × 10⁻⁹ (1.0 × 10⁻⁹ to 3.0 × 10⁻⁹)"),
    ],
)
def test_intervals(given, text):
    assert numbers.interval(*given) == text


def test_a_missing_number_is_a_dash_with_its_reason(made):
    assert (
        '<span aria-hidden="true" title="no control has a value">–</span><span class="unseen">no control has a value</span>'
        in made
    )
    table = Table(
        "t",
        "T",
        columns(("a", "", "ms"), ("b", "", "", "count"), ("c", "", "", "p"), ("d", "", "", "percent")),
        ((None, math.nan, -0.5, 12.345), (1.0, 3, 0.2, 100.0)),
    )
    first, second = study_tables.shown(table).rows
    assert (
        [c.text for c in first] == ["–", "–", "–", "12.3 %"]
        and first[0].why == "no value"
        and [c.text for c in second][1:] == ["3", "0.20", "100 %"]
    )


def test_truths_and_numbers_of_numpy_are_words_and_numbers():
    table = Table(
        "t",
        "T",
        columns(("a", "", "", "text"), ("b", ""), ("c", "", "", "count")),
        ((np.True_, np.float64(1.5), np.int64(3)), (False, np.nan, 4)),
    )
    assert [[c.text for c in row] for row in study_tables.shown(table).rows] == [["yes", "1.50", "3"], ["no", "–", "4"]]
    assert study_tables.tsv(table) == "a\tb\tc\ntrue\t1.5\t3\nfalse\tn/a\t4\n" and json.loads(
        study_tables.as_json(table)
    )["rows"][1] == {"a": False, "b": None, "c": 4}


def test_columns_of_one_unit_have_decimals_alike():
    table = Table(
        "t",
        "T",
        columns(("person", "", "", "text"), ("before", "", "ms"), ("after", "", "ms"), ("t", ""), ("steps", "")),
        (("a", 31.23, 0.174, 0.6, 3.0), ("b", 38.04, 38.2, -12.345, 4.0)),
    )
    assert [[c.text for c in row] for row in study_tables.shown(table).rows] == [
        ["a", "31.2", "0.2", "0.60", "3"],
        ["b", "38.0", "38.2", "−12.35", "4"],
    ]


def test_every_table_and_figure_can_be_taken_away(made):
    links = Reader(made).links
    for one in example.analyses():
        for t in one.tables:
            text = decoded(links[f"{one.kind}-{t.id}.tsv"])
            rows = [line.split("\t") for line in text.splitlines()]
            assert rows[0] == [c.name for c in t.columns] and len(rows) == 1 + len(t.rows)
            held = json.loads(decoded(links[f"{one.kind}-{t.id}.json"]))
            assert held["rows"][0].keys() == set(rows[0]) and held["columns"][0]["meaning"] == t.columns[0].meaning
        for f in one.figures:
            assert decoded(links[f"{one.kind}-{f.id}.svg"]).startswith("<?xml")
    tests = [line.split("\t") for line in decoded(links["group-tests.tsv"]).splitlines()]
    assert float(tests[1][4]) == 5.2134 and tests[5][4] == "n/a"  # unrounded; missing
    assert decoded(links["methods.md"]) == methods(example.analyses(), example.view().versions)
    assert links["methods.md"].startswith("data:") and links["./tables/group-tests.tsv"]


def test_files_to_be_written_beside_the_page_have_names_of_their_own():
    twice = (example.group(), replace(example.group(), title="Again"))
    names = list(files(twice))
    assert len(names) == len(set(names)) == 2 * (2 + 3) + 1 and "tables/group-2-tests.tsv" in names
    assert "tables/tests.json" in files((example.group(),)) and "figures/t2.svg" in files((example.group(),))


def test_hostile_words_are_neither_markup_nor_formulas():
    bad = "<script>alert(1)</script>\"'>&"
    table = Table(
        "x/../y",
        bad,
        columns((bad, bad, bad, "text"), ("v", "", "ms")),
        (("=HYPERLINK(1)", 1.0), (bad, math.inf), ("a\tb\nc", math.nan)),
        bad,
    )
    one = Analysis(
        bad,
        bad,
        (bad,),
        (table,),
        (Dots(bad, bad, {bad: np.array([1.0])}, {}, bad, bad),),
        (bad,),
        (Finding("warn", bad, bad, bad, bad, bad),),
    )
    text = page(StudyView(bad, (one, one), (bad,), None, (), {bad: bad}, {bad: bad}, {bad: "javascript:alert(1)"}))
    assert "<script" not in text and 'href="javascript' not in text and "onload" not in text
    reader = Reader(text)
    taken = [decoded(a) for n, a in reader.links.items() if n.endswith(".tsv")]
    assert taken and all("'=HYPERLINK" in t and len(t.splitlines()) == 4 for t in taken)
    assert not any("/" in n for n, a in reader.links.items() if a.startswith("data:"))


def test_hundreds_of_rows_and_figures_are_folded():
    rows = tuple((f"p{i}", float(i)) for i in range(1000))
    big = Table("people", "Everybody", columns(("person", "", "", "text"), ("value", "", "ms")), rows)
    one = replace(
        example.group(),
        tables=(big,),
        figures=example.group().figures[:1] * 20,
        summary=tuple(f"sentence {i}" for i in range(40)),
    )
    text = page(StudyView("big", (one,)))
    unfolded = re.sub(r"<details.*?</details>", "", text, flags=re.S)
    assert unfolded.count("<tr>") == 9 and unfolded.count("<figure") == 6 and unfolded.count("<li>") <= 12
    assert (
        "392 more rows" in text
        and "600 more rows are in the files" in text
        and "14 more figures" in text
        and "30 more sentences" in text
    )
    assert len(decoded(Reader(text).links["people.tsv"]).splitlines()) == 1001


def test_each_sentence_and_each_source_once(made):
    text = methods(example.analyses(), {"neuromyo": "9.9"})
    assert text.count("without transformation") == 1
    assert "exact permutation of its t" in text and "(Welch 1947 [1])" in text and "(Bland and Altman 1986 [4])" in text
    assert (
        "1. Welch 1947. <https://doi.org/10.1093/biomet/34.1-2.28>" in text
        and "4. Bland and Altman 1986. <https://doi.org/10.1016/S0140-6736(86)90837-8>" in text
    )
    assert "(Fisher 1921)." in text  # a source without a DOI stays where it is
    assert (
        'href="https://doi.org/10.1016/S0140-6736(86)90837-8"' in made
        and 'id="r4"' in made
        and 'href="#r5"' not in made
    )


@pytest.mark.parametrize(
    ("sentence", "said", "source"),
    [
        ("Intervals are exact (doi:10.1234/x)", "Intervals are exact ([1]).", ""),
        (
            "As in Kenward & Roger 1997, https://doi.org/10.2307/2533558.",
            "As in Kenward & Roger 1997 [1].",
            "Kenward & Roger 1997",
        ),
        ("By Kenward and Roger (1997, doi:10.1234/x)", "By Kenward and Roger (1997 [1]).", "Kenward and Roger 1997"),
        ("See 10.1234/abc.def.", "See [1].", ""),
        (
            "Both (Efron 1987, doi:10.1234/x; DiCiccio and Efron 1996, doi:10.1234/y).",
            "Both (Efron 1987 [1]; DiCiccio and Efron 1996 [2]).",
            "Efron 1987",
        ),
        ("No source at all", "No source at all.", None),
    ],
)
def test_sources_are_found_in_sentences(sentence, said, source):
    found = study_methods.gathered((Analysis("a", "A", (), (), methods=(sentence,)),))
    assert "".join(p.text + (f"[{p.source}]" if p.source else "") for p in found.paragraphs[0][1][0]) == said
    assert [who for who, _ in found.references][:1] == ([] if source is None else [source])


def test_the_group_of_reference_looks_the_same_on_every_page():
    """Whoever is drawn first, or alone: the reference has the first style, the others the next."""
    ends = np.array([0.0, 1.0])
    people = (("als", "control"), ("control", "als"), ("als",))
    drawn = []
    for groups in people:
        course = Courses(
            "c", "C", np.tile(ends, (len(groups), 1)), np.ones((len(groups), 2)), groups, groups, "months", "T2 (ms)"
        )
        one = Analysis("change", "C", (), (), (course,), reference="control")
        assert groups_of(StudyView("v", (one,)))[0] == "control"
        drawn.append(str(drawing(course, groups_of(StudyView("v", (one,))))))
    lives = [re.findall(r'class="life (g\d)"', svg) for svg in drawn]
    assert lives == [["g1", "g0"], ["g0", "g1"], ["g1"]]


def test_findings_come_once_with_the_gravest_first():
    a, b = Finding("note", "N-STUDY", "x", "m"), Finding("warn", "W-TIES", "y", "n")
    found = merged((a, b, a, replace(b, where="z")))
    assert [(f.code, f.where, f.message) for f in found] == [("W-TIES", "y and z", "n"), ("N-STUDY", "x", "m")]


def test_findings_that_differ_in_numbers_keep_those_of_the_first():
    a = Finding("warn", "W-SPREAD", "T2/left", "spreads 3.2 times as much (p = 0.009)")
    b = replace(a, where="T2/right", message="spreads 2.7 times as much (p < 0.001)")
    (one,) = merged((a, b))
    assert one.where == "T2/left" and one.message.startswith("spreads 3.2 times")
    assert "likewise T2/right, with other numbers" in one.message


def test_an_empty_study_is_a_page_too():
    said = Reader(page(StudyView("nothing", ()))).text
    assert "This study has no analysis yet" in said and "No method was described" in said
    bare = Analysis("group", "bare", (), (Table("t", "Empty", columns(("a", "")), ()),))
    assert "Empty: no rows." in Reader(page(StudyView("bare", (bare,)))).text.replace(" :", ":")
