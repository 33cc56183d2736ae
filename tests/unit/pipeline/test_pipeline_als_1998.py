"""The parts of the simulated study of 1998 around its images: who is in it, its tables, where it may be written, its processes."""

import json
import os

import numpy as np
import pytest

from neuromyo.core.errors import OptionError, ResourceError
from neuromyo.phantom import als_1998
from neuromyo.pipeline import als_1998 as job
from neuromyo.pipeline import als_1998_tables as tables
from neuromyo.pipeline import pool, studying

MADE = als_1998.draw()


@pytest.mark.parametrize(
    ("people", "ill", "well"), [(None, 11, 8), (40, 11, 8), (1, 1, 0), (3, 2, 1), (10, 6, 4), (19, 11, 8)]
)
def test_a_short_run_has_patients_and_controls(people, ill, well):
    keep = tables.chosen(MADE, people)
    assert (sum(i < 11 for i in keep), sum(i >= 11 for i in keep)) == (ill, well) and len(set(keep)) == len(keep)


def test_the_tables_come_back_as_they_were_drawn(tmp_path):
    """Written as BIDS and as a table of measurements, read by the study's own reader."""
    from neuromyo.io import table

    keep = tables.chosen(MADE, None)
    tables.write_tables(tmp_path, MADE, keep)
    painted = {(i, t): {"water_T2": 0.03 + 1e-4 * i, "fat": 0.02 + 0.01 * t} for i in keep for t in (0, 1)}
    table.write_measurements(tmp_path / "m.tsv", tables.as_measured(MADE, keep, painted))
    read = studying.read(
        studying.StudyRequest((tmp_path / "m.tsv",), tmp_path, (tmp_path / "phenotype",), dataset=tmp_path)
    )
    assert len(read) == 38 and read.visits == ("m0", "m4")
    assert sorted({str(g) for g in read.groups}) == ["ALS", "control"]
    (cmap,) = [v for v in read.variables if v.measure == "cmap"]
    (mvic,) = [v for v in read.variables if v.measure == "mvic"]
    (volume,) = [v for v in read.variables if v.quantity == "volume"]
    (fat,) = [v for v in read.variables if v.quantity == "FF"]
    assert (cmap.unit, mvic.unit, volume.unit, fat.unit) == ("mV", "N", "ml", "%")
    people = MADE.labels
    assert read.wide(cmap.name, people)[1] == pytest.approx(MADE.values["cmap"].T, abs=1e-4)
    assert read.wide(mvic.name, people)[1] == pytest.approx(9.80665 * MADE.values["mvic"].T, abs=1e-3)
    assert read.wide(volume.name, people)[1] == pytest.approx(MADE.values["volume"].T, rel=1e-6)
    assert read.wide(fat.name, people)[1] == pytest.approx(np.tile([2.0, 3.0], (19, 1)), abs=1e-6)
    later = read.days[read.visit == "m4"]
    assert 110 < later.min() < later.max() < 135


def test_another_cohort_is_not_mixed_into_an_earlier_one(tmp_path):
    out = tmp_path / "out"
    job.simulate(job.Request(out, tables_only=True), {})
    assert json.loads((out / "asked.json").read_text())["seed"] == 1427
    with pytest.raises(OptionError) as refused:
        job.simulate(job.Request(out, seed=3, tables_only=True), {})
    assert refused.value.code == "E-OUTDIR" and "seed 3" in refused.value.needed and "1427" in refused.value.found


def test_somebody_elses_folder_is_refused(tmp_path):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(OptionError) as refused:
        job.simulate(job.Request(tmp_path, tables_only=True), {})
    assert refused.value.code == "E-OUTDIR" and (tmp_path / "holiday.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "flag"), [({"people": 0}, "--only"), ({"snr": 1.0}, "--snr"), ({"snr": float("nan")}, "--snr")]
)
def test_impossible_wishes_are_refused_before_anything_is_made(tmp_path, options, flag):
    with pytest.raises(OptionError) as refused:
        job.simulate(job.Request(tmp_path / "out", **options), {})
    assert refused.value.where == flag and refused.value.remedy and not (tmp_path / "out").exists()


def test_too_few_people_without_images_say_what_to_do(tmp_path):
    with pytest.raises(Exception, match="leave out --only") as refused:
        job.simulate(job.Request(tmp_path / "out", people=3, tables_only=True), {})
    assert refused.value.code == "E-PEOPLE"


def test_each_job_is_done_once_in_one_process_or_two():
    for nprocs in (1, 2):
        assert sorted(pool.each(abs, [-3, -1, 2], nprocs)) == [(-3, 3), (-1, 1), (2, 2)]


def test_an_error_of_a_job_comes_out():
    with pytest.raises(TypeError):
        list(pool.each(len, [(), 3], 2))


def test_a_process_that_is_killed_is_said_to_be():
    with pytest.raises(ResourceError) as killed:
        list(pool.each(os._exit, [9, 9], 2))
    assert killed.value.code == "E-MEMORY" and "what is done stays" in killed.value.remedy
