"""Small headers in vendors' dialects, made by pydicom, for the tests beside."""

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from neuromyo.dicom import describe, pixels
from neuromyo.dicom.frames import Frame

MR, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"

BASIC = {
    "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "Modality": "MR", "Manufacturer": "Nobody",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "NONE"], "SeriesNumber": 8, "InstanceNumber": 3, "PatientPosition": "HFS",
    "StudyDate": "20200101", "StudyTime": "101010", "SeriesTime": "101011", "AcquisitionTime": "101112.5",
    "ImagePositionPatient": [-10, -20, 30], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1.5, 1.25],
    "SliceThickness": 4, "SpacingBetweenSlices": 5, "EchoTime": 9.5, "RepetitionTime": 3000, "FlipAngle": 90,
    "MagneticFieldStrength": 3, "ImagingFrequency": 123.2, "ScanningSequence": "SE", "SequenceVariant": "SK", "ScanOptions": "",
    "MRAcquisitionType": "2D", "InPlanePhaseEncodingDirection": "ROW", "PixelBandwidth": 250, "Rows": 4, "Columns": 6,
    "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
}  # fmt: skip


def header(sop_class=MR, syntax=ExplicitVRLittleEndian, **said):
    """A header with what every MR image states; ``said`` changes or (None) removes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid()
    meta.TransferSyntaxUID = syntax
    about = {"SOPClassUID": sop_class, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID}
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128,
                     is_implicit_VR=syntax.is_implicit_VR, is_little_endian=syntax.is_little_endian)  # fmt: skip
    for key, value in (BASIC | about | said).items():
        if value is not None:
            setattr(ds, key, value)
    return ds


def private(ds, group, creator, **elements):
    """Private elements: ``x0E=("FL", 0.01)``."""
    block = ds.private_block(group, creator, create=True)
    for name, (vr, value) in elements.items():
        block.add_new(int(name[1:], 16), vr, value)
    return ds


def items(*datasets):
    return Sequence(datasets)


def item(**said):
    ds = Dataset()
    for key, value in said.items():
        setattr(ds, key, value)
    return ds


def enhanced(shared, frames, **said):
    """An enhanced header: ``shared`` and each of ``frames`` are functional groups {sequence: item}."""
    plane = (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "EchoTime",
        "RepetitionTime",
        "FlipAngle",
    )
    ds = header(ENHANCED, **(dict.fromkeys(plane) | {"NumberOfFrames": len(frames)} | said))
    ds.SharedFunctionalGroupsSequence = items(_group(shared))
    ds.PerFrameFunctionalGroupsSequence = items(*map(_group, frames))
    return ds


def _group(macros):
    ds = Dataset()
    for name, one in macros.items():
        setattr(ds, name, items(one))
    return ds


def with_pixels(ds, stored):
    """(rows, columns) or (frames, rows, columns) stored numbers as uncompressed pixels."""
    stored = np.asarray(stored)
    ds.Rows, ds.Columns = stored.shape[-2:]
    kind = f"{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}"
    ds.PixelData = stored.astype(f"<{kind}").tobytes()
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    return ds


def saved(ds, folder, name="a.dcm"):
    path = folder / name
    ds.save_as(path, enforce_file_format=True)
    return path


def read(ds, folder):
    """Frames (through JSON's dict, as the parent gets them), facts, findings."""
    saved(ds, folder)
    _, said, *more = describe.answer({"root": str(folder), "files": [[0, "a.dcm"]]})
    assert "error" not in said, said
    return [Frame.from_dict(f) for f in said["frames"]], said["facts"], [f for one in more for f in one["findings"]]


def values(frames, folder, dtype="float64", name="a.dcm"):
    """(planes, rows, columns) scaled pixels of frames of one file."""
    planes = [[f.file, f.frame, f.tile, n, f.scale.slope, f.scale.intercept] for n, f in enumerate(frames)]
    out = folder / "raw"
    request = {
        "root": str(folder),
        "files": [[0, name]],
        "out": str(out),
        "dtype": dtype,
        "planes": planes,
        "shape": frames[0].shape,
    }
    problems = [a["error"] for a in pixels.answer(request) if "error" in a]
    assert not problems, problems
    planes = np.fromfile(out, dtype).reshape(len(frames), *frames[0].shape)
    return planes[:, ::-1]  # as the header has them: the file holds the last row first
