"""Forms for a blinded reading: images found, cases coded, one page a reader, and the key kept apart from them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.labels import SIDES, Side
from neuromyo.io import names, nifti, store
from neuromyo.io.files import printable
from neuromyo.io.labels import named
from neuromyo.io.together import all_or_none, refuse_unwritable
from neuromyo.pipeline.reading_order import Shown, form_id, order
from neuromyo.report import reading as page
from neuromyo.report.panels import evenly, frame_around
from neuromyo.space.overlap import rough_body
from neuromyo.study.scales import Scale, scale

#: percentiles of the shown slices that are black and white
WINDOWS: dict[str, tuple[float, float]] = {"standard": (1.0, 99.5), "wide": (0.0, 100.0), "narrow": (5.0, 97.0)}
_FEW, _MOST_SHARE, _MOST_MB = 10, 0.5, 400
_READER = re.compile(r"[0-9A-Za-z-]{1,32}")


@dataclass(frozen=True)
class ReadingRequest:
    """What is to be read. image : parts of a BIDS name that the image must have, such as ``T1w`` or ``acq-stir_T2w``
    volume : of an image with several, counted from 1; window : a name of `WINDOWS`, or two values as ``low,high``
    key : where it goes; beside the folder of forms where not given
    """

    source: Path
    out: Path
    scale: str
    muscles: tuple[str, ...]
    readers: tuple[str, ...]
    seed: int
    sides: tuple[str, ...] = ("left", "right")
    repeat: float = 0.0
    image: str = "T1w"
    slices: int = 5
    volume: int = 1
    window: str = "standard"
    key: Path | None = None


@dataclass(frozen=True)
class Made:
    """Forms by reader, the key, how many cases and how many of them twice."""

    forms: dict[str, Path]
    key: Path
    n_cases: int
    n_twice: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    subject: str
    session: str
    path: Path
    name: str


def key_beside(out: Path) -> Path:
    """Where the key of a folder of forms lies unless it is said otherwise: next to the folder, not in it."""
    return out.resolve().with_name(out.resolve().name + "-key.json")


def make(request: ReadingRequest) -> Made:
    """Writes ``form-<reader>.html`` for each reader into ``out``, and the key."""
    kind, fields = scale(request.scale), _fields(request)
    _check(request)
    cases = _cases(request)
    out, key = _places(request)
    told: list[Finding] = []
    pictures = [_pictures(case, request, told) for case in cases]
    held: dict[str, Any] = {}
    forms = {reader: _form(out, reader) for reader in request.readers}
    with all_or_none():
        for reader, path in forms.items():
            shown = order(len(cases), request.repeat, request.seed, reader)
            form = page.Form(form_id(request.seed, reader, kind.id, [c.name for c in cases]), reader, kind, fields,
                             tuple((s.code, pictures[s.case]) for s in shown))  # fmt: skip
            text = page.form_page(form)
            _refuse_heavy(text)
            held[form.id] = {"reader": reader, "cases": {s.code: _entry(cases[s.case], s) for s in shown}}
            store.write_text(path, text)
        _write_key(key, {"schema": 1, "scale": kind.id, "seed": request.seed, "forms": held,
                         "fields": [{"region": region, "side": side} for region, side in fields]})  # fmt: skip
    twice = sum(s.reading == 2 for s in order(len(cases), request.repeat, request.seed, request.readers[0]))
    return Made(forms, key, len(cases), twice, (*_remarks(len(cases), twice, request, kind), *told))


def _check(request: ReadingRequest) -> None:
    if not request.readers or not all(_READER.fullmatch(r) for r in request.readers) or _twice(request.readers):
        raise _option(
            "--readers", "different names of letters, digits and hyphens, such as A,B", ", ".join(request.readers)
        )
    if not 0 <= request.repeat <= _MOST_SHARE:
        raise _option("--repeat", "a share from 0 to 0.5", f"{request.repeat:g}")
    if not 1 <= request.slices <= 40:
        raise _option("--slices", "from 1 to 40", str(request.slices))
    if request.volume < 1:
        raise _option("--volume", "a number from 1", str(request.volume))
    _window(request.window)


def _window(text: str) -> tuple[float, float] | None:
    """The two values of a window given in numbers; None where it is named."""
    if text in WINDOWS:
        return None
    try:
        low, high = (float(v) for v in text.split(","))
    except ValueError:
        low, high = np.nan, np.nan
    if not low < high or not np.isfinite([low, high]).all():
        raise _option("--window", f"one of {', '.join(WINDOWS)}, or two values such as 0,800", printable(text))
    return low, high


def _fields(request: ReadingRequest) -> tuple[tuple[str, Side], ...]:
    """What is graded in each case: muscle after muscle, on each side."""
    muscles = [named(m)[0] for m in request.muscles]
    if not muscles or not all(muscles) or _twice(muscles):
        raise _option("--muscles", "different names, such as soleus,tibialis-anterior", ", ".join(request.muscles))
    sides: list[Side] = [s for word in dict.fromkeys(request.sides) for s in SIDES if s == word]
    if not sides or len(sides) != len(request.sides):
        raise _option("--sides", f"some of {', '.join(SIDES)}", ", ".join(request.sides))
    return tuple((muscle, side) for muscle in muscles for side in sides)


def _twice(words: Sequence[str]) -> bool:
    return len({w.lower() for w in words}) != len(words)


def _option(where: str, needed: str, found: str) -> OptionError:
    return OptionError("E-OPTION", where=where, needed=needed, found=found or "nothing", remedy="mend that option")


# --- images -----------------------------------------------------------------------------------------------------------


def _cases(request: ReadingRequest) -> list[_Case]:
    """One image a session, where several fit the one whose name says no more than was asked for; E-READING where there is none at all,
    or a session has several."""
    if not request.source.is_dir():
        raise DataError("E-NOTFOUND", where=printable(request.source), needed="a BIDS dataset or the output of a run",
                        found="no folder of that name", remedy="check the name")  # fmt: skip
    found: dict[tuple[str, str], list[_Case]] = {}
    seen: set[str] = set()
    meant: set[str] = set()
    for path in sorted(request.source.glob("sub-*/**/*.nii*")):
        name = names.split(path.name)
        if name is None or name.ending not in names.IMAGE_ENDINGS or path.is_symlink():
            continue
        seen.add(name.suffix)
        if _fits(name, request.image):
            case = _Case(name.entities.get("sub", ""), name.entities.get("ses", ""), path, path.name)
            exact = len(name.entities.keys() - {"sub", "ses"}) == request.image.count("-")
            held = found.setdefault((case.subject, case.session), [])
            held.insert(0, case) if exact else held.append(case)
            meant |= {case.name} if exact else set()
    if not found:
        raise DataError("E-READING", where=printable(request.source.name), needed=f"images that are called {request.image}",
                        found=f"images called {', '.join(sorted(seen)) or 'nothing'}", remedy="choose others with --image")  # fmt: skip
    many = next((cases for cases in found.values() if len(cases) > 1 and cases[0].name not in meant), None)
    if many:
        raise DataError("E-READING", where=f"sub-{many[0].subject}", needed=f"one image that is called {request.image} in each session",
                        found=f"{many[0].name} and {many[1].name}", remedy="say more with --image, such as acq-stir_T2w")  # fmt: skip
    return [cases[0] for _, cases in sorted(found.items())]


def _fits(name: names.Name, wanted: str) -> bool:
    """Whether a name has all the parts asked for: a suffix, and entities as key-value."""
    parts = [p for p in wanted.split("_") if p]
    return all(
        name.entities.get(p.partition("-")[0]) == p.partition("-")[2] if "-" in p else name.suffix == p for p in parts
    )


def _pictures(case: _Case, request: ReadingRequest, told: list[Finding]) -> tuple[page.Picture, ...]:
    with tempfile.TemporaryDirectory(prefix="neuromyo-read-") as scratch:
        image, grid, _ = nifti.open_image(case.path, scratch=Path(scratch))
        if request.volume > image.shape[3]:
            raise DataError("E-READING", where=case.name, needed=f"volume {request.volume}", found=f"{image.shape[3]} of them",
                            remedy="choose another with --volume")  # fmt: skip
        if image.shape[3] > 1:
            told.append(Finding("warn", "W-READERS", case.name, f"{image.shape[3]} volumes, of which volume {request.volume} is shown",
                                "choose another with --volume", "the others are not read"))  # fmt: skip
        values = image.read()[..., request.volume - 1]
    n = grid.shape[grid.slice_axis]
    edge = int(0.1 * n) if n > 2 * request.slices else 0  # ends of a stack are dark or folded over
    shown = evenly(range(n - 1 - edge, edge - 1, -1), request.slices)
    window = _levels(values, shown, grid.slice_axis, case.name, request.window)
    frame = frame_around(grid, rough_body(values, grid.slice_axis))
    return tuple(page.picture(values, frame, k, window) for k in shown)


def _levels(values: np.ndarray, shown: Sequence[int], axis: int, name: str, window: str) -> tuple[float, float]:
    """Black and white: one window for all slices of a case, so that they compare."""
    stated = _window(window)
    if stated:
        return stated
    part = np.take(values, shown, axis=axis)
    part = part[np.isfinite(part)]
    low, high = np.percentile(part, WINDOWS[window]) if part.size else (0.0, 0.0)
    if not low < high:
        raise DataError("E-NOSIGNAL", where=name, needed="an image with something to see", found="the same value nearly everywhere",
                        remedy="leave it out, or give --window low,high")  # fmt: skip
    return float(low), float(high)


# --- what is written --------------------------------------------------------------------------------------------------


def _places(request: ReadingRequest) -> tuple[Path, Path]:
    out = request.out
    key = request.key.resolve() if request.key else key_beside(out)
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise OptionError("E-OUTDIR", where=printable(out), needed="a new or empty folder", found="one that is in use",
                          remedy="give another: forms that readers have begun must not change")  # fmt: skip
    if key.exists() or out.resolve() in key.parents:
        found = "a file of that name" if key.exists() else "a place among the forms"
        raise OptionError("E-OUTDIR", where=f"the key {printable(key.name)}", needed="a new file apart from the forms", found=found,
                          remedy="give another place with --key")  # fmt: skip
    refuse_unwritable([*(_form(out, reader) for reader in request.readers), key])
    return out, key


def _form(out: Path, reader: str) -> Path:
    return out / f"form-{reader}.html"


def _entry(case: _Case, shown: Shown) -> dict[str, Any]:
    return {"subject": case.subject, "session": case.session, "image": case.name, "reading": shown.reading}


def _write_key(path: Path, key: dict[str, Any]) -> None:
    """The key, readable by its owner alone."""
    text = json.dumps(key, indent=1, sort_keys=True, ensure_ascii=False)
    store.write_stream(path, [text.encode("utf-8"), b"\n"], mode=0o600)


def _refuse_heavy(text: str) -> None:
    if len(text) > _MOST_MB << 20:
        raise DataError("E-READING", where="the form", needed=f"at most {_MOST_MB} MiB, so that a browser opens it",
                        found=f"{len(text) >> 20} MiB", remedy="give fewer --slices, or make forms of fewer people")  # fmt: skip


def _remarks(n: int, twice: int, request: ReadingRequest, kind: Scale) -> tuple[Finding, ...]:
    said = []
    if n < _FEW:
        said.append(Finding("warn", "W-READERS", "cases", f"{n} images are to be read", f"read {_FEW} or more",
                            "kappa of so few says little"))  # fmt: skip
    if len(request.readers) < 2 and not twice:
        said.append(Finding("warn", "W-READERS", "--readers", "one reader, and no case twice", "give two readers, or --repeat 0.2",
                            "no agreement can be told"))  # fmt: skip
    if kind.id == "mercuri" and "T2" in request.image:
        said.append(Finding("warn", "W-READERS", "--image", f"{kind.title} is read on T1-weighted images", "choose them with --image",
                            "grades of fat on other images do not compare with published ones"))  # fmt: skip
    return tuple(said)
