"""United Imaging: a volume as a grid of tiles in one file (ImageType VFRAME), or one slice a file.

The grid has ceil(sqrt(slices)) columns and only as many rows as are needed; each tile's place stands in an item of 0065,1051. The b-value
that was reached stands in 0065,1009, the one that was asked for in 0065,100A; the direction, 0065,1037, is along the rows,
the columns and the normal of the image. NumberOfSlices holds the number of volumes; SliceNormalVector (0065,1014) points against the
order of the slices.
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

#: an image's share of the asked b-value that the gradients reach
REACHED = 0.92829


def write(
    scan: Scan, series: Series, folder: Path, *, order: Order | str = "volumes", syntax: str = "explicit"
) -> list[Path]:
    paths = []
    for k, n in in_order(scan, order) if isinstance(order, str) else order:
        said = _start(scan, series, n)
        said.ImageType = [
            "ORIGINAL",
            "PRIMARY",
            {"mag": "M", "phase": "P", "real": "R", "imag": "I"}[scan.of("parts", n)],
            "NONE",
        ]
        said.InstanceNumber = series.next_instance()
        header.place(said, scan, k)
        header.pixels(said, scan.plane(k, n))
        _private(said, scan, k, n, series)
        paths.append(save(said, folder / _name(series, said), syntax, series.exam.person.preamble))
    return paths


def write_grid(scan: Scan, series: Series, folder: Path, *, syntax: str = "explicit") -> list[Path]:
    """One file a volume."""
    paths = []
    for n in range(scan.volumes):
        said = _start(scan, series, n)
        said.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
        said.InstanceNumber = series.next_instance()
        header.place(said, scan, 0)
        del (
            said.ImagePositionPatient,
            said.SliceThickness,
            said.SliceLocation,
            said.AcquisitionDate,
            said.AcquisitionTime,
        )
        said.NumberOfSlices = scan.volumes
        header.pixels(said, gridded(scan, n))
        _private(said, scan, 0, n, series)
        said.add_new((0x0065, 0x1050), "DS", str(scan.slices))
        said.add_new((0x0065, 0x1051), "SQ", [_tile(scan, k, series) for k in range(scan.slices)])
        paths.append(save(said, folder / _name(series, said), syntax, series.exam.person.preamble))
    return paths


def reached(b: float) -> float:
    return b * REACHED if b else 1.25


def gridded(scan: Scan, n: int) -> np.ndarray:
    across = math.ceil(math.sqrt(scan.slices))
    down = math.ceil(scan.slices / across)
    columns, rows = scan.stored.shape[:2]
    great = np.zeros((down * rows, across * columns), scan.stored.dtype)
    for k in range(scan.slices):
        top, left = k // across * rows, k % across * columns
        great[top : top + rows, left : left + columns] = scan.plane(k, n)
    return great


def image_frame(scan: Scan, direction: np.ndarray) -> np.ndarray:
    """A direction (LPS) along the rows, the columns and the normal."""
    row, column, _ = scan.axes
    return np.array([direction @ row, direction @ column, direction @ scan.normal])


def _start(scan: Scan, series: Series, n: int) -> Dataset:
    said = header.start(series)
    said.SpecificCharacterSet = "ISO_IR 192"
    said.Manufacturer = "UIH"
    said.ManufacturerModelName = "uMR 770"
    said.SoftwareVersions = "R002"
    header.acquire(said, scan, n)
    said.ImagingFrequency = header.ds(round(42.577478e6 * scan.field_tesla))
    said.SequenceVariant = "NONE"
    said.ScanOptions = "FS"
    said.SequenceName = {"SE": "fse_mx", "GR": "gre_fsp", "EP": "epi_dti", "IR": "fse_ir"}[scan.sequence]
    said.EchoNumbers = (
        None if scan.sequence == "EP" else sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
    )
    said.TransmitCoilName = "VTC"
    said.Laterality = ""
    said.TriggerSourceOrType = ""
    said.ComplexImageComponent = ""
    said.LossyImageCompression = "00"
    said.dBdt = header.ds(0.9)
    said.ReferencedImageSequence = header.items(
        {"ReferencedSOPClassUID": header.MR_IMAGE, "ReferencedSOPInstanceUID": f"{series.uid}.1"}
    )
    return said


def _name(series: Series, said: Dataset) -> str:
    word = series.exam.person.file_name
    return f"{word}series{series.number}/{said.InstanceNumber:08d}.dcm"


def _private(said: Dataset, scan: Scan, k: int, n: int, series: Series) -> None:
    who = series.exam.person
    columns, rows = scan.stored.shape[:2]
    centre = (
        scan.corner(k) + scan.axes[0] * scan.spacing_mm[0] * columns / 2 + scan.axes[1] * scan.spacing_mm[1] * rows / 2
    )
    said.add_new((0x0061, 0x0010), "LO", "DB Dicom Private Creator")
    said.add_new((0x0061, 0x0040), "LO", "Common Private Header")
    said.add_new((0x0061, 0x1002), "US", 1)
    said.add_new((0x0061, 0x4002), "SH", f"{columns * 3}*{rows * 3}")
    header.private(said, 0x0065, "Image Private Header", [
        (0x00, "UL", 1537855106), (0x02, "LO", "TRA > SAG1.7"), (0x03, "LO", "HL1,2;HU1,2"), (0x04, "SH", f"{columns}*{rows}"),
        (0x05, "SH", "A->P"), (0x07, "OB", (who.protocol_text or "uProtocol").encode().ljust(40)[:40]),
        (0x0D, "SH", "F:2S"), (0x0F, "SH", "H1.1"), (0x13, "FD", -1.75), (0x14, "DS", header.ds(*-scan.axes[2])),
        (0x15, "DS", header.ds(*centre)), (0x16, "UL", 4), (0x17, "LO", "Normal : HEALT : 0.204"), (0x18, "LO", "First Level"),
        (0x23, "LO", "0"), (0x25, "DS", f"{scan.spacing_mm[2] - scan.slice_mm:.3f}"), (0x29, "SH", "0.02"),
        (0x2B, "LT", who.private_text or "DTI\\Func"), (0x2C, "IS", "0"), (0x2D, "ST", said.SequenceName), (0x2E, "LO", "PreWhite"),
        (0x2F, "FL", 0.3965), (0x32, "SH", "KF:R"), (0x33, "SH", "Fix"),
        (0x38, "FD", 40.0),
        (0x39, "SH", ["0.0", "180", "0.0", "180", "0.0", "160"]),
    ])  # fmt: skip
    if scan.b_values:
        b = float(scan.of("b_values", n))
        direction = [float(v) for v in image_frame(scan, scan.direction(n))]
        for number, vr, value in (
            (0x09, "FD", reached(b)),
            (0x0A, "FD", b),
            (0x2D, "ST", f"epi_dti_b{int(b)}#0"),
            (0x37, "FD", direction),
        ):
            said.add_new((0x0065, 0x1000 | number), vr, value)


def _tile(scan: Scan, k: int, series: Series) -> Dataset:
    said = Dataset()
    said.AcquisitionDate, said.AcquisitionTime = series.exam.day, series.clock(k)
    said.AcquisitionDateTime = series.exam.day + series.clock(k)
    said.AcquisitionDuration = 21.0
    said.ImagePositionPatient = header.ds(*scan.corner(k))
    said.SliceLocation = header.ds(float(scan.corner(k) @ scan.normal))
    said.add_new((0x0065, 0x0010), "LO", "Image Private Header")
    said.add_new((0x0065, 0x100F), "SH", "H1.1")
    said.add_new((0x0065, 0x1029), "SH", "0.02")
    return said
