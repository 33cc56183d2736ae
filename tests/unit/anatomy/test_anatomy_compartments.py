"""The compartments drawn on analytic legs whose truth is known, and on the real calf."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neuromyo.anatomy import compartments
from neuromyo.anatomy.contrast import body_mask
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Segmenter
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.options import NoOptions
from neuromyo.core.series import ArrayData, Series

TIMES = tuple(0.01 * (1 + i) for i in range(12))
AIR, FAT, MUSCLE, MARROW, CORTEX, REPLACED = range(6)


@dataclass(frozen=True)
class Disc:
    """A leg's cross-section in mm: centre, radius, subcutaneous thickness (thicker behind by ``tilt``), bones."""

    x: float
    y: float = 0.0
    radius: float = 60.0
    skin_fat: float = 8.0
    tilt: float = 0.0
    bones: tuple[tuple[float, float, float, float], ...] = ((0.0, 0.0, 9.0, 5.0),)  # x, y, marrow radius, cortex
    replaced: tuple[float, float] | None = None  # angles (rad) of a sector of muscle turned to fat
    share: float = 1.0  # fat fraction there
    shrink: float = 0.0  # atrophy: fat between muscles as radial clefts of this half width (mm)


CALF = ((-8.0, 28.0, 9.0, 5.0), (22.0, 8.0, 4.5, 3.0))


@dataclass
class Scan:
    series: Series
    truth: np.ndarray
    right: np.ndarray
    discs: list[Disc] = field(default_factory=list)


def paint(discs: list[Disc], x: np.ndarray, y: np.ndarray):
    """Tissue, fat fraction of replaced muscle, and whether it is the first disc, at points (mm)."""
    tissue, owner = np.zeros(x.shape, np.uint8), np.full(x.shape, -1)
    for n, d in enumerate(discs):
        dx, dy = x - d.x, y - d.y
        r, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        leg = r < d.radius
        muscle = r < d.radius - d.skin_fat - d.tilt * (1 - np.sin(angle)) / 2
        tissue[leg], owner[leg] = FAT, n
        tissue[muscle] = MUSCLE
        if d.replaced:
            tissue[muscle & (angle > d.replaced[0]) & (angle < d.replaced[1]) & (r > 0.35 * d.radius)] = REPLACED
        if d.shrink:
            cleft = np.abs(np.sin(2.5 * angle)) * r * 0.4 < d.shrink
            tissue[muscle & cleft & (r > 15) & (r < 0.8 * d.radius)] = REPLACED
        for bx, by, marrow, cortex in d.bones:
            rb = np.hypot(dx - bx, dy - by)
            tissue[rb < marrow + cortex] = CORTEX
            tissue[rb < marrow] = MARROW
    return tissue, owner


def scan(
    discs: list[Disc], *, pixel=2.0, slices=3, thick=8.0, snr=60.0, size=(136, 80), bias=0.4, seed=0, scale=1000.0,
    times=TIMES, centre=(0.0, 0.0), masked_air=False,
) -> Scan:  # fmt: skip
    """A train with partial volume, a smooth coil profile and Rician noise; x to the right, discs from right to left."""
    nx, ny = size
    fine = 4
    offsets = (
        (np.arange(nx * fine) + 0.5) / fine * pixel - nx * pixel / 2,
        (np.arange(ny * fine) + 0.5) / fine * pixel - ny * pixel / 2,
    )
    x, y = np.meshgrid(offsets[0] + centre[0], offsets[1] + centre[1], indexing="ij")
    tissue, owner = paint(discs, x, y)
    share = discs[0].share
    tau = np.asarray(times)
    fat = 1.3 * (0.35 * np.exp(-tau / 0.05) + 0.65 * np.exp(-tau / 0.16))
    muscle = np.exp(-tau / 0.036)
    signals = {FAT: fat, MUSCLE: muscle, MARROW: fat, CORTEX: 0 * fat, REPLACED: share * fat + (1 - share) * muscle}
    pure, train = np.zeros((6, nx, ny)), np.zeros((nx, ny, len(times)))
    for kind in range(6):
        pure[kind] = (tissue == kind).reshape(nx, fine, ny, fine).mean((1, 3))
        if kind:
            train += pure[kind][..., None] * signals[kind]
    truth = pure.argmax(0)
    first = (owner == 0).reshape(nx, fine, ny, fine).mean((1, 3)) > 0.5
    px = (np.arange(nx) + 0.5) / nx
    coil = (1 + bias * np.sin(2.2 * px)[:, None] - bias * ((np.arange(ny) + 0.5) / ny)[None, :])[..., None]
    rng = np.random.default_rng(seed)
    shape = (nx, ny, slices, len(times))
    clean = np.broadcast_to((train * coil)[:, :, None], shape)
    noisy = np.hypot(clean + rng.normal(0, 1 / snr, shape), rng.normal(0, 1 / snr, shape))
    if masked_air:
        noisy[np.broadcast_to((train[..., 0] == 0)[:, :, None, None], shape)] = -1.0 / scale
    affine = np.diag([pixel, pixel, thick, 1.0])
    affine[:2, 3] = centre[0] - nx * pixel / 2 + pixel / 2, centre[1] - ny * pixel / 2 + pixel / 2
    affine[2, 3] = -37.0
    series = Series(
        ArrayData((scale * noisy).astype(np.float32)),
        Grid.of(shape[:3], affine),
        Acquisition(echo_times=tuple(times)),
        "MESE",
    )
    stack = np.broadcast_to(truth[:, :, None], shape[:3])
    return Scan(series, stack, np.broadcast_to(first[:, :, None], shape[:3]), list(discs))


def draw(series: Series):
    return compartments.segment({"mese": series}, NoOptions())


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / max(1, a.sum() + b.sum())


def both(**changes) -> list[Disc]:
    return [Disc(65, bones=CALF, **changes), Disc(-65, bones=tuple((-x, y, m, c) for x, y, m, c in CALF), **changes)]


def check(made: Scan, *, fat=0.85, muscle=0.95, marrow=0.8) -> None:
    labels = draw(made.series)
    assert dice(labels.mask("muscle"), made.truth == MUSCLE) > muscle
    assert dice(labels.mask("subcutaneous-fat"), made.truth == FAT) > fat
    assert dice(labels.mask("bone-marrow"), made.truth == MARROW) > marrow
    drawn = labels.mask("subcutaneous-fat")
    assert np.isin(made.truth[drawn], (MUSCLE, REPLACED)).mean() < 0.03


def test_declaration():
    assert isinstance(compartments.SEGMENTER, Segmenter)
    assert compartments.SEGMENTER.id == "compartments"
    assert set(compartments.LEAVES) <= set(compartments.SEGMENTER.gives)


@pytest.mark.parametrize("snr", [200, 20])
@pytest.mark.parametrize("pixel", [1.5, 2.0])
def test_two_calves(snr, pixel):
    made = scan(both(), snr=snr, pixel=pixel, size=(int(270 / pixel), int(140 / pixel)))
    check(made, fat=0.85 if snr > 50 else 0.8)
    labels = draw(made.series)
    assert dice(labels.mask("leg", "right"), (made.truth != AIR) & made.right) > 0.96
    assert dice(labels.mask("leg", "left"), (made.truth != AIR) & ~made.right) > 0.96
    assert {(r.side, r.parent) for r in labels.regions} == {("right", "leg"), ("left", "leg")}
    assert len(set(labels.volume[labels.volume > 0])) == len(labels.regions)


def test_thigh_has_one_bone_a_leg_and_thick_tilted_fat():
    discs = [Disc(s * 92, radius=85, skin_fat=10, tilt=18, bones=((0.0, 12.0, 8.0, 6.0),)) for s in (1, -1)]
    made = scan(discs, pixel=2.5, size=(156, 76))
    check(made, fat=0.9)


@pytest.mark.parametrize("share", [1.0, 0.7])
@pytest.mark.parametrize("width", [0.8, 1.6])
def test_replaced_muscle_does_not_become_subcutaneous_fat(share, width):
    made = scan(both(replaced=(-2.4, -2.4 + width), share=share))
    labels = draw(made.series)
    drawn = labels.mask("subcutaneous-fat")
    replaced = made.truth == REPLACED
    assert (replaced & drawn).sum() < 0.15 * replaced.sum()
    assert dice(drawn, made.truth == FAT) > 0.75
    assert (labels.mask("muscle") | labels.mask("intermuscular-fat"))[replaced].mean() > 0.75


def test_atrophy_with_fat_between_muscles():
    made = scan(both(shrink=3.0, skin_fat=12.0), pixel=1.5, size=(180, 94))
    labels = draw(made.series)
    between = made.truth == REPLACED
    assert dice(labels.mask("intermuscular-fat"), between) > 0.6
    assert (labels.mask("subcutaneous-fat") & between).sum() < 0.05 * between.sum()
    assert dice(labels.mask("bone-marrow"), made.truth == MARROW) > 0.7


def test_thin_patient():
    """Two millimetres of fat in pixels of two: what little is called fat is no muscle, and muscle is whole."""
    made = scan(both(skin_fat=2.0))
    labels = draw(made.series)
    assert dice(labels.mask("muscle"), made.truth == MUSCLE) > 0.93
    assert (made.truth[labels.mask("subcutaneous-fat")] == MUSCLE).mean() < 0.1


def test_no_fat_at_all_leaves_regions_out():
    made = scan([Disc(65, skin_fat=0.0, bones=()), Disc(-65, skin_fat=0.0, bones=())])
    labels = draw(made.series)
    names = {r.name for r in labels.regions}
    assert "bone-marrow" not in names
    assert labels.mask("subcutaneous-fat").sum() < 0.005 * (made.truth == MUSCLE).sum()
    assert dice(labels.mask("muscle"), made.truth == MUSCLE) > 0.95


def test_touching_legs_are_told_apart():
    made = scan(both(radius=67.0), size=(140, 80))
    labels = draw(made.series)
    check(made)
    assert dice(labels.mask("leg", "right"), (made.truth != AIR) & made.right) > 0.96


def test_legs_that_touch_in_some_slices_only():
    apart, touching = scan(both(radius=60.0), size=(140, 80)), scan(both(radius=69.0), size=(140, 80))
    data = np.concatenate([apart.series.read(), touching.series.read()], 2)
    grid = Grid.of(data.shape[:3], apart.series.grid.affine)
    labels = draw(Series(ArrayData(data), grid, apart.series.acquisition, "MESE"))
    right = np.concatenate([apart.right, touching.right], 2)
    left = (np.concatenate([apart.truth, touching.truth], 2) != AIR) & ~right
    assert (labels.mask("leg", "right") & left).sum() < 0.01 * right.sum()
    assert (labels.mask("leg", "left") & right).sum() < 0.01 * right.sum()


def test_fine_pixels():
    made = scan([Disc(0, radius=50, bones=CALF)], pixel=0.5, slices=1, thick=3.0, size=(230, 230), snr=20)
    check(made)


def test_one_leg_has_a_side_only_if_geometry_tells():
    middle = draw(scan([Disc(0, bones=CALF)], size=(80, 80)).series)
    assert {r.side for r in middle.regions} == {"none"}
    for sign, side in ((1, "right"), (-1, "left")):
        made = scan([Disc(sign * 90, bones=CALF)], size=(80, 80), centre=(sign * 90, 0))
        assert {r.side for r in draw(made.series).regions} == {side}


def test_image_coordinates_that_start_at_a_corner_tell_no_side():
    made = scan([Disc(80, 80, bones=CALF)], size=(80, 80), centre=(80, 80))
    affine = made.series.grid.affine.copy()
    affine[:3, 3] = 0
    grid = Grid.of(made.series.grid.shape, affine)
    assert {r.side for r in draw(Series(made.series.data, grid, made.series.acquisition, "MESE")).regions} == {"none"}


def test_scaling_changes_nothing():
    small, large = (draw(scan(both(), scale=s).series).volume for s in (1e-3, 1e6))
    assert (small != large).mean() < 1e-4


def test_order_and_obliquity_of_axes_change_nothing():
    """The same leg stored with permuted and flipped axes, and turned by 20 degrees in the scanner."""
    made = scan(both())
    plain = draw(made.series)
    data = made.series.read()[::-1].transpose(2, 1, 0, 3)
    affine = made.series.grid.affine @ np.array(
        [[0, 0, -1, data.shape[2] - 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]
    )
    turned = draw(Series(ArrayData(data), Grid.of(data.shape[:3], affine), made.series.acquisition, "MESE"))
    back = turned.volume.transpose(2, 1, 0)[::-1]
    assert (back != plain.volume).mean() < 0.002
    c, s = np.cos(0.35), np.sin(0.35)
    oblique = np.array([[c, -s, 0, 3], [s, c, 0, -8], [0, 0, 1, 2], [0, 0, 0, 1.0]]) @ made.series.grid.affine
    tilted = draw(Series(made.series.data, Grid.of(made.truth.shape, oblique), made.series.acquisition, "MESE"))
    assert np.array_equal(tilted.volume, plain.volume)
    assert [r.side for r in tilted.regions] == [r.side for r in plain.regions]


def test_masked_air_and_cut_field_of_view():
    made = scan(both(), masked_air=True)
    check(made)
    cut = made.series.read()[6:-22, 12:]
    series = Series(ArrayData(cut), Grid.of(cut.shape[:3], made.series.grid.affine), made.series.acquisition, "MESE")
    labels = draw(series)
    truth = made.truth[6:-22, 12:]
    assert dice(labels.mask("muscle"), truth == MUSCLE) > 0.9
    assert (truth[labels.mask("subcutaneous-fat")] == MUSCLE).mean() < 0.05


def test_three_echoes_do():
    check(scan(both(), times=(0.012, 0.036, 0.06)), marrow=0.7)


def test_not_finite_voxels_are_borne():
    made = scan(both())
    data = made.series.read().copy()
    data[20:22, 40, 1] = np.nan
    data[50, 30, 0, 3] = np.inf
    labels = draw(made.series.with_data(data))
    assert dice(labels.mask("muscle"), made.truth == MUSCLE) > 0.94


def test_same_bits_again():
    series = scan(both(), snr=20).series
    assert np.array_equal(draw(series).volume, draw(series).volume)


@pytest.mark.parametrize("fill", [0.0, 7.0, np.nan])
def test_no_body_is_said(fill):
    series = scan(both()).series
    with pytest.raises(DataError) as caught:
        draw(series.with_data(np.full(series.data.shape, fill, np.float32)))
    assert caught.value.code == "E-NOSIGNAL"


def test_noise_alone_is_no_body():
    rng = np.random.default_rng(1)
    series = scan(both()).series
    noise = np.hypot(*rng.normal(0, 1, (2, *series.data.shape))).astype(np.float32)
    with pytest.raises(DataError, match="E-NOSIGNAL"):
        draw(series.with_data(noise))


def test_echo_times_must_match():
    series = scan(both()).series
    short = Series(series.data, series.grid, Acquisition(echo_times=(0.01, 0.02)), "MESE")
    with pytest.raises(DataError, match="E-ECHO-COUNT"):
        draw(short)


def test_body_mask_holds_the_body_and_little_more():
    made = scan(both())
    body = body_mask(made.series)
    assert body[made.truth != AIR].mean() > 0.999
    assert body.sum() < 1.2 * (made.truth != AIR).sum()


@pytest.mark.realdata
def test_real_calf(realdata):
    import nibabel as nib

    files = sorted((realdata / "calf_bids/sub-calf1/anat").glob("*_MESE.nii.gz"))
    images = [nib.as_closest_canonical(nib.load(f)) for f in files]
    data = np.stack([np.asarray(i.dataobj, np.float32) for i in images], -1)
    times = tuple(json.loads(f.with_name(f.name[:-7] + ".json").read_text())["EchoTime"] for f in files)
    grid = Grid.of(data.shape[:3], images[0].affine)
    labels = draw(Series(ArrayData(data), grid, Acquisition(echo_times=times), "MESE"))
    _check_calf(labels, data, np.asarray(times), grid)


def _check_calf(labels, data, times, grid) -> None:
    from scipy import ndimage

    rate = -np.polynomial.polynomial.polyfit(times[1:9], np.log(np.maximum(data[..., 1:9], 1)).reshape(-1, 8).T, 1)[1]
    t2 = (1 / np.maximum(rate, 1e-3)).reshape(grid.shape)
    for side, sign in (("right", 1), ("left", -1)):
        assert sign * grid.to_world(np.argwhere(labels.mask("leg", side))).mean(0)[0] > 30
        marrow = labels.mask("bone-marrow", side)
        assert [ndimage.label(marrow[..., k], np.ones((3, 3)))[1] for k in range(13)] == [2] * 13
        fat, muscle = t2[labels.mask("subcutaneous-fat", side)], t2[labels.mask("muscle", side)]
        assert np.median(fat) > 2.5 * np.median(muscle)
        assert (fat < 0.06).mean() < 0.01
        assert 0.55 < len(muscle) / labels.mask("leg", side).sum() < 0.75


@pytest.mark.realdata
def test_the_real_calfs_legs_are_as_large_as_otsus_mask(realdata):
    """Both legs of the real calf against Otsu's threshold on the first echo with holes filled: within 5 %."""
    from skimage.filters import threshold_otsu

    files = sorted((realdata / "calf_bids" / "sub-calf1" / "anat").glob("*_MESE.nii.gz"))
    images = [nib.as_closest_canonical(nib.load(f)) for f in files]
    train = np.stack([np.asarray(i.dataobj, np.float32) for i in images], axis=-1)
    grid = Grid.of(train.shape[:3], images[0].affine)
    times = tuple(0.0076 * (i + 1) for i in range(len(files)))
    labels = draw(Series(ArrayData(train), grid, Acquisition(echo_times=times), "MESE"))
    first = train[..., 0] > threshold_otsu(train[..., 0])
    filled = np.stack([ndimage.binary_fill_holes(first[..., k]) for k in range(first.shape[2])], axis=2)
    assert (labels.volume > 0).sum() == pytest.approx(filled.sum(), rel=0.05)
    assert dice(labels.volume > 0, filled) > 0.96
