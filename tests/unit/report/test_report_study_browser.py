"""The page of a study in a real browser: no sideways scrolling, no complaint, nothing asked of the network, files come."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuromyo.report.study import page
from tests.unit.report import study_example as example

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_on_a_phone_and_on_a_desk(tmp_path: Path, width: int, chromium: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "study.html"
    file.write_text(page(example.view()), encoding="utf-8")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        complaints: list[str] = []
        asked: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        high = tab.evaluate("document.documentElement.scrollHeight")
        tab.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
        overflow = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        letters = tab.eval_on_selector_all(
            ".drawn svg", "all => all.map(s => 12 * s.getBoundingClientRect().width / s.viewBox.baseVal.width)"
        )
        taken = {}
        for name in ("group-tests.tsv", "group-t2.svg", "methods.md"):
            with tab.expect_download() as coming:
                tab.click(f'a[download="{name}"]')
            taken[coming.value.suggested_filename] = Path(coming.value.path()).read_text(encoding="utf-8")
        tab.keyboard.press("Tab")
        focused = tab.evaluate("document.activeElement.tagName")
        browser.close()
    assert complaints == [] and [u for u in asked if not u.startswith(("file:", "data:"))] == []
    assert overflow <= 0, "no sideways scrolling of the page"
    assert min(letters) >= 8.5, "letters of figures can be read, if need be by scrolling within the figure"
    assert high < 16_000 and focused in ("A", "SUMMARY", "DIV")
    assert (
        taken["group-tests.tsv"].startswith("variable\tunit")
        and "<svg" in taken["group-t2.svg"]
        and taken["methods.md"].startswith("# Statistical")
    )
