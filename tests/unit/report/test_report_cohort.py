"""The cohort's page: who was done, who was not and why, values across subjects, links that can only be relative."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from neuromyo.core.measurements import Measurements
from neuromyo.report.cohort import CohortView, SessionLine, page
from neuromyo.report.html import clean, doi_link, relative_link


@pytest.fixture(scope="module")
def cohort(view) -> CohortView:
    rows = []
    for i in range(4):
        for r in view.measurements.rows():
            rows.append({**r, "subject": f"{i:02d}", "value": r["value"] + i})
    sessions = tuple(
        SessionLine(f"{i:02d}", "m0", "done", page=f"sub-{i:02d}_ses-m0.html", warnings=i) for i in range(4)
    )
    bad = SessionLine("99", "", "failed", "the file ends before its data do [E-TRUNC]", "copy it again")
    return CohortView((*sessions, bad), Measurements.of(rows), "A trial", view.biomarkers, {"neuromyo": "0.1.0"})


def test_sessions_are_counted_linked_and_explained(cohort: CohortView) -> None:
    html = page(cohort)
    assert "5 sessions of 5 subjects: 4 done, 1 failed." in html
    assert "Without a result: sub-99." in html
    assert '<a href="./sub-02_ses-m0.html"><bdi>sub-02_ses-m0</bdi></a>' in html
    assert "The file ends before its data do [E-TRUNC]." in html
    assert "Copy it again." in html
    assert "Content-Security-Policy" in html


def test_values_across_subjects(cohort: CohortView, view) -> None:
    html = page(cohort)
    value = view.measurements.where(region="soleus", side="left", quantity="T2", statistic="mean").rows()[0]["value"]
    median, low, high = (f"{value + d:.1f}" for d in (1.5, 0, 3))
    row = f'<th scope="row">soleus</th><td>left</td><td>4</td><td>0</td><td>{median}</td><td>{low}</td><td>{high}</td>'
    assert row in html
    assert len(re.findall(r'class="dot left many"', html)) == 4 * 4 * 2  # sessions, regions, quantities


def test_cohort_is_reproducible(cohort: CohortView) -> None:
    assert page(cohort) == page(replace(cohort))


def test_hostile_names_are_inert(cohort: CohortView) -> None:
    evil = "<script>alert(1)</script>"
    line = SessionLine(evil, evil, "failed", evil, evil, "javascript:alert(1)")
    html = page(replace(cohort, sessions=(line,), title=evil))
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert 'href="./javascript%3Aalert%281%29"' in html


def test_an_empty_cohort_is_still_a_page() -> None:
    assert "0 sessions of 0 subjects" in page(CohortView((), Measurements.of(())))


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("sub-1.html", "./sub-1.html"),
        ("../../etc/passwd", "./etc/passwd"),
        ("//evil.example/x", "./evil.example/x"),
        ("https://evil.example", "./https%3A/evil.example"),
        ("a b\udcff.html", "./a%20b%FF.html"),
        ("..\\x", "./x"),
    ],
)
def test_links_cannot_leave(name: str, link: str) -> None:
    assert relative_link(name) == link


def test_doi_links_stay_with_the_doi_resolver() -> None:
    assert doi_link('10.1/a"><script>') == "https://doi.org/10.1/a%22%3E%3Cscript%3E"
    assert doi_link("10.1016/S0022-2364(03)00001-1") == "https://doi.org/10.1016/S0022-2364(03)00001-1"


def test_clean_keeps_lines_and_drops_what_cannot_be_stored() -> None:
    assert clean("a\nb\tc\x07\udc80") == "a\nb\tc\N{REPLACEMENT CHARACTER}\\udc80"
