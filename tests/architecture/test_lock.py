"""requirements.lock is what pyproject.toml asks for: pinned, hashed, for every supported Python, without addresses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
AGAIN = "pyproject.toml has moved past requirements.lock: write it anew with  python3 run.py lock"


@pytest.fixture(scope="module")
def asked() -> list[Requirement]:
    """What pyproject.toml asks for directly: the package's needs and the dev group."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(text) for text in settings["project"]["dependencies"] + settings["dependency-groups"]["dev"]]


@pytest.fixture(scope="module")
def locked() -> list[tuple[Requirement, int]]:
    """The entries of the lock, each with the number of its hashes."""
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n|^ +#.*\n", "", text, flags=re.MULTILINE).strip())
    hashes = [len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)) for entry in entries]
    return [
        (Requirement(entry.partition("\\")[0].strip()), count) for entry, count in zip(entries, hashes, strict=True)
    ]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_lock_keeps_up(asked, locked, python, system):
    """Each direct requirement has exactly one pin for this Python and system, at a version that was asked for."""
    here = {"python_version": python, "python_full_version": f"{python}.5", "sys_platform": system}
    pins: dict[str, list[str]] = {}
    for pin, _ in locked:
        if pin.marker is None or pin.marker.evaluate(here):
            pins.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    for requirement in asked:
        if requirement.marker and not requirement.marker.evaluate(here):
            continue
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert len(versions) == 1, f"{requirement}: the lock has {versions or 'nothing'} for Python {python}. {AGAIN}"
        fits = requirement.specifier.contains(versions[0], prereleases=True)
        assert fits, f"{requirement}: locked at {versions[0]}. {AGAIN}"


def test_every_entry_is_pinned_and_hashed(locked):
    assert len(locked) > 50
    for pin, hashes in locked:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is not pinned"
        assert hashes, f"{pin} has no hash"
        assert pin.url is None, f"{pin} is an address"


def test_lock_names_no_address():
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE), "an option of an index or a file stands in the lock"
