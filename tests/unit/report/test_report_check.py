"""The page of `check`: every verdict in words, nothing from files as markup, nothing fetched."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

from neuromyo.core.errors import Finding
from neuromyo.protocol.sheet import Row, Sheet
from neuromyo.protocol.verdict import Verdict
from neuromyo.report.check import CheckedView, by_series, field_of, page, summary
from neuromyo.report.view import SeriesLine

FILE = "sub-01/anat/sub-01_MESE.nii.gz"
BAD = "<script>alert(1)</script>"


def view(label="sub-01", text="a text") -> CheckedView:
    return CheckedView(
        label,
        (
            Finding("stop", "E-PROTOCOL", f"{FILE}: RepetitionTime", text, "mend it", "t2-mono cannot be computed from it"),
            Finding("warn", "W-NOMAP", "mtsat: B1", "no B1 map: T1 biased by up to 33 %"),
        ),
        (
            Verdict("t2-mono", "global T2", "fine"),
            Verdict("t2-water", "water T2", "caveat", (FILE,), (text,)),
            Verdict("mtsat", "MT saturation", "cannot", (), ("no MPM series",)),
        ),
        ("dti",),
        (
            Sheet("mese", "multi-echo", "there", FILE, tuple(
                Row(f"number {g}", "3 s", "fine 2 to 4 s", "proposed by this project", "2 s", g)
                for g in ("fine", "usable", "unusable", "unstated")
            )),
            Sheet("b1", "B1 map", "missing"),
        ),
        (SeriesLine(FILE, "MESE", 17, "17 echoes", "3000 ms", "1 x 1 x 5 mm"),),
        ((FILE,),),
    )  # fmt: skip


def test_every_grade_stands_there_in_words_and_with_a_sign():
    text = unescape(page([view()], protocol="Calf at 3 T"))
    for words in (
        "✓</i> fine",
        "!</i> usable with a caveat",
        "✕</i> cannot be computed",
        "✕</i> unusable",
        "?</i> not stated",
    ):
        assert words in text, words
    for words in ("Calf at 3 T", "A text.", "No MPM series.", "T1 biased by up to 33 %", "dti", "missing", "Mend it."):
        assert words in text, words
    assert "3 biomarkers: 1 fine, 1 usable with a caveat, 1 cannot be computed" in text
    assert page([view()]) == page([view()])


def test_text_of_files_is_no_markup():
    text = page([view(text=BAD)], protocol=BAD)
    assert BAD not in text and "&lt;script&gt;" in text and "default-src 'none'" in unescape(text)


def test_findings_stand_under_their_series():
    findings = [Finding("warn", "W-X", "b_echo-2.nii.gz: voxels", "x"), Finding("note", "N-X", "other: y", "y: z")]
    groups = by_series(findings, [("a.nii.gz",), ("b_echo-1.nii.gz", "b_echo-2.nii.gz")])
    assert [(name, [f.code for f in found]) for name, found in groups] == [
        ("b_echo-1.nii.gz", ["W-X"]),
        ("other", ["N-X"]),
    ]
    assert field_of(findings[0], "b_echo-1.nii.gz") == "b_echo-2.nii.gz: voxels"
    assert field_of(findings[1], "other") == "", "its message begins with it"


def test_what_is_the_same_of_many_files_is_told_once():
    many = [Finding("warn", "W-UNITS", f"x_echo-{k}.nii.gz: xyzt_units", "not stated") for k in (1, 2, 3)]
    ((_, (one,)),) = by_series(many, [tuple(f"x_echo-{k}.nii.gz" for k in (1, 2, 3))])
    assert one.where == "x_echo-1.nii.gz: xyzt_units (and in 2 more files)"
    assert field_of(one, "x_echo-1.nii.gz") == "xyzt_units (and in 2 more files)"


def test_no_biomarker_no_summary():
    assert summary(()) == ""
    assert "Nothing to remark on." in page([CheckedView("sub-01")])


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_renders_without_a_complaint(width, tmp_path: Path, chromium: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "check.html"
    file.write_text(page([view(), view("sub-02")], protocol="Calf at 3 T"), encoding="utf-8")
    said: list[str] = []
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert tab.get_by_text("cannot be computed").first.is_visible()
        browser.close()
    assert said == []
