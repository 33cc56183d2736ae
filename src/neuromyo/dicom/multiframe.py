"""Enhanced multi-frame headers: what they say of each plane, gathered out of the functional groups."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neuromyo.dicom.elements import Part, View

#: functional groups whose first item speaks of the plane
GROUPS = (
    "PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence", "FrameContentSequence", "FrameAnatomySequence",
    "MRImageFrameTypeSequence", "MREchoSequence", "MRTimingAndRelatedParametersSequence", "MRModifierSequence",
    "MRImagingModifierSequence", "MRAveragesSequence", "MRDiffusionSequence", "PixelValueTransformationSequence",
    "SegmentIdentificationSequence", "MRFOVGeometrySequence", "MRReceiveCoilSequence", "MRTransmitCoilSequence",
    "UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence",
)  # fmt: skip
#: what stands one level deeper in a group
_WITHIN = ("DiffusionGradientDirectionSequence", "DiffusionBMatrixSequence")


def is_enhanced(dataset: Dataset) -> bool:
    """Whether a header speaks of its planes in functional groups."""
    return "PerFrameFunctionalGroupsSequence" in dataset or "SharedFunctionalGroupsSequence" in dataset


def views(dataset: Dataset) -> Iterator[View]:
    """One `View` a plane, in the order of the pixels."""
    top = Part(dataset)
    shared = [part for item in _items(dataset, "SharedFunctionalGroupsSequence")[:1] for part in _parts(item)]
    for item in _items(dataset, "PerFrameFunctionalGroupsSequence"):
        yield View(dataset, (*_parts(item), *shared, top))


def _parts(group: Dataset) -> list[Part]:
    """The items of a plane's functional groups: the standard ones, what stands in them, then private ones.

    The group itself comes first, for what a vendor puts there directly (real world values, private elements)."""
    standard = [item for name in GROUPS for item in _items(group, name)[:1]]
    deeper = [item for one in standard for name in _WITHIN for item in _items(one, name)[:1]]
    return [Part(one) for one in (group, *standard, *deeper, *_private(group))]


def _private(group: Dataset) -> list[Dataset]:
    found = []
    for tag in list(group.keys()):
        if tag.is_private and not tag.is_private_creator:
            try:
                value = group[tag].value
            except Exception:  # a damaged private element says nothing
                continue
            if isinstance(value, Sequence) and len(value):
                found.append(value[0])
    return found


def _items(dataset: Dataset, name: str) -> list[Dataset]:
    try:
        value = dataset.get(name)
    except Exception:  # a damaged sequence holds nothing
        return []
    return list(value) if isinstance(value, Sequence) else []
