"""Gradient echoes whose first echo sees fat against water: magnitudes are then low wherever both share a voxel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.physics import fat
from neuromyo.protocol.needs import users

#: kinds that are gradient echoes, and whose magnitudes are taken for what is in the voxel
_GRADIENT_ECHOES = ("VFA", "MTR", "MPM", "MTS")
#: the share of fat spoken of, and the loss of signal from which on it is
_SHARE, _LOSS = 0.1, 0.05


def check(series: Series, biomarkers: Sequence[Biomarker]) -> Iterator[Finding]:
    """N-OPPOSED where a tenth of fat costs a magnitude 5 % and more of its signal at the first echo."""
    acquired = series.acquisition
    ids = dict.fromkeys(b.id for b, need in users(series, biomarkers) if need.part == "mag")
    timed = acquired.echo_times and (acquired.field_strength or acquired.imaging_frequency_hz)
    if series.kind not in _GRADIENT_ECHOES or not ids or not timed:
        return
    first = min(acquired.echo_times or ())
    turned = fat.phasor(
        fat.DEFAULT_SPECTRUM, (first,), field_strength=acquired.field_strength,
        imaging_frequency_hz=acquired.imaging_frequency_hz,
    )[0]  # fmt: skip
    loss = 1 - abs(1 - _SHARE + _SHARE * turned)
    if loss >= _LOSS:
        yield Finding(
            "note", "N-OPPOSED", f"{series.name}: EchoTime",
            f"fat is out of phase with water at the first echo ({1e3 * first:.3g} ms): where {100 * _SHARE:.0f} % is fat the signal is "
            f"{100 * loss:.0f} % low, and at borders of muscle and fat it can vanish",
            "choose an echo in phase (2.3 ms at 3 T, 4.6 ms at 1.5 T), or give a fat fraction map",
            f"{', '.join(ids)} computed from it: fat changes it more than in phase",
        )  # fmt: skip
