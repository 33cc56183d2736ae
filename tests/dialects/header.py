"""The elements every vendor writes, from the MR Image module and its neighbours (PS3.3 A.4.3), and how a plane's voxels go in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from .exam import Person, Series
from .scan import Scan

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def ds(*values: float) -> Any:
    """Decimal strings of at most 16 characters, as exact as those can be."""
    made = [DSfloat(float(value), auto_format=True) for value in values]
    return made if len(made) > 1 else made[0]


def private(
    said: Dataset, group: int, creator: str, elements: Iterable[tuple[int, str, Any]], block: int = 0x10
) -> None:
    """A private block: its creator at (group, block), its elements at (group, block * 256 + number)."""
    said.add_new((group, block), "LO", creator)
    for number, vr, value in elements:
        said.add_new((group, block << 8 | number), vr, value)


def items(*said: dict[str, Any]) -> Sequence:
    made = []
    for one in said:
        item = Dataset()
        for keyword, value in one.items():
            setattr(item, keyword, value)
        made.append(item)
    return Sequence(made)


def start(series: Series, sop_class: str = MR_IMAGE) -> Dataset:
    """Patient, study, series and equipment as far as all vendors agree."""
    exam, who = series.exam, series.exam.person
    said = Dataset()
    said.file_meta = FileMetaDataset()
    said.SpecificCharacterSet = "ISO_IR 100"
    said.SOPClassUID = sop_class
    said.SOPInstanceUID = exam.uid()
    said.StudyDate = said.SeriesDate = said.AcquisitionDate = said.ContentDate = said.InstanceCreationDate = exam.day
    said.StudyTime = "090000.000000"
    said.SeriesTime = series.clock()
    said.AcquisitionTime = series.clock(5)
    said.ContentTime = series.clock(60)
    said.InstanceCreationTime = series.clock(61)
    said.Modality = "MR"
    said.SeriesDescription = series.description
    said.ProtocolName = series.words
    _about(said, who)
    said.BodyPartExamined = "LEG"
    said.PatientPosition = "FFS"
    said.StudyInstanceUID = exam.study_uid
    said.SeriesInstanceUID = series.uid
    said.SeriesNumber = series.number
    said.AcquisitionNumber = 1
    said.FrameOfReferenceUID = exam.frame_of_reference
    said.PositionReferenceIndicator = ""
    said.PerformedProcedureStepStartDate = exam.day
    said.PerformedProcedureStepStartTime = "090000"
    said.PerformedProcedureStepID = "MR0001"
    said.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return said


def _about(said: Dataset, who: Person) -> None:
    """The person and those around; an empty field is written empty where scanners do so, and left out else."""
    always = {
        "PatientName": who.name, "PatientID": who.identity, "PatientBirthDate": who.birth_date, "PatientSex": who.sex,
        "PatientAge": who.age, "PatientSize": who.height_m, "PatientWeight": who.weight_kg,
        "AccessionNumber": who.accession[:16], "StudyID": who.study_identity[:16] or "1",
        "StudyDescription": who.study_description or "Leg^Muscle", "ReferringPhysicianName": who.referring,
        "InstitutionName": who.institution or "Example Hospital", "StationName": who.station[:16] or "MR01",
        "DeviceSerialNumber": who.device_serial or "000000", "OperatorsName": who.operator,
        "PerformingPhysicianName": who.performing, "BurnedInAnnotation": "YES" if who.burned_in else "NO",
    }  # fmt: skip
    if_any = {
        "OtherPatientIDs": who.other_identity, "OtherPatientNames": who.other_name, "PatientBirthName": who.birth_name,
        "PatientMotherBirthName": who.mother, "PatientAddress": who.address, "PatientTelephoneNumbers": who.phone[:16],
        "Occupation": who.occupation[:16], "AdditionalPatientHistory": who.history, "PatientComments": who.comments,
        "ImageComments": who.image_comments, "EthnicGroup": who.ethnic[:16], "InstitutionAddress": who.institution_address,
        "InstitutionalDepartmentName": who.department, "ReferringPhysicianTelephoneNumbers": who.referring_phone[:16],
        "NameOfPhysiciansReadingStudy": who.reading, "RequestingPhysician": who.requesting,
        "RequestedProcedureDescription": who.requested, "ReasonForStudy": who.reason, "AdmissionID": who.admission,
        "PerformedProcedureStepDescription": who.scheduled, "VisitComments": who.visit_comments,
    }  # fmt: skip
    for keyword, value in {**always, **{k: v for k, v in if_any.items() if v}}.items():
        setattr(said, keyword, value)
    if who.scheduled:
        said.RequestAttributesSequence = items(
            {"ScheduledProcedureStepDescription": who.scheduled, "ScheduledProcedureStepID": "1"}
        )
    if who.curve:
        said.add_new((0x5000, 0x2500), "LO", who.curve)  # a curve's label: retired, and met in old archives


def place(said: Dataset, scan: Scan, k: int) -> None:
    """Where the slice lies (PS3.3 C.7.6.2)."""
    row, column, _ = scan.axes
    said.PatientPosition = scan.position
    said.ImagePositionPatient = ds(*scan.corner(k))
    said.ImageOrientationPatient = ds(*row, *column)
    said.PixelSpacing = ds(scan.spacing_mm[1], scan.spacing_mm[0])
    said.SliceThickness = ds(scan.slice_mm)
    said.SpacingBetweenSlices = ds(scan.spacing_mm[2])
    said.SliceLocation = ds(float(scan.corner(k) @ scan.normal))


def acquire(said: Dataset, scan: Scan, n: int) -> None:
    """With what numbers (PS3.3 C.8.3.1)."""
    said.ScanningSequence = {"SE": "SE", "GR": "GR", "EP": "EP", "IR": ["SE", "IR"]}[scan.sequence]
    said.SequenceVariant = ["SP", "MTC", "OSP"] if scan.mt_on else "SP" if scan.sequence == "GR" else "SK"
    said.MRAcquisitionType = "2D"
    said.RepetitionTime = ds(scan.repetition_time * 1e3)
    said.EchoTime = ds(scan.of("echo_times", n) * 1e3)
    if scan.inversion_times:
        said.InversionTime = ds(scan.of("inversion_times", n) * 1e3)
    said.FlipAngle = ds(scan.of("flip_deg", n))
    said.NumberOfAverages = ds(1)
    said.ImagingFrequency = ds(round(42.577478 * scan.field_tesla, 6))
    said.ImagedNucleus = "1H"
    said.MagneticFieldStrength = ds(scan.field_tesla)
    said.PercentSampling = ds(100)
    said.PercentPhaseFieldOfView = ds(100)
    said.PixelBandwidth = ds(250)
    said.EchoTrainLength = len(set(scan.echo_times))
    columns, rows = scan.stored.shape[:2]
    said.AcquisitionMatrix = [0, columns, rows, 0] if scan.phase_encoding == "COL" else [rows, 0, 0, columns]
    said.InPlanePhaseEncodingDirection = scan.phase_encoding
    said.TransmitCoilName = "BODY"
    said.SAR = ds(0.31)


def pixels(said: Dataset, plane: np.ndarray, bits: int = 16) -> None:
    """The stored integers, little endian; `encode.save` brings them into another transfer syntax."""
    signed = np.issubdtype(plane.dtype, np.signedinteger)
    assert plane.min() >= (-(1 << bits - 1) if signed else 0)
    assert plane.max() < (1 << bits - 1 if signed else 1 << bits)
    said.SamplesPerPixel = 1
    said.PhotometricInterpretation = "MONOCHROME2"
    said.Rows, said.Columns = plane.shape[-2:]
    said.BitsAllocated, said.BitsStored, said.HighBit = 16, bits, bits - 1
    said.PixelRepresentation = int(signed)
    vr = "SS" if signed else "US"
    said.add_new("SmallestImagePixelValue", vr, int(plane.min()))
    said.add_new("LargestImagePixelValue", vr, int(plane.max()))
    said.WindowCenter = ds(float(plane.mean()))
    said.WindowWidth = ds(float(max(1, int(plane.max()) - int(plane.min()))))
    said.add_new("PixelData", "OW", plane.astype("<i2" if signed else "<u2").tobytes())
