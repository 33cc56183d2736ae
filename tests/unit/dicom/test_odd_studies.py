"""Studies that are odd but plausible: each comes out as it was written, is refused, or is warned of by name. None is silent."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from neuromyo.dicom import describe
from tests.dialects import altered, enhanced, header, siemens
from tests.dialects.cases import CASES, mese, weighted
from tests.dialects.exam import Examination
from tests.dialects.geometry import affine, onto, pattern
from tests.dialects.scan import Scan
from tests.dialects.truth import OBLIQUE
from tests.unit.dicom.test_dialects_to_stacks import sorted_of, volumes_of

DOUBTS = ("W-TORN", "W-UNITS", "W-GRAD", "W-SPACING", "W-SCALE", "W-LOSSY")


def train(folder, scan=None, **more):
    return siemens.write(scan or mese(), Examination().series(3, "mese"), folder, **more)


def each(paths, change):
    for number, path in enumerate(paths):
        said = pydicom.dcmread(path)
        change(said, number)
        said.save_as(path)


def seen(folder):
    """(stacks, doubts as (code, text), errors) of a folder."""
    made, _, findings = sorted_of(folder)
    told = [*((f.code, f"{f.where}: {f.message}") for f in made.findings),
            *((f["code"], f"{f['where']}: {f['message']}") for f in findings)]  # fmt: skip
    return made.stacks, [(c, t) for c, t in told if c in DOUBTS], made.errors


def only(doubts, code, *words):
    assert [c for c, _ in doubts] == [code], doubts
    for word in ("series 3", *words):
        assert word in doubts[0][1], doubts


@pytest.mark.parametrize("name", [n for n in CASES if "two stacks" not in n])
def test_no_dialect_is_doubted(tmp_path, name):
    """What scanners write in health gives no warning of what is odd."""
    CASES[name](tmp_path / "in")
    _, doubts, _ = seen(tmp_path / "in")
    assert [d for d in doubts if "GE does not publish" not in d[1]] == []


# --- one series that is two, two that are one -------------------------------------------------------------------------


def _another(said, _):
    said.SeriesInstanceUID += ".7"


@pytest.mark.parametrize("which", [lambda n: n % 5 >= 3, lambda n: n >= 10], ids=["slices", "an echo"])
def test_a_series_torn_in_two(tmp_path, which):
    paths = train(tmp_path)
    each([p for n, p in enumerate(paths) if which(n)], _another)
    stacks, doubts, _ = seen(tmp_path)
    assert len(stacks) == 2
    only(doubts, "W-TORN", "several series have this number")


def test_an_export_under_new_identifiers(tmp_path):
    train(tmp_path / "a")

    def anew(said, _):
        said.SeriesInstanceUID += ".8"
        said.SOPInstanceUID += ".8"
        said.file_meta.MediaStorageSOPInstanceUID = said.SOPInstanceUID

    each(train(tmp_path / "b"), anew)
    only(seen(tmp_path)[1], "W-TORN", "exported twice")


@pytest.mark.parametrize("changed", [False, True])
def test_two_exports_under_the_same_identifiers(tmp_path, changed):
    """The second is left out; that it was rescaled on the way is said."""
    train(tmp_path / "a")
    paths = train(tmp_path / "b")
    if changed:
        each(paths, lambda said, _: (setattr(said, "RescaleSlope", 2), setattr(said, "RescaleIntercept", 0)))
    made, _, _ = sorted_of(tmp_path)
    told = [f.message for f in made.findings if f.code == "W-DUPLICATE"]
    assert len(made.stacks) == 1 and "15 copies" in told[0]
    assert ["15 of them say something else" in one for one in told[1:]] == [True] * changed


def test_two_examinations_of_a_day_number_their_series_alike(tmp_path):
    """Series 3 of each is of another kind: nothing to be said."""
    train(tmp_path / "a")
    scan = Scan(
        pattern((20, 24, 5, 1)), OBLIQUE, echo_times=(0.005,), sequence="GR", flip_deg=(15.0,), repetition_time=0.03
    )
    siemens.write(scan, Examination(visit=2).series(3, "gre"), tmp_path / "b")
    stacks, doubts, _ = seen(tmp_path)
    assert len(stacks) == 2 and doubts == []


def test_echoes_of_another_matrix_or_repetition_time(tmp_path):
    series = Examination().series(3, "mese")
    siemens.write(Scan(pattern((20, 24, 5, 1)), OBLIQUE, echo_times=(0.0101,)), series, tmp_path / "a")
    siemens.write(Scan(pattern((24, 28, 5, 2)), OBLIQUE, echo_times=(0.0202, 0.0303)), series, tmp_path / "a")
    only(seen(tmp_path / "a")[1], "W-TORN", "20 x 24", "24 x 28")
    each(train(tmp_path / "b")[10:], lambda said, _: setattr(said, "RepetitionTime", 1600))
    only(seen(tmp_path / "b")[1], "W-TORN", "repetition time")


def test_coils_that_were_not_combined(tmp_path):
    series = Examination().series(3, "mese")
    for coil in range(2):
        paths = siemens.write(mese(seed=coil), series, tmp_path / f"{coil}")
        each(paths, lambda said, _, coil=coil: said[0x0051100F].__setattr__("value", f"A{coil + 1}"))
    stacks, doubts, _ = seen(tmp_path)
    assert len(stacks) == 2
    only(doubts, "W-TORN", "receive coils")


def test_two_stacks_in_one_enhanced_file_come_apart(tmp_path):
    """Left and right leg: slices of both at the same heights. Nothing of one gets into the other."""
    legs = [mese(affine(corner=(x, 61.0, -312.0)), seed=n) for n, x in enumerate((60.0, -60.0))]
    files = [pydicom.dcmread(enhanced.write(leg, Examination().series(3, "mese"), tmp_path / f"{n}", vendor="philips")[0])
             for n, leg in enumerate(legs)]  # fmt: skip
    both = files[0]
    for frame in files[1].PerFrameFunctionalGroupsSequence:
        frame.FrameContentSequence[0].StackID = "2"
    both.PerFrameFunctionalGroupsSequence += files[1].PerFrameFunctionalGroupsSequence
    both.PixelData += files[1].PixelData
    both.NumberOfFrames = len(both.PerFrameFunctionalGroupsSequence)
    (tmp_path / "in").mkdir()
    both.save_as(tmp_path / "in" / "IM1")
    made, listing, _ = sorted_of(tmp_path / "in")
    assert made.errors == () and len(made.stacks) == 2
    for stack in made.stacks:
        leg = legs[0] if abs(stack.affine[0, 3] - 60) < 1 else legs[1]
        for n, volume in enumerate(volumes_of(stack, listing, tmp_path)):
            np.testing.assert_array_equal(onto(volume.values, volume.affine, leg.affine), leg.stored[..., n])
    only(seen(tmp_path / "in")[1], "W-TORN", "several stacks")


def test_slices_of_two_stacks_between_each_other(tmp_path):
    """Evenly spaced by chance, at half the distance that the header states."""
    series = Examination().series(3, "mese")
    for n in range(2):
        siemens.write(mese(affine(corner=(55.0, 61.0, -312.0 + 3.0 * n)), seed=n), series, tmp_path)
    only(seen(tmp_path)[1], "W-SPACING", "3 mm apart", "6 mm")


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-3, 1e3], ids=["seconds", "microseconds"])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", ["SE", "GR"])
def test_echo_times_in_another_unit(tmp_path, factor, both, kind):
    if kind == "SE":
        scan = mese()
    else:
        scan = Scan(
            pattern((8, 9, 3, 1)), OBLIQUE, echo_times=(0.005,), sequence="GR", flip_deg=(15.0,), repetition_time=0.03
        )

    def change(said, _):
        said.EchoTime = header.ds(float(said.EchoTime) * factor)
        if both:
            said.RepetitionTime = header.ds(float(said.RepetitionTime) * factor)

    each(train(tmp_path, scan), change)
    only(seen(tmp_path)[1], "W-UNITS", "EchoTime")


@pytest.mark.parametrize("value", [None, 0])
def test_an_echo_time_that_some_images_lack(tmp_path, value):
    each(train(tmp_path)[5:10], lambda said, _: setattr(said, "EchoTime", value))
    stacks, _, (error,) = seen(tmp_path)
    assert stacks == ()
    assert error.code == "E-ECHO-COUNT" and "series 3" in error.where and "5 of 15" in error.found


# --- values -----------------------------------------------------------------------------------------------------------


def first_values(folder, tmp_path):
    made, listing, _ = sorted_of(folder)
    (stack,) = made.stacks
    first = next(iter(volumes_of(stack, listing, tmp_path)))
    return onto(first.values, first.affine, OBLIQUE)


def test_a_slope_for_each_slice_is_heeded(tmp_path):
    scan = mese()

    def change(said, n):
        said.RescaleSlope, said.RescaleIntercept = header.ds(1 + 0.25 * (n % 5)), 0

    each(train(tmp_path / "in", scan), change)
    expected = scan.stored[..., 0] * (1 + 0.25 * np.arange(5))
    np.testing.assert_allclose(first_values(tmp_path / "in", tmp_path), expected, rtol=1e-6)
    assert seen(tmp_path / "in")[1] == []


def test_a_slope_that_some_images_lost(tmp_path):
    def change(said, n):
        if n % 5 != 2:
            said.RescaleSlope, said.RescaleIntercept = 2, 0

    each(train(tmp_path), change)
    only(seen(tmp_path)[1], "W-SCALE", "3 of its 15 images")


@pytest.mark.parametrize(("vr", "value"), [("SS", -2000), ("US", 63536)])
def test_padding_of_signed_pixels(tmp_path, vr, value):
    """In whichever way the header writes the number that stands for nothing."""
    stored = pattern((8, 9, 3, 1), low=-1900, high=1900, dtype=np.int16)
    stored[:3] = -2000
    each(
        train(tmp_path / "in", Scan(stored, OBLIQUE, echo_times=(0.04,))),
        lambda said, _: said.add_new(0x00280120, vr, value),
    )
    expected = np.where(stored[..., 0] == -2000, 0, stored[..., 0])
    np.testing.assert_array_equal(first_values(tmp_path / "in", tmp_path), expected)


def test_a_window_changes_nothing_and_a_table_of_values_is_refused(tmp_path):
    def table():
        said = pydicom.Dataset()
        said.LUTDescriptor, said.LUTExplanation = [4096, 0, 16], "x"
        said.add_new(0x00283006, "OW", (np.arange(4096, dtype="<u2") * 3).tobytes())
        return [said]

    scan = mese()
    paths = train(tmp_path / "in", scan)
    each(paths, lambda said, _: setattr(said, "VOILUTSequence", table()))
    np.testing.assert_array_equal(first_values(tmp_path / "in", tmp_path), scan.stored[..., 0])
    each(paths, lambda said, _: setattr(said, "ModalityLUTSequence", table()))
    (answer,) = [
        a for a in describe.answer({"root": str(paths[0].parent), "files": [[0, paths[0].name]]}) if "error" in a
    ]
    assert answer["error"]["code"] == "E-DTYPE" and "ModalityLUTSequence" in answer["error"]["where"]


def test_a_map_that_says_it_is_a_signal(tmp_path):
    def change(said, _):
        said.RescaleSlope, said.RescaleIntercept, said.RescaleType = header.ds(0.1), 0, "ms"

    each(train(tmp_path, Scan(pattern((8, 9, 3, 1)), OBLIQUE, echo_times=(0.04,))), change)
    only(seen(tmp_path)[1], "W-UNITS", "RescaleType")


def test_siemens_phase_that_lost_its_slope(tmp_path):
    """0 to 4095 in twelve bits is one turn, whether the header says so or not."""
    scan = Scan(
        pattern((8, 9, 3, 1), high=4096),
        OBLIQUE,
        echo_times=(0.005,),
        sequence="GR",
        parts=("phase",),
        repetition_time=0.03,
    )

    def change(said, _):
        del said.RescaleSlope, said.RescaleIntercept, said.RescaleType

    each(train(tmp_path / "in", scan), change)
    np.testing.assert_allclose(first_values(tmp_path / "in", tmp_path), siemens.radians(scan.stored[..., 0]), atol=1e-6)


def test_diffusion_without_directions(tmp_path):
    def change(said, n):
        altered.without_private(said)
        said.DiffusionBValue = 1000.0 if n >= 5 else 0.0

    each(siemens.write(weighted(), Examination().series(3, "dti"), tmp_path), change)
    only(seen(tmp_path)[1], "W-GRAD", "6 diffusion-weighted volumes")


def test_images_compressed_with_loss(tmp_path):
    each(train(tmp_path), lambda said, _: setattr(said, "LossyImageCompression", "01"))
    only(seen(tmp_path)[1], "W-LOSSY")


def test_values_are_those_stored_where_bits_differ_by_image(tmp_path):
    scan = mese()

    def change(said, _):
        said.BitsStored, said.HighBit = 12, 11

    each(train(tmp_path / "in", replace(scan, stored=scan.stored % 4096))[5:10], change)
    np.testing.assert_array_equal(first_values(tmp_path / "in", tmp_path), scan.stored[..., 0])
