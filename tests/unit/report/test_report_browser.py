"""The page in a real browser: every picture loads, nothing complains, nothing is asked of the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuromyo.report.session import page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_renders_without_a_complaint(view, tmp_path: Path, width: int, chromium: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "page.html"
    file.write_text(page(view), encoding="utf-8")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        complaints: list[str] = []
        asked: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        tab.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
        loaded = tab.eval_on_selector_all("img", "all => all.map(i => i.complete && i.naturalWidth > 10)")
        overflow = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        small = tab.eval_on_selector_all(".film", "all => Math.min(...all.map(f => f.clientWidth))")
        browser.close()
    assert complaints == []
    assert len(loaded) > 60
    assert all(loaded)
    assert [u for u in asked if not u.startswith(("file:", "data:"))] == []
    assert overflow <= 0, "no sideways scrolling of the page"
    assert small > 100
