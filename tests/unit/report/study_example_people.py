"""The people of a made-up study: 11 patients, 8 controls, two visits."""

from __future__ import annotations

import numpy as np

UNIT = "T2/tibialis-anterior/right (ms)"


def cohort(seed: int = 3) -> dict[str, np.ndarray]:
    """Severity and what follows from it: (n,) arrays; people 0 to 10 are patients."""
    rng = np.random.default_rng(seed)
    severity = np.concatenate([rng.beta(0.5, 1.1, 11), np.zeros(8)])
    t2 = 31 + 14 * severity + rng.normal(0, 1.2, 19)
    later = t2 + np.concatenate([rng.gamma(2, 1.2, 11), rng.normal(0, 0.5, 8)])
    cmap = np.maximum(8.5 - 7.5 * severity + rng.normal(0, 0.7, 19), 0.1)
    mvic = 260 - 210 * severity + rng.normal(0, 18, 19)
    later[[4, 9, 15]] = np.nan
    return {"severity": severity, "t2": t2, "later": later, "cmap": cmap, "mvic": mvic, "patient": np.arange(19) < 11}


LABELS = tuple(f"als{i:02d}" for i in range(1, 12)) + tuple(f"con{i:02d}" for i in range(1, 9))
GROUP = ("ALS",) * 11 + ("control",) * 8
