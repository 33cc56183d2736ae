"""Norm files of several centres as one: that of all their controls together, without anybody's raw data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.norm import NormKey
from neuromyo.norms import profile_union
from neuromyo.norms.norm_file import Entry, NormFile, Site, site_out

_SAME = ("field_T", "protocol")


def merge(files: Sequence[tuple[str, NormFile]], name: str) -> tuple[NormFile, tuple[Finding, ...]]:
    """The pooled norm of (what messages call it, norm) pairs, and what is to be said.

    Each site's sums are kept as they are, so the result is that of a build from all tables at once, bit for bit. E-NORM for files
    made with other options, other covariates for the same key, other published values, another field or protocol, for the same
    people twice, and for files that have no key in common.
    """
    if len(files) < 2:
        _refuse("norms merge", "two norm files or more", str(len(files)), "name the files of all centres")
    first_name, first = files[0]
    for other_name, other in files[1:]:
        _same(first_name, first, other_name, other)
    _apart(files)
    keys = sorted({e.key for _, f in files for e in f.entries}, key=str)
    if not set.intersection(*({e.key for e in f.entries} for _, f in files)):
        _refuse("norms merge", "norms of the same thing in all files", _unlike(files), "merge files of one protocol")
    entries = tuple(_entry(key, files) for key in keys)
    made_with = ", ".join(sorted({f.made_with for _, f in files}))
    conditions = {**first.conditions, "scanner": _listed(f.conditions.get("scanner", "") for _, f in files)}
    profiles = profile_union.merged([file.profiles for _, file in files])
    return NormFile(name, made_with, entries, conditions, first.options, profiles), tuple(_findings(files, entries))


def _same(first_name: str, first: NormFile, other_name: str, other: NormFile) -> None:
    if first.sha256 == other.sha256:
        _refuse(other_name, "each file once", f"the same norm as in {first_name}", "name it once")
    if dict(first.options) != dict(other.options):
        differ = sorted(k for k in {*first.options, *other.options} if first.options.get(k) != other.options.get(k))
        _refuse(
            other_name,
            f"the options of {first_name}",
            f"other {', '.join(differ)}",
            "build both with one version of neuromyo",
        )
    for name in _SAME:
        mine, theirs = first.conditions.get(name, ""), other.conditions.get(name, "")
        if mine != theirs:
            raise NeuromyoError("E-METHOD", where=other_name, needed=f"{name} {mine or 'not stated'}, as in {first_name}",
                                found=str(theirs or "not stated"), remedy="values of two methods are not pooled")  # fmt: skip


def _apart(files: Sequence[tuple[str, NormFile]]) -> None:
    """No site, and nobody's sums, twice."""
    owner: dict[str, str] = {}
    for name, file in files:
        for site in file.sites:
            if site in owner:
                same = _sums(file, site) & _sums(dict(files)[owner[site]], site)
                found = (
                    f"the same people as in {owner[site]}" if same else f"the site {site}, which {owner[site]} has too"
                )
                _refuse(name, "other people of other sites", found,
                        "leave one out" if same else "build that site's norm from all its tables, or name its scanners apart")  # fmt: skip
            owner[site] = name
    seen: dict[str, str] = {}
    for name, file in files:
        for site in file.sites:
            for sums in _sums(file, site):
                if seen.setdefault(sums, name) != name:
                    _refuse(
                        name,
                        "other people",
                        f"those of {seen[sums]}, under another name of the site ({site})",
                        "leave one out",
                    )


def _sums(file: NormFile, site: str) -> set[str]:
    """The sums of a site, comparable."""
    found = set()
    for entry in file.entries:
        found |= {f"{entry.key} {site_out(s)['cells']}" for s in entry.sites if s.site == site}
    return found


def _entry(key: NormKey, files: Sequence[tuple[str, NormFile]]) -> Entry:
    held = [(name, file.by_key()[key]) for name, file in files if key in file.by_key()]
    first_name, first = held[0]
    for name, other in held[1:]:
        if other.covariates != first.covariates:
            _refuse(f"{name}: {key}", f"the covariates of {first_name}: {', '.join(first.covariates) or 'none'}",
                    ", ".join(other.covariates) or "none", "build both with the same --covariates")  # fmt: skip
        if [repr(p) for p in other.published] != [repr(p) for p in first.published]:
            _refuse(
                f"{name}: {key}",
                f"the published values of {first_name}",
                "others",
                "build both with, or both without, --literature",
            )
    sites: list[Site] = [site for _, entry in held for site in entry.sites]
    return Entry(key, first.covariates, tuple(sorted(sites, key=lambda s: s.site)), first.published)


def _unlike(files: Sequence[tuple[str, NormFile]]) -> str:
    """How the first keys of the first two files differ."""
    (first_name, first), (other_name, other) = files[0], files[1]
    return f"{first.entries[0].key} in {first_name}, {other.entries[0].key} in {other_name}"


def _findings(files: Sequence[tuple[str, NormFile]], entries: Sequence[Entry]):
    for name, file in files:
        yield Finding("note", "N-CONTROL", name, f"sites {', '.join(file.sites)}; {len(file.entries)} norms")
    lonely = [e for e in entries if sum(e.key in f.by_key() for _, f in files) < len(files)]
    if lonely:
        yield Finding("warn", "N-CONTROL", "norms merge", f"{len(lonely)} of {len(entries)} norms are not in every file: {lonely[0].key}"
                      + f" and {len(lonely) - 1} more" * (len(lonely) > 1), "", "they rest on the sites that have them")  # fmt: skip


def _listed(names) -> str:
    return ", ".join(sorted({n for n in names if n}))


def _refuse(where: str, needed: str, found: str, remedy: str) -> NoReturn:
    raise DataError("E-NORM", where=where, needed=needed, found=found, remedy=remedy)
