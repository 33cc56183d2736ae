"""Help must be instant: nothing heavy is imported for it."""

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[3] / "src"
HEAVY = ("numpy", "scipy", "numba", "pandas", "nibabel", "matplotlib", "pydantic", "jinja2", "rich")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom neuromyo.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    modules = ended.stdout.partition("MODULES ")[2].split()
    assert "neuromyo.cli.run" in modules
    assert [name for name in HEAVY if name in modules] == []


def test_every_verb_has_a_help_of_its_own():
    from neuromyo.cli import main

    names = [c.name for c in main.app.registered_commands]
    way = [
        "demo",
        "import",
        "phenotype",
        "check",
        "plan",
        "run",
        "fit",
        "segment",
        "trace",
        "measure",
        "compare",
        "tract",
        "qa",
        "export",
    ]
    assert names == [*way, "phantom", "list", "show", "doctor"]
    assert all(c.callback.__doc__ for c in main.app.registered_commands)


def test_every_verb_is_told_in_one_line_of_a_narrow_terminal(capsys):
    from neuromyo.cli import main

    with pytest.raises(SystemExit):
        main.main(["--help"])
    lines = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    told = {line.split()[0] for line in lines if line.strip()}
    verbs = {c.name for c in (*main.app.registered_commands, *main.app.registered_groups)}
    assert told == verbs, "a line broken in two"
    assert not [line for line in lines if line.endswith("...") or len(line) > 80]
