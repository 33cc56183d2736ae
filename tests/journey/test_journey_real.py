"""Journeys with our own biomarkers: water T2, calibrated on the fat that the compartments draw, whole or cut short."""

import json
import os
import random
import signal
import time

import numpy as np
import pytest

from tests.gauntlet.making import gz, nii
from tests.journey import kit

pytestmark = pytest.mark.journey

ASK = ("--biomarkers", "t2-water,t2-mono")
AFFINE = np.diag([5.0, 5.0, 10.0, 1.0])
TIMES = [0.010 * k for k in range(1, 11)]
#: how often the run is killed; before a release: NEUROMYO_TEST_RANDOM_KILLS=20 pytest tests/journey -k killed_somewhere
KILLS = int(os.environ.get("NEUROMYO_TEST_RANDOM_KILLS", "2"))


def calves(seed: int) -> np.ndarray:
    """(x, y, z, n) int16 of two calves in air: muscle with some fat in it, bone and skin of fat, noise."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.indices((44, 24, 3))
    radius = np.minimum(np.hypot(x - 11, y - 12), np.hypot(x - 32, y - 12))
    fat = np.where(radius < 8, 0.08, 1.0) * (radius < 9.5)
    fat[np.minimum(np.hypot(x - 12, y - 10), np.hypot(x - 31, y - 10)) < 1.6] = 1.0
    te = np.array(TIMES)
    water_signal, fat_signal = np.exp(-te / 0.036), 0.7 * np.exp(-te / 0.09) + 0.3 * np.exp(-te / 0.18)
    inside = (radius < 9.5)[..., None]
    signal = 1000.0 * inside * ((1 - fat)[..., None] * water_signal + fat[..., None] * fat_signal)
    noise = rng.normal(0, 4, (2, *signal.shape))
    return np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.int16)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("calves") / "bids"
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Calves", "BIDSVersion": "1.10.0"}))
    for number, subject in enumerate(("01", "02")):
        anat = root / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        (anat / f"sub-{subject}_MESE.nii.gz").write_bytes(gz(nii(calves(number), AFFINE), 1))
        fields = {"EchoTime": TIMES, "RepetitionTime": 3.0, "RefocusingFlipAngle": 180}
        (anat / f"sub-{subject}_MESE.json").write_text(json.dumps(fields))
    return root


@pytest.fixture(scope="module")
def neuromyo(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("installed") / "site")


@pytest.fixture(scope="module")
def whole(neuromyo, study, tmp_path_factory):
    """An unbroken run of one process and one thread: its folder, and how long it took (s)."""
    out = tmp_path_factory.mktemp("whole") / "out"
    start = time.monotonic()
    ended = neuromyo("run", study, out, "participant", *ASK, "--nprocs", 1, "--json")
    assert ended.status == 0, ended.err
    return out, time.monotonic() - start


def test_the_journey_goes_through_compartments_and_water_t2(whole):
    names = set(kit.tree(whole[0]))
    for subject in ("01", "02"):
        for part in ("desc-compartments_dseg.nii.gz", "desc-t2water_T2map.nii.gz", "desc-t2mono_T2map.nii.gz"):
            assert f"sub-{subject}/anat/sub-{subject}_{part}" in names
    muscle = [
        float(r["value"])
        for r in kit.rows(whole[0] / "measurements.tsv")
        if (r["region"], r["biomarker"], r["statistic"], r["slice"]) == ("muscle", "t2-water", "mean", "n/a")
        and r["quantity"].startswith("T2")
    ]
    assert len(muscle) >= 4 and all(30 < value < 42 for value in muscle), muscle


@pytest.mark.parametrize(
    "how",
    [
        ("--nprocs", 2),
        ("--nprocs", 5),
        ("--nprocs", 1, "--mem-mb", 200),
    ],
    ids=lambda how: " ".join(map(str, how)),
)
def test_the_bits_do_not_depend_on_processes_threads_or_memory(how, neuromyo, study, whole, tmp_path):
    ended = neuromyo("run", study, tmp_path / "out", "participant", *ASK, *how)
    assert ended.status == 0, ended.err
    assert kit.tree(tmp_path / "out") == kit.tree(whole[0])


def test_the_bits_do_not_depend_on_who_else_is_worked_on(neuromyo, study, whole, tmp_path):
    """One session alone gets its cores as threads; the other one is added later."""
    for subject in ("02", "01"):
        command = ("run", study, tmp_path / "out", "participant", *ASK, "--nprocs", 2, "--participant-label", subject)
        ended = neuromyo(*command)
        assert ended.status == 0, ended.err
    assert kit.tree(tmp_path / "out") == kit.tree(whole[0])


def test_a_finished_run_has_nothing_to_do(neuromyo, study, whole):
    before = kit.tree(whole[0])
    ended = neuromyo("run", study, whole[0], "participant", *ASK, "--nprocs", 2)
    assert ended.status == 0
    assert "Nothing to do: 2 sessions finished before" in ended.out
    assert kit.tree(whole[0]) == before


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_somewhere_and_started_again_the_bits_are_the_same(number, neuromyo, study, whole, tmp_path):
    """By turns at a rename and at a moment, both drawn at random from a fixed seed."""
    out, seconds = whole
    draw = random.Random(number)
    command = ("run", study, tmp_path / "out", "participant", *ASK, "--nprocs", 1)
    if number % 2:
        process = neuromyo.start(*command)
        time.sleep(draw.uniform(0.3, 0.95) * seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    else:
        at = draw.randint(1, len(kit.tree(out, record=True)))
        assert neuromyo(*command, NEUROMYO_TEST_KILL_AT=str(at)).status in (0, -signal.SIGKILL)
    again = neuromyo(*command)
    assert again.status == 0, again.err
    assert kit.tree(tmp_path / "out") == kit.tree(out)
    assert not list((tmp_path / "out").rglob(".neuromyo-*"))
