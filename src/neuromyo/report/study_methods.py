"""The methods section of all analyses together: each sentence once, each source numbered once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuromyo.core.analysis import Analysis
from neuromyo.report import wording
from neuromyo.report.methods_text import DOI, escaped

_DOI = r"10\.\d{4,9}/(?:[^\s()\[\]<>;,]|\([^\s()]*\))+"
#: ``Welch 1947, doi:10.1093/...`` or a bare DOI
_SOURCE = re.compile(
    rf"(?:(?P<who>[^\W\d_][^();:\[\]]*?\b(?:19|20)\d\d[a-z]?)\W{{0,3}}\s*)?(?:https?://(?:dx\.)?doi\.org/|doi:?\s*)?(?P<doi>{_DOI})",
    re.I,
)


_NAME = r"[A-ZÀ-Ý][\w'’-]*"
_NO_NAME = re.compile(r"(?:After|As|By|Following|For|From|In|See|The|With)\s+")
#: last names one after the other, as sources are cited
_NAMES = rf"{_NAME}(?:(?:,| and| &| et al\.?| de| van| von)*\s+{_NAME})*(?: et al\.?)?"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a sentence, and the number of the source that stands behind it (0: none)."""

    text: str
    source: int = 0


@dataclass(frozen=True, slots=True)
class Methods:
    """``paragraphs``: (title of the analysis, its sentences in pieces); ``references``: (author and year, DOI) in order of their number."""

    paragraphs: tuple[tuple[str, tuple[tuple[Piece, ...], ...]], ...]
    references: tuple[tuple[str, str], ...]


def gathered(analyses: Sequence[Analysis]) -> Methods:
    """The sentences of all analyses in order; one that was said already is left out, and so is a paragraph without any."""
    seen: set[str] = set()
    sources: dict[str, tuple[int, str, str]] = {}
    paragraphs: list[tuple[str, tuple[tuple[Piece, ...], ...]]] = []
    for one in analyses:
        fresh = []
        for sentence in one.methods:
            flat = " ".join(sentence.split())
            if flat and flat.casefold() not in seen:
                seen.add(flat.casefold())
                fresh.append(_pieces(wording.sentence(flat), sources))
        if fresh:
            paragraphs.append((one.title, tuple(fresh)))
    return Methods(tuple(paragraphs), tuple((who, doi) for _, who, doi in sorted(sources.values())))


def _pieces(sentence: str, sources: dict[str, tuple[int, str, str]]) -> tuple[Piece, ...]:
    """The sentence with numbers in the place of DOIs; ``sources`` (DOI -> number, author and year) grows."""
    out, at = [], 0
    for found in _SOURCE.finditer(sentence):
        doi = found["doi"].rstrip(".,:;")
        before = (sentence[at : found.start()] + (found["who"] or "")).rstrip(" ,;")
        who = _author(found["who"] or "") or _named_before(before)
        number, known, first = sources.get(doi.lower(), (len(sources) + 1, who, doi))
        sources[doi.lower()] = (number, known or who, first)
        end = found.start("doi") + len(doi)
        out.append(Piece(before + " " * (before[-1:] not in ("", "(")), number))
        at = end
    return (*out, Piece(sentence[at:])) if sentence[at:] else tuple(out)


def _author(text: str) -> str:
    """The last names and the year at the end of a text: ``as in Bland and Altman 1986`` -> ``Bland and Altman 1986``."""
    found = re.search(rf"{_NAMES},?\s+(?:19|20)\d\d[a-z]?$", text)
    return _NO_NAME.sub("", found[0], 1) if found else ""


def _named_before(text: str) -> str:
    """The same where the year stands in brackets behind the names: ``Kenward and Roger (1997`` -> ``Kenward and Roger 1997``."""
    found = re.search(rf"({_NAMES})\s+\(((?:19|20)\d\d[a-z]?)$", text)
    return _NO_NAME.sub("", f"{found[1]} {found[2]}", 1) if found else ""


def methods(analyses: Sequence[Analysis], versions: Mapping[str, str] | None = None) -> str:
    """``methods.md``, ready for a paper: the sentences in order, then the references."""
    found = gathered(analyses)
    lines = ["# Statistical methods", ""]
    if versions:
        lines += [software(versions), ""]
    for title, sentences in found.paragraphs:
        lines += [f"## {escaped(wording.capital(title))}", "", " ".join(_written(s) for s in sentences), ""]
    if found.references:
        lines += ["## References", ""]
        lines += [
            f"{i}. {escaped(who) + '. ' if who else ''}<{DOI}{doi}>" for i, (who, doi) in enumerate(found.references, 1)
        ]
        lines.append("")
    return "\n".join(lines)


def _written(pieces: Sequence[Piece]) -> str:
    return "".join(_kept(p.text) + (f"[{p.source}]" if p.source else "") for p in pieces)


def _kept(text: str) -> str:
    """Text that cannot become markup, with the spaces at its ends."""
    inner = escaped(text)
    return (" " if text[:1].isspace() else "") + inner + (" " if text[-1:].isspace() and inner else "")


def software(versions: Mapping[str, str]) -> str:
    """What the analyses were made with."""
    named = [f"{name} {version}" for name, version in versions.items()]
    return f"All analyses were made with {wording.listing(named)}."
