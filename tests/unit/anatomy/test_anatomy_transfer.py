"""Labels carried over: onto a bent and moved body, in another contrast; sides, mirrors, refusals; the same bits each time."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from neuromyo.anatomy.transfer import Atlas, TransferOptions, transfer
from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels
from tests.unit.anatomy.visits import Visit, Warp, dice, person, scan, stack

MIDDLE = (95.0, 0.0, 195.0)
MOVED = Visit(Warp(8.0, 1.5, 3), 5.0, (8.0, -6.0, 0.0), MIDDLE)


@cache
def small(contrast="T2w", seed=1, moved=False, centre=MIDDLE):
    grid = stack((110, 110), 1.5, 5, 8.0, (centre[0], centre[1], centre[2] + (4.0 if moved else 0.0)))
    return scan(person(), grid, contrast, seed, MOVED if moved else None, in_plane=2, through=1)


def atlas(name="first", **given):
    image, labels = small(**given)
    return Atlas(image, labels, name)


def both(contrast, seed):
    grid = stack((150, 72), 2.3, 4, 8.0, (0.0, 0.0, 195.0))
    return scan(person(sides=("right", "left")), grid, contrast, seed, through=1)


@pytest.mark.whole
def test_labels_follow_a_body_that_was_moved_bent_and_seen_in_another_contrast():
    image, truth = small("T1w", 2, True)
    found = transfer(image, [atlas()])
    reached = dice(found.labels, truth)
    assert np.mean(list(reached.values())) > 0.88, reached
    assert found.labels.grid == image.grid
    assert set(found.confidence) == {r.index for r in found.labels.regions}
    assert found.probability.dtype == np.float32
    assert found.probability.min() >= 0 and found.probability.max() <= 1


@pytest.mark.whole
@pytest.mark.parametrize(("step", "slices", "seed"), [(6.0, 14, 3), (8.0, 12, 3), (8.0, 12, 5)])
@pytest.mark.parametrize("later", [True, False], ids=["second from first", "first from second"])
def test_every_muscle_reaches_093_between_visits(step, slices, seed, later):
    first = scan(person(), stack((160, 160), 1.1, slices, step, MIDDLE), "T2w", 1)
    moved = replace(MOVED, warp=Warp(8.0, 1.5, seed))
    second = scan(person(), stack((160, 160), 1.1, slices, step, (95.0, 0.0, 195.0 + step / 2)), "T1w", 2, moved)
    drawn, (image, truth) = (first, second) if later else (second, first)
    found = transfer(image, [Atlas(*drawn, "drawn")])
    reached = dice(found.labels, truth)
    assert min(reached.values()) >= 0.93, reached
    said = {r.name: found.confidence[r.index] for r in found.labels.regions}
    assert max(said[name] - value for (name, _), value in reached.items()) < 0.03  # it does not say too much


def test_what_begins_is_told_with_the_share_that_is_done():
    heard = []
    image, labels = scan(person(), stack((72, 72), 2.3, 3, 8.0, MIDDLE), "T2w", 1, through=1)
    transfer(image, [Atlas(image, labels, "first")], heard=lambda text, share: heard.append((text, share)))
    assert heard == [("bringing first onto T2w 1", 0.0)]


@pytest.mark.whole
def test_three_people_label_a_fourth_and_the_confidence_tells_how_well():
    atlases = [
        Atlas(*scan(person(girth=g, fat=f), stack((120, 120), 1.5, 10, 7.0, MIDDLE), c, s), f"person {s}")
        for s, (g, f, c) in enumerate([(0.92, 0.8, "T1w"), (1.08, 1.4, "T1w"), (1.0, 1.1, "T2w")])
    ]
    image, truth = scan(
        person(girth=0.97, fat=1.2), stack((120, 120), 1.5, 10, 7.0, MIDDLE), "T1w", 9, Visit(Warp(5.0, 1.0, 9))
    )
    found = transfer(image, atlases)
    reached = dice(found.labels, truth)
    assert np.mean(list(reached.values())) > 0.85, reached
    said = [found.confidence[found.labels.find(*key)[0].index] for key in reached]
    assert np.abs(np.array(said) - list(reached.values())).mean() < 0.08
    assert set(found.agreement) == {a.name for a in atlases}


@pytest.mark.whole
def test_two_legs_get_their_own_sides():
    image, truth = both("T1w", 5)
    found = transfer(image, [Atlas(*both("T2w", 6), "both")])
    for (name, side), value in dice(found.labels, truth).items():
        assert value > 0.85, (name, side, value)
    x = image.grid.to_world(
        np.argwhere(np.isin(found.labels.volume, [r.index for r in found.labels.regions if r.side == "left"]))
    )
    assert x[:, 0].max() < 0  # nothing left lies on the right leg


@pytest.mark.whole
def test_one_leg_labels_its_own_side_of_two_and_the_other_only_in_a_mirror():
    image, truth = both("T1w", 5)
    plain = transfer(image, [atlas()])
    assert {r.side for r in plain.labels.regions} == {"right"}
    assert any(f.code == "W-TRANSFER" and "left" in f.message for f in plain.findings)
    turned = transfer(image, [atlas()], TransferOptions(mirror=True))
    assert {r.side for r in turned.labels.regions} == {"left", "right"}
    assert np.mean([v for (_, side), v in dice(turned.labels, truth).items() if side == "left"]) > 0.85
    assert any(f.code == "N-SIDE" and "mirror" in f.message for f in turned.findings)


def test_the_other_side_is_refused():
    with pytest.raises(DataError, match="mirror") as told:
        transfer(small()[0], [atlas()], TransferOptions(side="left"))
    assert told.value.code == "E-SIDE"


def test_a_target_of_one_leg_needs_a_side_where_the_atlas_has_both():
    with pytest.raises(DataError, match="which leg") as told:
        transfer(small()[0], [Atlas(*both("T2w", 6), "both")])
    assert told.value.code == "E-SIDE"


@pytest.mark.whole
def test_noise_is_refused():
    rng = np.random.default_rng(1)
    grid = small()[0].grid
    with pytest.raises(DataError) as told:
        transfer(Image(rng.rayleigh(100, grid.shape).astype(np.float32), grid), [atlas()])
    assert told.value.code == "E-REGISTER"


@pytest.mark.whole
@pytest.mark.parametrize("contrast", ["T1w", "T2w"])
@pytest.mark.parametrize(
    ("drawn", "seen"), [(195.0, -120.0), (-120.0, 195.0)], ids=["thigh onto calf", "calf onto thigh"]
)
def test_another_part_of_the_leg_is_refused_whatever_the_headers_say(contrast, drawn, seen):
    image, labels = scan(person(), stack((110, 110), 1.6, 7, 8.0, (95.0, 0.0, drawn)), contrast, 4, through=1)
    target, _ = scan(person(), stack((110, 110), 1.6, 7, 8.0, (95.0, 0.0, seen)), "T1w", 2, through=1)
    placed = Grid.of(image.grid.shape, target.grid.affine, 2)
    with pytest.raises(DataError) as told:
        transfer(target, [Atlas(replace(image, grid=placed), replace(labels, grid=placed), "elsewhere")])
    assert told.value.code == "E-REGISTER"


@pytest.mark.whole
def test_an_atlas_that_explains_little_is_told():
    image, _ = small("T1w", 2, True)
    least = 1.0 - transfer(image, [atlas()]).agreement["first"]["explained"]
    found = transfer(image, [atlas()], TransferOptions(most_unexplained=least * 1.1))
    assert any(f.code == "W-TRANSFER" and "unexplained" in f.message for f in found.findings)


@pytest.mark.whole
def test_muscles_beyond_the_field_of_view_are_told():
    image, labels = small()
    grid = Grid.of((110, 110, 3), image.grid.affine, 2)
    found = transfer(Image(image.values[:, :, :3].copy(), grid, "T2w", "short"), [atlas()])
    assert any(f.code == "W-TRUNCATED" and "%" in f.message for f in found.findings)
    inner = dice(found.labels, Labels(labels.volume[:, :, :3], grid, labels.regions))
    assert np.nanmean(list(inner.values())) > 0.93


@pytest.mark.whole
def test_the_same_bits_with_one_thread_or_two():
    image, _ = small("T1w", 2, True)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    volumes = []
    try:
        for n in (1, 2):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(n)
            volumes.append(transfer(image, [atlas()]))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    np.testing.assert_array_equal(volumes[0].labels.volume, volumes[1].labels.volume)
    np.testing.assert_array_equal(volumes[0].probability, volumes[1].probability)
    assert volumes[0].confidence == volumes[1].confidence


def test_labels_apart_from_their_image_and_no_atlas_are_refused():
    image, labels = small()
    apart = replace(labels, grid=stack((110, 110), 1.5, 5, 8.0, (100.0, 0.0, 195.0)))
    with pytest.raises(DataError) as told:
        transfer(image, [Atlas(image, apart, "apart")])
    assert told.value.code == "E-GRID"
    with pytest.raises(OptionError):
        transfer(image, [])
