"""The rows of the gauntlet that the door alone decides: damaged, lying and foreign files."""

import json
import math
import os
import resource
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.maps import Map, Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.quantity import Quantity
from neuromyo.io import bids, derivatives, table
from neuromyo.io.labels import read_labels
from neuromyo.io.nifti import open_image, read_mask
from neuromyo.io.nifti_write import write_image
from neuromyo.space.overlap import place_labels
from tests.gauntlet.making import AFFINE, ECHOES, digests, gz, leg, nii, study

pytestmark = pytest.mark.gauntlet
NAN, INF = float("nan"), float("inf")
ONE = leg(1)[..., 0]


def door(path, tmp_path, **options):
    return open_image(path, scratch=tmp_path / "scratch", **options)


@pytest.fixture
def refused(tmp_path):
    """Write bytes under a name, open them, and check all that a refusal must be; the error comes back."""

    def check(code, data, name="sub-1_MESE.nii.gz", field="", remedy="", **options):
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(data)
        before = digests(folder)
        start = time.monotonic()
        with pytest.raises(NeuromyoError) as caught:
            door(path, tmp_path, **options)[0].read()
        error = caught.value
        assert error.code == code, str(error)
        assert name in error.where and field in error.where, error.where
        assert error.remedy and remedy in error.remedy, error.remedy
        assert error.exit_status == (4 if code == "E-BOMB" else 2)
        assert time.monotonic() - start < 100
        assert digests(folder) == before
        assert not list((tmp_path / "scratch").glob("*"))
        return error

    return check


def codes(findings):
    return [f.code for f in findings]


# --- G01-G09: damage, lies about size, bombs --------------------------------------------------


def test_g01_truncated(refused):
    data = nii(leg())
    error = refused("E-TRUNC", data[: len(data) // 2], "a.nii", remedy="copy the file again")
    assert str(len(data)) in error.needed and str(len(data) // 2) in error.found
    refused("E-TRUNC", data[:200], "a.nii", "header")


def test_g02_truncated_gzip(refused):
    plain = nii(leg())
    data = gz(plain)
    for keep in (len(data) // 2, len(data) - 1, len(data) - 8):
        error = refused("E-TRUNC", data[:keep], remedy="copy the file again")
        assert str(len(plain)) in error.needed and "bytes" in error.found
    refused("E-TRUNC", gz(plain[: len(plain) // 2]))


def test_g03_any_byte_flipped(tmp_path):
    data = gz(nii(leg(2)))
    right = open_bytes(data, tmp_path).read()
    accepted, told = [], {}
    for at in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[at] ^= 0x21
        try:
            got = open_bytes(bytes(damaged), tmp_path).read()
        except NeuromyoError as error:
            told[at] = error.code
        else:
            accepted.append(at)
            assert np.array_equal(got, right)
    assert {code for at, code in told.items() if at >= 4} == {"E-CRC"}
    assert {code for at, code in told.items() if at < 4} <= {"E-CRC", "E-FORMAT"}
    assert all(at < 10 for at in accepted), "only the gzip header's time and origin have no checksum"


def open_bytes(data, tmp_path, name="x.nii.gz"):
    (tmp_path / name).write_bytes(data)
    return door(tmp_path / name, tmp_path)[0]


def test_g03_the_checksum_itself(refused):
    data = bytearray(gz(nii(ONE)))
    data[-6] ^= 1
    refused("E-CRC", bytes(data), remedy="copy the file again")


def test_g04_trailing_garbage(refused, tmp_path):
    data = gz(nii(ONE))
    (tmp_path / "t.nii.gz").write_bytes(data + b"\x07" * 1000)
    handle, _, findings = door(tmp_path / "t.nii.gz", tmp_path)
    assert codes(findings) == ["W-TRAILING"] and "1000 bytes" in findings[0].message
    assert np.array_equal(handle.read()[..., 0][::-1], ONE)
    refused("E-FORMAT", data + b"\x07" * 2000, remedy="copy the file again")
    (tmp_path / "z.nii.gz").write_bytes(data + b"\x00" * 4096)
    assert door(tmp_path / "z.nii.gz", tmp_path)[2] == ()


def test_members_one_after_another_are_one_stream(tmp_path):
    plain = nii(ONE)
    handle = open_bytes(gz(plain[:1000]) + gz(plain[1000:1001]) + gz(plain[1001:]), tmp_path)
    assert np.array_equal(handle.read()[..., 0][::-1], ONE)


def test_g05_wrong_type_by_name(refused):
    assert "uncompressed NIfTI-1" in refused("E-FORMAT", nii(ONE), "a.nii.gz", remedy="rename").found
    assert "gzip" in refused("E-FORMAT", gz(nii(ONE)), "a.nii", remedy="rename").found
    assert "DICOM" in refused("E-FORMAT", bytes(128) + b"DICM" + bytes(300), "a.nii").found
    assert "zip" in refused("E-FORMAT", b"PK\x03\x04" + bytes(500), "a.nii").found
    refused("E-FORMAT", gz(b"hello" * 200))


def test_g06_empty_and_header_only(refused):
    refused("E-EMPTY", b"", "a.nii")
    refused("E-EMPTY", b"")
    refused("E-EMPTY", gz(b""))
    refused("E-EMPTY", nii(ONE)[:352], "a.nii", remedy="copy or convert")
    refused("E-EMPTY", gz(nii(ONE)[:352]), remedy="copy or convert")


def huge():
    return nii(np.zeros((2, 2, 2), np.int16), dim1=32767, dim2=32767, dim3=32767) + bytes(65_000)


@pytest.mark.parametrize(("data", "name"), [(huge(), "a.nii"), (gz(huge()), "a.nii.gz")], ids=["g07", "g08"])
def test_g07_g08_dimensions_beyond_the_file(refused, data, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refused("E-DIMS", data, name, "dim")
    assert "32767 x 32767 x 32767" in error.found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_g09_bomb(refused):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = nii(np.zeros((2, 2, 2), np.int16), dim1=1000, dim2=1000, dim3=2000)[:352]
    data = squeeze.compress(head) + b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(400)) + squeeze.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    error = refused("E-BOMB", data, max_input_gb=1, remedy="--max-input-gb")
    assert ":1" in error.found and time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


def test_g09_more_than_the_header_promises(refused):
    refused("E-BOMB", gz(nii(ONE) + bytes(70 << 20), 1))
    refused("E-DIMS", gz(nii(ONE) + bytes(5000)), field="dim")
    refused("E-DIMS", nii(ONE) + bytes(5000), "a.nii", "dim")


# --- G10-G19: the header ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("code", "field", "header"),
    [
        ("E-DIMS", "dim[1]", {"dim1": -4}),
        ("E-DIMS", "dim[2]", {"dim2": 0}),
        ("E-DIMS", "dim[0]", {"dim0": 99}),
        ("E-DIMS", "dim[0]", {"dim0": -3}),
        *[("E-GEOM", "pixdim[2]", {"pixdim2": v}) for v in (NAN, 0.0, -2.0, INF)],
        ("E-GEOM", "sform", {"srow5": NAN}),
        ("E-GEOM", "sform", {"srow0": 0.0}),
        ("E-GEOM", "sform", {f"srow{i}": 0.0 for i in range(12)}),
        ("E-GEOM", "sform_code and qform_code", {"sform_code": 0}),
        ("E-SCALE", "scl_slope", {"scl_slope": NAN}),
        ("E-SCALE", "scl_slope", {"scl_slope": INF}),
        ("E-SCALE", "scl_inter", {"scl_inter": NAN}),
        ("E-DTYPE", "datatype", {"datatype": 32}),
        ("E-DTYPE", "datatype", {"datatype": 128}),
        ("E-DTYPE", "datatype", {"datatype": 77}),
        ("E-HEADER", "bitpix", {"bitpix": 8}),
        *[("E-HEADER", "vox_offset", {"vox_offset": v}) for v in (NAN, 1e9, 100.0, 352.5, INF, -352.0)],
    ],
)
def test_g10_to_g16_header(refused, code, field, header, name):
    data = nii(ONE, **header)
    refused(code, gz(data) if name.endswith("gz") else data, name, field)


def test_g13_sform_and_qform_disagree(refused, tmp_path):
    header = {"qform_code": 1, "pixdim0": -1.0, "quatern1": 1.0, "qoffset0": 20.0, "qoffset1": -30.0, "qoffset2": 7.0}
    # a half turn about y mirrors x and z; with qfac -1 z stands again, so that both forms say the same
    (tmp_path / "same.nii").write_bytes(nii(ONE, **header))
    _, agreed, _ = door(tmp_path / "same.nii", tmp_path)
    moved = nii(ONE, **header | {"qoffset0": 22.0})
    error = refused("E-GEOM", moved, "a.nii", "sform and qform", remedy="geometry option")
    assert "2 mm" in error.found
    (tmp_path / "moved.nii").write_bytes(moved)
    sform = door(tmp_path / "moved.nii", tmp_path, geometry="sform")[1]
    qform = door(tmp_path / "moved.nii", tmp_path, geometry="qform")[1]
    assert sform.same_as(agreed)
    assert np.allclose(qform.affine[0, 3] - sform.affine[0, 3], 2)
    (tmp_path / "q.nii").write_bytes(nii(ONE, **header | {"sform_code": 0}))
    assert door(tmp_path / "q.nii", tmp_path)[1].same_as(agreed)
    refused("E-GEOM", nii(ONE, pixdim1=2.5), "a.nii", "pixdim and sform", remedy="sform")


def test_g14_slope_zero_is_no_scaling(tmp_path):
    (tmp_path / "a.nii").write_bytes(nii(ONE, scl_slope=0.0, scl_inter=NAN))
    handle, _, findings = door(tmp_path / "a.nii", tmp_path)
    assert codes(findings) == ["W-SCALE"] and np.array_equal(handle.read()[..., 0][::-1], ONE)


def test_g17_byte_orders_and_nifti2(tmp_path):
    nib = pytest.importorskip("nibabel")
    data = leg(3)
    for name, raw in (("l.nii", nii(data)), ("b.nii", nii(data, order=">"))):
        (tmp_path / name).write_bytes(raw)
    nib.save(nib.Nifti2Image(data, AFFINE), tmp_path / "two.nii")
    big = nib.Nifti2Image(data, AFFINE, header=nib.Nifti2Header(endianness=">"))
    nib.save(big, tmp_path / "twobig.nii.gz")
    handles = [door(tmp_path / n, tmp_path) for n in ("l.nii", "b.nii", "two.nii", "twobig.nii.gz")]
    for handle, grid, _ in handles:
        assert np.array_equal(handle.read()[::-1], data)
        assert grid.same_as(handles[0][1])


def test_g18_units(tmp_path, refused):
    metres = AFFINE.copy()
    metres[:3] /= 1000
    for name, affine, unit in (("mm", AFFINE, 2), ("m", metres, 1), ("um", AFFINE * [[1e3], [1e3], [1e3], [1]], 3)):
        (tmp_path / f"{name}.nii").write_bytes(nii(ONE, affine, xyzt_units=unit))
    grids = {n: door(tmp_path / f"{n}.nii", tmp_path) for n in ("mm", "m", "um")}
    assert all(np.array_equal(g[1].affine, grids["mm"][1].affine) and g[2] == () for g in grids.values())
    (tmp_path / "u.nii").write_bytes(nii(ONE, xyzt_units=0))
    _, grid, findings = door(tmp_path / "u.nii", tmp_path)
    assert codes(findings) == ["W-UNITS"] and "xyzt_units" in findings[0].where and grid.same_as(grids["mm"][1])


def test_g19_nothing_of_the_patient_goes_on(tmp_path):
    canary = b"CANARY^NAME"
    raw = bytearray(nii(ONE, descrip=canary, aux_file=canary, db_name=canary, intent_name=canary, vox_offset=384.0))
    raw[348] = 1
    raw[352:352] = struct.pack("<2i", 32, 6) + canary.ljust(24)
    (tmp_path / "a.nii.gz").write_bytes(gz(bytes(raw)))
    handle, grid, _ = door(tmp_path / "a.nii.gz", tmp_path)
    assert np.array_equal(handle.read()[..., 0][::-1], ONE)
    q = Quantity("T2", "T2", "ms", (0.0, 1.0), "T2map")
    values = handle.read()[..., 0]
    maps = Maps("t2-mono", grid, {"T2": Map(q, values, values, np.zeros(grid.shape, np.uint8))})
    write_image(tmp_path / "out" / "x.nii", values, grid)
    derivatives.write_maps(tmp_path / "out", maps, subject="1", session="")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert canary not in data and (path.suffix != ".gz" or canary not in zlib.decompress(data, 31))


# --- G20-G29: numbers and echo times ----------------------------------------------------------


def opened(root, tmp_path, subject="bad", **options):
    dataset = bids.index(root)
    files = next(s for s in dataset.sessions if s.subject == subject)
    return bids.open_session(dataset, files, scratch=tmp_path / "scratch", **options)


@pytest.fixture
def spoiled(tmp_path):
    """Make a study, spoil the bad subject's echo files, and check that only that subject suffers."""

    def check(change, code=None, where="", remedy=""):
        root = study(tmp_path / f"study{time.monotonic_ns()}")
        good = opened(root, tmp_path, "good").series[0].read()
        change(root / "sub-bad" / "anat")
        before = digests(root)
        session = opened(root, tmp_path)
        again = opened(root, tmp_path, "good")
        assert digests(root) == before
        assert not again.errors and np.array_equal(again.series[0].read(), good)
        if code is None:
            assert not session.errors, [str(e) for _, e in session.errors]
            return session
        ((name, error),) = session.errors
        assert error.code == code and error.exit_status == 2, str(error)
        assert "sub-bad" in name and where in error.where, error.where
        assert remedy in error.remedy and error.remedy
        return session

    return check


def echo(anat, number, array):
    array = np.asarray(array)
    (anat / f"sub-bad_echo-{number}_MESE.nii.gz").write_bytes(gz(nii(array)))


def sidecar(anat, number, **fields):
    path = anat / f"sub-bad_echo-{number}_MESE.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_g20_no_finite_number(spoiled):
    shape = ONE.shape
    spoiled(lambda a: echo(a, 2, np.full(shape, NAN, np.float32)), "E-NODATA", "echo-2_MESE.nii.gz", "export")
    spoiled(lambda a: echo(a, 2, np.full(shape, INF, np.float32)), "E-NODATA", "echo-2")

    def some(anat):
        values = leg(6)[..., 1].astype(np.float32)
        values[3, 3, :] = (NAN, INF, -INF, NAN)
        echo(anat, 2, values)

    session = spoiled(some)
    assert "W-NOTFINITE" in codes(session.findings)
    assert "4 samples" in next(f.message for f in session.findings if f.code == "W-NOTFINITE")
    assert np.isnan(session.series[0].read()[..., 1]).sum() == 4
    assert not np.isinf(session.series[0].read()).any()


def test_g21_negative_magnitudes(spoiled):
    def some(anat):
        values = leg(6)[..., 1].copy()
        values[:2, 0, 0] = -3
        echo(anat, 2, values)

    (finding,) = spoiled(some).findings
    assert finding.code == "W-NEGATIVE" and "2 samples" in finding.message and finding.consequence


def test_g22_no_signal(spoiled):
    for value in (0, 7):
        spoiled(lambda a, v=value: echo(a, 4, np.full(ONE.shape, v, np.int16)), "E-NOSIGNAL", "echo-4_MESE", "export")


def test_g23_saturated(spoiled):
    def clip(anat):
        values = leg(6)[..., 0]
        echo(anat, 1, np.minimum(values, np.percentile(values, 90)).astype(np.int16))

    (finding,) = spoiled(clip).findings
    assert finding.code == "W-SATURATED" and "echo-1" in finding.where and finding.remedy


def all_times(change):
    def apply(anat):
        for number, te in enumerate(ECHOES, start=1):
            sidecar(anat, number, EchoTime=change(te))

    return apply


def test_g24_g25_units(spoiled):
    session = spoiled(all_times(lambda te: te * 1000), "E-UNITS", "EchoTime", "divide by 1000: 0.008")
    assert "milliseconds" in session.errors[0][1].remedy
    session = spoiled(all_times(lambda te: te * 1e6), "E-UNITS", "EchoTime", "divide by 1000000: 0.008")
    assert "microseconds" in session.errors[0][1].remedy
    spoiled(lambda a: sidecar(a, 1, RepetitionTime=3000), "E-UNITS", "RepetitionTime", "divide by 1000: 3")


def test_g24_millisecond_layout(tmp_path):
    for number, (te, code) in enumerate((([8.0, 16.0, 24.0], None), ([0.008, 0.016, 0.024], "E-UNITS"))):
        folder = tmp_path / str(number) / "sub-1" / "mr-anat"
        folder.mkdir(parents=True)
        (folder / "sub-1_mese.nii.gz").write_bytes(gz(nii(leg(3))))
        (folder / "sub-1_mese.json").write_text(json.dumps({"EchoTime": te, "RepetitionTime": [2500.0]}))
        session = opened(tmp_path / str(number), tmp_path, "1")
        if code is None:
            acquisition = session.series[0].acquisition
            assert acquisition.echo_times == (0.008, 0.016, 0.024) and acquisition.repetition_time == 2.5
            assert session.series[0].kind == "MESE"
        else:
            assert session.errors[0][1].code == code and "multiply by 1000: 8" in session.errors[0][1].remedy


def test_g26_shuffled_echoes_are_the_same_series(tmp_path):
    straight = opened(study(tmp_path / "a"), tmp_path).series[0]
    root = study(tmp_path / "b")
    anat = root / "sub-bad" / "anat"
    files = {n: [(anat / f"sub-bad_echo-{n}_MESE{e}").read_bytes() for e in (".nii.gz", ".json")] for n in range(1, 7)}
    for number, other in zip(range(1, 7), (4, 1, 6, 2, 5, 3), strict=True):
        for ending, data in zip((".nii.gz", ".json"), files[other], strict=True):
            (anat / f"sub-bad_echo-{number}_MESE{ending}").write_bytes(data)
    shuffled = opened(root, tmp_path).series[0]
    assert shuffled.acquisition == straight.acquisition and np.array_equal(shuffled.read(), straight.read())
    four = tmp_path / "c" / "sub-bad" / "anat"
    four.mkdir(parents=True)
    order = [3, 0, 5, 1, 4, 2]
    (four / "sub-bad_MESE.nii").write_bytes(nii(leg(6, seed=0)[..., order]))
    (four / "sub-bad_MESE.json").write_text(json.dumps({"EchoTime": [ECHOES[i] for i in order], "RepetitionTime": 3.0}))
    listed = opened(tmp_path / "c", tmp_path).series[0]
    assert listed.acquisition == straight.acquisition and np.array_equal(listed.read(), straight.read())


def test_g27_reversed_echoes(spoiled):
    def reverse(anat):
        for number, te in enumerate(reversed(ECHOES), start=1):
            sidecar(anat, number, EchoTime=te)

    spoiled(reverse, "E-ECHO-ORDER", "EchoTime", "order of EchoTime")

    def stimulated(anat):
        echo(anat, 2, (leg(6, seed=0)[..., 0] * 1.1).astype(np.int16))

    spoiled(stimulated)


def test_g28_count_and_duplicates(spoiled, tmp_path):
    spoiled(lambda a: sidecar(a, 3, EchoTime=ECHOES[1]), "E-ECHO-COUNT", "echo-3_MESE.nii.gz: EchoTime", "correct")
    spoiled(lambda a: (a / "sub-bad_echo-3_MESE.json").write_text("{}"), "E-ECHO-COUNT", "echo-3", "sidecar")
    for times in ([0.008, 0.016], 0.008):
        folder = tmp_path / f"n{times}" / "sub-bad" / "anat"
        folder.mkdir(parents=True)
        (folder / "sub-bad_MESE.nii").write_bytes(nii(leg(3)))
        (folder / "sub-bad_MESE.json").write_text(json.dumps({"EchoTime": times}))
        error = opened(folder.parents[1], tmp_path).errors[0][1]
        assert error.code == "E-ECHO-COUNT" and "3 echo times" in error.needed


@pytest.mark.parametrize("value", [0, -0.01, NAN, INF, "0.008", None, True, []])
def test_g29_echo_times_that_are_none(spoiled, value):
    spoiled(lambda a: sidecar(a, 2, EchoTime=value), "E-UNITS", "echo-2_MESE.nii.gz: EchoTime")


# --- G33, G34, G38, G47, G49 ------------------------------------------------------------------


def test_g33_masks_and_regions(tmp_path):
    image = tmp_path / "i.nii"
    image.write_bytes(nii(ONE))
    grid = door(image, tmp_path)[1]
    inside = (ONE > 100).astype(np.uint8)

    def mask(name, array, affine=AFFINE):
        (tmp_path / name).write_bytes(nii(array, affine))
        return read_mask(tmp_path / name, grid, scratch=tmp_path / "scratch")

    assert np.array_equal(mask("ok.nii", inside)[::-1], inside.astype(bool))
    assert np.array_equal(mask("f.nii", inside * np.float32(1.0000001))[::-1], inside.astype(bool))
    shifted = AFFINE.copy()
    shifted[0, 3] += 2
    for code, name, array, affine in (
        ("E-GRID", "shift.nii", inside, shifted),
        ("E-GRID", "other.nii", inside[:-1], AFFINE),
        ("E-EMPTYROI", "empty.nii", inside * 0, AFFINE),
        ("E-LABELS", "half.nii", inside * np.float32(0.5), AFFINE),
    ):
        with pytest.raises(NeuromyoError) as caught:
            mask(name, array, affine)
        assert caught.value.code == code and name in caught.value.where and caught.value.remedy

    def regions(name, array, affine=AFFINE):
        (tmp_path / name).write_bytes(nii(array, affine))
        return read_labels(tmp_path / name, scratch=tmp_path / "scratch")

    tissue = mask("ok.nii", inside)
    place_labels(regions("r.nii", inside * np.float32(1.0000001)), grid, body=tissue)
    out_of_view, off_tissue = AFFINE.copy(), AFFINE.copy()
    out_of_view[1, 3] += 100
    off_tissue[0, 3] -= 4
    for affine, words in ((out_of_view, "field of view"), (off_tissue, "on tissue")):
        with pytest.raises(NeuromyoError, match=words) as caught:
            place_labels(regions("r.nii", inside, affine), grid, body=tissue)
        assert caught.value.code == "E-GRID"
    for code, array in (("E-EMPTYROI", inside * 0), ("E-LABELS", inside * np.float32(1.4))):
        with pytest.raises(NeuromyoError) as caught:
            regions("r.nii", array)
        assert caught.value.code == code


def test_g34_sides(tmp_path):
    array = np.zeros(ONE.shape, np.uint8)
    array[1:4], array[8:11] = 1, 2  # stored x runs to the left: index 1 lies on the right
    (tmp_path / "x_dseg.nii").write_bytes(nii(array))
    table_file = tmp_path / "x_dseg.tsv"
    table_file.write_text("index\tname\tside\n1\tsoleus\tright\n2\tsoleus\tleft\n")
    labels = read_labels(tmp_path / "x_dseg.nii", scratch=tmp_path)
    assert [r.side for r in labels.regions] == ["right", "left"] and labels.mask("soleus", "right")[-2].all()
    table_file.write_text("index\tname\n1\tleft soleus\n2\tright soleus\n")
    with pytest.raises(NeuromyoError) as caught:
        read_labels(tmp_path / "x_dseg.nii", scratch=tmp_path)
    assert caught.value.code == "E-SIDE" and "soleus" in caught.value.where and "flip" in caught.value.remedy
    flipped = read_labels(tmp_path / "x_dseg.nii", scratch=tmp_path, flip=True)
    assert np.array_equal(flipped.volume, labels.volume[::-1])


def test_g38_formulas_are_neutralised(tmp_path):
    names = ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "a\rb", "\n=2", "-3.5", "plain"]
    rows = [{"subject": "1", "region": n, "quantity": str(i), "value": -1.5} for i, n in enumerate(names)]
    table.write_measurements(tmp_path / "m.tsv", Measurements.of(rows))
    raw = (tmp_path / "m.tsv").read_bytes()
    assert b"\r" not in raw and raw.count(b"\n") == len(names) + 1
    cells = table.read_tsv(tmp_path / "m.tsv")
    assert cells["region"] == ["'=1+1", "'+cmd", "'-x", "'@SUM(A1)", "'=1", "a b", "'=2", "-3.5", "plain"]
    assert cells["value"] == ["-1.5"] * len(names)


def test_g47_no_plain_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.nii")
    (tmp_path / "folder.nii").mkdir()
    (tmp_path / "loop.nii").symlink_to(tmp_path / "loop2.nii")
    (tmp_path / "loop2.nii").symlink_to(tmp_path / "loop.nii")
    (tmp_path / "zero.nii").symlink_to("/dev/zero")
    (tmp_path / "null.nii.gz").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        cwd = Path.cwd()
        os.chdir(tmp_path)
        try:
            listener.bind("socket.nii")
        finally:
            os.chdir(cwd)
        for name in ("fifo.nii", "folder.nii", "loop.nii", "zero.nii", "null.nii.gz", "socket.nii"):
            start = time.monotonic()
            with pytest.raises(NeuromyoError) as caught:
                door(tmp_path / name, tmp_path)
            assert caught.value.code == "E-NOTREGULAR" and name in caught.value.where and caught.value.remedy
            assert time.monotonic() - start < 10
    with pytest.raises(NeuromyoError, match="E-NOTFOUND"):
        door(tmp_path / "nothing.nii", tmp_path)


def test_g49_odd_names(tmp_path):
    root = study(tmp_path / "s", subjects=("good",))
    odd = [
        "sub-a\nb",
        "sub-\U0001f9b5",
        "sub-\u202egnp",
        "sub-" + "a" * 251,
        "sub--x",
        "sub-$(touch x)",
        "sub-'\"",
        "sub-",
    ]
    for name in odd:
        (root / name / "anat").mkdir(parents=True)
    anat = root / "sub-good" / "anat"
    for name in ("-rf_T1w.nii.gz", "sub-good_acq-\U0001f9b5_T1w.nii", "sub-good_acq-a\nb_T1w.nii", "sub-other_T1w.nii"):
        (anat / name).write_bytes(b"")
    os.mkfifo(anat / "sub-good_T1w.nii.gz")
    (root / "sub-loop").symlink_to(root)
    dataset = bids.index(root)
    problems = {s.subject: s.problem.code for s in dataset.sessions if s.problem}
    assert set(problems.values()) == {"E-BIDS"} and len(problems) == len(odd) - 1
    assert all(p.isprintable() for p in problems)
    session = opened(root, tmp_path, "good")
    assert [s.kind for s in session.series] == ["MESE"]
    assert [e.code for _, e in session.errors] == ["E-NOTREGULAR"]
    assert codes(session.findings).count("N-IGNORED") == 4 and all(f.where.isprintable() for f in session.findings)
    assert not math.isnan(session.series[0].read().sum())
