"""The form of a reading in a real browser: keys, progress that stays, files that come out, nothing asked of the network."""

import json
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.report.panels import frame_around
from neuromyo.report.reading import Form, form_page, picture
from neuromyo.study.scales import scale

pytestmark = pytest.mark.browser


def form_of(n=3):
    grid = Grid.of((40, 30, 5), np.diag([4.0, 4.0, 10.0, 1.0]), 2)
    values = np.random.default_rng(1).uniform(0, 100, grid.shape)
    frame = frame_around(grid, np.ones(grid.shape, bool))
    shown = tuple(picture(values, frame, k, (0.0, 100.0)) for k in range(5))
    fields = (("soleus", "left"), ("soleus", "right"), ("gastrocnemius-medialis", "left"))
    return Form("abc123", "A", scale("mercuri"), fields, tuple((f"CASE{k}", shown) for k in range(n)))


@pytest.fixture
def tab(tmp_path: Path, chromium: Path, request):
    api = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "form.html"
    file.write_text(form_page(form_of()), encoding="utf-8")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport={"width": getattr(request, "param", 1280), "height": 844}, accept_downloads=True
        )
        complaints, asked = [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: asked.append(sent.url))
        page.goto(file.as_uri())
        yield page
        browser.close()
    assert complaints == []
    assert [u for u in asked if not u.startswith(("file:", "data:", "blob:"))] == []


def saved(tab, button):
    with tab.expect_download() as download:
        tab.click(button)
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_a_whole_reading_by_keys(tab):
    assert tab.inner_text("#case") == "Case CASE0" and "slice 3 of 5" in tab.inner_text("#slices")
    tab.keyboard.press("ArrowRight")
    assert "slice 4 of 5" in tab.inner_text("#slices")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#case") == "Case CASE0"  # not before it is done
    for key in "1ax":
        tab.keyboard.press(key)
    assert "This case is done" in tab.inner_text("#state")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#case") == "Case CASE1"
    for key in "40b":
        tab.keyboard.press(key)
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("3")
    tab.reload()  # what was answered stays, and the reading goes on at the first case that is not done
    assert tab.inner_text("#case") == "Case CASE2" and "6 of 9 grades" in tab.inner_text("#progress")
    for muscle in ("soleus, left", "soleus, right", "gastrocnemius medialis, left"):
        tab.click(f"button[aria-label^='{muscle}: 0']")
    assert "All grades are given. Save" in tab.inner_text("#state")
    name, text = saved(tab, "#save-json")
    held = json.loads(text)
    assert name == "answers_A.json" and held["form"] == "abc123" and held["reader"] == "A"
    given = [(a["case"], a["region"], a["side"], a["grade"]) for a in held["answers"]]
    grades = ["1", "2a", "n/a", "4", "3", "2b", "0", "0", "0"]
    assert [g[3] for g in given] == grades and given[2][:3] == ("CASE0", "gastrocnemius-medialis", "left")
    name, text = saved(tab, "#save-csv")
    lines = text.splitlines()
    assert name == "answers_A.csv" and lines[0] == "form,reader,scale,case,region,side,grade"
    assert lines[2] == "abc123,A,mercuri,CASE0,soleus,right,2a" and len(lines) == 10


def test_what_lies_in_the_browser_and_is_no_grade_is_passed_over(tab):
    tab.evaluate(
        "localStorage.setItem('neuromyo-reading-abc123', JSON.stringify({CASE0: {f0: '9'}, NOBODY: {f0: '1'}}))"
    )
    tab.reload()
    assert "0 of 9 grades" in tab.inner_text("#progress")
    tab.evaluate("localStorage.setItem('neuromyo-reading-abc123', '{{')")
    tab.reload()
    assert "keeps nothing" in tab.inner_text("#kept")


@pytest.mark.parametrize("tab", [390, 1280], indirect=True)
def test_the_form_fits_the_screen_and_the_picture_stays_in_sight(tab):
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    shape = tab.evaluate(
        "(() => { const r = document.getElementById('film').getBoundingClientRect(); return r.width / r.height })()"
    )
    assert shape == pytest.approx(40 / 30, rel=0.02)
    assert tab.evaluate("document.getElementById('image').naturalWidth") == 40
    for key in "12":  # 2 is no key of this scale
        tab.keyboard.press(key)
    assert "1 of 9 grades" in tab.inner_text("#progress")
    tab.locator("#field-f2").scroll_into_view_if_needed()
    box = tab.evaluate(
        "(() => { const r = document.getElementById('film').getBoundingClientRect(); return [r.top, r.bottom] })()"
    )
    assert box[1] > 100 and box[0] < 844
    small = tab.evaluate(
        "Math.min(...[...document.querySelectorAll('.choices button')].map(b => Math.min(b.offsetWidth, b.offsetHeight)))"
    )
    assert small >= 40  # to be hit by a finger


def test_a_script_of_somebody_else_does_not_run(tab):
    policy = tab.evaluate("document.querySelector('meta[http-equiv]').content")
    assert "script-src 'sha256-" in policy and "unsafe-inline' " not in policy.partition("script-src")[2]
