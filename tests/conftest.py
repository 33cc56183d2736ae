"""What every test may ask for: real scans, the BIDS validator, a browser.

Each is used where it is, and the test is skipped with a sentence where it is not; a name in NEUROMYO_REQUIRE
(comma-separated: realdata, validator, chromium, dcm2niix) turns that skip into a failure.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

PROJECT = Path(__file__).resolve().parents[1]
REQUIRED = {name.strip() for name in os.environ.get("NEUROMYO_REQUIRE", "").split(",") if name.strip()}

# Speed is measured in bench/, not in tests: no deadline. In CI the same examples every time, to repeat a red run.
hypothesis.settings.register_profile("neuromyo", deadline=None, derandomize=bool(os.environ.get("CI")), database=None)
hypothesis.settings.load_profile("neuromyo")


def find_realdata() -> Path | None:
    """The folder of real scans, or None."""
    named = os.environ.get("NEUROMYO_REALDATA")
    folder = Path(named) if named else PROJECT.parent / "shared" / "data"
    return folder.resolve() if folder.is_dir() else None


def find_validator() -> Path | None:
    """The BIDS validator of this environment, else one on the PATH, or None."""
    beside = Path(sys.executable).parent / ("bids-validator-deno" + (".exe" if os.name == "nt" else ""))
    found = beside if beside.exists() else shutil.which("bids-validator-deno")
    return Path(found) if found else None


def find_chromium() -> Path | None:
    """A Chromium-like browser, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def find_dcm2niix() -> Path | None:
    """The converter of others, as the development packages have it beside the interpreter, else on the PATH, or None."""
    beside = Path(sys.executable).parent / ("dcm2niix" + (".exe" if os.name == "nt" else ""))
    found = beside if beside.exists() else shutil.which("dcm2niix")
    return Path(found) if found else None


NEEDS = {
    "realdata": (find_realdata, "no real scans here: set NEUROMYO_REALDATA to their folder, or have ../shared/data"),
    "validator": (find_validator, "no BIDS validator here: install the package bids-validator-deno"),
    "chromium": (find_chromium, "no browser here: install chromium, so that it is found on the PATH"),
    "dcm2niix": (find_dcm2niix, "no dcm2niix here: install the package dcm2niix"),
}


def need(name: str) -> Path:
    """The path of a needed thing; without it the test is skipped, or fails where the thing is required."""
    find, sentence = NEEDS[name]
    found = find()
    if found is None:
        if name in REQUIRED:
            pytest.fail(f"{sentence} (required: NEUROMYO_REQUIRE names {name})", pytrace=False)
        pytest.skip(sentence)
    return found


def pytest_configure(config: pytest.Config) -> None:
    unknown = REQUIRED - NEEDS.keys()
    if unknown:
        raise pytest.UsageError(f"NEUROMYO_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(NEEDS)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The marks alone are enough: a test marked realdata or browser needs no fixture to be skipped."""
    for mark, name in (("realdata", "realdata"), ("browser", "chromium")):
        if item.get_closest_marker(mark):
            need(name)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real scans (read only; part of no commit)."""
    return need("realdata")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A browser to hand to playwright as executable_path (with args=["--no-sandbox"] where the tests run as root)."""
    return need("chromium")


@pytest.fixture(scope="session")
def need_dcm2niix() -> Path:
    """The converter that our own import is compared with (never used by it)."""
    return need("dcm2niix")


@pytest.fixture(scope="session")
def validator():
    """A function: the BIDS validator's errors on a folder, each a dict with code, location and more (no warnings)."""
    program = need("validator")

    def errors_of(folder: Path, *options: str) -> list[dict]:
        command = [str(program), "--format", "json", *options, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=240)
        try:
            issues = json.loads(done.stdout)["issues"]["issues"]
        except (ValueError, KeyError):
            said = done.stderr[-2000:]
            pytest.fail(f"the BIDS validator gave no report (exit {done.returncode}): {said}", pytrace=False)
        return [issue for issue in issues if issue["severity"] == "error"]

    return errors_of
