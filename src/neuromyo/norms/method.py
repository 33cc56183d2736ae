"""Which method of the literature a biomarker of ours is, if any. In doubt none: a wrong peer is worse than no peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neuromyo.core.acquisition import Acquisition

#: b-values below this (s/m2) count as no diffusion weighting
_NO_WEIGHTING = 50e6


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides the method beside the biomarker; None or "" is not stated.

    sequence : name of the sequence, from the protocol or the sidecar
    n_directions : different diffusion directions; a direction and its opposite are one
    n_echoes : gradient echoes of a water-fat separation
    three_d : whether the spin echoes encode a slab
    study : whose protocol was run to the letter, as the literature calls it (``Preisner 2021``); decides MTR
    """

    sequence: str = ""
    n_directions: int | None = None
    n_echoes: int | None = None
    three_d: bool | None = None
    study: str = ""

    @staticmethod
    def of(acquisition: Acquisition, study: str = "") -> Facts:
        """From what the files state."""
        echoes = acquisition.echo_times
        return Facts(
            acquisition.sequence_name or "", _directions(acquisition), len(echoes) if echoes else None,
            acquisition.slice_order_3d, study,
        )  # fmt: skip


def method_of(biomarker: str, facts: Facts | None = None) -> str | None:
    """The literature's word for how a biomarker measures, or None where no published value is measured like it.

    biomarker : its id, as in the table of measurements; facts : what else decides
    *Assumes* that one word means one thing: published ``multi-echo spin echo`` is taken as a mono-exponential fit.
    *Breaks* never towards comparing: what is not stated (directions, echoes, whose MT pulse) gives None. `why_none` says why.
    """
    rule = _RULES.get(biomarker)
    return rule(facts or Facts()) if rule else None


def why_none(biomarker: str) -> str:
    """Why `method_of` gives none, as the end of a sentence; "" for a biomarker that is not known here."""
    return _WHY.get(biomarker, "")


def _multi_echo(facts: Facts) -> str | None:
    bare = facts.sequence.lower().replace("-", "").replace("_", "").replace(" ", "")
    if "t2prep" in bare:
        return "T2-prepared TSE"
    return "3D multi-echo spin echo" if facts.three_d else "multi-echo spin echo"


def _diffusion(facts: Facts) -> str | None:
    if "steam" in facts.sequence.lower():
        return "DTI, STEAM-EPI"
    return f"DTI, {facts.n_directions} directions" if facts.n_directions else None


def _dixon(facts: Facts) -> str | None:
    if facts.n_echoes is None:
        return None
    return f"{facts.n_echoes}-point Dixon" if facts.n_echoes in (3, 6) else "multi-echo Dixon"


def _mtr(facts: Facts) -> str | None:
    return f"MTR, protocol of {facts.study}" if facts.study else None


_RULES: dict[str, Callable[[Facts], str | None]] = {
    "t2-mono": _multi_echo,
    "dti": _diffusion,
    "tracts": _diffusion,
    "pdff": _dixon,
    "pdff-two-point": lambda facts: "2-point Dixon",
    "mtr": _mtr,
}
_OUTLINE = (
    "what the published outlines take in (epineurium, vessels, fat between muscles) was not stated where they were read"
)
_UNSTATED = "how the published values were measured was not stated where they were read"
_WHY: dict[str, str] = {
    "dti": "FA depends on the number of diffusion directions, which is not stated here",
    "tracts": "FA depends on the number of diffusion directions, which is not stated here",
    "pdff": "the number of echoes is not stated here",
    "mtr": "MTR depends on the MT pulse: no value compares unless the protocol of that very study was run",
    "t2-epg": "T2 corrected for stimulated echoes is shorter than that of the published mono-exponential fits",
    "t2-water": "published water T2 is by spectroscopy, not from images of many echoes",
    "pdff-images": "how the scanner made its water and fat images is not known",
    "pdff-magnitude": "no published value is from magnitudes alone",
    "t1-ir": _UNSTATED,
    "t1-vfa": _UNSTATED,
    "t1-two-tr": _UNSTATED,
    "t2star": _UNSTATED,
    "mtsat": _UNSTATED,
    "stage-mt": _UNSTATED,
    "proton-density": _UNSTATED,
    "nerve-morphometry": _OUTLINE,
    "morphometry": _OUTLINE,
}


def _directions(acquisition: Acquisition) -> int | None:
    if acquisition.b_values is None or acquisition.b_vectors is None:
        return None
    weighted = [v for b, v in zip(acquisition.b_values, acquisition.b_vectors, strict=True) if b > _NO_WEIGHTING]
    return len({_axis(v) for v in weighted}) or None


def _axis(vector: tuple[float, float, float]) -> tuple[float, ...]:
    """A direction without its sign, to two decimals."""
    rounded = tuple(round(c, 2) + 0.0 for c in vector)
    return max(rounded, tuple(-c + 0.0 for c in rounded))
