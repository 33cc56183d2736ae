"""DICOM files for the gauntlet, made byte by byte without the software that is to read them.

`FILES`, `ARCHIVES` and `SOURCES` list what is bad: each makes it in a folder, returns its path, and says what must come of it.
"""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
RLE, JPEG, J2K = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
MR = "1.2.840.10008.5.1.4.1.1.4"
WIDE = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
OPEN = 0xFFFFFFFF
PIXELS = np.arange(64, dtype=np.uint16)


def element(tag, vr, value=b"", order="<", explicit=True, length=None):
    """One element; ``length`` overrides what is stated of it."""
    if isinstance(value, str):
        value = value.encode("latin-1") + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    elif isinstance(value, int):
        value = struct.pack(order + {"US": "H", "UL": "L", "SS": "h"}[vr], value)
    length = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack(order + "L", length) + value
    if vr in WIDE:
        return head + vr.encode() + b"\0\0" + struct.pack(order + "L", length) + value
    return head + vr.encode() + struct.pack(order + "H", length) + value


def item(content=b"", open_=False, order="<"):
    if open_:
        return (
            struct.pack(order + "HHL", 0xFFFE, 0xE000, OPEN) + content + struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0)
        )
    return struct.pack(order + "HHL", 0xFFFE, 0xE000, len(content)) + content


def sequence(tag, items=b"", open_=False, vr="SQ", order="<", explicit=True):
    if not open_:
        return element(tag, vr, items, order, explicit)
    return element(tag, vr, items + struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0), order, explicit, length=OPEN)


def nested(levels, open_=False, vr="SQ", explicit=True, tag=0x00081140):
    """``levels`` sequences within each other (made from the inside out in linear time)."""
    head, tail = [], []
    size = 0
    for _ in range(levels):
        if open_:
            head.append(
                element(tag, vr, b"", explicit=explicit, length=OPEN) + struct.pack("<HHL", 0xFFFE, 0xE000, OPEN)
            )
            tail.append(struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0))
        else:
            head.append(
                element(tag, vr, b"", explicit=explicit, length=size + 8) + struct.pack("<HHL", 0xFFFE, 0xE000, size)
            )
            size += len(head[-1])
    return b"".join(reversed(head)) + b"".join(tail)


def fragments(*pieces):
    table = item()
    return element(0x7FE00010, "OB", table + b"".join(item(p + b"\0" * (len(p) % 2)) for p in pieces)
                   + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), length=OPEN)  # fmt: skip


def meta(syntax=EXPLICIT, sop="1.2.3.4"):
    inside = b"".join((element(0x00020001, "OB", b"\0\1"), element(0x00020002, "UI", MR), element(0x00020003, "UI", sop),
                       element(0x00020010, "UI", syntax), element(0x00020012, "UI", "1.2.3")))  # fmt: skip
    return element(0x00020000, "UL", len(inside)) + inside


def elements(instance=1, sop=None, series="1.2.826.1", rows=8, columns=8):
    """tag -> (VR, value) of a small image."""
    return {
        0x00080008: ("CS", "ORIGINAL\\PRIMARY\\M"), 0x00080016: ("UI", MR), 0x00080018: ("UI", sop or f"1.2.826.1.{instance}"),
        0x00080020: ("DA", "20250301"), 0x00080032: ("TM", "101500.25"), 0x00080060: ("CS", "MR"),
        0x00080070: ("LO", "MAKER"), 0x00100010: ("PN", "Canary^Anna"), 0x00100020: ("LO", "ID-7"),
        0x00100030: ("DA", "19700101"), 0x00180050: ("DS", "5"), 0x00180080: ("DS", "2000"), 0x00180081: ("DS", "10"),
        0x0020000D: ("UI", "1.2.826.9"), 0x0020000E: ("UI", series), 0x00200011: ("IS", "3"), 0x00200013: ("IS", str(instance)),
        0x00200032: ("DS", f"-10\\-20\\{5 * instance}"), 0x00200037: ("DS", "1\\0\\0\\0\\1\\0"),
        0x00280002: ("US", 1), 0x00280004: ("CS", "MONOCHROME2"), 0x00280010: ("US", rows), 0x00280011: ("US", columns),
        0x00280030: ("DS", "2\\2"), 0x00280100: ("US", 16), 0x00280101: ("US", 12), 0x00280102: ("US", 11),
        0x00280103: ("US", 0),
    }  # fmt: skip


def image(
    syntax=EXPLICIT, preamble=bytes(128), with_meta=True, changed=None, extra=b"", pixels=None, tail=b"", **fields
):
    """The bytes of an image. ``changed``: tag -> (VR, value) or None; ``extra`` goes in before the pixels, ``tail`` after."""
    order, explicit = (">" if syntax == BIG else "<"), syntax != IMPLICIT
    held = elements(**fields) | (changed or {})
    body = b"".join(element(tag, *held[tag], order=order, explicit=explicit) for tag in sorted(held) if held[tag])
    if pixels is None:
        pixels = element(0x7FE00010, "OW", PIXELS.astype(order + "u2").tobytes(), order, explicit)
    body += extra + pixels + tail
    if syntax == DEFLATED:
        body = deflated(body)
    head = preamble + b"DICM" + meta(syntax) if with_meta else b""
    return head + body


def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def bomb(size=200_000_000):
    """A deflated image that grows to ``size`` bytes, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = image(with_meta=False, pixels=element(0x7FE00010, "OW", b"", length=size))
    out = [packer.compress(start)] + [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)] + [packer.flush()]
    return bytes(128) + b"DICM" + meta(DEFLATED) + b"".join(out)


def j2k(rows, columns):
    """The head of a JPEG 2000 codestream."""
    return (
        b"\xff\x4f\xff\x51"
        + struct.pack(">HHLLLLLLLLH", 41, 0, columns, rows, 0, 0, columns, rows, 0, 0, 1)
        + bytes(40)
    )


def jpeg(rows, columns):
    return (
        b"\xff\xd8\xff\xe0\x00\x04AB\xff\xc0\x00\x0b\x08"
        + struct.pack(">HH", rows, columns)
        + b"\x01\x01\x11\x00\xff\xd9"
    )


class Bad(NamedTuple):
    """One thing that must be refused."""

    row: str
    what: str
    make: Callable[[Path], Path]
    code: str
    says: tuple[str, ...] = ()

    def __str__(self):
        return f"{self.row}-{self.what}"


def _file(row, what, code, data, *says):
    def make(folder):
        path = folder / "IM0001.dcm"
        path.write_bytes(data() if callable(data) else data)
        return path

    return Bad(row, what, make, code, says)


def _random_after(count=600):
    return bytes(128) + b"DICM" + np.random.default_rng(5).bytes(count)


def _sizes(**values):
    tags = {"rows": 0x00280010, "columns": 0x00280011, "bits": 0x00280100, "stored": 0x00280101, "samples": 0x00280002}
    return image(changed={tags[name]: ("US", value) for name, value in values.items()})


FILES = [
    _file("G50", "random after DICM", "E-DICOM", _random_after, "byte 132"),
    _file("G50", "random without preamble", "E-DICOM", lambda: _random_after()[132:], "needed a DICOM file"),
    _file("G50", "random elements", "E-DICOM", lambda: bytes(128) + b"DICM" + meta() + _random_after()[132:], "element ("),
    _file("G50", "cut in the pixels", "E-DICOM", lambda: image()[:-50], "PixelData (7FE0,0010)", "128 bytes", "78 bytes", "truncated"),
    _file("G50", "fewer pixels than said", "E-DICOM",
          lambda: image(pixels=element(0x7FE00010, "OW", bytes(100))), "128 bytes", "100 bytes", "truncated"),
    _file("G50", "cut in the header", "E-DICOM", lambda: image()[:500], "element (", "byte"),
    _file("G50", "length FFFFFFF0", "E-DICOM",
          lambda: image(pixels=element(0x7FE00010, "OW", bytes(128), length=0xFFFFFFF0)), "(7FE0,0010)", "4294967280"),
    _file("G50", "length FFFFFFF0 in the header", "E-DICOM",
          lambda: image(extra=element(0x00291010, "OB", b"", length=0xFFFFFFF0)), "(0029,1010)"),
    _file("G50", "length FFFFFFF0, implicit", "E-DICOM",
          lambda: image(IMPLICIT, extra=element(0x00291010, "", b"", explicit=False, length=0xFFFFFFF0)), "(0029,1010)"),
    _file("G50", "sequence without end", "E-DICOM",
          lambda: image(pixels=element(0x00400275, "SQ", item(b"", open_=True), length=OPEN)), "end of a sequence"),
    _file("G50", "item longer than its sequence", "E-DICOM",
          lambda: image(extra=element(0x00400275, "SQ", struct.pack("<HHL", 0xFFFE, 0xE000, 99999))), "(FFFE,E000)"),
    _file("G50", "text of undefined length", "E-DICOM",
          lambda: image(extra=element(0x00400275, "UT", b"", length=OPEN)), "(0040,0275)"),
    _file("G50", "unknown transfer syntax", "E-DICOM", lambda: bytes(128) + b"DICM" + meta("Canary^Anna") + image()[340:],
          "(0002,0010)"),
    _file("G50", "compressed pixels in one run", "E-DICOM", lambda: image(J2K), "fragments"),
    _file("G50", "fragments not compressed", "E-DICOM", lambda: image(pixels=fragments(bytes(128))), "one run"),
    _file("G50", "fragments without end", "E-DICOM", lambda: image(RLE, pixels=fragments(bytes(64))[:-8]), "end of the fragments"),
    _file("G50", "fewer fragments than frames", "E-DICOM",
          lambda: image(J2K, changed={0x00280008: ("IS", "3")}, pixels=fragments(j2k(8, 8), j2k(8, 8))), "3 frames"),
    _file("G50", "RLE header", "E-DICOM", lambda: image(RLE, pixels=fragments(b"\xff" * 80)), "RLE"),
    _file("G50", "deflated, cut", "E-DICOM", lambda: image(DEFLATED)[:-20], "deflated"),
    _file("G50", "deflated, spoilt", "E-DICOM", lambda: bytes(128) + b"DICM" + meta(DEFLATED) + b"\xff" * 99, "deflated"),
    _file("G51", "Rows 65535", "E-DIMS", lambda: _sizes(rows=65535), "Rows", "65535"),
    _file("G51", "Rows and Columns 65535", "E-DIMS", lambda: _sizes(rows=65535, columns=65535), "Rows"),
    _file("G51", "Rows and Columns 32767", "E-DIMS", lambda: _sizes(rows=32767, columns=32767), "2147352578 bytes"),
    _file("G51", "Rows 0", "E-DIMS", lambda: _sizes(rows=0), "Rows"),
    _file("G51", "NumberOfFrames 2e9", "E-DIMS", lambda: image(changed={0x00280008: ("IS", "2000000000")}), "NumberOfFrames"),
    _file("G51", "NumberOfFrames -1", "E-DIMS", lambda: image(changed={0x00280008: ("IS", "-1")}), "NumberOfFrames"),
    _file("G51", "NumberOfFrames words", "E-DIMS", lambda: image(changed={0x00280008: ("IS", "Canary")}), "NumberOfFrames"),
    _file("G51", "BitsAllocated 7", "E-DIMS", lambda: _sizes(bits=7), "BitsAllocated", "7"),
    _file("G51", "BitsStored 17", "E-DIMS", lambda: _sizes(stored=17), "BitsStored"),
    _file("G51", "SamplesPerPixel 200", "E-DIMS", lambda: _sizes(samples=200), "SamplesPerPixel"),
    _file("G51", "no Rows", "E-DIMS", lambda: image(changed={0x00280010: None}), "Rows"),
    _file("G51", "many more pixels than said", "E-DIMS",
          lambda: image(pixels=element(0x7FE00010, "OW", bytes(8192))), "8192"),
    _file("G51", "codestream larger than said", "E-DIMS",
          lambda: image(J2K, pixels=fragments(j2k(60000, 60000))), "60000 x 60000"),
    _file("G51", "JPEG larger than said", "E-DIMS", lambda: image(JPEG, pixels=fragments(jpeg(9000, 9001))), "9000 x 9001"),
    _file("G51", "compressed to nothing", "E-DIMS",
          lambda: image(J2K, changed={0x00280008: ("IS", "900")}, rows=20000, columns=20000,
                        pixels=fragments(*[b"\0" * 8] * 900)), "compressed pixels"),
    *[_file("G52", f"{n} levels{kind}", "E-DEPTH", lambda n=n, options=options: image(extra=nested(n, **options)), "32")
      for n in (33, 100, 400, 5000)
      for kind, options in (("", {}), (" of open length", {"open_": True}), (" unknown, open", {"open_": True, "vr": "UN"}),
                            (" unknown", {"vr": "UN"}))],
    *[_file("G52", f"{n} levels implicit{kind}", "E-DEPTH",
            lambda n=n, o=o: image(IMPLICIT, extra=nested(n, explicit=False, open_=o)), "32")
      for n in (33, 5000) for kind, o in (("", False), (", open", True))],
    _file("G53", "deflated 200 kB to 200 MB", "E-BOMB", bomb, "deflated", "100:1"),
]  # fmt: skip


# --- archives ---------------------------------------------------------------------------------


def _zip_info(name, mode=stat.S_IFREG | 0o644):
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zipped(*members):
    """Members: (name, bytes) or (name, bytes, mode)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data, *mode in members:
            packed.writestr(_zip_info(name, *mode), data)
    return out.getvalue()


def tarred(*members, packer=gzip.compress):
    """Members: (name, bytes) or (name, bytes, {"type": ..., "linkname": ...})."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name, data, *more in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in (more[0] if more else {}).items():
                setattr(info, key, value)
            packed.addfile(info, io.BytesIO(data))
    return packer(out.getvalue())


def _archive(row, what, name, data, *says):
    def make(folder):
        path = folder / name
        path.write_bytes(data() if callable(data) else data)
        return path

    return Bad(row, what, make, "E-ARCHIVE", says)


def _forged(file_size):
    """A zip whose directory and member head state another size than comes out."""
    data = bytearray(zipped(("IM1", image() * 40)))
    size = struct.pack("<L", len(image()) * 40)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<L", file_size)
    return bytes(data)


def _flagged(bit):
    data = bytearray(zipped(("IM1", image())))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + place] |= bit
    return bytes(data)


def _zeros(size):
    """A zip of zeros and nothing else, as the innermost of 42.zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("IM1", "w", force_zip64=True) as member:
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return out.getvalue()


def _sparse():
    """A GNU sparse member: 10 GB said, nothing there."""
    info = tarfile.TarInfo("IM1")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(format=tarfile.GNU_FORMAT))
    block[386:398], block[398:410] = b"00000000000\0", b"00000000000\0"
    block[483:495] = b"112402762000\0"[:12]
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + bytes(1024))


def _spoilt_header():
    data = bytearray(tarred(("IM1", IMAGE), ("IM2", IMAGE), packer=bytes))
    data[data.find(b"IM2")] ^= 1
    return bytes(data)


IMAGE = image()
_DEVICES = {"hard link": {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
            "symlink": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "pipe": {"type": tarfile.FIFOTYPE},
            "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}, "block device": {"type": tarfile.BLKTYPE}}  # fmt: skip
_NAMES = {"up": "../../x", "up within": "a/../../x", "absolute": "/tmp/neuromyo-escaped", "drive": "C:\\x", "backslashes": "a\\b",
          "newline": "a\nb.dcm", "turned": "a\u202egpj.dcm", "too long": "x" * 300}  # fmt: skip

ARCHIVES = [
    *[_archive("G45", f"zip, name {what}", "in.zip", lambda n=n: zipped(("IM0", IMAGE), (n, IMAGE)), "member 2")
      for what, n in _NAMES.items()],
    *[_archive("G46", f"tar, name {what}", "in.tar.gz", lambda n=n: tarred(("IM0", IMAGE), (n, IMAGE)), "member 2")
      for what, n in _NAMES.items()],
    _archive("G45", "zip, symlink", "in.zip", lambda: zipped(("IM1", b"/etc/passwd", stat.S_IFLNK | 0o777)), "link"),
    _archive("G45", "zip, device", "in.zip", lambda: zipped(("IM1", b"", stat.S_IFCHR | 0o666)), "device"),
    _archive("G45", "zip, one name twice", "in.zip", lambda: zipped(("IM1", IMAGE), ("./IM1", IMAGE)), "same name"),
    _archive("G45", "zip, one name in two cases", "in.zip", lambda: zipped(("a/IM1", IMAGE), ("A/im1", IMAGE)), "same name"),
    _archive("G45", "zip in zip", "in.zip", lambda: zipped(("IM1", IMAGE), ("IM2", zipped(("IM3", IMAGE)))), "within"),
    _archive("G45", "tar.gz in zip", "in.zip", lambda: zipped(("IM1", tarred(("IM3", IMAGE)))), "within"),
    _archive("G45", "zip of zeros", "in.zip", lambda: _zeros(100 << 20), "bytes"),
    _archive("G45", "zip, forged small", "in.zip", lambda: _forged(600), "lies"),
    _archive("G45", "zip, forged large", "in.zip", lambda: _forged(50_000_000)),
    _archive("G45", "zip, forged huge", "in.zip", lambda: _forged(0xFFFFFFF0), "at most"),
    _archive("G45", "zip, encrypted", "in.zip", lambda: _flagged(1), "encrypted"),
    _archive("G45", "zip, cut", "in.zip", lambda: zipped(("IM1", IMAGE))[:-30], "damage"),
    _archive("G45", "another kind", "in.7z", b"7z\xbc\xaf\x27\x1c" + bytes(200), "another kind"),
    *[_archive("G46", f"tar, {what}", "in.tar.gz", lambda m=m: tarred(("IM0", IMAGE), ("IM1", b"", m)), "member 2")
      for what, m in _DEVICES.items()],
    _archive("G46", "tar, sparse", "in.tar.gz", _sparse, "sparse"),
    _archive("G46", "tar, one name twice", "in.tar", lambda: tarred(("IM1", IMAGE), ("IM1", IMAGE), packer=bytes), "same name"),
    _archive("G46", "tar of zeros", "in.tar.xz", lambda: tarred(("IM1", bytes(100 << 20)), packer=_xz), "bytes"),
    _archive("G46", "tar, cut", "in.tar.bz2", lambda: tarred(("IM1", IMAGE * 99), packer=bz2.compress)[:-30], "damage"),
    _archive("G46", "tar, a header spoilt", "in.tar", _spoilt_header, "end mark"),
    _archive("G46", "tar, no end", "in.tar", lambda: tarred(("IM1", IMAGE), packer=bytes).rstrip(b"\0") + bytes(1), "damage"),
    _archive("G46", "tar.gz, checksum", "in.tar.gz", lambda: tarred(("IM1", IMAGE))[:-5] + b"12345", "damage"),
    _archive("G46", "gz that is no tar", "in.gz", lambda: gzip.compress(IMAGE), "damage"),
]  # fmt: skip


def _xz(data):
    return lzma.compress(data, preset=0)


# --- sources that are no plain files ----------------------------------------------------------


def _source(what, make, *says):
    return Bad("G47", what, make, "E-NOTREGULAR", says)


def _link(folder):
    (folder / "IM1.dcm").symlink_to("/etc/passwd")
    return folder / "IM1.dcm"


def _loop(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def _pipe(folder):
    os.mkfifo(folder / "IM1.dcm")
    return folder / "IM1.dcm"


SOURCES = [_source("link to a file", _link, "link"), _source("links in a loop", _loop, "link"), _source("pipe", _pipe, "pipe"),
           _source("device", lambda folder: Path("/dev/zero"), "device")]  # fmt: skip
