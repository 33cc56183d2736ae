"""GE (DV26): one slice a file; ImageType says OTHER whatever the image is, and 0043,102F tells: 0 magnitude, 1 phase, 2 real, 3 imaginary.

All parts and echoes stand in one series, slice by slice. Phase is stored as radians times 1000 (-3142 to 3142) without a rescale
slope. The b-value is the first number of 0043,1039, with 10**9 added by newer software; the direction, 0019,10BB to BD, stands in the
frame of the scan: frequency, phase, slice, not in the patient's.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from . import header
from .encode import save
from .exam import Series
from .scan import Order, Scan, in_order

#: the last words of ImageType of water-fat images
DIXON = {"inphase": "IN_PHASE", "outphase": "OUT_PHASE", "water": "WATER", "fat": "FAT"}
PARTS = {"mag": 0, "phase": 1, "real": 2, "imag": 3}


def radians(stored: np.ndarray) -> np.ndarray:
    """The phase that stored integers stand for: thousandths of a radian."""
    return stored / 1000.0


def write(scan: Scan, series: Series, folder: Path, *, order: Order | str = "slices", syntax: str = "explicit",
          one_echo_time: bool = False, b_offset: bool = True, made: str = "") -> list[Path]:  # fmt: skip
    """One file a slice; ``one_echo_time``: the fault of research multi-echo sequences, where every image names the first echo."""
    paths = []
    for k, n in in_order(scan, order) if isinstance(order, str) else order:
        said = _start(scan, series, 0 if one_echo_time else n, made)
        said.InstanceNumber = series.next_instance()
        header.place(said, scan, k)
        said.StackID, said.InStackPositionNumber = "1", k + 1
        said.ImagesInAcquisition = scan.slices * scan.volumes
        header.pixels(said, scan.plane(k, n))
        _private(said, scan, k, n, series, b_offset=b_offset)
        word = series.exam.person.file_name
        name = f"{word}E1S{series.number}I{said.InstanceNumber:04d}.MR.dcm"
        paths.append(save(said, folder / name, syntax, series.exam.person.preamble))
    return paths


def scan_frame(scan: Scan, direction: np.ndarray) -> np.ndarray:
    """A direction of the patient frame (LPS) as GE's frequency, phase and slice components; a whole turn of signs is none.

    With phase encoded down the columns (COL) frequency runs along the rows, with ROW the other way round. The signs, against
    row, column and normal of the image, are those that GE's own staff checked in volunteers (rordenlab/dcm2niix, pull requests
    736 and 971); head or feet first makes no difference, coronal scans do.
    """
    row, column, _ = scan.axes
    along, down, through = (float(direction @ axis) for axis in (row, column, scan.normal))
    coronal = np.abs(scan.normal).argmax() == 1
    if scan.phase_encoding == "COL":
        return np.array([along, -down if coronal else down, -through])
    return np.array([down, along, through] if coronal else [-down, along, -through])


def _start(scan: Scan, series: Series, n: int, made: str) -> Dataset:
    said = header.start(series)
    said.ImageType = ["DERIVED", "SECONDARY", "ADC"] if made == "ADC" else ["ORIGINAL", "PRIMARY", "OTHER"]
    if made in DIXON:
        said.ImageType = ["DERIVED", "PRIMARY", "DIXON", DIXON[made]]
    said.Manufacturer = "GE MEDICAL SYSTEMS"
    said.ManufacturerModelName = "DISCOVERY MR750w"
    said.SoftwareVersions = ["27", "LX", "MR Software release:DV26.0_EB_1707.b"]
    said.AngioFlag = "N"
    header.acquire(said, scan, n)
    said.ScanOptions = {"EP": ["EPI_GEMS", "ACC_GEMS"]}.get(
        scan.sequence, ["FAST_GEMS", "MT_GEMS"] if scan.mt_on else "FAST_GEMS"
    )
    said.EchoNumbers = sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
    said.EchoTrainLength = 1
    said.HeartRate = 0
    said.CardiacNumberOfImages = 0
    said.TriggerWindow = 0
    said.ReconstructionDiameter = header.ds(scan.stored.shape[0] * scan.spacing_mm[0])
    said.ReceiveCoilName = "BODY"
    said.VariableFlipAngleFlag = "N"
    said.Laterality = ""
    said.AnatomicRegionSequence = header.items(
        {"CodeValue": "T-D9400", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Leg"}
    )
    said.ReferencedImageSequence = header.items(
        {"ReferencedSOPClassUID": header.MR_IMAGE, "ReferencedSOPInstanceUID": f"{series.uid}.1"}
    )
    return said


def _private(said: Dataset, scan: Scan, k: int, n: int, series: Series, *, b_offset: bool) -> None:
    who = series.exam.person
    b = scan.of("b_values", n) or 0
    direction = scan_frame(scan, scan.direction(n)) if scan.b_values else np.zeros(3)
    zeros = [(0xA7 + i, "DS", "0.000000") for i in range(20)]
    header.private(said, 0x0009, "GEMS_IDEN_01", [(0x01, "LO", "GE_GENESIS_FF"), (0x27, "SL", 1709800000)])
    header.private(said, 0x0019, "GEMS_ACQU_01", [
        (0x0F, "DS", "1037.099976"), (0x11, "SS", 0), (0x12, "SS", 4), (0x17, "SS", 2), (0x18, "LO", "I"), (0x19, "DS", "-270"),
        (0x1A, "LO", "I"), (0x1B, "DS", "-425"), (0x1E, "DS", "352.500000"), (0x5A, "FL", 71450000.0), (0x7D, "DS", "6300"),
        (0x7E, "SS", len(set(scan.echo_times))), (0x7F, "DS", "0.000000"), (0x81, "SS", 1), (0x84, "DS", "0.653593"),
        (0x93, "DS", "1277339490"), (0x9C, "LO", "2dfast"), (0x9E, "LO", "2DFAST"), *zeros,
        *((0xBB + i, "DS", f"{v:.6f}") for i, v in enumerate(direction)), (0xC0, "SS", 0), (0xD5, "SS", 0),
        (0xE0, "DS", f"{max(0, scan.volumes - 1) if scan.b_values else 0:.6f}"), (0xF9, "DS", "127"),
    ])  # fmt: skip
    header.private(said, 0x0021, "GEMS_RELA_01", [
        (0x35, "SS", 1), (0x36, "SS", 32), (0x37, "SS", 16), (0x4F, "SS", scan.slices), (0x50, "SS", 0), (0x5A, "SL", 0)])  # fmt: skip
    header.private(said, 0x0025, "GEMS_SERS_01", [
        (0x06, "SS", 4), (0x07, "SL", scan.slices * scan.volumes), (0x10, "SL", 0), (0x11, "SS", 1),
        (0x1A, "SH", "MR01MR01"), (0x1B, "OB", b"Block of the protocol ")])  # fmt: skip
    header.private(said, 0x0027, "GEMS_IMAG_01", [
        (0x10, "SS", 0), (0x31, "SS", 1), (0x32, "SS", 4), (0x35, "SS", 2), (0x40, "SH", "I"),
        (0x41, "FL", float(scan.corner(k)[2])), (0x60, "FL", float(scan.stored.shape[0])),
        (0x61, "FL", float(scan.stored.shape[1])), (0x62, "FL", 1.0)])  # fmt: skip
    header.private(
        said, 0x0029, "GEMS_IMPS_01", [(0x15, "SL", 0), (0x16, "SL", 0), (0x34, "SL", 16384), (0x35, "SL", 0)]
    )
    header.private(said, 0x0043, "GEMS_PARM_01", [
        (0x01, "SS", 0), (0x02, "SS", 3), (0x03, "SS", -9), (0x04, "SS", -21), (0x06, "SS", 0), (0x2C, "SS", 0),
        (0x2E, "SH", who.private_text[:16]), (0x2F, "SS", PARTS[scan.of("parts", n)]), (0x30, "SS", 0), (0x32, "SS", 2),
        (0x39, "IS", [int(b) + (10**9 if b_offset and scan.b_values else 0), 0, 0, 0]),
        (0x60, "IS", [0, 0, 0, 0]), (0x81, "LO", "C-GE_BODY"), (0x82, "LO", ["SRMode=120", "GCoilType=11"]), (0x83, "DS", ["0.5", "1"]),
        (0x8A, "CS", scan.phase_encoding), (0x9A, "IS", "1"),
    ])  # fmt: skip


def milliradians(phase: np.ndarray) -> np.ndarray:
    """Phase (rad) as GE stores it."""
    return np.round(np.clip(phase, -math.pi, math.pi) * 1000).astype(np.int16)
