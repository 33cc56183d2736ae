"""Exponentials and logarithms of whole rows, written so that the compiler puts several into one register.

Both are good to a few units in the last place. They are inlined by force into compiled kernels, keep to the order in which
they are written whatever liberties the kernel around them takes, and give the same bits for an element wherever it stands.
"""

# pyright: reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import math

from numba import njit

# stated, since a part without would inherit the liberties of whichever kernel compiles it first
_EXACT = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_2 = 1.4142135623730951
_EXPONENT, _BIAS = 52, 1023
_MANTISSA = (1 << 52) - 1
_ONE = 1023 << 52
_MOST = 700.0


@njit(**_EXACT)
def exp_row(row, power, power_bits):
    """row[i] = exp(row[i]), arguments taken as within +-700. ``power`` is scratch, ``power_bits`` its view as int64."""
    for i in range(row.shape[0]):
        x = min(max(row[i], -_MOST), _MOST)
        whole = math.floor(x * _LOG2_E + 0.5)
        r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
        p = 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        row[i] = p * r + 1.0
        power_bits[i] = (int(whole) + _BIAS) << _EXPONENT
    for i in range(row.shape[0]):
        row[i] *= power[i]


@njit(**_EXACT)
def log_row(row_bits, out, power, power_bits):
    """out[i] = ln of the positive, normal numbers whose bits are given (int64). ``power`` is scratch with its view."""
    for i in range(out.shape[0]):
        bits = row_bits[i]
        out[i] = float((bits >> _EXPONENT) - _BIAS)
        power_bits[i] = (bits & _MANTISSA) | _ONE
    for i in range(out.shape[0]):
        m = power[i]
        large = m > _SQRT_2
        m = 0.5 * m if large else m
        e = out[i] + 1.0 if large else out[i]
        s = (m - 1.0) / (m + 1.0)
        q = s * s
        p = 1.0 / 21.0
        p = p * q + 1.0 / 19.0
        p = p * q + 1.0 / 17.0
        p = p * q + 1.0 / 15.0
        p = p * q + 1.0 / 13.0
        p = p * q + 1.0 / 11.0
        p = p * q + 1.0 / 9.0
        p = p * q + 1.0 / 7.0
        p = p * q + 1.0 / 5.0
        p = p * q + 1.0 / 3.0
        p = p * q + 1.0
        out[i] = e * _LN2_HIGH + (2.0 * s * p + e * _LN2_LOW)
