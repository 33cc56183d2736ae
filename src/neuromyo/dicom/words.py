"""The words by which a person could be found, collected from the headers of an import: only ever to be looked for.

They stay in the process that read the headers, and are never written or said; what is said is the kind of word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_dict, keyword_for_tag
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from neuromyo.dicom import dates, profile
from neuromyo.dicom.deidentify import MAX_DEPTH, looks_right, private_creators, text_of
from neuromyo.dicom.needles import LONGEST_ALONE

NAME, NUMBER, BIRTH, ORDER = "a person's name", "a patient number", "a birth date", "a number of the order or the study"
PLACE, ADDRESS, DEVICE, UID = "the name of a place or station", "an address", "a device number", "an image identifier"
FREE, PRIVATE, FILE, VISIT = "free text", "a vendor's private text", "a file or folder name", "the date of the visit"
#: kinds whose words are looked for even where they are words of the trade in a header
STRONG = frozenset({NAME, NUMBER, BIRTH, ORDER, ADDRESS, DEVICE, UID})
SHORTEST, SHORTEST_NUMBER = 4, 6
_PIXELS = 0x7FE0
_LONGEST_KNOWN, _MOST_KNOWN = 256, 300_000
_LONGEST_TEXT, _MOST_WORDS = (
    20_000,
    50_000,
)  # characters of one value, words of one weak kind: a hostile comment ends here
_STANDARD_ROOT = "1.2.840.10008."
_TEXTS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "PN", "CS", "AE", "UR"})
_BY_KEYWORD: tuple[tuple[str, str], ...] = (
    (r"PatientID|PatientIDs|MedicalRecord|AdmissionID|ServiceEpisodeID|InsurancePlan|ClinicalTrialSubject", NUMBER),
    (r"Accession|StudyID$|ProcedureID|ProcedureStepID|OrderNumber|OrderID|IDOfTheImaging", ORDER),
    (r"Address|Telephone|Telecom|CountryOf|RegionOf", ADDRESS),
    (r"Serial|DeviceID|UniqueDevice|DeviceIdentifier|PlateID|CassetteID|DetectorID|GantryID", DEVICE),
    (r"Institution|Station|Department|AETitle|ApplicationEntity|Organization|Site|Location|Facility", PLACE),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKEN = re.compile(r"[^\W_]+")
_RUNS = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass
class Words:
    """Words by kind, as they were spelled.

    plain : words of kept technical fields, which are no sign of a person when a comment holds them too
    unsought : strong kinds of which a value was too short to be looked for
    """

    found: dict[str, set[str]] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    unsought: set[str] = field(default_factory=set)
    _seen: set[tuple[int, str]] = field(default_factory=set)
    _raw: set[tuple[int, bytes]] = field(default_factory=set)

    def add(self, kind: str, text: str) -> None:
        """Take the words of ``text``, which is of that kind."""
        text = text[:_LONGEST_TEXT]
        spelled = _dates(text) if kind in (BIRTH, VISIT) else _pieces(kind, text)
        telling = {word for word in spelled if _telling(kind, word)}
        if telling and (kind in STRONG or len(self.found.get(kind, ())) < _MOST_WORDS):
            self.found.setdefault(kind, set()).update(telling)
        elif not telling and kind in STRONG and any(word.lower() not in profile.vocabulary() for word in spelled):
            self.unsought.add(kind)

    def add_header(self, header: Dataset, depth: int = 0) -> None:
        """Take all that identifies in a header, at every depth."""
        creators: Mapping[tuple[int, int], str] | None = None
        for tag in header.keys():  # noqa: SIM118 - a Dataset iterates over its elements, parsing each
            item = header.get_item(tag)
            if item is None or self._known(int(tag), item.value):
                continue
            if tag.group == _PIXELS or tag.is_private_creator or tag.element == 0:
                continue
            creator = ""
            if tag.is_private:
                creators = private_creators(header) if creators is None else creators
                creator = creators.get((tag.group, tag.element >> 8), "")
            vr = _vr(header, tag)
            if vr == "SQ":
                self._add_items(header, tag, depth)
            elif vr in _TEXTS or vr in ("DA", "DT", "UI", "IS", "DS"):
                self._add_element(text_of(header, tag), tag, creator, vr)

    def _known(self, tag: int, value: object) -> bool:
        """Whether the same element with the same bytes was taken before: most of a series is."""
        if not isinstance(value, bytes) or len(value) > _LONGEST_KNOWN:
            return False
        if (tag, value) in self._raw:
            return True
        if len(self._raw) > _MOST_KNOWN:
            self._raw.clear()
        self._raw.add((tag, value))
        return False

    def to_find(self) -> dict[str, tuple[str, ...]]:
        """kind -> words, each once, at the first of the kinds in the order of `STRONG` kinds before weak ones."""
        taken: set[str] = set()
        out: dict[str, tuple[str, ...]] = {}
        for kind in sorted(self.found, key=lambda k: (k not in STRONG, k)):
            words = {w for w in self.found[kind] if w.lower() not in taken and self._says_who(kind, w)}
            taken.update(w.lower() for w in words)
            if words:
                out[kind] = tuple(sorted(words))
        return out

    def _says_who(self, kind: str, word: str) -> bool:
        low = word.lower()
        if kind in STRONG:
            return not (low.isdigit() and len(low) < 8 and low in self.plain)
        return low not in self.plain and low not in _everyday() and not _run_together(low)

    def _add_items(self, header: Dataset, tag: BaseTag, depth: int) -> None:
        try:
            value = header[tag].value
        except (ValueError, TypeError, AttributeError, NotImplementedError, LookupError):
            return
        if isinstance(value, Sequence) and depth < MAX_DEPTH:
            for item in value:
                self.add_header(item, depth + 1)

    def _add_element(self, text: str, tag: BaseTag, creator: str, vr: str) -> None:
        if not text or (int(tag), text) in self._seen:
            return
        self._seen.add((int(tag), text))
        rule = profile.rule(int(tag), creator)
        if rule is not None and rule.action in "KCN" and looks_right(rule, text):
            self.plain.update(t.lower() for t in _TOKEN.findall(text))
            return
        kind = _kind(tag, vr) or (FREE if rule is not None else "")
        if kind == UID:
            self.found.setdefault(UID, set()).update(
                u for u in text.split("\\") if len(u) > 8 and not u.startswith(_STANDARD_ROOT)
            )
        elif kind:
            self.add(kind, text)


def _vr(header: Dataset, tag: BaseTag) -> str:
    item = header.get_item(tag)
    vr = item.VR if item is not None else None
    if vr in (None, "UN") and not tag.is_private:
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            vr = "UN"
    return str(vr)


def _kind(tag: BaseTag, vr: str) -> str:
    """The kind of word an element holds, "" where it holds none to be looked for."""
    if vr == "PN":
        return NAME
    if vr == "UI":
        return UID
    keyword = keyword_for_tag(tag) or ""
    if vr in ("DA", "DT"):
        return BIRTH if "Birth" in keyword else VISIT
    if vr not in _TEXTS:
        return ""
    if tag.is_private:
        return PRIVATE if vr != "CS" else ""
    kind = next((k for pattern, k in _BY_KEYWORD if re.search(pattern, keyword)), FREE)
    return "" if vr == "CS" and kind == FREE else kind


def _pieces(kind: str, text: str) -> set[str]:
    """The words of a value: each for itself; of names and numbers also the whole, as written and run together."""
    tokens = _TOKEN.findall(text)
    out = set(tokens)
    if kind == FILE:
        return {run for token in tokens for hump in _HUMP.split(token) for run in _RUNS.findall(hump)} | out
    if kind in STRONG:
        whole = text.strip(" ^=")
        if 1 < len(tokens) <= 6 and any(t.lower() not in profile.vocabulary() for t in tokens):
            out |= {whole, "".join(tokens), "".join(reversed(tokens))}
        elif len(tokens) == 1:
            out.add(whole)
        out |= {run for token in tokens for run in _RUNS.findall(token)}
    return out


def _telling(kind: str, word: str) -> bool:
    low = word.lower()
    if low in profile.vocabulary() or "\\" in low or _ours(low):
        return False
    letters = sum(c.isalpha() for c in low)
    if letters == 0:
        digits = sum(c.isdigit() for c in low)
        return digits >= SHORTEST_NUMBER and len(set(low)) > 2 and (kind in STRONG or kind == VISIT or _long(kind, low))
    if kind not in STRONG and letters < SHORTEST:
        return False
    if any(t not in profile.vocabulary() for t in map(str.lower, _TOKEN.findall(low))):
        return len(low) >= SHORTEST
    return False


def _long(kind: str, number: str) -> bool:
    return kind == FILE and len(number.lstrip("0")) >= SHORTEST_NUMBER


def _dates(text: str) -> set[str]:
    day = dates.parse_date(text.strip()[:8]) or dates.parse_date(text.strip()[:10])
    if day is None:
        return set()
    y, m, d, month = f"{day.year:04}", f"{day.month:02}", f"{day.day:02}", _MONTHS[day.month - 1]
    plain = {y + m + d, d + m + y, m + d + y, f"{d}{month}{y}", f"{d}-{month}-{y}", f"{d} {month} {y}"}
    for sign in ("-", ".", "/"):
        plain |= {
            sign.join((y, m, d)),
            sign.join((d, m, y)),
            sign.join((m, d, y)),
            sign.join((str(day.day), str(day.month), y)),
        }
    return plain


@cache
def _everyday() -> frozenset[str]:
    """Words that stand in the names of DICOM's own attributes, and those of everyday."""
    return frozenset(w.lower() for k in keyword_dict for w in re.findall(r"[A-Z][a-z]+", k)) | profile.words_in(
        "everyday"
    )


@cache
def _own_words() -> tuple[frozenset[str], str]:
    words = profile.words_in("own")
    parts = {h.lower() for w in words for h in _HUMP.split(w)} | {w.lower() for w in words}
    return frozenset(parts), " ".join(sorted({w.lower() for w in words}))


def _ours(word: str) -> bool:
    """Whether our own files hold it whoever was scanned: a person called Fields is not found by MagneticFieldStrength."""
    parts, text = _own_words()
    return word in parts or (len(word) > LONGEST_ALONE and word in text)


def _run_together(word: str) -> bool:
    """Whether it is nothing but words of the trade without spaces (``dualecho``)."""
    reached = {0}
    for end in range(2, len(word) + 1):
        if any(
            start in reached and word[start:end] in profile.vocabulary() for start in range(max(0, end - 16), end - 1)
        ):
            reached.add(end)
    return len(word) in reached
