"""What may not stand in the repository: a package registry's address, a path of somebody's machine, an address lock."""

import os
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# Put together here, so that this file does not find itself.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("conda", "anaconda", "org"),
        ("download", "pytorch", "org"),
    )
]
PLACES = ["/" + "work/", "/" + "root/", "/" + "opt/nm"]


@pytest.fixture(scope="module")
def tracked() -> dict[str, str]:
    """The text files that git tracks, by name."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("git is not installed: which files are tracked cannot be told")
    if listing.returncode:
        pytest.skip("this is no git checkout: which files are tracked cannot be told")
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        content = (PROJECT / name).read_bytes() if (PROJECT / name).is_file() else b""
        if b"\0" not in content:
            texts[name] = content.decode(errors="replace")
    return texts


def holding(texts: dict[str, str], words: list[str]) -> list[str]:
    """The places, as name:line, where one of the words stands and is not the end of a longer path or name."""
    pattern = re.compile(r"(?<![\w.~])(?:" + "|".join(map(re.escape, words)) + ")")
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1} {match.group()}"
        for name, text in texts.items()
        for match in pattern.finditer(text)
    ]


def test_no_registry_address(tracked):
    """Where packages come from is each machine's own setting."""
    text = {name: content.lower() for name, content in tracked.items()}
    assert holding(text, HOSTS) == []


def test_no_path_of_a_machine(tracked):
    assert holding(tracked, PLACES) == []


def test_patterns_find_what_they_seek():
    """The two patterns above are not blind."""
    assert holding({"a": f"x\nhttps://{HOSTS[0]}/simple"}, HOSTS) == [f"a:2 {HOSTS[0]}"]
    assert holding({"a": f"cd {PLACES[0]}x"}, PLACES) == [f"a:1 {PLACES[0]}"]
    assert holding({"a": f"the frame{PLACES[0]}x"}, PLACES) == []


def test_no_lock_with_addresses(tracked):
    names = {Path(name).name for name in tracked}
    assert not names & {"uv.lock", "poetry.lock", "pdm.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"}


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no executable bit")
def test_scripts_can_be_started():
    for name in ("run.py", ".ci/run"):
        assert os.access(PROJECT / name, os.X_OK), f"{name} is not executable"
