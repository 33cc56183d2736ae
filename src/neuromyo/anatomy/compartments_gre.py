r"""Body compartments of the leg from complex gradient echoes: fat under the skin, muscle, fat within it, marrow.

The contrast is the fat fraction,

.. math:: S_n = (w + f\,c_n)\, e^{2\pi i s \psi t_n - R_2^* t_n}, \quad FF = \Re\!\left(\frac{f}{w + f}\right),

by a quick separation of water and fat over the whole image (`contrast_gre`), beside the brightness of both together. Geometry
does the rest, as for `compartments` (`leaves`).

*Assumes* cross-sections of limbs, air around them, at least three echoes with their phase. Muscle of which more than some 40 to 60 %
is fat is drawn as intermuscular fat. *Breaks* where all muscle round the leg is so, and for marrow that is red.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuromyo.anatomy import contrast_gre
from neuromyo.anatomy.leaves import LEAVES, draw
from neuromyo.core.biomarker import Segmenter, SeriesNeed
from neuromyo.core.labels import Labels
from neuromyo.core.options import NoOptions
from neuromyo.core.series import Series


def segment(series: Mapping[str, Any], options: NoOptions) -> Labels:
    """Labels on the echoes' grid: each leg's compartments, `LEAVES` by side, with ``leg`` as their parent."""
    echoes: Series = series["gre"]
    return draw(contrast_gre.measure(echoes), echoes.grid, "compartments-gre")


SEGMENTER = Segmenter(
    id="compartments-gre",
    title="Body compartments of the leg, from water and fat",
    needs={
        "gre": SeriesNeed(
            ("MEGRE", "MPM", "MTS"), part="complex", min_volumes=3, required=("echo_times",),
            entities_if_any=(("flip", "1"), ("mt", "off")),
        )
    },
    gives=(*LEAVES, "leg"),
    segment=segment,
)  # fmt: skip
