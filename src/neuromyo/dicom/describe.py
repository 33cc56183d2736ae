"""Describing scanner files: header -> `Frame` by `Frame`, and the facts of the series; no pixels are read.

Runs in the child process. Nothing free-text, nothing of the person and no name of a file as it is gets into what it answers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import dates, door, ge, hazards, kinds, multiframe, philips, scaling, siemens, uih
from neuromyo.dicom.dialect import Dialect, Note, Plane
from neuromyo.dicom.diffusion import PER_MM2, Gradient, standard
from neuromyo.dicom.elements import View, first, quietly
from neuromyo.dicom.facts import facts_of, plain_text
from neuromyo.dicom.frames import Described, Frame, Part, Scale
from neuromyo.dicom.plane import plane_of

#: what begins or holds the name of a manufacturer -> its dialect
_VENDORS = (
    ("SIEMENS", siemens.DIALECT), ("GE MEDICAL", ge.DIALECT), ("GE HEALTH", ge.DIALECT), ("GENERAL ELECTRIC", ge.DIALECT),
    ("PHILIPS", philips.DIALECT), ("UIH", uih.DIALECT), ("UNITED IMAGING", uih.DIALECT), ("CANON", Dialect("Canon")),
    ("TOSHIBA", Dialect("Toshiba")), ("HITACHI", Dialect("Hitachi")), ("FUJIFILM", Dialect("Fujifilm")), ("BRUKER", Dialect("Bruker")),
)  # fmt: skip
_MR, _ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
_ENHANCED_COLOUR, _LEGACY_MR = "1.2.840.10008.5.1.4.1.1.4.3", "1.2.840.10008.5.1.4.1.1.4.4"
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
#: transfer syntaxes that cannot be but lossy
_LOSSY = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 203))
_DIFFUSION = re.compile(r"dti|dwi|diff|ep_b|resolve", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """A file described, and what was noticed."""

    described: Described
    findings: tuple[Finding, ...] = ()


def answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The child's job: ``root`` and ``files`` ([[number, relative name], ...]) -> one answer a file.

    Errors name the place within the file, whose name the parent puts before it. Findings concern a series: they stand in
    messages of their own that name no file, each once.
    """
    told: set[Finding] = set()
    for number, name in request["files"]:
        yield {"at": number}
        try:
            reading = read(Path(request["root"]) / name, number)
        except NeuromyoError as error:
            yield {"file": number, "error": error.as_dict()}
            continue
        frames = [f.as_dict() for f in reading.described.frames]
        yield {"file": number, "frames": frames, "facts": dict(reading.described.facts)}
        new = [f for f in reading.findings if f not in told]
        if new:
            told.update(new)
            yield {"findings": [f.as_dict() for f in new]}


def describe(path: Path, number: int) -> Described:
    """The planes and facts of one file; E-DICOM, E-DIMS or E-GEOM where it cannot be used, or what `door.check` raises."""
    return read(path, number).described


def read(path: Path, number: int) -> Reading:
    """`describe`, with what was noticed."""
    with quietly():
        dataset = opened(path)
        try:
            return _described(dataset, number)
        except NeuromyoError:
            raise
        except (
            Exception
        ) as error:  # pydicom and NumPy on a header that is damaged in a new way: their words may quote it
            raise DataError("E-DICOM", where="header", needed="one that can be read", found=f"a damaged one ({type(error).__name__})",
                            remedy="export the image again") from None  # fmt: skip


def opened(path: Path, *, pixels: bool = False) -> Dataset:
    """A header (with its pixels) that came through the door, or E-DICOM. Call within `elements.quietly`."""
    try:
        dataset, _ = door.dataset(path, pixels=pixels)
    except NeuromyoError:
        raise
    except Exception as error:  # any failure of the parser means the same: no usable file
        raise DataError("E-DICOM", where="", needed="a DICOM file", found=f"what cannot be parsed ({type(error).__name__})",
                        remedy="copy or export the file again") from None  # fmt: skip
    if "SOPClassUID" not in dataset and "Modality" not in dataset:
        raise DataError("E-DICOM", where="", needed="a DICOM image", found="no SOP Class and no Modality",
                        remedy="leave it out, or export it again")  # fmt: skip
    return dataset


def _described(dataset: Dataset, number: int) -> Reading:
    whole = View.of(dataset)
    refused = _no_image(whole)
    if refused:
        return Reading(Described((), {}), (_finding(whole, refused),))
    shown = hazards.refusal(hazards.of(dataset), "")
    if shown is not None:
        raise shown
    if whole.items("ModalityLUTSequence"):
        raise DataError("E-DTYPE", where="ModalityLUTSequence", needed="numbers that a slope and an intercept bring to values",
                        found="a table of values", remedy="export the series again without it, as it was reconstructed")  # fmt: skip
    dialect = dialect_of(whole)
    views = [dialect.view(v) for v in _views(whole)]
    frames: list[Frame] = []
    notes: dict[Note, None] = {}
    for index, view in enumerate(views):
        for frame, noted in _frames(view, dialect, number, index):
            frames.append(frame)
            notes |= dict.fromkeys(noted)
    said, noted = facts_of(views[0], dialect, frames[0].shape, frames[0].mt_on)
    notes |= dict.fromkeys((*noted, *_lossy(whole)))
    return Reading(Described(tuple(frames), said), tuple(_finding(whole, n) for n in notes))


def _views(whole: View) -> list[View]:
    """One view a stored image; E-DIMS or E-GEOM where a file of many images does not speak of each of them."""
    count = whole.whole("NumberOfFrames") or 1
    if multiframe.is_enhanced(whole.top):
        views = list(multiframe.views(whole.top))
        if len(views) != count:
            raise DataError("E-DIMS", where="Number of Frames", needed=f"functional groups for {count} images", found=f"{len(views)}",
                            remedy="export the series again")  # fmt: skip
        return views
    if count > 1:
        raise DataError("E-GEOM", where="Number of Frames", needed="one image, or functional groups that place each",
                        found=f"{count} images without", remedy="export the series again, one image a file")  # fmt: skip
    return [whole]


def dialect_of(view: View) -> Dialect:
    """Who wrote the header."""
    maker = view.text("Manufacturer").upper()
    if maker == "GE" or maker.startswith("GE "):
        return ge.DIALECT
    return next((dialect for word, dialect in _VENDORS if word in maker), Dialect(""))


def _no_image(view: View) -> Note | None:
    """Why a file holds no image that could become part of a series."""
    kind = view.text("SOPClassUID")
    modality = view.text("Modality").upper()
    colour = view.words("PhotometricInterpretation")
    if kind.startswith(_CAPTURES):
        return Note("N-NOIMAGE", "SOP Class", "screenshots are left out")
    if (
        kind == _ENHANCED_COLOUR
        or "COLOR" in view.words("PixelPresentation")
        or (colour and not colour[0].startswith("MONOCHROME"))
    ):
        return Note("N-NOIMAGE", "Photometric Interpretation", "colour images are left out: they are made for the eye")
    if kind not in (_MR, _ENHANCED_MR, _LEGACY_MR):
        known = UID(kind).name if kind and UID(kind).name != kind else "something that is not known here"
        return Note("N-NOIMAGE", "SOP Class", f"{known} is left out: it is no MR image")
    if modality not in ("MR", ""):
        return Note("N-NOIMAGE", "Modality", "images that are not MR are left out")
    if view.value("Rows") is None:
        return Note("N-NOIMAGE", "Rows", "files without an image are left out")
    return None


def _lossy(view: View) -> tuple[Note, ...]:
    syntax = str(getattr(getattr(view.top, "file_meta", None), "TransferSyntaxUID", ""))
    if view.text("LossyImageCompression") != "01" and syntax not in _LOSSY:
        return ()
    return (Note("W-LOSSY", "LossyImageCompression", "the images were compressed with loss",
                 "export the series again from the scanner, uncompressed or without loss",
                 "values were changed, most at edges and in dark voxels: nothing measured from them is sure"),)  # fmt: skip


def _finding(view: View, note: Note) -> Finding:
    return Finding(note.level, note.code, f"{_series(view)}: {note.field}", note.message, note.remedy, note.consequence)


def _series(view: View) -> str:
    """How a series is called: by its number, never by its name."""
    number = view.whole("SeriesNumber")
    return f"series {number}" if number is not None else "a series without a number"


def _frames(view: View, dialect: Dialect, file: int, index: int) -> Iterator[tuple[Frame, tuple[Note, ...]]]:
    """The planes of one stored image: one, or the tiles of a mosaic."""
    tiles = dialect.tiles(view)
    if tiles is None and {"MOSAIC", "VFRAME"} & set(view.words("ImageType")):
        raise DataError("E-GEOM", where=f"{_series(view)}: Image Type", needed="the place of every slice of a mosaic",
                        found="a mosaic that does not state it (private elements lost?)",
                        remedy="export the series again, one slice a file, or with its private elements")  # fmt: skip
    planes = tiles.planes if tiles is not None else (plane_of(view),)
    part, part_notes = part_of(view, dialect)
    weighting = _weighting(view, dialect, planes[0])
    made = _made(view, dialect, weighting)
    scaled = dialect.scale(view, part, made) or scaling.common(view, part, made)
    notes = (*part_notes, *scaled.notes, *_gradient_notes(weighting))
    for n, plane in enumerate(planes):
        tile = n if tiles is not None else None
        yield _frame(view, dialect, plane, file, index, tile, part, made, scaled.scale, weighting), notes


def part_of(view: View, dialect: Dialect) -> tuple[Part, tuple[Note, ...]]:
    """The part of the signal: by the vendor's private element, else the image type, else the standard component."""
    private = dialect.part(view)
    said: list[Part] = [one for one in (private, *kinds.stated_part(view)) if one is not None]
    if not said:
        return "mag", ()
    other = next((one for one in said if one != said[0]), None)
    if other is None:
        return said[0], ()
    source = "the private element" if private else "Image Type"
    note = Note("W-PART", "part", f"the header contradicts itself: {source} says {said[0]}, another field {other}",
                "look at the images", f"they are taken as {said[0]}")  # fmt: skip
    return said[0], (note,)


def _made(view: View, dialect: Dialect, weighting: Gradient) -> str:
    made = dialect.made(view) or kinds.stated_made(view)
    return made or ("trace" if weighting.isotropic and weighting.b else "")


def _weighting(view: View, dialect: Dialect, plane: Plane) -> Gradient:
    """The diffusion weighting, standard attributes first; a b-value of 0 counts only where the sequence can be a diffusion one,
    since some vendors write it into every header."""
    found = standard(view)
    if found.vector is None and not found.isotropic:
        private = dialect.gradient(view, plane)
        b = found.b if private.b is None else private.b
        found = Gradient(b, private.vector, private.isotropic, private.doubt)
    return found if found.b or (found.b == 0 and _may_be_diffusion(view)) else Gradient()


def _may_be_diffusion(view: View) -> bool:
    planar = "EP" in view.words("ScanningSequence") or view.text("EchoPlanarPulseSequence").upper() == "YES"
    named = any(_DIFFUSION.search(view.text(k)) for k in ("SequenceName", "PulseSequenceName"))
    return planar or named or "DIFFUSION" in (*view.words("AcquisitionContrast"), *view.words("ImageType"))


def _gradient_notes(weighting: Gradient) -> tuple[Note, ...]:
    if not weighting.doubt:
        return ()
    return (Note("W-GRAD", "diffusion gradients", weighting.doubt, "check the principal directions in a nerve or tract that you know",
                 "directions of diffusion may be mirrored; mean diffusivity and anisotropy are not touched"),)  # fmt: skip


def _frame(
    view: View, dialect: Dialect, plane: Plane, file: int, index: int, tile: int | None, part: Part, made: str, scale: Scale,
    weighting: Gradient,
) -> Frame:  # fmt: skip
    return Frame(
        file=file, frame=index, tile=tile,
        series=view.text("SeriesInstanceUID"), number=view.whole("SeriesNumber"), instance=view.whole("InstanceNumber"),
        acquisition=view.whole("FrameAcquisitionNumber") or view.whole("AcquisitionNumber"),
        temporal=view.whole("TemporalPositionIndex") or view.whole("TemporalPositionIdentifier"), clock=clock_of(view),
        shape=plane.shape, position=plane.position, row=plane.row, column=plane.column, spacing_mm=plane.spacing_mm,
        thickness_mm=_positive(view.number("SliceThickness")), apart_mm=_positive(view.number("SpacingBetweenSlices")),
        part=part, made=made, scale=scale,
        echo_number=view.whole("EchoNumbers"), echo_time=_seconds(view, "EffectiveEchoTime", "EchoTime"),
        repetition_time=_seconds(view, "RepetitionTime"), inversion_time=_seconds(view, "InversionTimes", "InversionTime"),
        flip_angle_deg=_positive(view.number("FlipAngle")),
        b_value=weighting.b * PER_MM2 if weighting.b is not None else None, b_vector=weighting.vector,
        mt_on=mt_of(view, dialect), coil=plain_text(view.private_text(0x0051, "SIEMENS MR HEADER", 0x0F)),
        stack=zlib.crc32(name.encode()) if (name := view.text("StackID")) else None,
    )  # fmt: skip


def mt_of(view: View, dialect: Dialect) -> bool | None:
    """Whether magnetisation transfer was on; None where the header does not tell."""
    said = view.text("MagnetizationTransfer").upper()
    if said:
        return said != "NONE"
    variant, options = view.words("SequenceVariant"), view.words("ScanOptions")
    if "MTC" in variant or {"MT", "MTC", "MT_GEMS"} & set(options):
        return True
    return False if dialect.mt_stated and variant else dialect.mt(view)


def clock_of(view: View) -> float | None:
    """Seconds since midnight at which the plane was acquired."""
    for keyword, skip in (("FrameAcquisitionDateTime", 8), ("AcquisitionDateTime", 8), ("AcquisitionTime", 0)):
        found = dates.clock(view.text(keyword)[skip:])
        if found is not None:
            return found
    return None


def _seconds(view: View, *keywords: str) -> float | None:
    """The first of some times that is over 0, from DICOM's ms."""
    return next((round(v / 1000, 9) for k in keywords if (v := first(view.numbers(k))) is not None and v > 0), None)


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None
