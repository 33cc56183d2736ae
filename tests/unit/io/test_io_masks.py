"""Masks that people drew: NRRD as SimpleITK and 3D Slicer write it, NIfTI, and files that are not what they say."""

import gzip
import itertools

import numpy as np
import pytest
import SimpleITK

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.labels import Region
from neuromyo.io import nrrd
from neuromyo.io.masks import name_of, read_masks
from tests.gauntlet.making import nii

#: an oblique stack: columns are axes of length 0.5, 0.7 and 4 mm, in LPS
TURN = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def volume_of(shape=(6, 5, 4), values=(1, 2)):
    volume = np.zeros(shape, np.uint8)
    volume[1:3, 1:4, 1:3] = values[0]
    if len(values) > 1:
        volume[3:5, 1:4, 1:3] = values[1]
    return volume


def itk_file(path, volume, compressed=True, direction=TURN, origin=(-11.0, 22.0, 33.0)):
    image = SimpleITK.GetImageFromArray(volume.transpose(2, 1, 0))
    image.SetSpacing((0.5, 0.7, 4.0))
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(origin)
    SimpleITK.WriteImage(image, str(path), compressed)
    return image


def header(dimension=3, sizes="6 5 4", directions="(0.5,0,0) (0,0.7,0) (0,0,4)", encoding="raw", space="left-posterior-superior",
           kind="unsigned char", more=""):  # fmt: skip
    return (
        f"NRRD0004\n# a comment\ntype: {kind}\ndimension: {dimension}\nspace: {space}\nsizes: {sizes}\n"
        f"space directions: {directions}\nkinds: domain domain domain\nencoding: {encoding}\nspace origin: (-1,2,3)\n{more}\n"
    ).encode()


def slicer(path, layers, keys, encoding="gzip"):
    """A .seg.nrrd: one layer in three dimensions, several with a list axis in front."""
    whole = np.stack(layers) if len(layers) > 1 else layers[0]
    sizes = " ".join(map(str, whole.shape))
    directions = "none " * (len(layers) > 1) + "(0.5,0,0) (0,0.7,0) (0,0,4)"
    said = "".join(f"{k}:={v}\n" for k, v in keys.items())
    data = whole.tobytes(order="F")
    path.write_bytes(
        header(whole.ndim, sizes, directions, encoding, more=said)
        + (gzip.compress(data) if encoding == "gzip" else data)
    )
    return path


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32])
def test_a_label_map_of_simpleitk_lies_where_simpleitk_puts_it(tmp_path, compressed, kind):
    for n, (order, flips) in enumerate(itertools.product([(0, 1, 2), (2, 0, 1)], [(1, 1, 1), (-1, 1, -1)])):
        direction = TURN[:, order] * np.array(flips)
        direction = direction if np.linalg.det(direction) > 0 else -direction
        path = tmp_path / f"{n}.nrrd"
        image = itk_file(path, volume_of().astype(kind), compressed, direction)
        labels = read_masks(path)
        assert [(r.index, r.name) for r in labels.regions] == [(1, "label-1"), (2, "label-2")]
        for index in (1, 2):
            found = labels.grid.to_world(np.argwhere(labels.volume == index))
            lps = [image.TransformIndexToPhysicalPoint(list(map(int, v))) for v in np.argwhere(volume_of() == index)]
            wanted = np.array(lps) * [-1, -1, 1]
            assert np.allclose(np.sort(found.round(6), axis=0), np.sort(wanted.round(6), axis=0), atol=1e-5)
        assert labels.grid.slice_axis == next(i for i, s in enumerate(labels.grid.spacing_mm) if s > 3)


@pytest.mark.parametrize(
    ("space", "signs"), [("right-anterior-superior", (1, 1, 1)), ("RAS", (1, 1, 1)), ("left-anterior-superior", (-1, 1, 1)),
                         ("LPS", (-1, -1, 1))],
)  # fmt: skip
def test_every_space_is_the_same_world(tmp_path, space, signs):
    path = tmp_path / "x.nrrd"
    path.write_bytes(header(space=space) + volume_of().tobytes(order="F"))
    found = nrrd.read(path)
    assert np.allclose(found.affine[:3, 3], np.array(signs) * [-1, 2, 3])
    assert np.allclose(np.diag(found.affine)[:3], np.array(signs) * [0.5, 0.7, 4])


def test_big_endian_and_ascii_are_the_same_numbers(tmp_path):
    values = np.arange(120, dtype=np.int16).reshape(6, 5, 4, order="F") * 100
    (tmp_path / "big.nrrd").write_bytes(
        header(kind="short", more="endian: big\n") + values.astype(">i2").tobytes(order="F")
    )
    (tmp_path / "text.nrrd").write_bytes(
        header(kind="short", encoding="ascii") + " ".join(map(str, values.ravel("F"))).encode()
    )
    for name in ("big", "text"):
        assert np.array_equal(nrrd.read(tmp_path / f"{name}.nrrd").values[..., 0], values)


def test_a_segmentation_of_slicer(tmp_path):
    tags = "Segmentation.Status:x|TerminologyEntry:General~SCT^123037004^Anatomical Structure~SCT^57721005^Soleus~^^~Anatomic~^^~^^|"
    path = slicer(tmp_path / "Segmentation.seg.nrrd", [volume_of(values=(1, 3))], {
        "Segment0_ID": "Segment_1", "Segment0_Name": "Left Soleus muscle", "Segment0_LabelValue": "1", "Segment0_Layer": "0",
        "Segment0_Tags": tags, "Segment1_Name": "Gastrocnemius <lat.>", "Segment1_LabelValue": "3", "Segment1_Layer": "0",
    })  # fmt: skip
    labels = read_masks(path)
    assert labels.regions == (Region(1, "soleus-muscle", "left", "", "SCT:57721005"), Region(2, "gastrocnemius-lat"))
    assert (labels.volume == 1).sum() == (labels.volume == 2).sum() == 12
    assert labels.grid.spacing_mm == pytest.approx((0.5, 0.7, 4))


def nested():
    nerve, fascicles, other = (np.zeros((6, 5, 4), np.uint8) for _ in range(3))
    nerve[1:5, 1:4, 1:3] = 1
    fascicles[2:4, 2:3, 1:3] = 1
    other[0, 0, 0] = 1
    return nerve, fascicles, other


@pytest.mark.parametrize("old", [False, True])
def test_what_lies_within_another_becomes_its_part(tmp_path, old):
    nerve, fascicles, other = nested()
    keys = {"Segment0_Name": "Right sciatic nerve", "Segment1_Name": "sciatic nerve fascicles", "Segment2_Name": "Blob"}
    if not old:
        layers = [nerve + 2 * other, fascicles]
        keys |= {f"Segment{i}_Layer": str(layer) for i, layer in enumerate((0, 1, 0))}
        keys |= {f"Segment{i}_LabelValue": str(v) for i, v in enumerate((1, 1, 2))}
    else:
        layers = [nerve, fascicles, other]
    labels = read_masks(slicer(tmp_path / "n.seg.nrrd", layers, keys))
    assert labels.regions == (Region(1, "sciatic-nerve", "right"), Region(2, "sciatic-nerve-fascicles", "right", "sciatic-nerve"),
                              Region(3, "blob"))  # fmt: skip
    whole = labels.grid.from_source(nerve.astype(bool))
    assert np.array_equal(labels.mask("sciatic-nerve"), whole)
    assert labels.mask("sciatic-nerve-fascicles").sum() == 4 and labels.mask("blob").sum() == 1


def test_segments_that_overlap_otherwise_are_refused_by_number(tmp_path):
    nerve, fascicles, _ = nested()
    fascicles[5, 2, 1] = 1
    path = slicer(tmp_path / "n.seg.nrrd", [nerve, fascicles], {"Segment0_Name": "a", "Segment1_Name": "b"})
    with pytest.raises(NeuromyoError, match="segments 1 and 2 share 4 voxels") as caught:
        read_masks(path)
    assert caught.value.code == "E-LABELS"
    path = slicer(tmp_path / "same.seg.nrrd", [nerve, nerve], {"Segment0_Name": "a", "Segment1_Name": "b"})
    with pytest.raises(NeuromyoError, match="share 24 voxels"):
        read_masks(path)


def test_an_empty_segmentation_and_a_value_without_a_segment(tmp_path):
    one = np.zeros((1, 1, 1), np.uint8)
    with pytest.raises(NeuromyoError, match="E-EMPTYROI"):
        read_masks(slicer(tmp_path / "e.seg.nrrd", [one], {"Segment0_Name": "a"}))
    with pytest.raises(NeuromyoError, match="the value 2 without one"):
        read_masks(slicer(tmp_path / "v.seg.nrrd", [volume_of()], {"Segment0_Name": "a", "Segment0_LabelValue": "1"}))


def test_fractions_are_no_labels(tmp_path):
    keys = {"Segmentation_MasterRepresentation": "Fractional labelmap", "Segment0_Name": "a"}
    with pytest.raises(NeuromyoError, match="binary labelmap"):
        read_masks(slicer(tmp_path / "f.seg.nrrd", [volume_of()], keys))


def test_names_are_cleaned_and_told_apart(tmp_path):
    volume = np.zeros((6, 5, 4), np.uint8)
    volume[:4, 0, 0] = (1, 2, 3, 4)
    names = ["Soleus", "soleus!", "=CMD()|\x1b[31m\u202e", "x" * 500]
    keys = {f"Segment{i}_Name": n for i, n in enumerate(names)} | {
        f"Segment{i}_LabelValue": str(i + 1) for i in range(4)
    }
    found = [r.name for r in read_masks(slicer(tmp_path / "n.seg.nrrd", [volume], keys)).regions]
    assert found == ["soleus", "soleus-2", "cmd-31m", "x" * 64]


def test_a_mask_alone_is_called_as_its_file(tmp_path):
    for name, wanted in [("Left soleus.nrrd", Region(1, "soleus", "left")), ("sub-01_label-soleus_mask.nrrd", Region(1, "soleus")),
                         ("tibial-nerve_mask.seg.nrrd", Region(1, "tibial-nerve")), ("mask.nrrd", Region(1, "label-1"))]:  # fmt: skip
        itk_file(tmp_path / name, volume_of(values=(1,)))
        assert read_masks(tmp_path / name).regions == (wanted,)
    (tmp_path / "right_gracilis_mask.nii").write_bytes(nii(volume_of(values=(1,)), np.diag([2.0, 2, 2, 1])))
    assert read_masks(tmp_path / "right_gracilis_mask.nii", scratch=tmp_path).regions == (
        Region(1, "gracilis", "right"),
    )
    assert name_of(tmp_path / "sub-7_ses-1_acq-x_soleus_dseg.nii.gz") == "soleus"


def test_tables_and_colours_beside_a_label_map(tmp_path):
    itk_file(tmp_path / "a.nrrd", volume_of())
    (tmp_path / "a.ctbl").write_text(
        "# Color table\n0 Background 0 0 0 0\n1 Soleus muscle 10 20 30 255\n2 left_gracilis 1 2 3 255\n"
    )
    assert read_masks(tmp_path / "a.nrrd").regions == (Region(1, "soleus-muscle"), Region(2, "gracilis", "left"))
    (tmp_path / "a.tsv").write_text("index\tname\tside\n1\tsoleus\tright\n2\tgracilis\tright\n")
    assert [r.side for r in read_masks(tmp_path / "a.nrrd").regions] == ["right", "right"]


BAD = [
    (header() + b"\0" * 119, "E-TRUNC"),
    (header(), "E-TRUNC"),
    (header() + b"\0" * 120 + b"\0" * (1 << 17), "E-DIMS"),
    (header(encoding="gzip") + gzip.compress(b"\1" * 120)[:-9], "E-TRUNC"),
    (header(encoding="gzip") + gzip.compress(b"\1" * 119), "E-TRUNC"),
    (header(encoding="gzip") + gzip.compress(b"\1" * (1 << 20)), "E-BOMB"),
    (header(encoding="gzip", sizes="9000 9000 90") + gzip.compress(b"\1" * 120), "E-BOMB"),
    (header(sizes="60000 60000 60000"), "E-DIMS"),
    (header(sizes="6 5"), "E-DIMS"),
    (header(sizes="6 -5 4"), "E-DIMS"),
    (header(dimension=2, sizes="6 5"), "E-DIMS"),
    (header(space="scanner-xyz") + b"\1" * 120, "E-GEOM"),
    (header(directions="(1,0,0) (0,1,0) (0,1,0)") + b"\1" * 120, "E-GEOM"),
    (header(directions="(1,0,0) (0,nan,0) (0,1,0)") + b"\1" * 120, "E-GEOM"),
    (header(directions="none (0,1,0) (0,0,1)") + b"\1" * 120, "E-GEOM"),
    (header(encoding="bzip2") + b"\1" * 120, "E-FORMAT"),
    (header(more="data file: other.raw\n"), "E-FORMAT"),
    (header(more="byte skip: -1\n") + b"\1" * 120, "E-FORMAT"),
    (header(kind="block") + b"\1" * 120, "E-DTYPE"),
    (header(kind="short") + b"\1" * 240, "E-HEADER"),
    (header(more="type: float\n") + b"\1" * 120, "E-HEADER"),
    (header(more='space units: "cm" "cm" "cm"\n') + b"\1" * 120, "E-UNITS"),
    (header(encoding="ascii") + b"1 2 x", "E-TRUNC"),
    (b"NRRD0004\ntype: short\n" + b"#" * 200, "E-TRUNC"),
    (b"NRRD0009\n\n", "E-FORMAT"),
    (b"", "E-EMPTY"),
    (header() + b"\0" * 120, "E-EMPTYROI"),
]  # fmt: skip


@pytest.mark.gauntlet
@pytest.mark.parametrize("n", range(len(BAD)))
def test_files_that_are_not_what_they_say(tmp_path, n):
    content, code = BAD[n]
    (tmp_path / "bad.nrrd").write_bytes(content)
    with pytest.raises(NeuromyoError) as caught:
        nrrd.read(tmp_path / "bad.nrrd") if code in ("E-EMPTY", "E-FORMAT") else read_masks(tmp_path / "bad.nrrd")
    assert caught.value.code == code and "bad.nrrd" in caught.value.where and caught.value.remedy


@pytest.mark.gauntlet
def test_files_changed_at_random_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(11)
    keys = {f"Segment{i}_{k}": v for i in (0, 1) for k, v in (("Name", "ab"[i]), ("LabelValue", str(i + 1)))}
    whole = slicer(tmp_path / "x.seg.nrrd", [volume_of()], keys).read_bytes()
    refused = 0
    for _ in range(400):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            changed[at] = rng.integers(0, 256)
        (tmp_path / "x.seg.nrrd").write_bytes(
            changed[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.2 else changed
        )
        try:
            read_masks(tmp_path / "x.seg.nrrd", scratch=tmp_path)
        except NeuromyoError:
            refused += 1
    assert refused > 100
