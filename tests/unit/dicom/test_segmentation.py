"""DICOM segmentations of an independent writer (highdicom), as written and as others might have changed them."""

import copy

import numpy as np
import pytest
from pydicom.uid import RLELossless

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.labels import Region
from neuromyo.dicom import segmentation
from neuromyo.dicom.child import Limits
from neuromyo.pipeline.masks import open_masks
from tests.unit.dicom.segmentations import images, world
from tests.unit.dicom.segmentations import segmentation as made

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:highdicom", "ignore::UserWarning:pydicom")


def masks_of(n=2):
    """(slices, rows, columns, segments): boxes that do not touch, the first slice and the last two empty, one in between too."""
    masks = np.zeros((6, 9, 7, n), bool)
    masks[1, 2:5, 1:3, 0] = masks[3, 1:5, 1:3, 0] = True
    if n > 1:
        masks[1:4, 6:8, 3:6, 1] = True
        masks[2, :, :, 0] = False
    return masks


def saved(ds, folder, name="seg.dcm"):
    ds.save_as(folder / name, enforce_file_format=True)
    return folder / name


def same_places(labels, index, mask):
    found = labels.grid.to_world(np.argwhere(labels.volume == index))
    wanted = world(np.argwhere(mask))
    assert len(found) == len(wanted)
    assert np.allclose(*(p[np.lexsort(p.round(3).T)] for p in (found, wanted)), atol=1e-4)


@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_what_highdicom_writes_lies_where_it_was_drawn(tmp_path, kind, leave_out):
    masks = masks_of()
    array = masks if kind != "LABELMAP" else (masks * np.array([1, 2])).sum(axis=-1).astype(np.uint8)
    array = array.astype(float) if kind == "FRACTIONAL" else array.astype(np.uint8)
    path = saved(made(array, ["Left soleus", "Fibular nerve (right)"], kind, omit_empty_frames=leave_out), tmp_path)
    labels = segmentation.read(path, scratch=tmp_path)
    assert labels.regions == (
        Region(1, "soleus", "left", "", "SCT:57721005"),
        Region(2, "fibular-nerve", "right", "", "SCT:57721005"),
    )
    assert labels.grid.spacing_mm[labels.grid.slice_axis] == pytest.approx(4.0)
    for index in (1, 2):
        same_places(labels, index, masks[..., index - 1])
    assert np.array_equal(open_masks(tmp_path).volume, labels.volume)  # the folder, with one segmentation
    assert [p.name for p in tmp_path.iterdir()] == ["seg.dcm"]


@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_compressed_fractions(tmp_path, syntax):
    shares = masks_of(1).astype(float) * 0.6
    shares[1, 2, 1, 0] = 0.4
    ds = made(shares, ["soleus"], "FRACTIONAL")
    if syntax is not None:
        ds.compress(syntax, encoding_plugin="pydicom")
    path = saved(ds, tmp_path)
    counts = [int((segmentation.read(path, threshold=t).volume == 1).sum()) for t in (0.3, 0.5)]
    assert counts == [14, 13]
    with pytest.raises(NeuromyoError, match="E-EMPTYROI"):
        segmentation.read(path, threshold=0.7)
    with pytest.raises(NeuromyoError, match="E-OPTION"):
        segmentation.read(path, threshold=0.0)


def test_the_order_of_frames_is_of_no_account(tmp_path):
    ds = made(masks_of(), ["a", "b"])
    before = segmentation.read(saved(ds, tmp_path))
    rows, columns, n = ds.Rows, ds.Columns, int(ds.NumberOfFrames)
    bits = np.unpackbits(np.frombuffer(ds.PixelData, np.uint8), bitorder="little")[: rows * columns * n].reshape(n, -1)
    order = np.random.default_rng(1).permutation(n)
    packed = np.packbits(bits[order].ravel(), bitorder="little").tobytes()
    ds.PixelData = packed + b"\0" * (len(packed) % 2)
    ds.PerFrameFunctionalGroupsSequence = [ds.PerFrameFunctionalGroupsSequence[i] for i in order]
    after = segmentation.read(saved(ds, tmp_path))
    assert np.array_equal(before.volume, after.volume) and before.grid.same_as(after.grid, 1e-9)


def test_parts_of_each_other_are_kept_and_other_overlap_is_refused(tmp_path):
    masks = np.zeros((6, 9, 7, 2), np.uint8)
    masks[1:4, 2:7, 1:6, 0] = 1
    masks[1:4, 3:5, 2:4, 1] = 1
    labels = segmentation.read(saved(made(masks, ["Sciatic nerve left", "Fascicles"]), tmp_path))
    assert labels.regions[1] == Region(2, "fascicles", "left", "sciatic-nerve", "SCT:57721005")
    assert labels.mask("sciatic-nerve").sum() == masks[..., 0].sum()
    masks[4, 3, 3, 1] = 1
    with pytest.raises(NeuromyoError, match=r"segments 1 and 2 share 12 voxels") as caught:
        segmentation.read(saved(made(masks, ["Canary One", "Canary Two"]), tmp_path))
    assert caught.value.code == "E-LABELS" and "anary" not in str(caught.value)


def without_spacing(ds):
    ds = copy.deepcopy(ds)
    del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    return ds


def test_slices_that_were_left_out_are_not_taken_for_a_gap(tmp_path):
    masks = np.zeros((6, 9, 7, 1), np.uint8)
    masks[0, 2:5, 1:3, 0] = masks[4, 2:5, 1:3, 0] = 1
    ds = made(masks, ["soleus"])
    assert segmentation.read(saved(ds, tmp_path)).grid.shape[2] == 5
    bare = saved(without_spacing(ds), tmp_path)
    with pytest.raises(NeuromyoError, match="16 mm apart, over a gap or over slices that were left out") as caught:
        segmentation.read(bare)
    assert caught.value.code == "E-GEOM"
    assert open_masks(bare, spacing_mm=4.0).grid.shape[2] == 5
    full = masks_of(1)
    full[2] = full[1]
    assert segmentation.read(saved(without_spacing(made(full.astype(np.uint8), ["a"])), tmp_path)).grid.shape[2] == 3


def changed(masks, change):
    ds = made(masks.astype(np.uint8), ["a", "b"])
    change(ds)
    return ds


def _uneven(ds):
    ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0].ImagePositionPatient = (
        world([[0, 0, 0]])[0] * [-1, -1, 1] + [0, 0, 9]
    ).tolist()


def _askew(ds):
    at = ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
    at.ImagePositionPatient = [at.ImagePositionPatient[0] + 2.0, *at.ImagePositionPatient[1:]]


def _far(ds):
    at = ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionSequence[0]
    at.ImagePositionPatient = [*at.ImagePositionPatient[:2], at.ImagePositionPatient[2] + 4.0e6]


def _no_segment(ds):
    del ds.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence


def _no_place(ds):
    del ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence


def _few_groups(ds):
    ds.PerFrameFunctionalGroupsSequence = ds.PerFrameFunctionalGroupsSequence[:-1]


def _short(ds):
    ds.PixelData = ds.PixelData[:10]


def _no_kind(ds):
    ds.SegmentationType = "CANARY"


def _empty(ds):
    ds.PixelData = b"\0" * len(ds.PixelData)


@pytest.mark.gauntlet
@pytest.mark.parametrize(
    ("change", "code"),
    [(_uneven, "E-GEOM"), (_askew, "E-GEOM"), (_far, "E-DIMS"), (_no_segment, "E-DICOM"), (_no_place, "E-GEOM"),
     (_few_groups, "E-DIMS"), (_short, "E-DICOM"), (_no_kind, "E-DICOM"), (_empty, "E-EMPTYROI")],
)  # fmt: skip
def test_segmentations_that_cannot_be_used(tmp_path, change, code):
    path = saved(changed(masks_of(), change), tmp_path, "Canary_0001.dcm")
    with pytest.raises(NeuromyoError) as caught:
        segmentation.read(path)
    assert (
        caught.value.code == code
        and caught.value.remedy
        and "anary" not in str(caught.value).replace("CANARY", "anary")
    )


def test_one_segmentation_is_looked_for(tmp_path):
    for k, ds in enumerate(images(2)):
        saved(ds, tmp_path, f"im{k}.dcm")
    with pytest.raises(NeuromyoError, match="none among 2 files"):
        open_masks(tmp_path)
    for name in ("s1.dcm", "s2.dcm"):
        saved(made(masks_of().astype(np.uint8), ["a", "b"]), tmp_path, name)
    with pytest.raises(NeuromyoError, match="2 of them"):
        open_masks(tmp_path)
    (tmp_path / "s2.dcm").unlink()
    (tmp_path / "notes.txt").write_text("no image")
    assert len(open_masks(tmp_path).regions) == 2
    with pytest.raises(NeuromyoError, match="E-FORMAT"):
        open_masks(tmp_path / "notes.txt")


@pytest.mark.gauntlet
def test_segmentations_changed_at_random_are_read_or_refused(tmp_path):
    whole = saved(made(masks_of().astype(np.uint8), ["a", "b"]), tmp_path).read_bytes()
    rng = np.random.default_rng(4)
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(60):
        spoiled = bytearray(whole)
        for at in rng.integers(132, len(whole), rng.integers(1, 4)):
            spoiled[at] = rng.integers(0, 256)
        (folder / f"{n:03d}.dcm").write_bytes(spoiled if n % 5 else spoiled[: rng.integers(1, len(whole))])
    with pytest.raises(NeuromyoError) as caught:  # dozens of segmentations, or none: nothing crashes or hangs
        segmentation.read(folder, limits=Limits(deaths=61))
    assert caught.value.code == "E-LABELS" and "of them" in str(caught.value)
