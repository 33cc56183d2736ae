"""Which way round the pictures are, and that colours mean what the colour bar says."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.core.quantity import Quantity
from neuromyo.report import colours, paint
from neuromyo.report.panels import Frame, evenly, file_slice, frame_around, labels_on, radiological, slices_with
from neuromyo.report.png import data_uri
from neuromyo.report.session import page

T2 = Quantity("T2", "water T2", "ms", (0.005, 0.2), "T2map", window=(0.020, 0.060))


def decode(uri: str) -> np.ndarray:
    """The palette PNG back as (rows, columns, 3), by the format's own rules."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind], at = body, at + 12 + length
    assert set(chunks) == {b"IHDR", b"PLTE", b"IDAT", b"IEND"}, "pixels and nothing else"
    columns, rows = struct.unpack(">II", chunks[b"IHDR"][:8])
    raw = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(rows, columns + 1)
    return np.frombuffer(chunks[b"PLTE"], dtype=np.uint8).reshape(-1, 3)[raw[:, 1:]]


def test_a_picture_comes_back_as_it_went_in() -> None:
    rng = np.random.default_rng(0)
    indices, palette = (rng.integers(0, 256, (5, 7)).astype(np.uint8), rng.integers(0, 256, (256, 3)).astype(np.uint8))
    np.testing.assert_array_equal(decode(data_uri(indices, palette)), palette[indices])


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_right_anterior_and_superior_lie_where_a_radiologist_looks(slice_axis: int) -> None:
    """A bright voxel at the RAS+ end of both in-plane axes lands in the top left corner, under R or A, and A or S."""
    grid = Grid.of((6, 7, 8), np.eye(4), slice_axis=slice_axis)
    volume = np.zeros(grid.shape)
    volume[-1, -1, -1] = 1.0
    frame = Frame(grid, tuple(slice(0, grid.shape[a]) for a in grid.in_plane_axes))
    picture = frame.cut(volume, grid.shape[slice_axis] - 1)
    assert picture[0, 0] == 1.0
    assert picture.sum() == 1.0
    left, right, top, _ = frame.letters
    assert (left, right) == (("A", "P") if slice_axis == 0 else ("R", "L"))
    assert top == ("A" if slice_axis == 2 else "S")


def test_the_subjects_right_is_on_the_viewers_left_in_the_page(view) -> None:
    """Through the whole page: the right leg is made hot, and the picture of the T2 map is hot on its left."""
    import re
    from dataclasses import replace

    maps = view.maps[0]
    t2 = maps["T2"]
    x = np.indices(maps.grid.shape)[0]
    world_right = maps.grid.to_world(np.array([1.0, 0, 0]))[0] > maps.grid.to_world(np.zeros(3))[0]
    assert world_right, "x runs to the subject's right"
    hot = np.where(np.isfinite(t2.values), np.where(x > 36, 0.060, 0.020), np.nan)
    html = page(replace(view, maps=(replace(maps, maps={"T2": replace(t2, values=hot)}),)))
    uri, alt = re.search(r'<img src="([^"]+)" alt="(Water T2, slice [^"]+)"', html).groups()
    picture = decode(uri)
    low, high = (colours.table("viridis", paint.COLOURS)[i] for i in (0, -1))
    columns = np.arange(picture.shape[1])
    of_hot, of_cold = ((picture == c).all(axis=2).any(axis=0) for c in (high, low))
    assert columns[of_hot].max() < columns[of_cold].min(), alt


def test_the_picture_has_the_shape_of_the_body() -> None:
    grid = Grid.of((20, 10, 4), np.diag([1.0, 3.0, 5.0, 1.0]))
    frame = Frame(grid, (slice(0, 20), slice(0, 10)))
    assert frame.size_mm == (20.0, 30.0)
    assert frame.cut(np.zeros(grid.shape), 0).shape == (10, 20)


def test_frame_holds_all_that_is_wanted() -> None:
    grid = Grid.of((50, 40, 3), np.diag([1.0, 1.0, 5.0, 1.0]))
    wanted = np.zeros(grid.shape, dtype=bool)
    wanted[10, 39, 1] = wanted[20, 30, 2] = True
    frame = frame_around(grid, wanted)
    (x, y) = frame.box
    assert x.start < 10 < 20 < x.stop < 50
    assert y.start < 30
    assert y.stop == 40


def test_slices_run_from_head_to_foot_and_are_numbered_as_in_the_file() -> None:
    wanted = np.zeros((2, 2, 9), dtype=bool)
    wanted[..., 2:7] = True
    assert slices_with(wanted, 2) == (6, 5, 4, 3, 2)
    assert evenly(tuple(range(13)), 8)[0] == 0
    assert evenly(tuple(range(13)), 8)[-1] == 12
    assert len(set(evenly(tuple(range(13)), 8))) == 8
    turned = Grid.of((2, 2, 9), np.eye(4), 2, ((0, False), (1, False), (2, True)))
    stored = turned.to_source(np.broadcast_to(np.arange(9), (2, 2, 9)))
    assert stored[0, 0, file_slice(turned, 6)] == 6


def test_radiological_is_its_own_flip() -> None:
    plane = np.arange(6).reshape(2, 3)  # x, y
    assert radiological(plane).tolist() == [[5, 2], [4, 1], [3, 0]]


def test_labels_come_over_by_geometry() -> None:
    """A label drawn on a finer, shifted grid lands where it is in millimetres, not where its index is."""
    fine = Grid.of((20, 20, 4), np.array([[1.0, 0, 0, -10], [0, 1, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]))
    coarse = Grid.of((10, 10, 4), np.diag([2.0, 2.0, 5.0, 1.0]))
    volume = np.zeros(fine.shape, dtype=np.int16)
    volume[14:16, 6:8, 2] = 5  # x 4..5 mm, y 6..7 mm
    there = labels_on(coarse, Labels(volume, fine, (Region(5, "nerve"),)))
    assert np.argwhere(there).tolist() == [[2, 3, 2]]


def test_values_take_the_colours_of_the_bar_and_failures_none() -> None:
    scale = colours.scale_of(T2, np.array([]))
    assert (scale.low, scale.high, scale.unit) == (20.0, 60.0, "ms")
    values = np.array([[20.0, 60.0, 999.0, 40.0, np.nan, np.nan]])
    valid = np.array([[True, True, True, True, False, False]])
    failed = np.array([[False, False, False, False, True, False]])
    grey = np.full(values.shape, 63, dtype=np.uint8)
    entries = paint.paint_values(values, valid, failed, grey, scale)[0]
    seen = paint.map_palette(scale)[entries]
    bar = colours.table(scale.colours, paint.COLOURS)
    assert seen[0].tolist() == bar[0].tolist()
    assert seen[1].tolist() == seen[2].tolist() == bar[-1].tolist()
    assert np.abs(seen[3].astype(int) - bar[paint.COLOURS // 2]).max() < 4
    assert tuple(seen[4]) == paint.NO_VALUE_RGB
    assert seen[5].max() < 140, "anatomy is dimmed"
    assert scale.beyond(values[valid]) == 0.25


def test_b1_is_centred_on_one_hundred_percent() -> None:
    b1 = Quantity("B1", "transmit field", "%", (0.4, 1.8), "TB1map", window=(0.7, 1.2))
    scale = colours.scale_of(b1, np.array([90.0]))
    assert (scale.low, scale.centre, scale.high) == (70.0, 100.0, 130.0)


def test_without_a_window_the_scale_follows_the_values_within_the_plausible() -> None:
    wide = Quantity("T1", "T1", "ms", (0.05, 5.0), "T1map")
    scale = colours.scale_of(wide, np.linspace(1010.0, 1490.0, 1000))
    assert 900 <= scale.low <= 1020
    assert 1480 <= scale.high <= 1600


@pytest.mark.parametrize(("top", "end"), [(1.0, 1.2), (2.2, 2.4), (9.9, 12.0), (0.031, 0.04), (0.0, 1.0)])
def test_spreads_have_a_scale_from_zero_with_room(top: float, end: float) -> None:
    scale = colours.scale_from_zero(np.full(50, top), "ms")
    assert scale.low == 0.0
    assert scale.high == pytest.approx(end)


def test_outlines_are_the_rims() -> None:
    index = np.zeros((7, 7), dtype=np.uint8)
    index[1:6, 1:6] = 2
    rim = paint.outlines(index)
    assert rim[3, 3] == 0
    assert rim[1, 3] == 2
    assert rim.sum() == 2 * 16
