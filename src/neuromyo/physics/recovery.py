r"""What a repetition time leaves of the signal of a spin echo.

.. math:: S/S_0 = 1 - e^{-(TR - TE_{last})/T_1}

the share of magnetisation that has come back between the last echo of one train, which leaves none along the field, and the next
excitation.

*Assumes* an excitation of 90 degrees and good refocusing. *Breaks* for gradient echoes, whose steady state is another.
"""

from __future__ import annotations

import math


def share_left(repetition_time: float, last_echo: float, t1: float) -> float:
    """Times in s -> the share (0 to 1) of full signal."""
    return 1.0 - math.exp(-max(repetition_time - last_echo, 0.0) / t1)
