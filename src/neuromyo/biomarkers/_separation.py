"""What has to be known of a whole image before water and fat can be told apart in its voxels, for every biomarker that does so.

The phase of echoes read to and fro, the sense in which phase turns, the field and the subject's own fat spectrum, in this order, each
from the data of the whole image and each told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neuromyo.biomarkers import _own_fat
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.constant import Constant
from neuromyo.core.errors import Finding, OptionError, ProtocolError
from neuromyo.core.maps import Scalar
from neuromyo.core.options import option
from neuromyo.fit import field_map as fields
from neuromyo.fit import readout_phase
from neuromyo.fit.precession import Evidence, precession_sign
from neuromyo.fit.water_fat import WaterFat, separate
from neuromyo.physics import fat as fat_physics

#: log likelihood below which another field fits as well (95 % for one degree of freedom)
EQUAL = 1.92
#: how many times more noise than for water alone is worth a warning
_INFLATED = 2.5
#: slices that fat's composition is learned from
_FEW_SLICES = 5
#: R2* of muscle, held where three echoes cannot tell it
_USUAL_R2STAR = 40.0


@dataclass(frozen=True)
class Options:
    """What can be chosen about telling water from fat."""

    fat_spectrum: str | tuple[float, ...] = _own_fat.spectrum_option()
    water_shift_ppm: float = option(
        0.0, "how much faster water is than the spectrum has it: about 0.01 per degree below 37 Celsius", unit="1e-6", low=-0.5,
        high=0.5,
    )  # fmt: skip
    precession_sign: int | None = option(
        None, "+1 or -1: sense in which phase turns with frequency; told from the fat where not given", low=-1, high=1
    )
    readout: str = option(
        "auto", "whether all echoes are read in one direction (unipolar) or to and fro (bipolar), which shifts their phases by turns",
        choices=("auto", "unipolar", "bipolar"),
    )  # fmt: skip
    r2star: float | None = option(
        None,
        "R2* where it is to be held; fitted where not given, and 40 with three echoes",
        unit="1/s",
        low=0.0,
        high=1000.0,
    )
    field_range: float = option(
        1000.0, "how far fields are sought where echoes are unevenly spaced", unit="Hz", low=50.0, high=5000.0
    )
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


CONSTANTS = (
    *_own_fat.CONSTANTS,
    Constant("shift of water from where the spectrum has it", 0.0, "1e-6", "body temperature, as the spectra were measured",
             "convention", "water_shift_ppm", sequence="any"),
    Constant("R2* where three echoes cannot tell it", _USUAL_R2STAR, "1/s", "about that of muscle", "assumed", "r2star",
             field_strength=3.0, sequence="gradient echoes"),
)  # fmt: skip


@dataclass
class Said:
    """What is to be told, gathered on the way, by the biomarker ``who``."""

    who: str

    findings: list[Finding] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)

    def warn(self, code: str, message: str, remedy: str = "", consequence: str = "", level: str = "warn") -> None:
        self.findings.append(Finding(level, code, self.who, message, remedy, consequence))


@dataclass(frozen=True, eq=False)
class Known:
    """What was found out about a whole image.

    where : (x, y, z) bool, the voxels it holds for
    sign, sign_source : sense of precession, and how it is known
    theta : (x, y, z) rad by which echoes read to and fro differ, or None
    field : the field and its confidence; rate : R2* in 1/s where it is held; sigma : noise, where it was given
    spectrum : of the subject's fat; double_bonds : of its triglycerides, where they were told
    """

    where: np.ndarray
    sign: int
    sign_source: str
    theta: np.ndarray | None
    field: fields.FieldMap
    rate: float | None
    sigma: float | None
    spectrum: fat_physics.Spectrum
    double_bonds: Scalar | None
    options: Options

    def phasor(self, acquisition: Acquisition) -> np.ndarray:
        """Signal of the subject's fat (n,) at the echo times of any series of the same session."""
        return _phasor(acquisition, self.spectrum, self.options, self.sign)

    def scalars(self) -> dict[str, Scalar]:
        """What was found out that is a number of the subject, by name."""
        return {} if self.double_bonds is None else {self.double_bonds.quantity.name: self.double_bonds}

    def fit(self, samples: np.ndarray, acquisition: Acquisition, phasor: np.ndarray, here: np.ndarray) -> WaterFat:
        """Water and fat of ``samples`` (m, n) of the voxels ``here`` (m,) (flat indices), for unit noise."""
        return separate(
            samples, np.asarray(acquisition.echo_times, dtype=np.float64), phasor, self.field.field_hz.ravel()[here],
            40.0 if self.rate is None else self.rate, precession_sign=self.sign,
            theta=0.0 if self.theta is None else self.theta.ravel()[here], hold_r2star=self.rate is not None,
        )  # fmt: skip


def prepare(
    signals: np.ndarray, acquisition: Acquisition, mask: np.ndarray | None, spacing_mm: Sequence[float], options: Options, said: Said,
    threads: int, progress: Callable[[float], None],
) -> Known:  # fmt: skip
    """What complex ``signals`` (x, y, z, n), echoes in ascending order, say about the whole image."""
    times = np.asarray(acquisition.echo_times, dtype=np.float64)
    _require(acquisition, times, options, said.who)
    usable = fields.finite_voxels(signals)
    finite = usable if mask is None else usable & mask
    plus = _phasor(acquisition, _own_fat.start(options.fat_spectrum), options, 1)
    _warn_of_echoes(times, plus, said)
    sigma = options.noise if not isinstance(options.noise, str) else None
    rate = _held_rate(len(times), options, said)
    # a mirrored spectrum and the phase between echoes read to and fro mimic each other: each sense has its own
    alternating = {
        s: _alternating(signals, times, p, finite, spacing_mm, s, options, threads) for s, p in ((1, plus), (-1, plus.conj()))
    }  # fmt: skip
    progress(0.15)
    sign, source = _sense(signals, times, plus, finite, acquisition, options, sigma, rate, alternating, said)
    theta = _readout(alternating[sign], finite, options, said)
    progress(0.2)
    own = _learned(signals, acquisition, finite, spacing_mm, sign, theta, rate, sigma, options, said, threads)
    said.findings += own.findings
    said.assumptions += own.assumptions
    progress(0.25)
    chosen = fields.field_map(
        signals, times, _phasor(acquisition, own.spectrum, options, sign), finite, spacing_mm, precession_sign=sign,
        field_range_hz=options.field_range, sigma=sigma, theta=theta, r2star=rate, threads=threads,
        progress=lambda share: progress(0.25 + 0.75 * share),
    )  # fmt: skip
    progress(1.0)
    return Known(finite, sign, source, theta, chosen, rate, sigma, own.spectrum, own.double_bonds, options)


def _learned(
    signals: np.ndarray, acquisition: Acquisition, mask: np.ndarray, spacing_mm: Sequence[float], sign: int, theta: np.ndarray | None,
    rate: float | None, sigma: float | None, options: Options, said: Said, threads: int,
) -> _own_fat.OwnFat:  # fmt: skip
    """The subject's fat, from a few slices with a field of their own: the field of the whole image is then sought with it, since fat
    alone in a wrong spectrum can look like water in another field."""
    first = _own_fat.start(options.fat_spectrum)
    if options.fat_spectrum != _own_fat.AUTO:
        return _own_fat.OwnFat(first)
    held = np.flatnonzero(mask.any(axis=(0, 1)))
    few = np.unique(held[np.linspace(0, max(len(held) - 1, 0), min(len(held), _FEW_SLICES)).round().astype(int)])
    apart = float(np.diff(few).mean()) if len(few) > 1 else 1.0
    some, inside = signals[:, :, few], mask[:, :, few]
    turn = None if theta is None else theta[:, :, few]
    field_hz = fields.field_map(
        some, np.asarray(acquisition.echo_times, dtype=np.float64), _phasor(acquisition, first, options, sign), inside,
        (spacing_mm[0], spacing_mm[1], apart * spacing_mm[2]), precession_sign=sign, field_range_hz=options.field_range, sigma=sigma,
        theta=turn, r2star=rate, threads=threads,
    ).field_hz  # fmt: skip
    return _own_fat.learn(
        some, acquisition, inside, field_hz, options.fat_spectrum, precession_sign=sign, theta=turn, r2star=rate,
        water_shift_ppm=options.water_shift_ppm, biomarker=said.who,
    )  # fmt: skip


def _phasor(acquisition: Acquisition, peaks: fat_physics.Spectrum, options: Options, sign: int) -> np.ndarray:
    return fat_physics.phasor(
        peaks, np.asarray(acquisition.echo_times, dtype=np.float64), field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz, precession_sign=sign, water_shift_ppm=options.water_shift_ppm,
    )  # fmt: skip


def _require(acquisition: Acquisition, times: np.ndarray, options: Options, who: str) -> None:
    if acquisition.field_strength is None and acquisition.imaging_frequency_hz is None:
        raise ProtocolError("E-NEEDS", where=f"{who}, complex echoes", needed="the field strength or the imaging frequency",
                            found="neither in the sidecar", remedy="add MagneticFieldStrength or ImagingFrequency")  # fmt: skip
    if len(np.unique(times)) < len(times) or len(times) < 3:
        raise ProtocolError("E-PROTOCOL", where=f"{who}, complex echoes", needed="at least three different echo times",
                            found=", ".join(f"{1e3 * t:.2f}" for t in times) + " ms", remedy="check the sidecars")  # fmt: skip
    if options.precession_sign == 0:
        raise OptionError(
            "E-OPTION", where="option precession_sign", needed="+1 or -1", found="0", remedy="give one of them"
        )


def _warn_of_echoes(times: np.ndarray, phasor: np.ndarray, said: Said) -> None:
    """A warning where echoes meet water and fat at nearly one phase, so that noise is all that tells them apart."""
    decay = np.exp(-_USUAL_R2STAR * times)
    water, fat, both = (decay**2).sum(), (decay**2 * np.abs(phasor) ** 2).sum(), (decay**2 * np.real(phasor)).sum()
    apart = 1 - both**2 / (water * fat)
    if apart > 1 / _INFLATED**2:
        return
    how_much = f"{apart**-0.5:.1f} times" if apart > 1e-4 else "far above"
    said.warn("W-ECHOES", f"at these echo times water and fat differ little in phase: noise is {how_much} that of water alone",
              "at 3 T, space echoes by about 1 or 1.9 ms, not by a whole fat-water cycle (2.3 ms)",
              "fat fraction and all that is told of water alone scatter that much more")  # fmt: skip


def _held_rate(echoes: int, options: Options, said: Said) -> float | None:
    """R2* in 1/s where it is not fitted."""
    if options.r2star is not None or echoes > 3:
        return options.r2star
    why = "three echoes cannot tell R2* beside water, fat and field"
    said.assumptions.append(Assumption("r2star", f"{_USUAL_R2STAR:g} 1/s", why, "gre"))
    return _USUAL_R2STAR


# --- what holds for the whole image -----------------------------------------------------------------------------------


def _sense(
    signals: np.ndarray, times: np.ndarray, plus: np.ndarray, mask: np.ndarray, acquisition: Acquisition, options: Options,
    sigma: float | None, rate: float | None, alternating: Mapping[int, np.ndarray | None], said: Said,
) -> tuple[int, str]:  # fmt: skip
    """The sense of precession and where it is from. What the data clearly say counts; a user's word counts above all."""
    inferred, evidence = precession_sign(
        signals, times, plus, mask, field_range_hz=options.field_range, sigma=sigma, r2star=rate, theta=alternating
    )
    told = _told(inferred, evidence)
    given = options.precession_sign or acquisition.precession_sign
    who = "given by the user" if options.precession_sign else "stated in the files"
    if given is None:
        if not evidence.decided:
            taken = inferred if evidence.leaning else 1
            how = (
                "lean to one sense of precession but do not decide"
                if evidence.leaning
                else "do not tell the sense of precession"
            )
            said.warn("W-PRECESSION", f"the data {how} ({told}); {taken:+d} is assumed",
                      "give --option precession_sign=1 or -1", "a wrong sense exchanges water and fat in places", )  # fmt: skip
            said.assumptions.append(Assumption("precession_sign", f"{taken:+d}", f"the data {how}: {told}", "gre"))
            return taken, "assumed"
        said.warn("N-PRECESSION", f"sense of precession {inferred:+d}, {told}", level="note")
        return inferred, f"from the fat's spectrum ({told})"
    if evidence.decided and inferred != given:
        if options.precession_sign:
            said.warn("W-PRECESSION", f"the sense of precession {given:+d} {who} is used against the data ({told})",
                      "leave the option precession_sign out", "water and fat are probably exchanged in places")  # fmt: skip
            return given, who
        said.warn("W-PRECESSION", f"the sense of precession {given:+d} {who} contradicts the data; {inferred:+d} is used ({told})",
                  "check how phase was converted; --option precession_sign=... overrules", "none, if the data are right")  # fmt: skip
        return inferred, f"from the fat's spectrum ({told}), against {given:+d} {who}"
    if not evidence.decided and evidence.leaning and inferred != given:
        said.warn("W-PRECESSION", f"the data lean against the sense of precession {given:+d} {who} but do not decide ({told})",
                  f"look at the map, and try --option precession_sign={inferred}",
                  "a wrong sense exchanges water and fat in places")  # fmt: skip
    elif not evidence.decided:
        said.warn("N-PRECESSION", f"sense of precession {given:+d} {who}; the data do not tell ({told})", level="note")
    return given, f"{who}; {told}"


def _told(sign: int, evidence: Evidence) -> str:
    return f"log likelihood {evidence.log_likelihood:.3g} for {sign:+d} over {evidence.voxels} voxels, {evidence.z:.1f} standard errors"


def _alternating(
    signals: np.ndarray, times: np.ndarray, phasor: np.ndarray, mask: np.ndarray, spacing_mm: Sequence[float], sign: int,
    options: Options, threads: int,
) -> np.ndarray | None:  # fmt: skip
    """(x, y, z) rad by which echoes read to and fro differ if phase turns in the sense ``sign``, or None."""
    if options.readout == "unipolar":
        return None
    theta = readout_phase.estimate(signals, times, phasor, mask, spacing_mm, precession_sign=sign, threads=threads)
    if theta is None or (options.readout == "auto" and _size(theta, mask) < readout_phase.NEGLIGIBLE):
        return None
    return theta


def _size(theta: np.ndarray, mask: np.ndarray) -> float:
    """Root mean square over the mask."""
    return float(np.sqrt(np.mean(theta[mask].astype(np.float64) ** 2)))


def _readout(theta: np.ndarray | None, mask: np.ndarray, options: Options, said: Said) -> np.ndarray | None:
    """``theta`` (x, y, z), with a word on it."""
    if theta is not None:
        said.warn("N-BIPOLAR", f"phases of odd and even echoes differ by {np.rad2deg(2 * _size(theta, mask)):.1f} degrees (rms), which "
                  "is taken out", level="note")  # fmt: skip
    elif options.readout == "bipolar":
        said.warn("W-BIPOLAR", "no phase between echoes read to and fro was found, and none is taken out",
                  "at least five echoes tell it", "if there is one, fat fractions are wrong by up to all of it")  # fmt: skip
    return theta
