#!/usr/bin/env python3
"""From a fresh clone to a running neuromyo, with nothing but Python's standard library.

    python3 run.py demo [OUT]         make a small phantom study and run everything on it
    python3 run.py test [ARGS]        run the tests; ARGS go to pytest
    python3 run.py neuromyo [ARGS]    run the neuromyo command
    python3 run.py setup              only make the environment
    python3 run.py lock [--upgrade]   write requirements.lock anew from pyproject.toml

The first start makes .venv here and fills it with exactly what requirements.lock names, every file checked against
its hash; later starts find it ready. Packages are fetched by uv, which is kept in .bootstrap, or by pip where uv cannot
be had. Where the packages come from is your pip's or uv's own settings (environment or configuration files): they are
used, never written down. This file must stay readable to an old Python, so that a wrong version is met with a sentence.
"""

import sys

OLDEST, NEWEST = (3, 11), (3, 13)
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(
        "run.py: neuromyo needs Python 3.11, 3.12 or 3.13; this is Python {}.{} ({}). Start it with another, "
        "for example: python3.12 run.py demo".format(sys.version_info[0], sys.version_info[1], sys.executable)
    )

import ast
import hashlib
import json
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BOOTSTRAP = ROOT / ".bootstrap"
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"
STAMP = VENV / "neuromyo-stamp.json"
WINDOWS = os.name == "nt"
SCRIPTS = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = SCRIPTS / ("python.exe" if WINDOWS else "python")
UV = BOOTSTRAP / "bin" / ("uv.exe" if WINDOWS else "uv")
UV_VERSION = "0.13.8"
LOCK_COMMAND = ["pip", "compile", "pyproject.toml", "--group", "dev", "--universal", "--python-version", "3.11"]
LOCK_COMMAND += ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--quiet"]
LOCK_COMMAND += ["--custom-compile-command", "python3 run.py lock", "--output-file", "requirements.lock"]


def main(arguments):
    """Make the environment ready, then become the command that was asked for."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if verb == "lock":
        return write_lock(rest)
    if verb not in ("demo", "test", "neuromyo", "setup"):
        print(__doc__.strip())
        return 0 if verb in ("help", "-h", "--help") else 2
    if not is_ready():
        make_ready()
    if verb == "setup":
        say("ready: " + str(VENV))
        return 0
    if verb == "test":
        for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(threads, "1")  # the workers share the cores; threads under each would only fight
        os.chdir(ROOT)
        workers = str(min(os.cpu_count() or 1, 8))
        return become([PYTHON, "-m", "pytest", "-n", workers, "--dist", "worksteal", "--durations=15", *rest])
    script = SCRIPTS / ("neuromyo.exe" if WINDOWS else "neuromyo")
    return become([script, *(["demo"] if verb == "demo" else []), *rest])


def become(command):
    """Replace this process (signals and the exit code are then the command's own); Windows can only wait."""
    command = [str(word) for word in command]
    sys.stdout.flush()
    sys.stderr.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    return subprocess.call(command)


def say(text):
    """Tell the person; stdout belongs to the command that follows."""
    print("run.py: " + text, file=sys.stderr, flush=True)


# -------------------------------------------------------------------------------- is it ready?


def fingerprint():
    """What the environment depends on, as text."""
    parts = [LOCK.read_bytes(), PROJECT.read_bytes(), platform.python_version(), platform.machine(), sys.platform, ROOT]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def installed():
    """The names and versions in .venv, read from its folder names."""
    packages = "Lib/site-packages" if WINDOWS else "lib/python*/site-packages"
    return sorted(path.name for path in VENV.glob(packages + "/*.dist-info"))


def is_ready():
    """True where .venv was made from this lock and still holds all of it (`uv run` may have moved versions since)."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return PYTHON.exists() and stamp["made_from"] == fingerprint() and set(stamp["holds"]) <= set(installed())


# -------------------------------------------------------------------------------- make it ready


def make_ready():
    """Make .venv, install the lock and then the project itself, and leave the stamp last."""
    make_venv()
    say("installing the locked packages into .venv (a minute or two the first time)")
    pip = find_pip()
    uv = find_uv(pip)
    lock = ["--require-hashes", "-r", str(LOCK)]
    project = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    done = False
    if uv:
        install, environment = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)], uv_environment(pip)
        done = call([*install, *lock], environment) and call(
            [*install, "--offline", "--reinstall", *project], environment
        )
        if not done and pip:
            say("uv could not finish; trying once more with pip")
    if not done and pip:
        install = [*pip, "--python", str(PYTHON), "install", "--quiet", "--disable-pip-version-check"]
        done = call([*install, *lock]) and call([*install, "--no-index", *project])
    if not done and not uv and not pip:
        sys.exit(
            f"run.py: this Python ({sys.executable}) has neither pip nor ensurepip, and there is no uv on the PATH; "
            "on Debian and Ubuntu: sudo apt-get install python3-venv"
        )
    if not done:
        sys.exit("run.py: the packages could not be installed; the reason stands above. Mend it and start again.")
    text = json.dumps({"made_from": fingerprint(), "holds": installed()}, indent=1)
    part = STAMP.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(STAMP)


def make_venv():
    """Make .venv without pip (Debian keeps that part of Python in a package of its own); keep one that already fits."""
    import venv

    try:
        settings = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        settings = ""
    version = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", settings, re.MULTILINE)
    fits = bool(version) and version.group(1) == ".".join(platform.python_version_tuple()[:2])
    if not (fits and answers([str(PYTHON), "-c", ""])):
        venv.EnvBuilder(with_pip=False, clear=VENV.exists(), symlinks=not WINDOWS).create(VENV)


def find_pip():
    """A pip to start from: this Python's, its base's, or one that ensurepip unpacks into .bootstrap; else None."""
    private = BOOTSTRAP / "pip" / ("Scripts/python.exe" if WINDOWS else "bin/python")
    candidates = [sys.executable, getattr(sys, "_base_executable", None), str(private)]
    for python in candidates:
        if python and answers([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    import venv

    try:
        venv.EnvBuilder(with_pip=True, clear=True, symlinks=not WINDOWS).create(private.parent.parent)
    except (subprocess.CalledProcessError, OSError):
        return None
    return [str(private), "-m", "pip"] if answers([str(private), "-m", "pip", "--version"]) else None


def find_uv(pip):
    """The uv in .bootstrap, fetched there first where need be, else one on the PATH; None without any."""
    import shutil

    if answers([str(UV), "--version"], contains=UV_VERSION):
        return str(UV)
    fetch = ["install", "--quiet", "--disable-pip-version-check", "--upgrade", "--only-binary", ":all:"]
    fetched = pip and call([*pip, *fetch, "--target", str(BOOTSTRAP), "uv==" + UV_VERSION])
    if fetched and answers([str(UV), "--version"]):
        return str(UV)
    return shutil.which("uv")


def call(command, environment=None):
    """Run a command, its words on stderr; True where it went well."""
    environment = dict(environment or os.environ, PIP_ROOT_USER_ACTION="ignore")
    return subprocess.call(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr) == 0


def answers(command, contains=""):
    """True where a command can be run, ends well and says what is expected."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0 and contains in done.stdout.decode(errors="replace")


# -------------------------------------------------------------------------------- pip's settings, told to uv


def uv_environment(pip):
    """The environment for uv: as it is, and where uv's settings are open, what pip is told by variable or file."""
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    setting = pip_settings(pip)

    def tell(name, value, unless=()):
        if value and not any(environment.get(other) for other in (name, *unless)):
            environment[name] = value

    words = {key: value.split() for key, value in setting.items()}
    extra = words.get("extra-index-url", [])
    tell("UV_DEFAULT_INDEX", setting.get("index-url"), unless=["UV_INDEX_URL"])
    tell("UV_INDEX", " ".join(extra), unless=["UV_EXTRA_INDEX_URL"])
    if extra:  # pip takes a version from whichever index has it; so may uv here, as every file is held to its hash
        tell("UV_INDEX_STRATEGY", "unsafe-best-match")
    tell("UV_FIND_LINKS", ",".join(words.get("find-links", [])))
    tell("UV_INSECURE_HOST", " ".join(words.get("trusted-host", [])))
    tell("UV_HTTP_TIMEOUT", setting.get("timeout") or setting.get("default-timeout"))
    if setting.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        tell("UV_NO_INDEX", "1")
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        tell(name, setting.get("proxy"), unless=[name.lower(), "ALL_PROXY", "all_proxy"])
    bundle = setting.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
    tell("SSL_CERT_FILE", bundle, unless=["SSL_CERT_DIR"])
    tell("UV_SYSTEM_CERTS", "true", unless=["SSL_CERT_FILE", "SSL_CERT_DIR", "UV_NATIVE_TLS"])
    return environment


def pip_settings(pip):
    """pip's settings for an install, from its files and variables, the stronger over the weaker."""
    if not pip:
        return {}
    listing = subprocess.run([*pip, "config", "list"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    lines = listing.decode(errors="replace").splitlines()
    setting = {}
    for section in ("global.", "install.", ":env:."):
        for line in lines:
            key, equals, value = line.partition("=")
            if equals and key.startswith(section):
                setting[key[len(section) :]] = str(ast.literal_eval(value))
    return setting


def write_lock(options):
    """Resolve pyproject.toml for every supported Python at once; hashes are written, addresses are not.

    Only the main index is asked: a further one that holds a few files of a package would leave out the hashes of the
    other files.
    """
    pip = find_pip()
    uv = find_uv(pip)
    if not uv:
        sys.exit("run.py: writing the lock needs uv, and it could not be had from the package index or the PATH.")
    environment = uv_environment(pip)
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX_STRATEGY"):
        environment.pop(name, None)
    return subprocess.call([uv, *LOCK_COMMAND, *options], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
