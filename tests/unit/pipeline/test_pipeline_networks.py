"""Networks of others: programmes with their command lines, weights as the user gives them, and programmes that misbehave."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neuromyo.anatomy import names
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.image import WEIGHTINGS
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline import network_kinds, network_weights, networks, outside
from tests.unit.pipeline import fake_networks as fake

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programmes that stand in are started by their first line")

THIGH = "totalsegmentator-thigh-mr"
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -2, 0, 20], [0, 0, 6, -15], [0, 0, 0, 1]])


# stored from right to left: the first box that a programme draws lies in the right leg
PICTURE = 1 + np.arange(16 * 12 * 5, dtype=np.int16).reshape(16, 12, 5) % 9


def save(path: Path, volume: np.ndarray) -> Path:
    image = nib.nifti1.Nifti1Image(volume, AFFINE)
    image.header.set_xyzt_units("mm")
    nib.loadsave.save(image, path)
    return path


@pytest.fixture
def image(tmp_path) -> Path:
    return save(tmp_path / "sub-01_T1w.nii.gz", PICTURE)


def run(tmp_path, image, id_=THIGH, *, make=fake.total, after=None, weights=None, **asked):
    program = make(tmp_path / "bin", after) if after else make(tmp_path / "bin")
    given = weights or fake.total_weights(tmp_path / "weights")
    told = {"executable": program, "licence": "academic", "body_part": "thigh", "scratch": tmp_path / "scratch"} | asked
    return networks.run(id_, image, given, **told)


def refused(tmp_path, image, *args, **asked) -> NeuromyoError:
    with pytest.raises(NeuromyoError) as caught:
        run(tmp_path, image, *args, **asked)
    assert not list((tmp_path / "scratch").glob("*")), "left behind"
    return caught.value


# what is declared


@pytest.mark.parametrize("id_", network_kinds.ids())
def test_every_declaration_is_whole(id_: str) -> None:
    one = network_kinds.network(id_)
    assert one.cites.startswith("10.") and one.install and one.licence and one.weights.from_
    assert one.weights.kind in ("file", "folder") and one.weights.holds
    assert set(one.devices) == {"cpu", "gpu"} and any(
        "{weights}" in a for a in (*one.arguments, *one.environment.values())
    )
    assert set(one.domain.contrasts) <= set(WEIGHTINGS)
    assert one.cost.cpu_s_per_mvoxel > one.cost.gpu_s_per_mvoxel > 0
    unknown = [word for word in one.labels.values() if names.find(word) is None]
    assert unknown == []


def test_label_lists_agree_with_what_was_read() -> None:
    thigh = network_kinds.network(THIGH).labels
    assert len(thigh) == 18 and thigh[8] == "sartorius_right" and thigh[18] == "triceps_brachii"
    total = network_kinds.network("totalsegmentator-total-mr").labels
    assert (total[36], total[40], total[49]) == ("femur_left", "gluteus_maximus_left", "iliopsoas_right")


def test_an_unknown_network_is_refused(tmp_path, image) -> None:
    assert refused(tmp_path, image, "brain").code == "E-UNKNOWN"


# what runs


def test_totalsegmentator_comes_back_in_our_words(tmp_path, image) -> None:
    said: list[str] = []
    labels, findings, told = run(tmp_path, image, tell=said.append)
    assert [f.code for f in findings] == ["N-GROUP"]
    assert [(r.index, r.name, r.side, r.parent) for r in labels.regions] == [
        (1, "quadriceps", "left", "thigh-muscles"), (2, "quadriceps", "right", "thigh-muscles"), (7, "sartorius", "left", "thigh-muscles"),
    ]  # fmt: skip
    assert labels.source == THIGH
    stored = np.asanyarray(nib.loadsave.load(image).dataobj)
    np.testing.assert_array_equal(labels.grid.to_source(labels.volume) == 2, fake.box(stored.shape))
    assert told["command"] == ["TotalSegmentator", "-i", "input/image.nii.gz", "-o", "output/labels.nii.gz", "-ta",
                               "thigh_shoulder_muscles_mr", "--ml", "-d", "cpu"]  # fmt: skip
    assert told["licence_of_weights"] == "stated by you: academic" and told["weights_sha256"] in said[2]
    assert told["image_sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert str(tmp_path) not in json.dumps(told)
    assert (
        said[0].endswith("on the CPU") and "min" in said[1] and "GB" in said[1] and "stated by you: academic" in said[3]
    )


def test_musclemap_reads_labels_beside_its_weights(tmp_path, image) -> None:
    weights = fake.musclemap_weights(tmp_path / "weights")
    labels, findings, told = run(tmp_path, image, "musclemap-wholebody", make=fake.musclemap, weights=weights,
                                 sha256=hashlib.sha256(b"more weights").hexdigest().upper())  # fmt: skip
    assert [(r.index, r.name, r.side) for r in labels.regions] == [
        (101, "vastus-lateralis", "left"),
        (102, "vastus-lateralis", "right"),
    ]
    assert told["weights_sha256"] == hashlib.sha256(b"more weights").hexdigest()
    assert {f.code for f in findings} == {"N-GROUP"}
    listed = network_weights.labels_of(network_kinds.network("musclemap-wholebody"), weights)
    found = {index: names.parse(word) for index, word in listed.items()}
    assert {i: (n.name, s) for i, (n, s) in found.items() if n} == {
        101: ("vastus-lateralis", "left"), 102: ("vastus-lateralis", "right"), 111: ("multifidus-cervical", "left"),
        51: ("multifidus-lumbar", "left"), 60: ("sacrum", "none"),
    }  # fmt: skip


def test_a_gpu_that_was_not_used_is_told(tmp_path, image) -> None:
    weights = fake.musclemap_weights(tmp_path / "weights")
    _, findings, _ = run(tmp_path, image, "musclemap-wholebody", make=fake.musclemap, weights=weights, device="gpu")
    assert any("not used" in f.message and f.code == "W-NETWORK" for f in findings)


def test_nnunet_runs_a_model_of_ones_own_with_all_its_folds(tmp_path, image) -> None:
    weights = fake.nnunet_weights(tmp_path / "weights")
    labels, _, told = run(tmp_path, image, "nnunet", make=fake.nnunet, weights=weights)
    assert [(r.name, r.side) for r in labels.regions] == [("soleus", "right"), ("gastrocnemius-medialis", "left")]
    assert told["command"][-5:] == ["-f", "0", "all", "-device", "cpu"]


@pytest.mark.parametrize(("orientation", "three"), [("", False), ("Axial", False), ("", True)])
def test_dafne_masks_lie_where_the_image_has_them(tmp_path, orientation: str, three: bool) -> None:
    """Whichever way its slices must lie, the mask of a bright spot comes back onto the spot."""
    values = np.ones((16, 12, 5), np.float32)
    values[3:6, 8:10, 2], values[11:13, 2:4, 1] = 9, 5
    path = save(tmp_path / "a_T1w.nii.gz", values)
    weights = tmp_path / "Thigh_1.model"
    weights.write_bytes(b"model")
    said: list[str] = []
    labels, findings, _ = networks.run(
        "dafne-thigh", path, weights, python=fake.dafne(tmp_path, orientation, three), scratch=tmp_path / "scratch",
        body_part="thigh", licence="CC0", tell=said.append,
    )  # fmt: skip
    assert {(r.name, r.side) for r in labels.regions} == {("vastus-lateralis", "left"), ("vastus-lateralis", "right")}
    stored = labels.grid.to_source(labels.volume)
    index = {r.side: r.index for r in labels.regions}
    np.testing.assert_array_equal(stored == index["right"], values == 9)
    np.testing.assert_array_equal(stored == index["left"], values == 5)
    assert "programme: it runs with your rights" in said[-1]
    assert {f.code for f in findings} == {"N-GROUP"} | (set() if orientation else {"W-NETWORK"})


def test_dafne_without_its_libraries_names_the_one_that_is_missing(tmp_path, image) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "dill.py").write_text("raise ModuleNotFoundError('no', name='dafne_dl')")
    weights = tmp_path / "Thigh_1.model"
    weights.write_bytes(b"model")
    with pytest.raises(NeuromyoError, match=r"library dafne_dl.*pip install dafne") as caught:
        networks.run(
            "dafne-thigh", image, weights, python=fake.python(tmp_path, tmp_path / "lib"), scratch=tmp_path / "s"
        )
    assert caught.value.code == "E-EXTRA"


def test_a_series_is_segmented_by_its_first_volume(tmp_path) -> None:
    grid = Grid.of((16, 12, 5), np.diag([2.0, 2, 6, 1]), 2)
    series = Series(
        ArrayData(np.full((16, 12, 5, 3), 2.0)), grid, Acquisition(body_part="THIGH"), "MESE", files=("a.nii.gz",)
    )
    labels, findings, told = run(tmp_path, series, body_part="", after="draw(a.i, a.o, (1, 2, 7))")
    assert labels.grid == grid and (told["contrast"], told["body_part"]) == ("T2w", "THIGH")
    assert findings[0].message == "the first of 3 volumes was segmented"


# what it was made for


def test_another_body_part_is_refused_and_another_contrast_told(tmp_path, image) -> None:
    error = refused(tmp_path, image, body_part="BRAIN")
    assert error.code == "E-NEEDS" and "thigh" in str(error) and "BRAIN" in str(error)
    _, findings, _ = run(tmp_path, image, weighting="FA", weights=tmp_path / "weights")
    assert findings[0].code == "W-NETWORK" and "this image is FA" in findings[0].message
    _, findings, _ = run(tmp_path, image, body_part="LEG", weights=tmp_path / "weights")
    assert "body part is not stated" in findings[0].message


def test_slices_that_are_not_axial_are_told(tmp_path) -> None:
    coronal = Grid.of((16, 5, 12), np.diag([2.0, 8, 2, 1]), 1)
    given = networks._Input(np.zeros(coronal.shape), coronal, "x", "", "T1w", "thigh")
    one = network_kinds.network("musclemap-thigh")
    assert ["axial" in f.message for f in networks._domain(one, given, tmp_path)] == [True]


def test_several_input_channels_are_refused(tmp_path, image) -> None:
    weights = fake.nnunet_weights(tmp_path / "weights", channels=2)
    error = refused(tmp_path, image, "nnunet", make=fake.nnunet, weights=weights)
    assert error.code == "E-NEEDS" and "2 (water 0, water 1)" in str(error)


# weights


def test_missing_weights_say_where_they_come_from(tmp_path, image) -> None:
    error = refused(tmp_path, image, weights=tmp_path / "nowhere")
    assert error.code == "E-WEIGHTS" and error.exit_status == 4
    assert "neuromyo downloads nothing" in str(error) and "totalseg_download_weights" in str(error)
    (tmp_path / "empty").mkdir()
    assert "Dataset857" in str(refused(tmp_path, image, weights=tmp_path / "empty"))
    alone = tmp_path / "x.pth"
    alone.write_bytes(b"1")
    error = refused(tmp_path, image, "musclemap-thigh", make=fake.musclemap, weights=alone)
    assert error.code == "E-WEIGHTS" and "x.json beside" in str(error)


def test_other_weights_than_those_stated_are_refused(tmp_path, image) -> None:
    error = refused(tmp_path, image, sha256="0" * 64)
    assert error.code == "E-WEIGHTS" and "do not use them" in str(error)
    assert "no SHA-256" in str(refused(tmp_path, image, sha256="abc", weights=tmp_path / "weights"))


def test_the_digest_of_a_folder_is_what_sha256sum_gives(tmp_path) -> None:
    root = fake.total_weights(tmp_path)
    one = network_kinds.network(THIGH)
    files = network_weights.files_of(one.weights, root, "x")
    assert len(files) == 3
    lines = "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files)
    assert network_weights.digest(one.weights, files, root) == hashlib.sha256(lines.encode()).hexdigest()


def test_weights_that_change_while_it_runs_are_refused(tmp_path, image) -> None:
    after = "draw(a.i, a.o, (1,))\nfor p in pathlib.Path(os.environ['TOTALSEG_WEIGHTS_PATH']).rglob('*.pth'): p.write_bytes(b'new')"
    error = refused(tmp_path, image, after=after)
    assert error.code == "E-WEIGHTS" and "others after" in str(error)


@pytest.mark.parametrize("text", ["not json", "[]", '{"labels": {"a": [1, 2]}}', '{"labels": {"a": true}}', "{}"])
def test_label_lists_that_cannot_be_understood(tmp_path, image, text: str) -> None:
    weights = fake.nnunet_weights(tmp_path / "weights")
    told = json.loads(text) if text.startswith("{") else None
    if told is not None:
        text = json.dumps({"channel_names": {"0": "x"}, **told})
    (weights / "dataset.json").write_text(text)
    assert refused(tmp_path, image, "nnunet", make=fake.nnunet, weights=weights).code == "E-WEIGHTS"


def test_an_unstated_licence_is_told_and_written(tmp_path, image) -> None:
    _, findings, told = run(tmp_path, image, licence="")
    assert "licence of the weights is not stated" in findings[0].message
    assert told["licence_of_weights"] == "not stated"


# programmes that are not there, or misbehave


def test_a_missing_programme_names_its_installation(tmp_path, image) -> None:
    error = refused(tmp_path, image, executable=tmp_path / "absent")
    assert error.code == "E-EXTRA" and "pip install TotalSegmentator" in str(error) and error.exit_status == 2
    error = refused(tmp_path, image, executable=None, python=tmp_path / "env" / "python", weights=tmp_path / "weights")
    assert error.code == "E-EXTRA"


def test_the_programme_is_found_beside_the_python_given(tmp_path, image) -> None:
    labels, *_ = run(tmp_path, image, executable=None, python=tmp_path / "bin" / "python")
    assert len(labels.regions) == 3


@pytest.mark.parametrize(
    ("after", "code", "words"),
    [
        ("sys.exit('CUDA out of memory')", "E-NETWORK", "status 1; it said last: CUDA out of memory"),
        ("os.kill(os.getpid(), 9)", "E-NETWORK", "ended by signal 9"),
        ("pass", "E-NETWORK", "needed one label image from the programme, found none"),
        ("draw(a.i, a.o, (1,)); draw(a.i, a.o.replace('labels', 'more'), (1,))", "E-NETWORK", "found 2"),
        ("draw(a.i, a.o, ())", "E-NETWORK", "every voxel is background"),
        ("draw(a.i, a.o, (1,), shift=(500, 0, 0))", "E-NETWORK", "outside it"),
        ("pathlib.Path(a.o).write_bytes(b'no image')", "E-NETWORK", "look at what the programme said"),
        ("os.symlink('/etc/hostname', a.o)", "E-NETWORK", "found none"),
        ("draw(a.i, 'elsewhere/labels.nii.gz', (1,))", "E-NETWORK", "found none"),
        ("print('x' * 100, file=sys.stderr); print('\\x1b[31mred\\u202e', end=''); sys.exit(2)", "E-NETWORK", "status 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_sentence(tmp_path, image, after: str, code: str, words: str) -> None:
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    error = refused(tmp_path, image, after=after)
    assert error.code == code and words in str(error), str(error)
    assert "\x1b" not in str(error) and "\u202e" not in str(error) and "Traceback" not in str(error)
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before


def test_another_grid_is_met_by_geometry_and_told(tmp_path, image) -> None:
    labels, findings, _ = run(tmp_path, image, after="draw(a.i, a.o, (1,), zoom=2)")
    assert labels.grid.shape == (16, 12, 5) and any("another grid" in f.message for f in findings)
    assert labels.mask("quadriceps").sum() >= 4 * 3


def test_labels_that_are_not_in_its_list_are_told_or_left_out(tmp_path, image) -> None:
    labels, findings, _ = run(tmp_path, image, after="draw(a.i, a.o, (1, 77))")
    assert [r.index for r in labels.regions] == [1] and "labels 77 (50 %" in findings[0].message
    weights = fake.total_weights(tmp_path / "all", "Dataset851_TotalSegMRI_part2_muscles_1088subj")
    labels, findings, _ = run(
        tmp_path, image, "totalsegmentator-total-mr", after="draw(a.i, a.o, (37, 1, 36))", weights=weights
    )
    assert [(r.name, r.side) for r in labels.regions] == [("femur", "left"), ("femur", "right")] and findings == ()


def test_exchanged_sides_are_refused(tmp_path, image) -> None:
    error = refused(tmp_path, image, after="draw(a.i, a.o, (1, 2))")
    assert error.code == "E-SIDE" and "quadriceps" in str(error)


def test_a_flood_of_words_is_survived(tmp_path, image) -> None:
    after = "for _ in range(300): sys.stdout.write('y' * 100_000)\nsys.stdout.flush()\ndraw(a.i, a.o, (1,))"
    labels, *_ = run(tmp_path, image, after=after)
    assert len(labels.regions) == 1


def test_one_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(outside, "_GRACE_S", 0.3)
    note = tmp_path / "pid"
    slow = tmp_path / "slow"
    slow.write_text(f"""#!{sys.executable}
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({str(note)!r}).write_text(str(child.pid)); print("thinking", flush=True)
time.sleep(60)""")
    slow.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(NeuromyoError, match=r"within 1.5 s.*thinking") as caught:
        outside.run([str(slow)], folder=tmp_path, env=outside.environment(tmp_path, 1, {}), timeout_s=1.5, name="slow")
    assert caught.value.code == "E-NETWORK" and time.monotonic() - began < 20
    assert fake.gone(int(note.read_text()))


def test_a_child_left_behind_ends_with_the_programme(tmp_path, image) -> None:
    note = tmp_path / "pid"
    after = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({str(note)!r}).write_text(str(child.pid)); draw(a.i, a.o, (1,))"""
    began = time.monotonic()
    run(tmp_path, image, after=after)
    assert time.monotonic() - began < 30 and fake.gone(int(note.read_text()))


def test_an_interrupt_ends_the_programme(tmp_path) -> None:
    """Ctrl-C on us: the programme, which hears nothing of it, ends too."""
    note = tmp_path / "pid"
    theirs = fake.program(
        tmp_path, "slow", f"import time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    ours = (
        "import pathlib, sys\nfrom neuromyo.pipeline import outside\n"
        "outside.run([sys.argv[1]], folder=pathlib.Path(sys.argv[2]), env=outside.environment(pathlib.Path(sys.argv[2]), 1, {}),"
        " timeout_s=60, name='x')\n"
    )
    source = str(Path(outside.__file__).parents[2])
    process = subprocess.Popen([sys.executable, "-c", ours, str(theirs), str(tmp_path)], stderr=subprocess.DEVNULL, cwd=tmp_path,
                               env={**os.environ, "PYTHONPATH": source}, start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert process.returncode not in (0, None) and fake.gone(int(note.read_text()))


def test_the_fence_leads_nowhere_and_hides_what_is_ours(tmp_path, image, monkeypatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    note = tmp_path / "seen"
    after = f"""
import urllib.request
try:
    urllib.request.urlopen("https://example.org", timeout=5); answer = "reached"
except OSError as error:
    answer = str(error)
pathlib.Path({str(note)!r}).write_text(answer + chr(10) + repr(dict(os.environ)) + chr(10) + os.getcwd())
draw(a.i, a.o, (1,))"""
    run(tmp_path, image, after=after)
    answer, seen, folder = note.read_text().split("\n")
    assert "refused" in answer.lower() and "secret" not in seen and "proxy.example" not in seen
    assert "HF_HUB_OFFLINE" in seen and "'CUDA_VISIBLE_DEVICES': ''" in seen
    assert Path(folder).parent.parent == tmp_path / "scratch" and not Path(folder).exists()


def test_no_shell_reads_the_names(tmp_path) -> None:
    path = save(tmp_path / "a;touch owned $(touch owned)_T1w.nii.gz", PICTURE)
    weights = fake.total_weights(tmp_path / "w;touch owned")
    labels, _, told = run(tmp_path, path, weights=weights)
    assert len(labels.regions) == 3 and told["image"] == path.name
    assert not list(tmp_path.rglob("owned"))


def test_images_that_cannot_be_segmented(tmp_path) -> None:
    for shape, value, code in (((4, 4, 4, 2), 1, "E-DIMS"), ((4, 4, 4), 3, "E-NOSIGNAL")):
        path = save(tmp_path / "x.nii.gz", np.full(shape, value, np.int16))
        weights = tmp_path / "weights"
        if not weights.exists():
            fake.total_weights(weights)
        assert refused(tmp_path, path, weights=weights).code == code


def test_more_memory_than_there_is_is_told(monkeypatch) -> None:
    grid = Grid.of((500, 500, 500), np.diag([1.0, 1, 1, 1]), 2)
    monkeypatch.setattr(networks, "_memory_gb", lambda: 8.0)
    (finding,) = networks._cost(network_kinds.network("musclemap-wholebody"), grid, "cpu")
    assert "114 GB" in finding.message or "GB of memory, this machine has 8 GB" in finding.message
