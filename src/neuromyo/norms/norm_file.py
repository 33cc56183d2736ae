"""A norm as a file: JSON with a version and a hash, of sums over groups of people, never of a person.

    {"format": "neuromyo-norm", "version": 1, "sha256": of all the rest, "name", "made_with", "conditions", "options",
     "norms": [{"key", "covariates", "published", "sites": [{"site", "sexes", "support", "cells": [...]}]}],
     "profiles": [norms along nerves, `profile_record`; left out where there are none]}

Text in, text out: files are opened by whoever calls. No time, host or folder is written, so that the same people and options
give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.core.norm import NormKey
from neuromyo.norms import profile_record
from neuromyo.norms.cells import Cell
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.engine import Norm, norm
from neuromyo.norms.options import CORRELATIONS, Options
from neuromyo.norms.prior import Published
from neuromyo.norms.profile_sums import ProfileSummary
from neuromyo.norms.summary import SiteSums, Summary

FORMAT, VERSION = "neuromyo-norm", 1
_OPTIONS = tuple(f.name for f in fields(Options) if f.name != "covariates")
_REBUILD = "make it again by neuromyo norms build, or ask whoever made it for a new copy"


@dataclass(frozen=True, eq=False)
class Site:
    """The controls of one site. ``sexes``: (women, men) among them; low, high : (p,) range of each covariate, rounded outward."""

    site: str
    sexes: tuple[int, int]
    low: tuple[float, ...]
    high: tuple[float, ...]
    cells: tuple[Cell, ...]

    @property
    def n(self) -> int:
        return sum(cell.n for cell in self.cells)

    def sums(self, options: Options) -> SiteSums:
        """As the engine wants them: for every slope of log SD and correlation of its grid."""
        names = options.covariates.names
        age = 1 + names.index("age") if "age" in names else None
        correlations = CORRELATIONS if any(m > 1 for c in self.cells for m in c.rows) else (0.0,)
        grid = [[[c.weighted(age, g, r) for c in self.cells] for r in correlations] for g in options.slopes]
        moments = np.array([[_total([m for m, _ in parts]) for parts in line] for line in grid])
        log_det = np.array([[math.fsum(d for _, d in parts) for parts in line] for line in grid])
        rows = sum(m * n for c in self.cells for m, n in zip(c.rows, c.people, strict=True))
        return SiteSums(self.site, self.n, rows, np.array(self.low), np.array(self.high), moments, log_det)


@dataclass(frozen=True, eq=False)
class Entry:
    """One norm of the file: of what, by which covariates, of whom, and which published values are in it."""

    key: NormKey
    covariates: tuple[str, ...]
    sites: tuple[Site, ...]
    published: tuple[Published, ...] = ()

    @property
    def n(self) -> int:
        return sum(site.n for site in self.sites)


@dataclass(frozen=True, eq=False)
class NormFile:
    """All of a norm file. ``conditions``: field_T, protocol, scanner as stated, "" where nothing is; ``options``: the engine's;
    ``profiles``: norms along nerves."""

    name: str
    made_with: str
    entries: tuple[Entry, ...]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=lambda: options_of(Options()))
    profiles: tuple[ProfileSummary, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """Of everything in it."""
        return hashlib.sha256(_canonical(_body(self))).hexdigest()

    @property
    def label(self) -> str:
        """Name and beginning of the hash, as tables name it."""
        return f"{self.name}@{self.sha256[:8]}"

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(sorted({site.site for entry in self.entries for site in entry.sites}))

    def norm(self, entry: Entry) -> Norm:
        """The norm itself: what the engine makes of the sums and the published values."""
        options = Options(covariates=Covariates(entry.covariates), **self.options)
        summary = Summary(entry.key, options, tuple(site.sums(options) for site in entry.sites))
        return norm([summary], entry.published, options, name=self.label)

    def by_key(self) -> dict[NormKey, Entry]:
        return {entry.key: entry for entry in self.entries}


class Norms(Mapping[NormKey, Norm]):
    """The norms of a file, each made when it is asked for first."""

    def __init__(self, file: NormFile) -> None:
        self._file, self._entries = file, file.by_key()
        self._made: dict[NormKey, Norm] = {}

    def __getitem__(self, key: NormKey) -> Norm:
        if key not in self._made:
            self._made[key] = self._file.norm(self._entries[key])
        return self._made[key]

    def __iter__(self) -> Iterator[NormKey]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries


def options_of(options: Options) -> dict[str, Any]:
    """The engine's options but for the covariates, which each norm has of its own."""
    return {name: getattr(options, name) for name in _OPTIONS}


def to_text(file: NormFile) -> str:
    """The file's text."""
    body = _body(file)
    said = {**body, "sha256": file.sha256}
    return json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def from_text(text: str, where: str) -> NormFile:
    """The norm in a text; E-NORM, in one sentence, where it is damaged, edited, of a newer version or none at all."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        _refuse(where, "the whole of a norm file", "text that ends early or is no JSON", _REBUILD)
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        _refuse(where, "a norm file of neuromyo", "another kind of JSON", "give a file that neuromyo norms build wrote")
    version = said.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        _refuse(where, f"version {VERSION} of the norm format", f"version {version!r}",
                "update neuromyo" if newer else _REBUILD)  # fmt: skip
    body = {k: v for k, v in said.items() if k != "sha256"}
    try:
        right = hashlib.sha256(_canonical(body)).hexdigest() == said.get("sha256")
    except ValueError:  # NaN or infinity, which we never write
        right = False
    if not right:
        _refuse(where, "the content that its hash was made of", "another one: the file was edited or damaged", _REBUILD)
    try:
        return _file(body)
    except NeuromyoError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        _refuse(where, "all parts of a norm file", f"one that cannot be read ({type(error).__name__})", _REBUILD)


def _refuse(where: str, needed: str, found: str, remedy: str) -> NoReturn:
    raise DataError("E-NORM", where=where, needed=needed, found=found, remedy=remedy)


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _body(file: NormFile) -> dict[str, Any]:
    return {
        "format": FORMAT, "version": VERSION, "name": file.name, "made_with": file.made_with,
        "conditions": dict(file.conditions), "options": dict(file.options),
        "norms": [_entry_out(one) for one in sorted(file.entries, key=lambda e: str(e.key))],
        **({"profiles": [profile_record.as_dict(one) for one in file.profiles]} if file.profiles else {}),
    }  # fmt: skip


def _entry_out(entry: Entry) -> dict[str, Any]:
    return {
        "key": asdict(entry.key),
        "covariates": list(entry.covariates),
        "published": [_without_nan(asdict(p)) for p in sorted(entry.published, key=lambda p: (p.label, p.mean))],
        "sites": [site_out(site) for site in sorted(entry.sites, key=lambda s: s.site)],
    }


def site_out(site: Site) -> dict[str, Any]:
    """All that the file says of a site."""
    cells = [
        {"rows": list(c.rows), "people": list(c.people), "own": [_upper(m) for m in c.own], "total": [_upper(m) for m in c.total]}
        for c in site.cells
    ]  # fmt: skip
    return {"site": site.site, "sexes": list(site.sexes), "support": [list(site.low), list(site.high)], "cells": cells}


def _file(body: Mapping[str, Any]) -> NormFile:
    entries = tuple(_entry_in(one) for one in body["norms"])
    if not entries and not body.get("profiles"):
        raise ValueError
    for entry in entries:
        Options(covariates=Covariates(entry.covariates), **body["options"])
    profiles = tuple(profile_record.from_dict(one) for one in body.get("profiles", ()))
    return NormFile(body["name"], body["made_with"], entries, dict(body["conditions"]), dict(body["options"]), profiles)


def _entry_in(said: Mapping[str, Any]) -> Entry:
    names = tuple(said["covariates"])
    published = tuple(_published_in(p) for p in said["published"])
    return Entry(NormKey(**said["key"]), names, tuple(_site_in(s, len(names) + 2) for s in said["sites"]), published)


def _published_in(said: Mapping[str, Any]) -> Published:
    held: dict[str, Any] = {k: float("nan") if v is None else v for k, v in said.items()}
    return Published(**held)


def _site_in(said: Mapping[str, Any], q: int) -> Site:
    cells = tuple(
        Cell(tuple(c["rows"]), tuple(c["people"]), np.array([_full(m, q) for m in c["own"]]), np.array([_full(m, q) for m in c["total"]]))
        for c in said["cells"]
    )  # fmt: skip
    low, high = said["support"]
    return Site(said["site"], (said["sexes"][0], said["sexes"][1]), tuple(low), tuple(high), cells)


def _upper(matrix: np.ndarray) -> list[float]:
    return [float(v) for v in matrix[np.triu_indices(len(matrix))]]


def _full(upper: Sequence[float], q: int) -> np.ndarray:
    matrix = np.zeros((q, q))
    matrix[np.triu_indices(q)] = upper
    return matrix + matrix.T - np.diag(np.diag(matrix))


def _without_nan(said: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in said.items()}


def _total(parts: Sequence[np.ndarray]) -> np.ndarray:
    out = parts[0]
    for part in parts[1:]:
        out = out + part
    return out
