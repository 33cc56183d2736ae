r"""Body compartments of the leg from a multi-echo spin echo alone: fat under the skin, muscle, fat within it, marrow.

The contrast is decay: with the mono-exponential T2 that explains the ratio of late to early echoes,

.. math:: S_{late}/S_{early} = e^{-(TE_{late}-TE_{early})/T_2},

fat decays two to four times more slowly than muscle, whatever coil and scaling made of the brightness. Geometry does
the rest (`leaves`).

*Assumes* cross-sections of limbs, air around them, water T2 below about 60 ms. *Breaks* where a muscle is wholly
replaced by fat: it is then drawn as intermuscular fat, since a train of echoes cannot tell; where all muscle round the
leg is; and for marrow that is red.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuromyo.anatomy import contrast
from neuromyo.anatomy.leaves import LEAVES, draw
from neuromyo.core.biomarker import Segmenter, SeriesNeed
from neuromyo.core.labels import Labels
from neuromyo.core.options import NoOptions
from neuromyo.core.series import Series


def segment(series: Mapping[str, Any], options: NoOptions) -> Labels:
    """Labels on the train's grid: each leg's compartments, `LEAVES` by side, with ``leg`` as their parent."""
    train: Series = series["mese"]
    return draw(contrast.measure(train), train.grid, "compartments")


SEGMENTER = Segmenter(
    id="compartments",
    title="Body compartments of the leg",
    needs={"mese": SeriesNeed(("MESE",), min_volumes=3, required=("echo_times",))},
    gives=(*LEAVES, "leg"),
    segment=segment,
)
