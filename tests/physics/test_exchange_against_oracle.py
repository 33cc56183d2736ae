"""The two-pool steady state as a fixed point of matrices, against the oracle that plays it in time."""

import numpy as np
import pytest

from neuromyo.physics import exchange
from tests.oracles import bloch_mcconnell as oracle


@pytest.mark.parametrize("tissue", ["muscle", "nerve"])
@pytest.mark.parametrize(("flip", "duration", "offset"), [(500.0, 0.010, 1200.0), (220.0, 0.004, 2000.0)])
def test_the_same_signal(tissue, flip, duration, offset):
    pools = exchange.TISSUE[tissue].pools
    played = {
        "R1": float(pools.free_rate), "T2": pools.T2, "F": pools.bound, "k": pools.exchange * pools.bound,
        "R1b": 1 / pools.T1_bound, "T2b": pools.T2_bound, "shape": pools.lineshape,
    }  # fmt: skip
    for b1 in (0.8, 1.0, 1.2):
        pulse = oracle.mt_pulse(flip, duration, "gaussian")
        wanted = oracle.mt_spgr(played, 6.0, 0.03, pulse=pulse, offset_hz=offset, gap=0.001, b1=b1)
        mine = exchange.SaturationPulse(flip, duration, offset, steps=400)
        found = exchange.steady_state(pools, mine, flip_deg=6.0, repetition_time=0.03, gap=0.001, B1=b1)
        np.testing.assert_allclose(found.signal, wanted, rtol=1e-8)
