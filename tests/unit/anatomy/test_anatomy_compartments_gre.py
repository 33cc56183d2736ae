"""The compartments drawn from complex gradient echoes: on the oracle's hard legs, and on discs whose truth is known."""

import numpy as np
import pytest

from neuromyo.anatomy import compartments_gre, contrast_gre
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.options import NoOptions
from neuromyo.core.series import ArrayData, Series
from tests.oracles import water_fat
from tests.unit.anatomy.test_anatomy_compartments import CORTEX, FAT, MARROW, MUSCLE, REPLACED, Disc, both, dice, paint

#: echoes of the nerve protocol: fat's main peak is in phase with water in all of them
IN_PHASE = tuple(0.0023 * (n + 1) for n in range(6))
THIGH = Disc(0.0, radius=75.0, skin_fat=9.0, tilt=6.0, bones=((0.0, 12.0, 9.0, 6.0),))


def series_of(signals, spacing, centre=(0.0, 0.0, 0.0), kind="MEGRE", **more):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.asarray(centre) - (np.array(signals.shape[:3]) - 1) * spacing / 2
    given = {"field_strength": 3.0, **more}
    return Series(ArrayData(signals), Grid.of(signals.shape[:3], affine), Acquisition(**given), kind, "complex")


def draw(series):
    return compartments_gre.segment({"gre": series}, NoOptions())


def hard(seed, sign, **more):
    made = water_fat.hard_phantom(seed, sign, **more)
    return made, series_of(made.signals, np.array(made.spacing_mm), echo_times=made.echo_times)


def discs(legs=(THIGH,), *, pixel=2.5, slices=3, snr=60.0, size=(72, 72), times=IN_PHASE, sign=1, replaced=0.8, seed=0,
          centre=(90.0, 0.0, 30.0)):  # fmt: skip
    """(series, tissue (x, y, z)) of discs: partial volume by the majority, a slope of field, a coil, noise."""
    rng = np.random.default_rng(seed)
    x, y = ((np.arange(n) - (n - 1) / 2) * pixel for n in size)
    tissue, _ = paint(list(legs), *np.meshgrid(x, y, indexing="ij"))
    share = np.array([0.0, 0.93, 0.03, 0.95, 0.0, replaced])[tissue]
    amount = np.array([0.0, 1.2, 1.0, 1.1, 0.02, 1.1])[tissue]
    place = np.broadcast_to((x[:, None] / 80 + y / 120)[:, :, None], (*size, slices))
    tissue = np.repeat(tissue[:, :, None], slices, axis=2)
    clean = water_fat.water_fat_signal(
        share[:, :, None], 40.0, 120.0 * place + 60.0 * place**2, m0=(1 + 0.3 * place) * amount[:, :, None], echo_times=times,
        sign=sign, phase=2 * place + 1,
    )  # fmt: skip
    signals = water_fat.add_noise(clean, 1 / snr, rng)
    return series_of(signals, np.array([pixel, pixel, 6.0]), centre, echo_times=tuple(times)), tissue


@pytest.mark.parametrize(("seed", "sign", "bipolar"), [(0, 1, 0.0), (1, -1, 0.0), (2, 1, 0.3)])
def test_hard_legs(seed, sign, bipolar):
    """Wrapping fields of +-500 Hz, R2* to 200, fat up to 45 % in muscle: no muscle is fat, in either sense of precession."""
    made, series = hard(seed, sign, bipolar=bipolar)
    labels = draw(series)
    ring = (made.truth["leg"] > 0) & ~made.muscle & (made.truth["FF"] > 0.9)
    assert dice(labels.mask("muscle"), made.muscle) > 0.97
    assert dice(labels.mask("subcutaneous-fat"), ring) > 0.9
    assert not (labels.mask("subcutaneous-fat") & made.muscle).any()
    x = series.grid.to_world(np.argwhere(made.muscle))[:, 0]
    assert labels.mask("muscle", "right")[made.muscle][x > 0].mean() > 0.97
    assert not labels.mask("muscle", "left")[made.muscle][x > 0].any()


def test_one_thigh_in_the_echoes_of_the_nerve_protocol():
    series, tissue = discs()
    labels = draw(series)
    assert dice(labels.mask("muscle"), tissue == MUSCLE) > 0.95
    assert dice(labels.mask("subcutaneous-fat"), tissue == FAT) > 0.9
    assert dice(labels.mask("bone-marrow"), tissue == MARROW) > 0.85
    assert (labels.mask("other-tissue"))[tissue == CORTEX].mean() > 0.8
    assert {(r.side, r.parent) for r in labels.regions} == {("right", "leg")}
    assert labels.source == "compartments-gre"


def test_what_files_say_of_the_sense_counts_less_than_the_fat():
    series, tissue = discs(sign=-1)
    told = draw(Series(series.data, series.grid, series.acquisition.with_(precession_sign=1), "MPM", "complex"))
    assert np.array_equal(told.volume, draw(series).volume)
    assert dice(told.mask("muscle"), tissue == MUSCLE) > 0.95


@pytest.mark.parametrize(("share", "name"), [(0.25, "muscle"), (0.85, "intermuscular-fat")])
def test_replaced_muscle_is_named_by_its_fat(share, name):
    series, tissue = discs([*both(replaced=(-2.4, -0.8))][:1], replaced=share, centre=(25.0, 0.0, 0.0), size=(130, 72))
    labels = draw(series)
    assert labels.mask(name)[tissue == REPLACED].mean() > 0.75
    assert labels.mask("subcutaneous-fat")[tissue == REPLACED].mean() < 0.15


def test_three_echoes_do():
    made, series = hard(4, 1, snr=40.0, echo_times=(1.15e-3, 1.9e-3, 2.7e-3), field_peak=150.0)
    assert dice(draw(series).mask("muscle"), made.muscle) > 0.9


def test_order_of_echoes_scaling_and_repetition_change_nothing():
    series, _ = discs()
    plain = draw(series).volume
    assert np.array_equal(draw(series).volume, plain)
    order = [3, 0, 5, 1, 4, 2]
    turned = Series(ArrayData(series.read()[..., order] * np.float32(2.0**20)), series.grid,
                    series.acquisition.select(tuple(order)), "MEGRE", "complex")  # fmt: skip
    assert (draw(turned).volume != plain).mean() < 1e-3


def test_order_of_axes_changes_nothing():
    series, _ = discs(slices=5)
    data = np.ascontiguousarray(series.read()[::-1].transpose(2, 1, 0, 3))
    turn = np.array([[0, 0, -1, data.shape[2] - 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    grid = Grid.of(data.shape[:3], series.grid.affine @ turn)
    turned = draw(Series(ArrayData(data), grid, series.acquisition, "MEGRE", "complex"))
    assert (turned.volume.transpose(2, 1, 0)[::-1] != draw(series).volume).mean() < 0.003


def test_of_fine_images_the_field_is_sought_in_some_voxels_only(monkeypatch):
    series, tissue = discs(pixel=1.25, size=(144, 144))
    plain = draw(series)
    monkeypatch.setattr(contrast_gre, "_MOST_VOXELS", 3000)
    coarse = draw(series)
    assert (coarse.volume != plain.volume).mean() < 0.002
    assert dice(coarse.mask("muscle"), tissue == MUSCLE) > 0.95


def test_not_finite_and_silent_voxels_are_borne():
    series, tissue = discs()
    data = series.read().copy()
    data[30:32, 40, 1] = np.nan
    data[40, 30, 0, 3] = np.inf
    data[36, 20, 2] = 0
    assert dice(draw(series.with_data(data)).mask("muscle"), tissue == MUSCLE) > 0.94


def refused(series):
    with pytest.raises(NeuromyoError) as caught:
        draw(series)
    return caught.value.code


@pytest.mark.parametrize("fill", [0.0, 7.0, np.nan])
def test_no_body_is_said(fill):
    series, _ = discs()
    assert refused(series.with_data(np.full(series.data.shape, fill, np.complex64))) == "E-NOSIGNAL"


def test_noise_alone_is_no_body():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(60, 60, 3, 6)) + 1j * rng.normal(size=(60, 60, 3, 6))
    series, _ = discs(size=(60, 60))
    assert refused(series.with_data(noise.astype(np.complex64))) == "E-NOSIGNAL"


def test_what_echoes_and_sidecars_must_have():
    series, _ = discs()

    def having(**changes):
        return Series(series.data, series.grid, series.acquisition.with_(**changes), "MEGRE", "complex")

    assert refused(having(echo_times=IN_PHASE[:5])) == "E-ECHO-COUNT"
    assert refused(having(echo_times=(0.001,) * 6)) == "E-ECHO-COUNT"
    assert refused(having(field_strength=None)) == "E-NEEDS"
    assert draw(having(field_strength=None, imaging_frequency_hz=127.7e6)).regions


def test_declaration():
    need = compartments_gre.SEGMENTER.needs["gre"]
    assert compartments_gre.SEGMENTER.id == "compartments-gre"
    assert set(compartments_gre.LEAVES) <= set(compartments_gre.SEGMENTER.gives)
    assert need.part == "complex"
