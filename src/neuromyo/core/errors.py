"""Errors that tell a user where, what was needed, what was found and what to do.

    NeuromyoError
    ├── DataError       the files or their numbers
    ├── ProtocolError   what was acquired does not allow what was asked
    ├── OptionError     what the user asked for
    ├── PluginError     a biomarker (ours or somebody else's) breaks its declaration
    ├── ExportError     results that cannot be written out
    └── ResourceError   disk, memory, input/output

Every error carries a ``code`` out of `CODES`, which also fixes the exit status of the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_OK, EXIT_OURS, EXIT_INPUT, EXIT_RESOURCE, EXIT_UNSAFE = 0, 1, 2, 3, 4

#: code -> (exit status, what it means). The one list of all codes; the documentation is generated from it.
CODES: dict[str, tuple[int, str]] = {
    # files
    "E-NOTFOUND": (EXIT_INPUT, "a file or folder that was named does not exist"),
    "E-NOTREGULAR": (EXIT_INPUT, "a name stands for something that is not a plain file"),
    "E-TRUNC": (EXIT_INPUT, "a file ends before its data do"),
    "E-CRC": (EXIT_INPUT, "compressed data fail their checksum"),
    "E-FORMAT": (EXIT_INPUT, "a file is of another type than its name says"),
    "E-EMPTY": (EXIT_INPUT, "a file holds no data"),
    "E-DIMS": (EXIT_INPUT, "the header's dimensions are impossible or do not fit the file"),
    "E-BOMB": (EXIT_UNSAFE, "compressed data promise to grow beyond the permitted size"),
    "E-GEOM": (EXIT_INPUT, "the header's geometry is missing, singular or contradicts itself"),
    "E-SCALE": (EXIT_INPUT, "the header's intensity scaling is not a finite number"),
    "E-DTYPE": (EXIT_INPUT, "the stored number type cannot be used here"),
    "E-HEADER": (EXIT_INPUT, "the header is damaged"),
    "E-SIDECAR": (EXIT_INPUT, "a JSON sidecar cannot be read"),
    "E-BIDS": (EXIT_INPUT, "the folder is not a BIDS dataset that can be worked on"),
    "E-TABLE": (EXIT_INPUT, "a table cannot be read or breaks its own key"),
    # scanner files and people
    "E-DICOM": (EXIT_INPUT, "a file is no DICOM image, or a damaged one"),
    "E-DEPTH": (EXIT_UNSAFE, "a file nests its parts deeper than is permitted"),
    "E-LIMIT": (EXIT_UNSAFE, "reading a file took more memory or time than is permitted"),
    "E-ARCHIVE": (EXIT_UNSAFE, "an archive holds what must not be unpacked"),
    "E-SERIES": (EXIT_INPUT, "the images of a series do not make up whole volumes"),
    "E-PHI": (EXIT_UNSAFE, "patient data would get out"),
    "E-ID": (EXIT_INPUT, "who was scanned is not clear, or two files disagree about it"),
    "E-DATE": (EXIT_INPUT, "dates of visits contradict each other"),
    # numbers
    "E-NODATA": (EXIT_INPUT, "no finite number where data were expected"),
    "E-NOSIGNAL": (EXIT_INPUT, "the image is constant or zero"),
    "E-UNITS": (EXIT_INPUT, "a number is not in the unit its field demands"),
    "E-IDENTICAL": (EXIT_INPUT, "images that are stated to be acquired differently hold the same voxels"),
    "E-ECHO-ORDER": (EXIT_INPUT, "echo times run against the data"),
    "E-ECHO-COUNT": (EXIT_INPUT, "echo times and volumes do not match one to one"),
    "E-ECHO-SPACING": (EXIT_INPUT, "the echo times are not those of an evenly spaced train"),
    "E-PHASE": (EXIT_INPUT, "a phase image is not in radians over one turn, or is no phase"),
    "E-GRAD": (EXIT_INPUT, "the table of diffusion gradients cannot be right, or does not determine a tensor"),
    "E-GRID": (EXIT_INPUT, "images that must share a grid do not"),
    "E-REGISTER": (EXIT_INPUT, "images could not be brought onto each other, or do not belong together"),
    "E-EMPTYROI": (EXIT_INPUT, "a mask or region holds no voxel"),
    "E-SIDE": (EXIT_INPUT, "a left or right name contradicts the image's geometry"),
    "E-LABELS": (EXIT_INPUT, "a label image or its table cannot be understood"),
    "E-VIALS": (EXIT_INPUT, "the vials of a phantom are not where their description puts them"),
    "E-NERVE": (EXIT_INPUT, "no nerve can be followed where one was looked for"),
    "E-RESOLUTION": (EXIT_INPUT, "the images are too coarse for what was asked of them"),
    "E-COURSE": (EXIT_INPUT, "no line can be drawn through a nerve, or two visits cannot be laid on each other"),
    "E-READING": (EXIT_INPUT, "a form of visual reading cannot be made or read"),
    "E-WEIGHTS": (EXIT_UNSAFE, "a network's weights are missing, or are not those that were stated"),
    "E-NETWORK": (EXIT_INPUT, "a segmentation network failed, or gave what cannot be used"),
    # norms
    "E-NORM": (EXIT_INPUT, "a norm cannot be made from these people, or a norm file cannot be used"),
    "E-METHOD": (EXIT_INPUT, "values measured by different methods are not compared"),
    "E-SITES": (EXIT_INPUT, "sites cannot be brought into line with these people"),
    # studies
    "E-STUDY": (EXIT_INPUT, "a study's tables cannot be analysed as asked"),
    "E-PEOPLE": (EXIT_INPUT, "too few people for what was asked"),
    "E-REPEATS": (EXIT_INPUT, "readings that belong together are missing, there twice, or not finite"),
    "E-PLAN": (EXIT_UNSAFE, "a locked plan of analysis was changed, is not sealed, or would be unblinded"),
    # asking
    "E-OPTION": (EXIT_INPUT, "an option has an impossible value"),
    "E-UNKNOWN": (EXIT_INPUT, "a name that is not known here"),
    "E-NEEDS": (EXIT_INPUT, "a biomarker lacks something it needs"),
    "E-PROTOCOL": (EXIT_INPUT, "the acquisition is unusable for what was asked"),
    "E-OUTDIR": (EXIT_UNSAFE, "the output folder is not a safe place to write"),
    "E-EXTRA": (EXIT_INPUT, "an optional part of the software is not installed"),
    "E-PLUGIN": (EXIT_OURS, "a biomarker breaks its own declaration"),
    "E-EXPORT": (EXIT_INPUT, "a result cannot be written in the form asked"),
    # the machine
    "E-IO": (EXIT_RESOURCE, "reading or writing failed"),
    "E-DISK": (EXIT_RESOURCE, "there is no room left to write"),
    "E-MEMORY": (EXIT_RESOURCE, "the memory budget is too small"),
    "E-LOCKED": (EXIT_RESOURCE, "another run is writing to the same place"),
    "E-INTERNAL": (EXIT_OURS, "a fault of this software"),
}


class NeuromyoError(Exception):
    """One sentence for the user, and a code for the machine.

    Parameters
    ----------
    code : one of `CODES`
    where : the file, field, option or subject concerned
    needed, found : what was needed there and what was found instead
    remedy : what the user can do about it
    """

    def __init__(self, code: str, *, where: str, found: str, needed: str = "", remedy: str = "") -> None:
        if code not in CODES:
            raise KeyError(f"{code} is not listed in neuromyo.core.errors.CODES")
        self.code, self.where, self.needed, self.found, self.remedy = code, where, needed, found, remedy
        super().__init__(code, where, needed, found, remedy)

    @property
    def exit_status(self) -> int:
        return CODES[self.code][0]

    def __str__(self) -> str:
        demand = f"needed {self.needed}, found {self.found}" if self.needed else self.found
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.where}: {demand}{remedy} [{self.code}]"

    def __reduce__(self) -> tuple:
        # keyword-only arguments would be lost when the error crosses a process boundary
        return _rebuild, (type(self), self.code, self.where, self.needed, self.found, self.remedy)

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "where": self.where, "needed": self.needed, "found": self.found,
                "remedy": self.remedy, "message": str(self)}  # fmt: skip


def _rebuild(kind: type[NeuromyoError], code: str, where: str, needed: str, found: str, remedy: str) -> NeuromyoError:
    return kind(code, where=where, needed=needed, found=found, remedy=remedy)


class DataError(NeuromyoError):
    """The files, or the numbers in them, cannot be used."""


class ProtocolError(NeuromyoError):
    """What was acquired does not allow what was asked."""


class OptionError(NeuromyoError):
    """The user asked for something impossible or unknown."""


class PluginError(NeuromyoError):
    """A biomarker, segmenter or panel breaks its own declaration."""


class ExportError(NeuromyoError):
    """A result cannot be written in the form asked for."""


class ResourceError(NeuromyoError):
    """Disk, memory or input/output failed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed on the way, that stops the work, or warns, or is worth a note.

    ``level`` is ``stop``, ``warn`` or ``note``; ``code`` begins with ``E-`` for a stop and ``W-`` or ``N-`` otherwise.
    ``where`` names the file (relative to the dataset) and the field. ``consequence`` says what it means for which
    biomarker.
    """

    level: str
    code: str
    where: str
    message: str
    remedy: str = ""
    consequence: str = ""

    @staticmethod
    def from_error(error: NeuromyoError) -> Finding:
        said = f"needed {error.needed}, found {error.found}" if error.needed else error.found
        return Finding("stop", error.code, error.where, said, error.remedy)

    @property
    def exit_status(self) -> int:
        """What a stop makes the program end with; 0 of a warning or note."""
        if self.level != "stop":
            return EXIT_OK
        return CODES[self.code][0] if self.code in CODES else EXIT_INPUT

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.message}", self.remedy, self.consequence]
        return "; ".join(p for p in parts if p) + f" [{self.code}]"

    def as_dict(self) -> dict[str, str]:
        return {k: getattr(self, k) for k in self.__slots__}


def first_few(names: Iterable[str], most: int = 3) -> str:
    """A few of them by name, each once, and how many more there are: how errors and findings name several."""
    what = list(dict.fromkeys(names))
    return ", ".join(what[:most]) + f" and {len(what) - most} more" * (len(what) > most)


def worst_exit(statuses: list[int]) -> int:
    """The exit status of several sessions: 0 if all finished, else the worst in the order 1, 3, 4, 2."""
    for status in (EXIT_OURS, EXIT_RESOURCE, EXIT_UNSAFE, EXIT_INPUT):
        if status in statuses:
            return status
    return EXIT_OK
