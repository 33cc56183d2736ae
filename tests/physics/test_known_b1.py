"""Where a known B1 says nothing usable, neither T2 nor fat fraction is given: they would be wrong."""

import numpy as np
import pytest

from neuromyo.biomarkers import t2_epg, t2_water
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.reasons import Reason
from neuromyo.fit import runner
from tests import oracles

ACQUISITION = {"mese": Acquisition(echo_times=tuple(0.01 * k for k in range(1, 18)), repetition_time=3.0)}


@pytest.mark.parametrize(("module", "options"), [(t2_epg, {}), (t2_water, {"fat_t2": 0.15})])
def test_b1_outside_the_model_or_absent(module, options):
    given = np.array([0.85, 0.3, 85.0, 0.0, -1.0, 1.7, np.nan])
    true = np.array([0.85, 0.3, 0.85, 0.85, 0.85, 1.7, 0.85])
    signal = 1000 * oracles.cpmg(np.full(7, 0.035), true, t1=1.4, n_echoes=17, echo_spacing=0.01, tr=3.0)
    found = runner.fit_signals(
        module.BIOMARKER, {"mese": signal}, ACQUISITION, module.Options(**options), known={"B1": given}
    )
    for name, values in found.values.items():
        assert found.reason_of(name)[0] == Reason.OK, name
        assert (found.reason_of(name)[1:] == Reason.NOT_KNOWN).all() and np.isnan(values[1:]).all(), name
    assert found.values["T2"][0] == pytest.approx(0.035, abs=1e-4)
