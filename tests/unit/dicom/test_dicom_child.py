"""The child process: limits, blame, going on after a death, silence of libraries."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import child
from neuromyo.dicom.child import Limits
from neuromyo.dicom.listing import Listing

JOB = """
import os, signal, sys, time
from neuromyo.core.errors import DataError, Finding

def one(what):
    if what == "hog":
        held = []
        while True:
            held.append(bytearray(50_000_000))
    if what == "spin":
        while True:
            pass
    if what == "sleep":
        time.sleep(1000)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "leave":
        os._exit(0)
    if what == "print":
        print("Canary^Anna"); sys.stderr.write("Canary"); os.write(1, b"Canary"); os.write(2, b"Canary")
    if what == "garbage":
        for number in range(3, 20):
            try: os.write(number, b"no json\\n")
            except OSError: pass
        time.sleep(1000)
    if what == "deep":
        for number in range(3, 20):
            try: os.write(number, b"[" * 200000 + b"\\n")
            except OSError: pass
        time.sleep(1000)
    if what == "raise":
        raise ValueError("Canary^Anna")
    if what == "refuse":
        raise DataError("E-DIMS", where="Rows", needed="1", found="2", remedy="look")
    if what == "recurse":
        one(what)
    if what == "write":
        with open("big", "wb") as out:
            for _ in range(40):
                out.write(bytes(1 << 20))

def answer(request):
    for number, what in request["files"]:
        yield {"at": number}
        if what == "flood":
            while True:
                yield {"share": 0.5}
        if what == "long":
            yield {"file": number, "text": "x" * (3 << 20)}
        if what == "late":
            yield {"file": number, "what": what}
            yield {"at": number}
            os._exit(0)
        one(what)
        said = {"file": number, "what": what}
        if what == "find":
            said["findings"] = [Finding("warn", "W-PREAMBLE", "preamble", "odd").as_dict()]
        yield said

def about(request):
    import resource
    yield {"environment": dict(os.environ), "group": os.getpgid(0), "descriptors": sorted(os.listdir("/proc/self/fd")),
           "core": resource.getrlimit(resource.RLIMIT_CORE), "cpu": resource.getrlimit(resource.RLIMIT_CPU),
           "memory": resource.getrlimit(resource.RLIMIT_AS), "written": resource.getrlimit(resource.RLIMIT_FSIZE),
           "modules": sorted(sys.modules), "cwd": os.getcwd()}

def alone(request):
    raise KeyError("Canary^Anna")
    yield
"""


@pytest.fixture
def ask(tmp_path):
    (tmp_path / "made_job.py").write_text(JOB)
    jobs = {name: f"made_job:{name}" for name in ("answer", "about", "alone")} | {"absent": "made_job_absent:answer"}

    def asked(*whats, job="answer", listing=None, tell=None, **limits):
        limits = {"seconds": 20.0, **limits}
        request = {"root": str(tmp_path), "files": [[n, what] for n, what in enumerate(whats)]}
        return child.run(
            job, request, limits=Limits(**limits), listing=listing, tell=tell, _jobs=jobs, _path=(tmp_path,)
        )

    return asked


def test_answers_come_in_order_and_progress_is_told(ask):
    told = []
    said = list(ask(*["fine"] * 5, tell=lambda done, total: told.append((done, total))))
    assert [m["file"] for m in said] == [0, 1, 2, 3, 4]
    assert told == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("what", "limits", "words"),
    [
        ("hog", {"memory_mb": 400}, "memory"),
        ("spin", {"seconds": 2.0}, "2 s"),
        ("sleep", {"seconds": 1.5}, "1.5 s"),
        ("kill", {}, "system ended"),
        ("crash", {}, "signal 11"),
        ("leave", {}, "before its time"),
        ("garbage", {}, "not understood"),
        ("deep", {}, "not understood"),
        ("flood", {"seconds": 1.5}, "took more"),
        ("long", {"line_mb": 1}, "1 MiB"),
    ],
)
def test_the_file_it_died_at_is_blamed_and_the_others_are_read(ask, what, limits, words):
    listing = Listing(Path("/none"), ["a.dcm", "b.dcm", "Canary_IM3.dcm", "d.dcm"])
    start = time.monotonic()
    said = [m for m in ask("fine", "fine", what, "fine", listing=listing, **limits) if "share" not in m]
    assert [m["file"] for m in said] == [0, 1, 2, 3]
    error = said[2]["error"]
    assert error["code"] == "E-LIMIT" and words in error["found"]
    assert error["where"] == "file 3 of 4 (~_IM3.dcm)" and error["message"].startswith(error["where"])
    assert error["remedy"]
    assert ["error" in m for m in said] == [False, False, True, False]
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("raise", "E-DICOM", "ValueError"),
        ("refuse", "E-DIMS", "2"),
        ("recurse", "E-DEPTH", "deeply"),
        ("write", "E-IO", ""),
    ],
)
def test_what_a_job_raises_ends_one_file_only(ask, what, code, words):
    said = list(ask("fine", what, "fine", write_mb=10))
    assert [m["file"] for m in said] == [0, 1, 2]
    assert said[1]["error"]["code"] == code and words in said[1]["error"]["found"]
    assert "Canary" not in json.dumps(said)


def test_a_death_is_told_after_an_answer_too(ask):
    said = list(ask("late", "fine"))
    assert [(m["file"], "error" in m) for m in said] == [(0, False), (0, True), (1, False)]


def test_prints_of_libraries_go_nowhere(ask, capfd):
    assert list(ask("print")) == [{"file": 0, "what": "print"}]
    assert capfd.readouterr() == ("", "")


def test_files_are_named_in_errors_and_findings(ask):
    listing = Listing(Path("/none"), ["IM1.dcm", "IM2.dcm"])
    found, error = list(ask("find", "refuse", listing=listing))
    assert found["findings"][0]["where"] == "file 1 of 2 (IM1.dcm): preamble"
    assert error["error"]["where"] == "file 2 of 2 (IM2.dcm): Rows"
    assert error["error"]["message"] == "file 2 of 2 (IM2.dcm): Rows: needed 1, found 2; look [E-DIMS]"


def test_many_deaths_end_it(ask):
    said = []
    with pytest.raises(NeuromyoError, match="2 files not looked at") as caught:
        said.extend(ask(*["kill"] * 5, deaths=3))
    assert caught.value.code == "E-LIMIT"


def test_an_error_without_a_file_is_raised(ask):
    for job in ("alone", "absent"):
        with pytest.raises(NeuromyoError) as caught:
            list(ask("fine", job=job))
        assert "Canary" not in str(caught.value)


def test_what_the_child_is_given(ask, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "Canary")
    (said,) = ask("fine", job="about", memory_mb=500, write_mb=7)
    assert said["memory"] == [500 << 20] * 2
    assert said["written"] == [7 << 20] * 2
    assert 20 <= said["cpu"][0] <= 25
    assert "SECRET_TOKEN" not in said["environment"]
    home = Path(said["environment"]["HOME"])
    assert Path(said["cwd"]).name == home.name
    assert not home.exists()
    assert said["group"] != os.getpgid(0)
    assert said["core"][0] == 0
    assert len(said["descriptors"]) <= 6
    heavy = {"numpy", "numba", "scipy", "matplotlib", "pydicom", "nibabel", "pandas"}
    assert not heavy & set(said["modules"])


def gone(number: int) -> bool:
    """Whether no process of that number runs (one that ended and is not yet fetched does not run)."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_stopping_early_ends_the_child(ask, tmp_path):
    (tmp_path / "made_job.py").write_text(
        "import os, time\n\ndef about(request):\n    yield {'process': os.getpid()}\n    time.sleep(1000)\n"
    )
    messages = ask("fine", job="about")
    number = next(messages)["process"]
    assert not gone(number)
    messages.close()
    assert gone(number)


def test_interrupting_the_parent_ends_the_child(tmp_path):
    (tmp_path / "made_job.py").write_text(
        "import os, time\n\ndef answer(request):\n    yield {'process': os.getpid()}\n    time.sleep(1000)\n"
    )
    program = f"""
        from pathlib import Path
        from neuromyo.dicom import child
        for said in child.run("a", {{}}, _jobs={{"a": "made_job:answer"}}, _path=(Path({str(tmp_path)!r}),)):
            print(said["process"], flush=True)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with parent:
        number = int(parent.stdout.readline())
        assert not gone(number)
        parent.send_signal(2)
        parent.wait(timeout=60)
    assert gone(number)


def test_what_a_job_calls_a_file_gives_way_to_its_name_here():
    listing = Listing(Path("/none"), ["a.dcm", "Canary_IM2.dcm"])
    for where, said in (
        ("file 2 (~_IM2.dcm): Rows", ": Rows"),
        ("file 2 of 2 (~_IM2.dcm)", ""),
        ("", ""),
        ("Rows", ": Rows"),
    ):
        message = {"file": 1, "error": {"code": "E-DIMS", "where": where, "needed": "", "found": "x", "remedy": ""}}
        assert child._named(message, listing)["error"]["where"] == "file 2 of 2 (~_IM2.dcm)" + said
