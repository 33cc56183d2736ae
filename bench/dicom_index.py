"""Indexing a folder of DICOM files beside pydicom: `python bench/dicom_index.py [--quick]`.

7,000 small images (500 with --quick) with headers of 140 elements, private ones and sequences among them, made in a temporary
folder, read once before so that the disk is not measured. Ours is the whole of `index.index`: finding the files, starting the child
process, limits, JSON between the processes. pydicom is asked for the same elements in its fastest documented settings,
``dcmread(path, stop_before_pixels=True, specific_tags=[...])``, one process; reading nothing but SOPInstanceUID is shown too.
CPU seconds, of all processes; one run; ratios count, not the numbers: machines differ and this one may be busy.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from neuromyo.dicom.index import index

TAGS = ["SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber",
        "NumberOfFrames", "Rows", "Columns", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "StudyTime",
        "SeriesTime", "AcquisitionTime", "ContentTime", "PatientName", "PatientID", "IssuerOfPatientID",
        "PatientBirthDate"]  # fmt: skip


def header(series: str) -> Dataset:
    """An image as a scanner writes it, in kind: about 80 public elements, 60 private ones, five sequences."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.StudyInstanceUID, made.SeriesInstanceUID = MRImageStorage, generate_uid(), series
    made.ImageType, made.Modality, made.Manufacturer = ["ORIGINAL", "PRIMARY", "M", "ND"], "MR", "MAKER"
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(made, name + "Date", "20250301")
        setattr(made, name + "Time", "101500.250000")
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Made^Up", "0001", "19700101", "O"
    for name in ("InstitutionName", "StationName", "ProtocolName", "SeriesDescription", "SequenceName", "SoftwareVersions",
                 "ReceiveCoilName", "StudyDescription", "ManufacturerModelName"):  # fmt: skip
        setattr(made, name, f"words of {name}"[:16])
    for name in ("RepetitionTime", "EchoTime", "FlipAngle", "SliceThickness", "SpacingBetweenSlices", "ImagingFrequency",
                 "MagneticFieldStrength", "PixelBandwidth", "PercentSampling", "PercentPhaseFieldOfView", "SliceLocation",
                 "NumberOfAverages", "SAR", "PatientWeight"):  # fmt: skip
        setattr(made, name, "12.5")
    for name in ("EchoNumbers", "EchoTrainLength", "NumberOfPhaseEncodingSteps", "SeriesNumber", "AcquisitionNumber"):
        setattr(made, name, "7")
    made.ImagePositionPatient, made.ImageOrientationPatient = [-110.5, -98.25, 12.0], [1.0, 0, 0, 0, 1.0, 0]
    made.PixelSpacing, made.FrameOfReferenceUID = [1.5, 1.5], generate_uid()
    made.Rows = made.Columns = 96
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    for name in (
        "ReferencedImageSequence",
        "RequestAttributesSequence",
        "ProcedureCodeSequence",
        "SourceImageSequence",
    ):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID, item.CodeValue = MRImageStorage, generate_uid(), "1"
        setattr(made, name, Sequence([item, item]))
    for group in (0x0019, 0x0021, 0x0029):
        block = made.private_block(group, "BENCH MADE", create=True)
        for element in range(18):
            block.add_new(element, ("DS", "SH", "OB")[element % 3], ("1.25", "word", b"0123456789abcdef")[element % 3])
        inner = Dataset()
        inner.add_new((group, 0x0010), "LO", "BENCH MADE")
        inner.add_new((group, 0x1001), "UN", b"private bytes  " * 20)
        block.add_new(0x20, "SQ", Sequence([inner]))
    made.PixelData = np.zeros((96, 96), np.uint16).tobytes()
    return made


def fill(folder: Path, count: int) -> int:
    """``count`` files; the elements in each."""
    for series in range(-(-count // 200)):
        one = header(generate_uid())
        inside = folder / f"series_{series:03d}"
        inside.mkdir()
        for number in range(min(200, count - 200 * series)):
            one.SOPInstanceUID, one.InstanceNumber = generate_uid(), number + 1
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
            one.save_as(inside / f"IM{number:05d}.dcm", enforce_file_format=True)
    return len(one)


def ours(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        return len(index(folder, scratch=Path(scratch)).entries)


def pydicoms(tags: list[str]) -> Callable[[Path], int]:
    def read(folder: Path) -> int:
        found = 0
        for path in sorted(folder.rglob("*.dcm")):
            one = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            said = {tag: one.get(tag) for tag in tags}
            found += bool(said["SOPInstanceUID"])
        return found

    return read


def cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="500 files instead of 7,000")
    count = 500 if parser.parse_args().quick else 7000
    with tempfile.TemporaryDirectory() as made:
        elements = fill(Path(made), count)
        size = sum(os.path.getsize(path) for path in Path(made).rglob("*.dcm"))
        print(f"{count} files of {elements} elements, {size // count} bytes each\n")
        print("| who | wall, s | CPU, s | CPU, us a file | CPU over ours |\n|---|---|---|---|---|")
        first = 0.0
        for who, read in (("neuromyo, index", ours), ("pydicom, the same elements", pydicoms(TAGS)),
                          ("pydicom, SOPInstanceUID alone", pydicoms(["SOPInstanceUID"]))):  # fmt: skip
            read(Path(made) / "series_000")
            wall, used = time.perf_counter(), cpu()
            assert read(Path(made)) == count
            wall, used = time.perf_counter() - wall, cpu() - used
            first = first or used
            print(f"| {who} | {wall:.2f} | {used:.2f} | {1e6 * used / count:.0f} | {used / first:.1f} x |", flush=True)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"\nPeak memory of one process {peak // 1024} MB (making the files included).")


if __name__ == "__main__":
    main()
