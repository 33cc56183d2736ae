"""A small study with made-up patient data in every place where scanners, archives and people leave some.

Written with pydicom and NumPy alone. Every canary is a word, number or date that stands nowhere else.
"""

import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

ROOT = "1.2.276.77190437"
DAY = "20190317"
#: where it is planted -> what
CANARIES = {
    "patient name": "Quillfeather",
    "given name": "Ottoline",
    "patient number": "PX7719043",
    "birth date": "19430807",
    "visit date": DAY,
    "other number": "OTH5566778",
    "other name, not ASCII": "Müßigbrod",
    "birth name": "Vandersnickt",
    "mother's name": "Hollowaythorpe",
    "address": "Gasthuisberglaan",
    "telephone": "0031612345987",
    "patient comments": "Zwangerschapje",
    "history": "Guillainwort",
    "accession number": "ACC99183377",
    "study number": "STY0083361",
    "admission number": "ADM4418827",
    "institution": "Bergwaldklinikum",
    "institution address": "Tannenzapfenweg",
    "department": "Nervenlabortrakt",
    "station": "MRKOBOLD7",
    "referring physician": "Drosselmeyer",
    "performing physician": "Sarastrovic",
    "operator": "Papagenova",
    "device serial number": "SN0044771902",
    "study description": "Mondscheinstudie",
    "series description": "Krokusblatt",
    "protocol name": "Hasenglöckchen",
    "image comments": "Liebfrauental",
    "procedure description": "Wadenkrampfabklärung",
    "step description in a request": "Schrittmachersorge",
    "two sequences deep": "Unterholzfund",
    "original attributes": "Vorherigername",
    "signature": "Siegellackfarbe",
    "private text of a known block": "Geheimnotizgems",
    "private creator": "TRAUMFABRIKX",
    "private text of an unknown block": "Traumfabrikwort",
    "private sequence": "Nestlingsname",
    "CSA header": "Csakopfzeile",
    "private bytes": "Binaerversteck",
    "unknown public element": "Unbekanntfeld",
    "file meta": "AETHERTITEL",
    "preamble": "Praeambelschrift",
    "overlay comments": "Folienkommentar",
    "overlay pixels": "Foliengekritzel",
    "curve": "Kurvenschreiber",
    "icon": "Bildchenlegende",
    "trailing padding": "Nachklappwort",
    "image identifier": ROOT,
    "file name": "Dateinamensvetter",
    "folder name": "Ordnungsliebe",
    "a number that is none": "Zahlendreherin",
}  # fmt: skip
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
SHAPE = (16, 12)
TIMES_MS = tuple(10.0 * k for k in range(1, 7))
SLICES = 4
_C = CANARIES


def write(folder: Path) -> Path:
    """A multi-echo spin echo of 4 slices and 6 echoes, in four transfer syntaxes; the folder that holds it all."""
    home = folder / _C["folder name"] / "DICOM"
    home.mkdir(parents=True)
    number = 0
    for z in range(SLICES):
        for echo, te in enumerate(TIMES_MS):
            number += 1
            name = f"{_C['file name']}_{number:04}.dcm"
            write_file(home / name, image(z, echo, te, number), SYNTAXES[z % len(SYNTAXES)])
    return folder


def image(z: int, echo: int, te: float, number: int) -> Dataset:
    """One image of the study, canaries and all."""
    rng = np.random.default_rng(number)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    ds.SOPInstanceUID = f"{ROOT}.1.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = f"{ROOT}.2", f"{ROOT}.3.7", f"{ROOT}.4"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "SIEMENS", "Prisma"
    ds.SoftwareVersions, ds.MagneticFieldStrength, ds.ImagingFrequency = "syngo MR E11", "3", "123.2"
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(ds, name, DAY)
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101112.345000"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber = 7, 1, number
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SE", "SP", "", "2D"
    ds.SequenceName, ds.BodyPartExamined, ds.PatientPosition, ds.Laterality = "se2d6", "CALF", "FFS", "L"
    ds.EchoTime, ds.RepetitionTime, ds.FlipAngle, ds.EchoNumbers, ds.EchoTrainLength = (
        str(te),
        "3000",
        "90",
        echo + 1,
        6,
    )
    ds.SliceThickness, ds.SpacingBetweenSlices, ds.PixelSpacing = "5", "5", ["2", "2"]
    ds.ImageOrientationPatient, ds.ImagePositionPatient = ["1", "0", "0", "0", "1", "0"], ["-12", "-16", str(5 * z)]
    ds.SliceLocation = str(5 * z)
    ds.Rows, ds.Columns = SHAPE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    pixels = np.zeros(SHAPE)
    pixels[3:-3, 2:-2] = 900 * np.exp(-te / 35)
    stored = np.rint(pixels + np.abs(rng.normal(4, 2, SHAPE))).astype("<u2")
    ds.PixelData = stored.tobytes()
    _plant(ds)
    return ds


def _plant(ds: Dataset) -> None:
    ds.PatientName, ds.PatientID = f"{_C['patient name']}^{_C['given name']}", _C["patient number"]
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = _C["birth date"], "F", "075Y"
    ds.PatientSize, ds.PatientWeight = "1.68", "64.5"
    ds.OtherPatientIDs, ds.OtherPatientNames = _C["other number"], _C["other name, not ASCII"]
    ds.PatientBirthName, ds.PatientMotherBirthName = _C["birth name"], _C["mother's name"]
    ds.PatientAddress, ds.PatientTelephoneNumbers = _C["address"], _C["telephone"]
    ds.PatientComments, ds.AdditionalPatientHistory = _C["patient comments"], _C["history"]
    ds.AccessionNumber, ds.StudyID, ds.AdmissionID = _C["accession number"], _C["study number"], _C["admission number"]
    ds.InstitutionName, ds.InstitutionAddress = _C["institution"], _C["institution address"]
    ds.InstitutionalDepartmentName, ds.StationName = _C["department"], _C["station"]
    ds.ReferringPhysicianName, ds.PerformingPhysicianName = _C["referring physician"], _C["performing physician"]
    ds.OperatorsName, ds.DeviceSerialNumber = _C["operator"], _C["device serial number"]
    ds.StudyDescription = f"{_C['study description']} leg"
    ds.SeriesDescription = f"t2_mese_calf {_C['series description']}"
    ds.ProtocolName = f"t2_mese_calf {_C['protocol name']}"
    ds.ImageComments, ds.RequestedProcedureDescription = _C["image comments"], _C["procedure description"]
    ds.RequestAttributesSequence = [_item(ScheduledProcedureStepDescription=_C["step description in a request"])]
    inner = _item(ReferencedSOPInstanceUID=f"{ROOT}.1.1", TextComments=_C["two sequences deep"])
    outer = _item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.4", ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    outer.PurposeOfReferenceCodeSequence = [
        _item(CodeValue="121311", CodingSchemeDesignator="DCM", CodeMeaning="Localizer")
    ]
    outer.PurposeOfReferenceCodeSequence[0].ReferencedImageSequence = [inner]
    ds.ReferencedImageSequence = [outer]
    ds.OriginalAttributesSequence = [_item(ModifiedAttributesSequence=[_item(PatientName=_C["original attributes"])])]
    ds.DigitalSignaturesSequence = [_item(CertificateOfSigner=_even(_C["signature"]))]
    ds.IconImageSequence = [
        _item(Rows=1, Columns=16, BitsAllocated=8, PixelRepresentation=0, PixelData=_even(_C["icon"]))
    ]
    _plant_private(ds)
    ds.add_new(0x00189FF1, "LT", _C["unknown public element"])
    ds.add_new(0x60000010, "US", 1)
    ds.add_new(0x60003000, "OW", _even(_C["overlay pixels"]))
    ds.add_new(0x60004000, "LT", _C["overlay comments"])
    ds.add_new(0x50003000, "OB", _even(_C["curve"]))
    ds.add_new(0xFFFCFFFC, "OB", _even(_C["trailing padding"]))
    ds.add_new(0x00180095, "LO", _C["a number that is none"])  # PixelBandwidth, a number by the standard


def _plant_private(ds: Dataset) -> None:
    gems = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
    gems.add_new(0x2F, "SS", 0)
    gems.add_new(0x9A, "LO", _C["private text of a known block"])
    own = ds.private_block(0x0033, _C["private creator"], create=True)
    own.add_new(0x01, "LT", _C["private text of an unknown block"])
    own.add_new(0x02, "SQ", Sequence([_item(PatientName=_C["private sequence"])]))
    csa = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x10, "OB", b"SV10\4\3\2\1" + b"\0" * 60 + _even(f"tPatientName = {_C['CSA header']}"))
    siemens = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    siemens.add_new(0x0B, "DS", "12.5")
    siemens.add_new(0x7F, "OB", _even(_C["private bytes"]))


def _item(**fields) -> Dataset:
    item = Dataset()
    for name, value in fields.items():
        if name == "TextComments":
            item.add_new(0x40000010, "LT", value)
        else:
            setattr(item, name, value)
    return item


def _even(text: str) -> bytes:
    raw = text.encode()
    return raw + b" " * (len(raw) % 2)


def write_file(path: Path, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """A DICOM file with a preamble like a program's, and a talkative file meta."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID, meta.SourceApplicationEntityTitle = syntax, _C["file meta"]
    ds.file_meta = meta
    ds.preamble = (b"MZ" + _C["preamble"].encode()).ljust(128, b"\0")
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path
