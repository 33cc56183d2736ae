"""Enhanced multi-frame MR (PS3.3 A.36): every plane of a scan as a frame of one file, described in functional groups.

What all frames share stands once; what differs stands in each frame's item. Philips puts a whole series in a file, Siemens XA a volume
(or a series) a file. Echo times are EffectiveEchoTime, angles and b-values as everywhere, the repetition time is a plain number in ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from . import header
from .encode import save
from .exam import Series
from .philips import Scaling, image_type
from .scan import Order, Scan, in_order

COMPONENTS = {"mag": "MAGNITUDE", "phase": "PHASE", "real": "REAL", "imag": "IMAGINARY"}
SIEMENS_PHASE = Scaling(2.0, -4096.0, None, "US")


def write(scan: Scan, series: Series, folder: Path, *, vendor: str, files: str = "one", order: Order | str = "volumes",
          scaling: Scaling | Mapping[str, Scaling] | None = None, made: str = "", trailing: str = "",
          syntax: str = "explicit") -> list[Path]:  # fmt: skip
    """One file with all frames, or one a volume (``files="volumes"``); ``vendor``: "philips" or "siemens"."""
    pairs = in_order(scan, order) if isinstance(order, str) else list(order)
    groups = [pairs] if files == "one" else [[p for p in pairs if p[1] == n] for n in range(scan.volumes)]
    paths = []
    for group in groups:
        said = _file(scan, series, group, vendor, _scalings(scaling, vendor), made, trailing)
        word = series.exam.person.file_name
        name = {"philips": f"{word}IM_{series.number:04d}{said.InstanceNumber:03d}",
                "siemens": f"{word}MR.{series.number:04d}.{said.InstanceNumber:04d}.IMA"}[vendor]  # fmt: skip
        paths.append(save(said, folder / name, syntax, series.exam.person.preamble))
    return paths


def _scalings(given: Scaling | Mapping[str, Scaling] | None, vendor: str) -> Mapping[str, Scaling]:
    if given is None and vendor == "siemens":
        plain = Scaling(1.0, 0.0, None, "US")
        return {**dict.fromkeys(COMPONENTS, plain), "phase": SIEMENS_PHASE}
    return given if isinstance(given, Mapping) else dict.fromkeys(COMPONENTS, given or Scaling())


def _file(scan: Scan, series: Series, pairs: list[tuple[int, int]], vendor: str, scalings: Mapping[str, Scaling],
          made: str, trailing: str) -> Dataset:  # fmt: skip
    said = header.start(series, header.ENHANCED_MR)
    said.InstanceNumber = series.next_instance()
    _equipment(said, vendor)
    _about_acquisition(said, scan, pairs, vendor, made)
    stored = np.stack([scan.plane(k, n) for k, n in pairs])
    header.pixels(said, stored, 12 if stored.min() >= 0 and stored.max() < 4096 else 16)
    del said.WindowCenter, said.WindowWidth, said.SmallestImagePixelValue, said.LargestImagePixelValue
    said.NumberOfFrames = len(pairs)
    _dimensions(said)
    said.SharedFunctionalGroupsSequence = Sequence([_shared(scan, series, pairs, vendor)])
    volumes = sorted({n for _, n in pairs})
    frames = []
    for k, n in pairs:
        last = trailing if n == scan.volumes - 1 else ""
        scale = scalings[scan.of("parts", n)]
        frames.append(_frame(scan, series, (k, n, volumes.index(n)), vendor, scale, made, last))
    said.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return said


def _equipment(said: Dataset, vendor: str) -> None:
    philips = vendor == "philips"
    said.Manufacturer = "Philips Medical Systems" if philips else "Siemens Healthineers"
    said.ManufacturerModelName = "Ingenia" if philips else "MAGNETOM Vida"
    said.SoftwareVersions = ["5.7.1", "5.7.1.2"] if philips else "syngo MR XA30"
    said.DeviceSerialNumber = said.DeviceSerialNumber or "000000"


def _about_acquisition(said: Dataset, scan: Scan, pairs: list[tuple[int, int]], vendor: str, made: str) -> None:
    parts = {scan.of("parts", n) for _, n in pairs}
    said.ImageType = ["DERIVED" if made else "ORIGINAL", "PRIMARY", "T2", "NONE"]
    if vendor == "philips" and len(parts) > 1:
        said.ImageType = ["ORIGINAL", "PRIMARY", "T2", "MIXED"]
    said.ComplexImageComponent = COMPONENTS[parts.pop()] if len(parts) == 1 else "MIXED"
    said.AcquisitionContrast = "DIFFUSION" if scan.b_values else "T2"
    said.VolumetricProperties, said.VolumeBasedCalculationTechnique, said.PixelPresentation = (
        "VOLUME",
        "NONE",
        "MONOCHROME",
    )
    said.ContentQualification = "PRODUCT"
    said.MagneticFieldStrength = scan.field_tesla  # FD here is not so: it is a decimal string in every MR object
    said.ResonantNucleus = "1H"
    said.KSpaceFiltering = "NONE"
    said.ApplicableSafetyStandardAgency = "IEC"
    said.PulseSequenceName = {"SE": "TSE", "GR": "FFE", "EP": "DwiSE", "IR": "IR"}[scan.sequence]
    said.MRAcquisitionType = "2D"
    said.EchoPulseSequence = "GRADIENT" if scan.sequence == "GR" else "SPIN"
    said.MultipleSpinEcho = "YES" if scan.sequence == "SE" and len(set(scan.echo_times)) > 1 else "NO"
    said.MultiPlanarExcitation = "NO"
    said.PhaseContrast = "NO"
    said.TimeOfFlightContrast = "NO"
    said.SteadyStatePulseSequence = "NONE"
    said.EchoPlanarPulseSequence = "YES" if scan.sequence == "EP" else "NO"
    said.SaturationRecovery = "NO"
    said.SpectrallySelectedSuppression = "NONE"
    said.OversamplingPhase = "2D"
    said.GeometryOfKSpaceTraversal = "RECTILINEAR"
    said.RectilinearPhaseEncodeReordering = "LINEAR"
    said.SegmentedKSpaceTraversal = "SINGLE"
    said.CoverageOfKSpace = "FULL"
    said.NumberOfKSpaceTrajectories = 1
    said.AcquisitionDuration = 195.5
    said.AcquisitionDateTime = said.AcquisitionDate + said.AcquisitionTime
    said.LossyImageCompression = "00"
    said.PresentationLUTShape = "IDENTITY"
    if vendor == "philips":
        header.private(said, 0x2001, "Philips Imaging DD 001", [
            (0x14, "SL", len(set(scan.echo_times))), (0x18, "SL", scan.slices), (0x60, "SL", 1), (0x20, "LO", "TSE"),
            (0x7B, "IS", str(said.SeriesNumber))])  # fmt: skip


def _dimensions(said: Dataset) -> None:
    uid = said.SOPInstanceUID + ".1"
    said.DimensionOrganizationSequence = header.items({"DimensionOrganizationUID": uid})
    pointers = ((0x0020_9056, 0x0020_9111), (0x0020_9057, 0x0020_9111), (0x0020_9128, 0x0020_9111))
    said.DimensionIndexSequence = header.items(
        *(
            {"DimensionOrganizationUID": uid, "DimensionIndexPointer": a, "FunctionalGroupPointer": b}
            for a, b in pointers
        )
    )


def _shared(scan: Scan, series: Series, pairs: list[tuple[int, int]], vendor: str) -> Dataset:
    columns, rows = scan.stored.shape[:2]
    n = pairs[0][1]
    said = Dataset()
    flips = {scan.of("flip_deg", n) for _, n in pairs}
    timing: dict[str, Any] = {"RepetitionTime": header.ds(scan.repetition_time * 1e3), "EchoTrainLength": len(set(scan.echo_times)),
                              "RFEchoTrainLength": 1, "GradientEchoTrainLength": 0}  # fmt: skip
    if len(flips) == 1:
        said.MRTimingAndRelatedParametersSequence = header.items({**timing, "FlipAngle": header.ds(flips.pop())})
    said.MRFOVGeometrySequence = header.items({
        "InPlanePhaseEncodingDirection": {"COL": "COLUMN", "ROW": "ROW"}[scan.phase_encoding],
        "MRAcquisitionFrequencyEncodingSteps": columns, "MRAcquisitionPhaseEncodingStepsInPlane": rows,
        "PercentSampling": header.ds(100), "PercentPhaseFieldOfView": header.ds(100)})  # fmt: skip
    said.MRImagingModifierSequence = header.items({
        "MagnetizationTransfer": "OFF_RESONANCE" if scan.mt_on else "NONE", "BloodSignalNulling": "NO", "Tagging": "NONE",
        "TransmitterFrequency": 42.577478 * scan.field_tesla, "PixelBandwidth": header.ds(250)})  # fmt: skip
    said.MRReceiveCoilSequence = header.items({
        "ReceiveCoilName": "MULTI COIL", "ReceiveCoilManufacturerName": "", "ReceiveCoilType": "MULTICOIL",
        "QuadratureReceiveCoil": "NO"})  # fmt: skip
    said.MRTransmitCoilSequence = header.items(
        {"TransmitCoilName": "BODY", "TransmitCoilManufacturerName": "", "TransmitCoilType": "BODY"})  # fmt: skip
    said.MRAveragesSequence = header.items({"NumberOfAverages": header.ds(1)})
    said.FrameAnatomySequence = header.items({"FrameLaterality": "B", "AnatomicRegionSequence": header.items(
        {"CodeValue": "T-D9400", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Leg"})})  # fmt: skip
    if vendor == "siemens":
        row, column, _ = scan.axes
        said.PixelMeasuresSequence = _measures(scan)
        said.PlaneOrientationSequence = header.items({"ImageOrientationPatient": header.ds(*row, *column)})
        inside = Dataset()
        header.private(inside, 0x0021, "SIEMENS MR SDS 01", [
            (0x01, "IS", "7800"), (0x05, "LO", series.exam.person.protocol_text or "none"), (0x19, "OB", b"\0\0"),
            (0x3B, "DS", "1.5"), (0x4F, "SH", "BO1,2;SP3,4")])  # fmt: skip
        header.private(said, 0x0021, "SIEMENS MR SDS 01", [(0xFE, "SQ", [inside])])
    if scan.inversion_times and len(set(scan.inversion_times)) == 1:
        said.MRModifierSequence = _inversion(scan.of("inversion_times", n))
    return said


def _inversion(time: float) -> Sequence:
    return header.items({"InversionRecovery": "YES", "InversionTimes": float(time * 1e3), "FlowCompensation": "NONE", "Spoiling": "RF",
                         "T2Preparation": "NO", "SpectrallySelectedExcitation": "NONE", "SpatialPresaturation": "NONE",
                         "PartialFourier": "NO", "ParallelAcquisition": "NO"})  # fmt: skip


def _measures(scan: Scan) -> Sequence:
    return header.items({"PixelSpacing": header.ds(scan.spacing_mm[1], scan.spacing_mm[0]), "SliceThickness": header.ds(scan.slice_mm),
                         "SpacingBetweenSlices": header.ds(scan.spacing_mm[2])})  # fmt: skip


def _frame(
    scan: Scan, series: Series, place: tuple[int, int, int], vendor: str, scale: Scaling, made: str, last: str
) -> Dataset:
    k, n, volume = place
    row, column, _ = scan.axes
    said = Dataset()
    said.FrameContentSequence = header.items({
        "FrameAcquisitionNumber": 1, "FrameReferenceDateTime": series.exam.day + series.clock(n),
        "FrameAcquisitionDateTime": series.exam.day + series.clock(n), "FrameAcquisitionDuration": 40.0, "StackID": "1",
        "InStackPositionNumber": k + 1, "TemporalPositionIndex": volume + 1, "DimensionIndexValues": [1, k + 1, volume + 1]})  # fmt: skip
    said.PlanePositionSequence = header.items({"ImagePositionPatient": header.ds(*scan.corner(k))})
    part = scan.of("parts", n)
    derived = made or scan.of("made", n) or ("ADC" if last == "ADC" else "")
    kind = image_type(scan, n, derived) if vendor == "philips" else _siemens_type(scan, n, derived)
    said.MRImageFrameTypeSequence = header.items({
        "FrameType": kind[:5], "ComplexImageComponent": COMPONENTS[part], "AcquisitionContrast": "DIFFUSION" if scan.b_values else "T2",
        "PixelPresentation": "MONOCHROME", "VolumetricProperties": "VOLUME", "VolumeBasedCalculationTechnique": "NONE"})  # fmt: skip
    if vendor == "philips":
        said.PixelMeasuresSequence = _measures(scan)
        said.PlaneOrientationSequence = header.items({"ImageOrientationPatient": header.ds(*row, *column)})
    said.MREchoSequence = header.items({"EffectiveEchoTime": float(scan.of("echo_times", n) * 1e3)})
    said.PixelValueTransformationSequence = header.items(
        {
            "RescaleIntercept": header.ds(scale.intercept),
            "RescaleSlope": header.ds(scale.slope),
            "RescaleType": scale.unit,
        }
    )
    plane = scan.plane(k, n)
    said.FrameVOILUTSequence = header.items(
        {"WindowCenter": header.ds(float(plane.mean())), "WindowWidth": header.ds(float(max(1, int(plane.max()))))}
    )
    if len(set(scan.flip_deg)) > 1:
        said.MRTimingAndRelatedParametersSequence = header.items({
            "RepetitionTime": header.ds(scan.repetition_time * 1e3), "FlipAngle": header.ds(scan.of("flip_deg", n))})  # fmt: skip
    if len(set(scan.inversion_times)) > 1:
        said.MRModifierSequence = _inversion(scan.of("inversion_times", n))
    if scan.b_values:
        said.MRDiffusionSequence = _diffusion(scan, n, last)
    _private(said, scan, series, place, vendor, scale)
    return said


def _siemens_type(scan: Scan, n: int, made: str) -> list[str]:
    words = {
        "ADC": ["DIFFUSION", "ADC"],
        "T2map": ["T2 MAP", "NONE"],
        "water": ["DIXON", "WATER"],
        "fat": ["DIXON", "FAT"],
    }
    if made:
        return ["DERIVED", "PRIMARY", *words[made]]
    return ["ORIGINAL", "PRIMARY", {"mag": "M", "phase": "P", "real": "R", "imag": "I"}[scan.of("parts", n)], "NONE"]


def _diffusion(scan: Scan, n: int, last: str) -> Sequence:
    direction = scan.direction(n)
    said: dict[str, Any] = {"DiffusionBValue": float(scan.of("b_values", n))}
    if last:
        said["DiffusionDirectionality"] = "ISOTROPIC"
    elif direction.any():
        said["DiffusionDirectionality"] = "DIRECTIONAL"
        said["DiffusionGradientDirectionSequence"] = header.items(
            {"DiffusionGradientOrientation": [float(v) for v in direction]}
        )
    else:
        said["DiffusionDirectionality"] = "NONE"
    return header.items(said)


def _private(
    said: Dataset, scan: Scan, series: Series, place: tuple[int, int, int], vendor: str, scale: Scaling
) -> None:
    k, n, _ = place
    who = series.exam.person
    if vendor == "siemens":
        inside = Dataset()
        echo = sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
        header.private(inside, 0x0021, "SIEMENS MR SDI 02", [
            (0x06, "LO", f"X_{echo}_1_1_1_1_{k + 1}_1_1_1_1_1_1"), (0x41, "SH", who.private_nested[:16] or "none"),
            (0x75, "CS", ["ORIGINAL", "PRIMARY", "M", "ND"]), (0x76, "LO", "A1/PFP")])  # fmt: skip
        header.private(said, 0x0021, "SIEMENS MR SDI 02", [(0xFE, "SQ", [inside])])
    elif scale.scale_slope is not None:
        inside = Dataset()
        inside.SOPClassUID = header.MR_IMAGE
        inside.EchoTime = header.ds(scan.of("echo_times", n) * 1e3)
        if who.private_nested:
            inside.ImageComments = who.private_nested
        header.private(inside, 0x2005, "Philips MR Imaging DD 001", [
            (0x0D, "FL", 0.0), (0x0E, "FL", scale.scale_slope), (0x11, "CS", {"mag": "M", "phase": "P", "real": "R", "imag": "I"}[
                scan.of("parts", n)])])  # fmt: skip
        header.private(said, 0x2005, "Philips MR Imaging DD 005", [(0x0F, "SQ", [inside])], block=0x14)
