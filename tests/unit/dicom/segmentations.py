"""DICOM segmentations written by highdicom, of images made here."""

import highdicom
import numpy as np
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

#: axes of an oblique stack in LPS: along a row, down a column
ROW, COLUMN = np.array([0.8, 0.6, 0.0]), np.array([-0.6, 0.8, 0.0])
SPACING = (0.7, 0.5)  # between rows, between columns
ORIGIN, STEP = np.array([-30.0, 12.0, 100.0]), 4.0


def images(n=6, rows=9, columns=7, step=STEP):
    """Planes of an MR series, from the feet upwards."""
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    made = []
    for k in range(n):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, generate_uid()
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
            ds.SOPClassUID,
            ds.SOPInstanceUID,
        )
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Canary^Bird", "CANARY-ID", "19500101", "O"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.StudyID, ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName = (
            "1",
            "20200101",
            "120000",
            "",
            "",
        )
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.PositionReferenceIndicator = "MR", 1, k + 1, ""
        ds.Rows, ds.Columns, ds.PixelSpacing, ds.SliceThickness = rows, columns, list(SPACING), 3.0
        ds.SpacingBetweenSlices = step
        ds.ImageOrientationPatient = [*ROW.tolist(), *COLUMN.tolist()]
        ds.ImagePositionPatient = (ORIGIN + step * k * np.cross(ROW, COLUMN)).tolist()
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelData = np.zeros((rows, columns), np.uint16).tobytes()
        made.append(ds)
    return made


def world(index):
    """RAS mm of (slice, row, column), by hand."""
    k, r, c = np.moveaxis(np.asarray(index, float), -1, 0)[..., None]
    lps = ORIGIN + STEP * k * np.cross(ROW, COLUMN) + SPACING[0] * r * COLUMN + SPACING[1] * c * ROW
    return lps * [-1, -1, 1]


def described(names):
    made = []
    for number, name in enumerate(names, 1):
        made.append(
            highdicom.seg.SegmentDescription(
                segment_number=number,
                segment_label=name,
                segmented_property_category=CodedConcept("123037004", "SCT", "Anatomical Structure"),
                segmented_property_type=CodedConcept("57721005", "SCT", "Soleus"),
                algorithm_type="MANUAL",
            )
        )
    return made


def segmentation(masks, names, kind="BINARY", sources=None, **more):
    """masks : (slices, rows, columns, segments), bool or fractions; or (slices, rows, columns) numbers of a label map."""
    return highdicom.seg.Segmentation(
        source_images=sources or images(),
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=described(names),
        series_instance_uid=generate_uid(),
        series_number=100,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="nobody",
        manufacturer_model_name="none",
        software_versions="0",
        device_serial_number="0",
        **more,
    )
