"""run.py: pip's settings reach uv, uv's own come first, and an old Python is met with a sentence."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(monkeypatch):
    """run.py as a module, in an environment without settings of pip's or uv's."""
    spec = importlib.util.spec_from_file_location("run", PROJECT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in list(os.environ):
        if name.upper().startswith(("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    return module


def test_pip_settings_reach_uv(run, monkeypatch):
    settings = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "https://a.example/simple\nhttps://b.example/simple",
        "find-links": "/wheels /more",
        "trusted-host": "mirror.example",
        "timeout": "90",
        "proxy": "http://proxy.example:3128",
        "cert": "/ca.pem",
        "no-index": "false",
    }
    monkeypatch.setattr(run, "pip_settings", lambda pip: settings)
    told = run.uv_environment(None)
    assert told["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert told["UV_INDEX"] == "https://a.example/simple https://b.example/simple"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert told["UV_FIND_LINKS"] == "/wheels,/more"
    assert told["UV_INSECURE_HOST"] == "mirror.example"
    assert told["UV_HTTP_TIMEOUT"] == "90"
    assert told["HTTPS_PROXY"] == told["HTTP_PROXY"] == "http://proxy.example:3128"
    assert told["SSL_CERT_FILE"] == "/ca.pem"
    assert told["UV_PYTHON_DOWNLOADS"] == "never"
    assert "UV_NO_INDEX" not in told and "UV_SYSTEM_CERTS" not in told


def test_uv_settings_come_first(run, monkeypatch):
    monkeypatch.setattr(run, "pip_settings", lambda pip: {"index-url": "https://pip.example", "cert": "/pip.pem"})
    monkeypatch.setenv("UV_INDEX_URL", "https://uv.example")
    monkeypatch.setenv("SSL_CERT_FILE", "/uv.pem")
    told = run.uv_environment(None)
    assert told["UV_INDEX_URL"] == "https://uv.example"
    assert told["SSL_CERT_FILE"] == "/uv.pem"
    assert "UV_DEFAULT_INDEX" not in told


def test_stronger_pip_setting_wins(run, monkeypatch):
    listing = (
        b":env:.index-url='https://variable.example'\nglobal.cert='/its.pem'\nglobal.index-url='https://file.example'\n"
    )
    monkeypatch.setattr(run.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=listing))
    assert run.pip_settings(["pip"]) == {"index-url": "https://variable.example", "cert": "/its.pem"}


def test_old_python_can_read_the_sentence():
    """The file parses under an old grammar, and the version is looked at before anything newer is imported."""
    tree = ast.parse((PROJECT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    kinds = [type(node) for node in tree.body]
    assert kinds.index(ast.If) < next(
        place for place, node in enumerate(tree.body) if isinstance(node, ast.Import) and node.names[0].name != "sys"
    )


def test_unknown_verb_is_told():
    done = subprocess.run([sys.executable, str(PROJECT / "run.py"), "fly"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "python3 run.py demo" in done.stdout
