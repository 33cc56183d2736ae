r"""Single fascicles in the picture of a section: how many, and how large each is.

What hangs together above u = 1/2 is one fascicle, or several where it has waists (`fascicle_waists`). A fascicle counts where its own
signal stands out of the noise,

.. math:: \Delta\, \sqrt{\textstyle\sum (A u_k)^2} > 5 \sigma

Its area is the sum of u over what lies nearest to it, parts of voxels included.

*Assumes* fascicles without waists, as most are. *Breaks* where two divide or join within the slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.fascicles.fascicle_fit import Mixture
from neuromyo.fascicles.fascicle_waists import divided, owners

#: how far a fascicle stands out of the noise, in standard deviations
STANDS_OUT = 5.0


@dataclass(frozen=True, eq=False)
class Pieces:
    """The fascicles of a section.

    which : the fine grid, 0 for epineurium, k for the k-th fascicle
    areas_mm2 : (n,)
    places : (n, 2) centres in voxel indices of the sheet's window
    """

    which: np.ndarray
    areas_mm2: np.ndarray
    places: np.ndarray

    @property
    def count(self) -> int:
        return len(self.areas_mm2)


def split(mixture: Mixture) -> Pieces:
    """The single fascicles of a fitted section."""
    sheet = mixture.sheet
    parts = divided(mixture.picture > 0.5, sheet.step_mm)
    kept = np.zeros(parts.shape, int)
    n = 0
    for index in range(1, int(parts.max()) + 1):
        own = sheet.see(mixture.picture * sheet.core * (parts == index))
        if mixture.contrast * np.sqrt((own**2).sum()) > STANDS_OUT:
            n += 1
            kept[parts == index] = n
    return Pieces(kept, _areas(mixture, kept, n), _centres(kept, n, sheet.fine))


def _areas(mixture: Mixture, kept: np.ndarray, n: int) -> np.ndarray:
    """u summed over what lies nearest to each fascicle, mm2."""
    if n == 0:
        return np.zeros(0)
    owner = owners(kept)
    sums = np.bincount(owner.ravel(), (mixture.picture * mixture.sheet.core).ravel(), minlength=n + 1)[1:]
    return sums * mixture.sheet.part_mm2


def _centres(kept: np.ndarray, n: int, fine: tuple[int, int]) -> np.ndarray:
    if n == 0:
        return np.zeros((0, 2))
    middles = np.array(ndimage.center_of_mass(kept > 0, kept, np.arange(1, n + 1)))
    return (middles + 0.5) / np.array(fine) - 0.5
