"""The tools that other tests lean on do their work here: the validator finds an error, the browser shows a page."""

import json

import pytest


def test_validator_tells_right_from_wrong(validator, tmp_path):
    description = {"Name": "two files", "BIDSVersion": "1.10.0", "DatasetType": "raw", "Authors": ["A", "B"]}
    (tmp_path / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
    (tmp_path / "README").write_text("A study of nothing.\n", encoding="utf-8")
    assert validator(tmp_path) == []
    (tmp_path / "stray.nii").write_bytes(b"\0" * 352)
    assert any(issue["location"] == "/stray.nii" for issue in validator(tmp_path))


@pytest.mark.browser
def test_browser_shows_a_page(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<title>leg</title><p id=t2>38.1 ms</p>")
        assert (page.title(), page.inner_text("#t2")) == ("leg", "38.1 ms")
        browser.close()
