"""The shape of the house: who may import whom, how deep it goes, what a room and a file may be called."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "neuromyo"
MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def imported(path: Path) -> list[tuple[str, bool]]:
    """The modules a file imports by absolute name, each with whether that happens when the file itself is imported."""
    found = []

    def visit(node: ast.AST, at_import: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.level == 0:
                found.append((child.module, at_import))
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for_types_only = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
            visit(child, at_import and not later and not for_types_only)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def from_outside(path: Path, *own: str) -> list[tuple[str, bool]]:
    """The imports of a file that are neither the standard library's nor below one of its own names."""
    return [
        (name, at_import)
        for name, at_import in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == mine or name.startswith(mine + ".") for mine in own)
    ]


def is_built(room: str) -> bool:
    return (SOURCE / room.rpartition(".")[2]).is_dir()


def test_import_contracts(tmp_path, monkeypatch, capsys):
    """import-linter holds the contracts of pyproject.toml; rooms that are not built yet are left out of the second."""
    from importlinter.cli import lint_imports

    with (PROJECT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["importlinter"]
    contracts = settings.pop("contracts")
    # JSON's strings, lists and truths are TOML's too.
    lines = ["[tool.importlinter]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    for contract in contracts:
        if "source_modules" in contract:
            contract["source_modules"] = [name for name in contract["source_modules"] if is_built(name)]
            if not contract["source_modules"]:
                continue
        lines.append("[[tool.importlinter.contracts]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in contract.items()]
    config = tmp_path / "contracts.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(PROJECT)
    code = lint_imports(config_filename=str(config), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_core_needs_numpy_only():
    """core imports nothing from outside but NumPy; pandas may be asked for in a function or for its types."""
    for path in SOURCE.glob("core/**/*.py"):
        for name, at_import in from_outside(path, "neuromyo"):
            package = name.partition(".")[0]
            assert package == "numpy" or (package == "pandas" and not at_import), f"{name_of(path)} imports {name}"


def test_oracles_are_independent():
    """The simulators that judge our physics import NumPy and each other, never neuromyo (their tests: pytest)."""
    for path in (PROJECT / "tests" / "oracles").rglob("*.py"):
        for name, _ in from_outside(path, "tests.oracles"):
            package = name.partition(".")[0]
            allowed = package == "numpy" or (package == "pytest" and path.name.startswith("test_"))
            assert allowed, f"{name_of(path)} imports {name}"


def test_dialects_are_independent():
    """The writers of scanner files that judge our reader import pydicom, NumPy and each other, never neuromyo.

    One encodes JPEG 2000 with Pillow; the tests of the folder use pytest, and nibabel for what dcm2niix made.
    """
    for path in (PROJECT / "tests" / "dialects").rglob("*.py"):
        allowed = {"numpy", "pydicom"}
        allowed |= {"pytest", "nibabel"} if path.name.startswith("test_") else set()
        allowed |= {"PIL"} if path.name == "encode.py" else set()
        for name, _ in from_outside(path, "tests.dialects"):
            assert name.partition(".")[0] in allowed, f"{name_of(path)} imports {name}"


def test_scanner_files_are_parsed_in_the_child_alone():
    """What drives an import has no reader of DICOM at hand: only the limited child process imports pydicom."""
    said = "import sys, neuromyo.pipeline.intake; sys.exit('pydicom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], cwd=PROJECT / "src", timeout=120)
    assert done.returncode == 0


def test_biomarkers_are_listed_without_slow_imports():
    """Every verb that plans something loads all declarations: statistics are imported where they are used."""
    said = "import sys; from neuromyo.pipeline.registries import biomarkers as b; list(b()); sys.exit('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], cwd=PROJECT / "src", timeout=120)
    assert done.returncode == 0


def test_the_map_of_the_room_names_every_file_of_dicom():
    """A room of so many files has a map in its first lines."""
    from neuromyo import dicom

    named = set(re.findall(r"`(\w+)`", dicom.__doc__ or ""))
    assert named == {path.stem for path in SOURCE.glob("dicom/*.py")} - {"__init__"}


def test_house_is_two_deep():
    """src/neuromyo/<room>/<file>.py and no deeper; data files may lie one folder further down."""
    for path in MODULES:
        assert len(path.relative_to(SOURCE).parts) <= 2, f"{name_of(path)} lies deeper than room/file"


def test_rooms_are_named_for_something():
    for path in MODULES:
        for part in path.relative_to(SOURCE).with_suffix("").parts:
            assert part not in {"utils", "util", "helpers", "helper", "misc", "manager", "common"}, name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_says_what_it_is(path):
    """Every public module begins with a docstring."""
    if path.stem.startswith("_") and path.stem != "__init__":
        return
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc and doc.strip(), f"{name_of(path)} has no docstring"
