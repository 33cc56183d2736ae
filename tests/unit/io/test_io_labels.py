"""Tables of regions as people write them, and the real labels whose sides were swapped."""

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io.labels import read_labels
from neuromyo.io.nifti import open_image
from neuromyo.io.nifti_write import write_image
from neuromyo.space.overlap import place_labels
from tests.gauntlet.making import nii


def labels_with(tmp_path, text, volume=None):
    volume = np.arange(8, dtype=np.uint8).reshape(2, 2, 2) if volume is None else volume
    (tmp_path / "x_dseg.nii").write_bytes(nii(volume, np.diag([2.0, 2, 2, 1])))
    if text is not None:
        (tmp_path / "x_dseg.tsv").write_text(text)
    return read_labels(tmp_path / "x_dseg.nii", scratch=tmp_path)


def test_without_a_table_regions_are_called_by_their_index(tmp_path):
    assert [r.name for r in labels_with(tmp_path, None).regions] == [f"label-{i}" for i in range(1, 8)]


def test_names_sides_and_parents(tmp_path):
    text = (
        "index\tname\tside\tparent\tcode\tcolor\n0\tbackground\tn/a\tn/a\tn/a\tx\n"
        "4\tTibialis Anterior\tR\tLeg\tSCT:1\tx\n3\tsoleus\tL\tleg\tn/a\tx\n1.0\tbone_marrow\tmidline\tn/a\tn/a\tx\n"
    )
    regions = {r.index: r for r in labels_with(tmp_path, text).regions}
    assert regions[4] == Region(4, "tibialis-anterior", "right", "leg", "SCT:1")
    assert regions[3].side == "left" and regions[1].name == "bone-marrow" and regions[1].side == "midline"
    assert regions[7].name == "label-7" and 0 not in regions


@pytest.mark.parametrize(
    ("text", "words"),
    [("index\tside\n1\tleft\n", "column name"), ("index\tname\nx\ty\n", "row 2, column index"),
     ("index\tname\n1\ta\n1\tb\n", "each index once"), ("index\tname\tside\n1\ta\tup\n", "column side"),
     ("index\tname\n1\tn/a\n", "column name")],
)  # fmt: skip
def test_tables_that_cannot_be_understood(tmp_path, text, words):
    with pytest.raises(NeuromyoError, match=words) as caught:
        labels_with(tmp_path, text)
    assert caught.value.code == "E-LABELS" and "x_dseg.tsv" in caught.value.where


@pytest.mark.realdata
def test_the_real_calf_labels_are_swapped_and_say_so(realdata, tmp_path):
    real = read_labels(realdata / "calf_mese" / "labels.nii.gz", scratch=tmp_path)
    assert [r.index for r in real.regions] == list(range(13, 27))
    # the provider drew 13, 15 ... in the left leg; on export left and right were swapped
    sides = "".join(
        f"{r.index}\tmuscle-{(r.index - 13) // 2}\t{'left' if r.index % 2 else 'right'}\n" for r in real.regions
    )
    write_image(tmp_path / "x_dseg.nii.gz", real.volume, real.grid)
    (tmp_path / "x_dseg.tsv").write_text("index\tname\tside\n" + sides)
    with pytest.raises(NeuromyoError, match="E-SIDE"):
        read_labels(tmp_path / "x_dseg.nii.gz", scratch=tmp_path)
    flipped = read_labels(tmp_path / "x_dseg.nii.gz", scratch=tmp_path, flip=True)
    image, grid, _ = open_image(realdata / "calf_bids/sub-calf1/anat/sub-calf1_echo-01_MESE.nii.gz", scratch=tmp_path)
    first = image.read()[..., 0]
    tissue = first > 0.1 * np.percentile(first, 99)
    place_labels(real, grid, body=tissue)
    place_labels(flipped, grid, body=tissue)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["water", "fat"])
def test_real_images_with_a_wrong_origin_do_not_overlap(realdata, tmp_path, name):
    image, grid, _ = open_image(realdata / "calf_mese" / f"{name}.nii.gz", scratch=tmp_path)
    values = image.read()[..., 0]
    drawn = Labels((values > np.percentile(values, 80)).astype(np.int32), grid, (Region(1, name),), name)
    t2 = realdata / "calf_mese" / "T2_scanner_map_13sl.nii.gz"
    with pytest.raises(NeuromyoError, match="field of view") as caught:
        place_labels(drawn, open_image(t2, scratch=tmp_path)[1])
    assert caught.value.code == "E-GRID"


def test_overlap_is_by_geometry_not_by_index():
    fine = Grid.of((8, 8, 4), np.diag([1.0, 1, 2, 1]))
    coarse = Grid.of((4, 4, 4), np.diag([2.0, 2, 2, 1]))
    volume = np.zeros((8, 8, 4), np.int32)
    volume[2:5, 2:5] = 1
    place_labels(Labels(volume, fine, (Region(1, "a"),)), coarse, body=np.ones((4, 4, 4), bool))
