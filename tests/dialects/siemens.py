"""Siemens before XA (syngo MR E11): one slice a file, or a mosaic of all slices; CSA headers beside private elements in 0019 and 0051.

Phase is stored 0 to 4095 with slope 2 and intercept -4096: -4096 is -pi, 4096 would be pi. In a mosaic ImagePositionPatient is that of
the mosaic as one great slice: the first tile lies half the difference of the widths further. Tiles are counted along SliceNormalVector.
Diffusion directions stand in the patient frame, in 0019,100E and in the CSA header.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from . import csa, header
from .encode import save
from .exam import Series
from .scan import Order, Scan, in_order

PHASE_SLOPE, PHASE_INTERCEPT = 2, -4096
VERSION = "syngo MR E11"

#: further words of ImageType after ORIGINAL\\PRIMARY or DERIVED\\PRIMARY
KINDS = {
    "": ("ORIGINAL", ("M", "ND", "NORM")), "water": ("DERIVED", ("DIXON", "WATER", "ND")), "fat": ("DERIVED", ("DIXON", "FAT", "ND")),
    "inphase": ("ORIGINAL", ("M", "IN_PHASE", "ND")), "outphase": ("ORIGINAL", ("M", "OPP_PHASE", "ND")),
    "T2map": ("DERIVED", ("T2 MAP", "NONE", "ND")), "T1map": ("DERIVED", ("T1 MAP", "NONE", "ND")),
    "T2starmap": ("DERIVED", ("T2_STAR MAP", "NONE", "ND")),
    "ADC": ("DERIVED", ("DIFFUSION", "ADC", "ND", "NORM")), "FA": ("DERIVED", ("DIFFUSION", "FA", "ND", "NORM")),
    "trace": ("DERIVED", ("DIFFUSION", "TRACEW", "ND", "NORM")),
}  # fmt: skip


def radians(stored: np.ndarray) -> np.ndarray:
    """The phase that stored integers 0..4095 stand for: -pi to just below pi."""
    return (stored * float(PHASE_SLOPE) + PHASE_INTERCEPT) / 4096.0 * math.pi


def write(scan: Scan, series: Series, folder: Path, *, order: Order | str = "volumes", made: str = "", syntax: str = "explicit",
          xa: bool = False, measurement: int = 1) -> list[Path]:  # fmt: skip
    """One file a slice; returns the files in the order of their instance numbers.

    measurement : which repetition of the whole, from 1
    xa : as syngo XA20 exports to archives that know no multi-frame: no EchoNumbers, no CSA header, a private group 0021 instead
    """
    paths = []
    for k, n in in_order(scan, order) if isinstance(order, str) else order:
        said = _start(scan, series, n, made)
        said.InstanceNumber = series.next_instance()
        said.AcquisitionNumber, said.AcquisitionTime = measurement, series.clock(5 + 120 * (measurement - 1))
        header.place(said, scan, k)
        phase = scan.of("parts", n) == "phase"
        header.pixels(said, scan.plane(k, n), 12 if phase else 16)
        if phase:
            said.RescaleSlope, said.RescaleIntercept, said.RescaleType = "2", "-4096", "US"
        if xa:
            _as_xa(said, scan, k, n, series)
        else:
            _private(said, scan, n, series, _tags(scan, n), mosaic=False)
        paths.append(save(said, folder / _name(series, said), syntax, series.exam.person.preamble))
    return paths


def write_mosaic(
    scan: Scan, series: Series, folder: Path, *, syntax: str = "explicit", numbers: tuple[int, ...] = ()
) -> list[Path]:
    """One file a volume, its slices as tiles of a square; ``numbers``: instance numbers, if not 1, 2, 3..."""
    paths = []
    for n in range(scan.volumes):
        said = _start(scan, series, n, "")
        said.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
        said.InstanceNumber = numbers[n] if numbers else series.next_instance()
        header.place(said, scan, 0)
        said.ImagePositionPatient = header.ds(*mosaic_corner(scan))
        header.pixels(said, tiled(scan, n))
        _private(said, scan, n, series, [*_tags(scan, n), *_mosaic_tags(scan)], mosaic=True)
        paths.append(save(said, folder / _name(series, said), syntax, series.exam.person.preamble))
    return paths


def tiled(scan: Scan, n: int) -> np.ndarray:
    """All slices of a volume in a square of tiles, row after row, the rest black."""
    side = math.ceil(math.sqrt(scan.slices))
    columns, rows = scan.stored.shape[:2]
    great = np.zeros((side * rows, side * columns), scan.stored.dtype)
    for k in range(scan.slices):
        top, left = k // side * rows, k % side * columns
        great[top : top + rows, left : left + columns] = scan.plane(k, n)
    return great


def mosaic_corner(scan: Scan) -> np.ndarray:
    """Where the first voxel of the great slice would lie if it had the first slice's centre."""
    side = math.ceil(math.sqrt(scan.slices))
    row, column, _ = scan.axes
    columns, rows = scan.stored.shape[:2]
    along = row * scan.spacing_mm[0] * (side - 1) * columns / 2
    return scan.corner(0) - along - column * scan.spacing_mm[1] * (side - 1) * rows / 2


def _start(scan: Scan, series: Series, n: int, made: str) -> Dataset:
    said = header.start(series)
    source, kind = KINDS[made]
    if scan.of("parts", n) == "phase":
        kind = ("P", "ND")
    said.ImageType = [source, "PRIMARY", *kind]
    said.Manufacturer = "SIEMENS"
    said.ManufacturerModelName = "Skyra"
    said.SoftwareVersions = VERSION
    said.AngioFlag = "N"
    header.acquire(said, scan, n)
    said.ScanOptions = ["PFP", "MT"] if scan.mt_on else "PFP"
    said.SequenceName = {"SE": f"*se2d{said.EchoTrainLength}", "GR": "*fl2d1", "EP": "*ep_b0", "IR": "*tir2d1"}[
        scan.sequence
    ]
    said.EchoNumbers = sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
    said.VariableFlipAngleFlag = "N"
    said.NumberOfPhaseEncodingSteps = scan.stored.shape[1]
    said.WindowCenterWidthExplanation = "Algo1"
    said.dBdt = header.ds(0)
    return said


def _name(series: Series, said: Dataset) -> str:
    word = series.exam.person.file_name
    return f"{word + '.' if word else ''}MR.{series.number:04d}.{said.InstanceNumber:04d}.{said.SOPInstanceUID}.IMA"


def _tags(scan: Scan, n: int) -> list[tuple[str, str, list]]:
    """The CSA image tags that every image has, and its diffusion."""
    columns, rows = scan.stored.shape[:2]
    tags: list[tuple[str, str, list]] = [
        ("EchoLinePosition", "IS", [rows // 2]), ("EchoColumnPosition", "IS", [columns // 2]),
        ("UsedChannelMask", "UL", [255]), ("ICE_Dims", "LO", ["X_1_1_1_1_1_1_1_1_1_1_1_1"]),
        ("ProtocolSliceNumber", "IS", [0]), ("RealDwellTime", "IS", [7800]), ("SliceMeasurementDuration", "DS", [40.0]),
        ("AcquisitionMatrixText", "SH", [f"{rows}*{columns}"]), ("PhaseEncodingDirectionPositive", "IS", [int(scan.phase_positive)]),
        ("SliceNormalVector", "FD", list(scan.axes[2])), ("TimeAfterStart", "DS", [1.5 * n]),
        ("ImaAbsTablePosition", "SL", [0, 0, -1252]), ("ImaCoilString", "LO", ["T:BO1,2;SP3,4"]),
        ("ImaPATModeText", "LO", ["p2"]), ("BandwidthPerPixelPhaseEncode", "FD", [19.055]),
    ]  # fmt: skip
    if scan.b_values:
        b = scan.of("b_values", n)
        tags.append(("B_value", "IS", [b]))
        direction = scan.direction(n)
        if direction.any():
            tags.append(("DiffusionDirectionality", "CS", ["DIRECTIONAL"]))
            tags.append(("DiffusionGradientDirection", "FD", list(direction)))
            tags.append(("B_matrix", "FD", list(_upper(b, direction))))
        else:
            tags.append(("DiffusionDirectionality", "CS", ["NONE"]))
    return tags


def _mosaic_tags(scan: Scan) -> list[tuple[str, str, list]]:
    times = [scan.repetition_time * 1e3 * k / scan.slices for k in range(scan.slices)]
    return [("NumberOfImagesInMosaic", "US", [scan.slices]), ("MosaicRefAcqTimes", "FD", times)]


def _upper(b: float, direction: np.ndarray) -> np.ndarray:
    return (b * np.outer(direction, direction))[np.triu_indices(3)]


def _private(said: Dataset, scan: Scan, n: int, series: Series, tags: list, *, mosaic: bool) -> None:
    """Groups 0019, 0029 and 0051."""
    who = series.exam.person
    columns, rows = scan.stored.shape[:2]
    header.private(said, 0x0019, "SIEMENS MR HEADER", _of_0019(scan, n, mosaic))
    text = csa.protocol({"sSliceArray.lSize": scan.slices, "lContrasts": len(set(scan.echo_times)),
                         "alTE[0]": round(scan.echo_times[0] * 1e6), "sProtConsistencyInfo.tBaselineString": '""N4_VE11C""'},
                        who.protocol_text or who.name)  # fmt: skip
    series_tags = [("UsedPatientWeight", "IS", [68]), ("NumberOfPrescans", "IS", [0]), ("MrPhoenixProtocol", "UN", [text]),
                   ("GradientMode", "SH", ["Fast"]), ("FlowCompensation", "SH", ["No"]), ("Isocentered", "IS", [0])]  # fmt: skip
    header.private(said, 0x0029, "SIEMENS CSA HEADER", [
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", "20240307"), (0x10, "OB", _even(csa.header(tags))),
        (0x18, "CS", "MR"), (0x19, "LO", "20240307"), (0x20, "OB", _even(csa.header(series_tags))),
    ])  # fmt: skip
    header.private(said, 0x0029, "SIEMENS MEDCOM HEADER2", [(0x60, "LO", who.private_text or "com")], block=0x11)
    header.private(said, 0x0051, "SIEMENS MR HEADER", [
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", "1.0"), (0x0A, "LO", "TA 01:40"), (0x0B, "SH", f"{rows}*{columns}"),
        (0x0C, "LO", f"FoV {columns * 2}*{rows * 2}"), (0x0D, "SH", "SP H1.0"), (0x0E, "LO", "Tra"), (0x0F, "LO", "T:BO1,2;SP3,4"),
        (0x11, "LO", "p2"), (0x12, "SH", "TP 0"), (0x13, "SH", "+LPH"),
        (0x16, "LO", "p2 M/ND/NORM" + ("/MOSAIC" if mosaic else "")), (0x17, "SH", f"SL {scan.slice_mm:.1f}"),
        (0x19, "LO", "A1/PFP"),
    ])  # fmt: skip


def _of_0019(scan: Scan, n: int, mosaic: bool) -> list[tuple[int, str, object]]:
    said: list[tuple[int, str, object]] = [
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", "1.0"), (0x0B, "DS", "40"), (0x0F, "SH", "Fast"), (0x11, "SH", "No"),
        (0x12, "SL", [0, 0, -1252]), (0x13, "SL", [0, 0, -1252]), (0x14, "IS", [0, 0, 0]),
        (0x15, "FD", [float(v) for v in scan.corner(0)]), (0x16, "DS", "1.5"), (0x17, "DS", "1"), (0x18, "IS", "7800"),
    ]  # fmt: skip
    if mosaic:
        times = [scan.repetition_time * 1e3 * k / scan.slices for k in range(scan.slices)]
        said += [(0x0A, "US", scan.slices), (0x28, "FD", 19.055), (0x29, "FD", times)]
    if scan.b_values:
        b, direction = scan.of("b_values", n), scan.direction(n)
        said += [(0x0C, "IS", str(int(b))), (0x0D, "CS", "DIRECTIONAL" if direction.any() else "NONE")]
        if direction.any():
            said += [
                (0x0E, "FD", [float(v) for v in direction]),
                (0x27, "FD", [float(v) for v in _upper(b, direction)]),
            ]
    return said


def _as_xa(said: Dataset, scan: Scan, k: int, n: int, series: Series) -> None:
    who = series.exam.person
    said.SoftwareVersions, said.ManufacturerModelName = "syngo MR XA20", "MAGNETOM Vida"
    said.Manufacturer = "SIEMENS"
    said.ImageType = [*said.ImageType, "MFSPLIT"]
    del said.EchoNumbers
    echo = sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
    header.private(said, 0x0021, "SIEMENS MR SDS 01", [
        (0x01, "IS", "7800"), (0x05, "LO", who.protocol_text or "none"), (0x19, "OB", b"\0\0"), (0x3B, "DS", "1.5"),
        (0x4F, "SH", "BO1,2;SP3,4"), (0x08, "CS", "NO"), (0x09, "LO", "1.0"), (0x2B, "LO", "No"), (0x59, "IS", "1")])  # fmt: skip
    header.private(said, 0x0021, "SIEMENS MR SDI 02", [
        (0x06, "LO", f"X_{echo}_1_1_1_1_{k + 1}_1_1_1_1_1_1"), (0x41, "SH", who.private_nested[:16] or "none"),
        (0x45, "SL", [0, 0, -1252]), (0x58, "SH", "p2"), (0x5E, "LO", who.private_text or "none"),
        (0x75, "CS", ["ORIGINAL", "PRIMARY", "M", "ND"]), (0x76, "LO", "A1/PFP")], block=0x11)  # fmt: skip
    if scan.b_values:
        header.private(
            said,
            0x0019,
            "SIEMENS MR HEADER",
            [one for one in _of_0019(scan, n, False) if one[0] in (0x0C, 0x0D, 0x0E, 0x27)],
        )


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)
