"""Siemens' CSA headers: the structure 'SV10' that scanners up to software VE keep in 0029,xx10 and 0029,xx20.

After 'SV10' 4 3 2 1 come the number of tags and 77; each tag is a name of 64 bytes, its multiplicity, its VR, a syngo type, the number
of items and 77 (205 where it is empty); each item four integers (its length twice around 77, or 0 0 205 0), then text padded to four.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

_SYNGO = {
    "DS": 3,
    "FD": 4,
    "IS": 6,
    "SL": 7,
    "UL": 9,
    "US": 10,
    "CS": 16,
    "LO": 19,
    "LT": 20,
    "SH": 22,
    "UN": 0,
    "ST": 20,
}

#: tags that are there in every image and mostly empty, as in the files of a scanner
EMPTY = (
    ("Actual3DImaPartNumber", "IS"), ("Filter1", "IS"), ("Filter2", "IS"), ("PixelFile", "UN"), ("PixelFileName", "UN"),
    ("FlowEncodingDirection", "IS"), ("FlowVenc", "FD"), ("ImageGroup", "US"), ("FlipAngle", "DS"), ("SequenceName", "SH"),
    ("RepetitionTime", "DS"), ("EchoTime", "DS"), ("NumberOfAverages", "DS"), ("VoxelThickness", "DS"),
    ("SpectrumTextRegionLabel", "SH"), ("Comp_Algorithm", "IS"), ("FMRIStimulInfo", "IS"), ("MoCoQMeasure", "US"),
)  # fmt: skip

Tags = Sequence[tuple[str, str, Sequence[object]]]


def header(tags: Tags) -> bytes:
    """The structure, with the empty tags of a scanner's file among those given."""
    every = [*tags, *((name, vr, ()) for name, vr in EMPTY)]
    return (
        b"SV10\x04\x03\x02\x01" + struct.pack("<2I", len(every), 77) + b"".join(_tag(*one) for one in every) + b"\0" * 4
    )


def _tag(name: str, vr: str, values: Sequence[object]) -> bytes:
    texts = [_text(vr, value) for value in values]
    count = max(6, len(texts)) if texts else 0
    said = struct.pack(
        "<64si4s3i", name.encode(), max(1, len(texts)), vr.encode(), _SYNGO[vr], count, 77 if texts else 205
    )
    return said + b"".join(_item(texts[i] if i < len(texts) else b"") for i in range(count))


def _item(text: bytes) -> bytes:
    if not text:
        return struct.pack("<4i", 0, 0, 205, 0)
    return struct.pack("<4i", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)


def _text(vr: str, value: object) -> bytes:
    """Numbers as text: whole ones padded to eight, others with eight decimals."""
    if vr in ("FD", "DS"):
        return f"{float(value):.8f}\0".encode()  # type: ignore[arg-type]
    if vr in ("IS", "SL", "UL", "US"):
        return f"{int(value):<8d}\0".encode()  # type: ignore[call-overload]
    return f"{value}\0".encode()


def protocol(entries: Mapping[str, object], patient: str) -> str:
    """The text of a measurement protocol (MrPhoenixProtocol), which holds the patient's name like the elements do."""
    lines = [f"{name:40s} = \t{value}" for name, value in entries.items()]
    tree = f'<XProtocol>\n{{\n  <ParamString."tPatientName"> {{ "{patient}" }}\n}}\n'
    return (
        tree
        + "### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData version=51130001 ###\n"
        + "\n".join(lines)
        + "\n### ASCCONV END ###"
    )
