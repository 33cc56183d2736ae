"""What the biomarkers asked for need of the series there are: said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Biomarker, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series

#: field of `Acquisition` -> the key of a BIDS sidecar that states it
SIDECAR_KEY = {
    "echo_times": "EchoTime",
    "repetition_time": "RepetitionTime",
    "inversion_times": "InversionTime",
    "flip_angles_deg": "FlipAngle",
    "refocusing_angle_deg": "RefocusingFlipAngle",
    "mt_on": "MTState",
    "mt_offset_hz": "MTOffsetFrequency",
    "mt_flip_angle_deg": "MTFlipAngle",
    "field_strength": "MagneticFieldStrength",
    "imaging_frequency_hz": "ImagingFrequency",
    "slice_thickness_mm": "SliceThickness",
    "manufacturer": "Manufacturer",
    "rf_spoiling_increment_deg": "SpoilingRFPhaseIncrement",
    "b_values": "bval file",
    "b_vectors": "bvec file",
}


def key(field: str) -> str:
    """What the files call a field of `Acquisition`."""
    return SIDECAR_KEY.get(field, field)


def serves(need: SeriesNeed, series: Series) -> bool:
    """Whether a series is of the kind and part a need asks for, whatever its metadata and number of volumes."""
    return (
        series.part == need.part
        and series.kind in need.kinds
        and all(series.entities.get(k) == v for k, v in need.entities)
        and all(series.entities.get(k, v) == v for k, v in need.entities_if_any)
    )


def users(series: Series, biomarkers: Sequence[Biomarker]) -> Iterator[tuple[Biomarker, SeriesNeed]]:
    """The biomarkers that a series can serve, with the need that it serves."""
    for biomarker in biomarkers:
        for role in biomarker.series_roles:
            if serves(biomarker.series_need(role), series):
                yield biomarker, biomarker.series_need(role)


class Numbers(Protocol):
    """What an assumption or a deviation does to a biomarker, in numbers; an empty text where nothing can be said."""

    def unstated(self, biomarker: str, series: Series, field: str) -> str:
        """``T2 biased by up to 3 % if it was 120 degrees``."""
        ...

    def off(self, biomarker: str, series: Series, intended: Acquisition) -> str:
        """``T2 scatters 1.6 times as much as intended``."""
        ...


class NoNumbers:
    """Where numbers are not asked for."""

    def unstated(self, biomarker: str, series: Series, field: str) -> str:
        return ""

    def off(self, biomarker: str, series: Series, intended: Acquisition) -> str:
        return ""


NO_NUMBERS = NoNumbers()


def consequence(series: Series, field: str, biomarkers: Sequence[Biomarker], numbers: Numbers = NO_NUMBERS) -> str:
    """What a field that is off or absent means, for which biomarker; empty where none looks at it."""
    if series.acquisition.stated(field):
        touched = dict.fromkeys(b.id for b, n in users(series, biomarkers) if _touches(n, field))
        return f"{', '.join(touched)} computed from it with the value found" if touched else ""
    said: dict[str, dict[str, None]] = {}
    for biomarker, need in users(series, biomarkers):
        if _touches(need, field):
            said.setdefault(_said_unstated(need, field), {})[biomarker.id] = None
    words = [f"{', '.join(ids)} {text}" for text, ids in said.items()]
    ids = dict.fromkeys(id_ for named in said.values() for id_ in named)
    return "; ".join([*words, *_by_text({id_: numbers.unstated(id_, series, field) for id_ in ids})])


def _by_text(said: Mapping[str, str]) -> Iterator[str]:
    """``t2-epg, t2-water: T2 ...``, biomarkers of which the same is to be said together; nothing of those with nothing."""
    together: dict[str, list[str]] = {}
    for id_, text in said.items():
        if text:
            together.setdefault(text, []).append(id_)
    yield from (f"{', '.join(ids)}: {text}" for text, ids in together.items())


def deviation(
    series: Series, biomarkers: Sequence[Biomarker], intended: Acquisition | None, numbers: Numbers
) -> Iterator[str]:
    """What it does to biomarkers that a series was not acquired as intended, in numbers."""
    if intended is not None:
        ids = dict.fromkeys(b.id for b, _ in users(series, biomarkers))
        yield from _by_text({id_: numbers.off(id_, series, intended) for id_ in ids})


def depending(series: Series, biomarkers: Sequence[Biomarker], words: str = "computed on these voxels") -> str:
    """Which biomarkers work on the voxels of a series; empty where none does."""
    touched = dict.fromkeys(b.id for b, _ in users(series, biomarkers))
    return f"{', '.join(touched)} {words}" if touched else ""


def check_needs(
    series: Sequence[Series], biomarkers: Sequence[Biomarker], numbers: Numbers = NO_NUMBERS
) -> tuple[Finding, ...]:
    """Missing series, too few volumes, fields that are not stated and what is then assumed."""
    found = [f for b in biomarkers for f in _missing(b, series)]
    return (*found, *(f for s in series for f in _unstated(s, biomarkers, numbers)))


def _missing(biomarker: Biomarker, series: Sequence[Series]) -> Iterator[Finding]:
    for role in biomarker.series_roles:
        need = biomarker.series_need(role)
        fitting = [s for s in series if serves(need, s)]
        left_out = f"{biomarker.id} is left out"
        if need.optional or any(s.n >= need.min_volumes for s in fitting):
            continue
        if fitting:
            best = max(fitting, key=lambda s: s.n)
            yield Finding("warn", "W-NEEDS", f"{best.name}: volumes", f"{best.n} found, {need.min_volumes} needed",
                          "acquire more volumes", left_out)  # fmt: skip
        else:
            there = ", ".join(dict.fromkeys(_named(s.kind, s.part) for s in series)) or "no series"
            wanted = " or ".join(_named(k, need.part) for k in need.kinds) + "".join(
                f", {k}-{v}" for k, v in need.entities
            )
            said = f"needs a series of kind {wanted}, found {there}"
            remedy = "acquire it, or do not ask for this biomarker"
            yield Finding("warn", "W-NEEDS", f"{biomarker.id}: {role}", said, remedy, left_out)


def _named(kind: str, part: str) -> str:
    return kind if part == "mag" else f"{kind} ({part})"


def _unstated(series: Series, biomarkers: Sequence[Biomarker], numbers: Numbers) -> Iterator[Finding]:
    fields = dict.fromkeys(f for _, n in users(series, biomarkers) for f in _fields(n))
    for field in fields:
        if series.acquisition.stated(field):
            continue
        required = any(field in n.required for _, n in users(series, biomarkers))
        code = "W-NEEDS" if required else "W-ASSUMED"
        remedy = _remedy(field, [n for _, n in users(series, biomarkers)])
        meant = consequence(series, field, biomarkers, numbers)
        yield Finding("warn", code, f"{series.name}: {key(field)}", "not stated", remedy, meant)


def _remedy(field: str, needs: Sequence[SeriesNeed]) -> str:
    own = [a.remedy for n in needs for a in n.assumable if a.field == field and a.remedy]
    return own[0] if own else f"state {key(field)} in the sidecar if it is known"


def _fields(need: SeriesNeed) -> tuple[str, ...]:
    return (*need.required, *(a.field for a in need.assumable))


def _touches(need: SeriesNeed, field: str) -> bool:
    return field in _fields(need)


def _said_unstated(need: SeriesNeed, field: str) -> str:
    if field in need.required:
        return "cannot be computed from it"
    assumed = next(a for a in need.assumable if a.field == field)
    return f"will assume {_value(assumed)} ({assumed.why})"


def _value(assumed: Assumable) -> str:
    values = assumed.value if isinstance(assumed.value, tuple) else (assumed.value,)
    return ", ".join(_number(v) if isinstance(v, float) else str(v) for v in values)


def _number(value: float) -> str:
    return "infinity" if value == float("inf") else f"{value:g}"
