import json

import pytest

from neuromyo.dicom import fates
from neuromyo.dicom.deidentify import Who
from neuromyo.dicom.preview import Preview
from tests.gauntlet import canaries
from tests.gauntlet.searching import hits


def table(images, keep=()):
    made = Preview()
    for n, image in enumerate(images):
        for said in fates.of_file(image, Who(bytes(32), "01", frozenset(keep))):
            made.add(json.loads(json.dumps({"file": n, **said} if "values" in said else said)))
    return made


@pytest.fixture(scope="module")
def seen():
    return table([canaries.image(z, e, t, 6 * z + e + 1) for z in range(2) for e, t in enumerate(canaries.TIMES_MS)])


def row(made, keyword, nested=False):
    return next(r for r in made.rows() if r["keyword"] == keyword and r["nested"] == nested)


@pytest.mark.parametrize(("keyword", "fate"), [
    ("PatientName", "replaced"), ("PatientID", "replaced"), ("StudyInstanceUID", "replaced"), ("PatientBirthDate", "emptied"),
    ("PatientSex", "emptied"), ("StudyDate", "shifted"), ("PatientAge", "removed"), ("InstitutionName", "removed"),
    ("SeriesDescription", "kept in part"), ("EchoTime", "kept"), ("StudyTime", "kept"), ("PixelBandwidth", "removed"),
])  # fmt: skip
def test_the_fate_of_each_attribute_is_told(seen, keyword, fate):
    found = row(seen, keyword)
    assert found["fate"] == fate and found["files"] == 12 == seen.n_files
    assert bool(found["values"]) == (keyword == "EchoTime")


def test_kept_values_are_shown_and_others_never(seen):
    assert row(seen, "EchoTime")["values"] == ["10.0", "20.0", "30.0"]
    assert not hits([json.dumps(seen.rows()).encode(), seen.text().encode()], canaries.CANARIES)


def test_private_blocks_are_counted_and_unknown_ones_not_named(seen):
    blocks = [r["keyword"] for r in seen.rows() if r["keyword"].startswith("private block")]
    assert "private block GEMS_PARM_01 (1 elements)" in blocks and "private block of a vendor (2 elements)" in blocks


def test_free_text_and_pictures_are_named(seen):
    text = seen.text()
    assert "typed into" in text and "ImageComments" in text.split("typed into")[1]
    assert "12 of 12 files: graphics are laid over the image" in text and "These files are refused" not in text
    image = canaries.image(0, 0, 10.0, 1)
    image.BurnedInAnnotation = "YES"
    assert "These files are refused" in table([image]).text()


def test_what_is_asked_for_is_told_as_kept():
    image = [canaries.image(0, 0, 10.0, 1)]
    made = table(image, ("age", "weight"))
    assert row(made, "PatientAge")["fate"] == row(made, "PatientWeight")["fate"] == "kept"
    assert row(made, "PatientSize")["fate"] == "removed" and "--keep height" in row(made, "PatientSize")["why"]


def test_a_preview_goes_on_after_its_reader_was_started_again():
    images = [canaries.image(0, e, t, e + 1) for e, t in enumerate(canaries.TIMES_MS)]
    whole, twice = Preview(), Preview()
    for n, image in enumerate(images):
        for said in fates.of_file(image, Who(bytes(32), "01")):
            whole.add(said)
            twice.add(said)
            if "rows" in said and n == 3:
                twice.add(said)  # a new reader tells the shape anew
    assert whole.rows() == twice.rows()
