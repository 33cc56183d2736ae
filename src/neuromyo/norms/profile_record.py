"""A profile norm's sums as plain values for a norm file, and back: upper triangles, no time, host or person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from neuromyo.core.norm import NormKey
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.levels import Axis
from neuromyo.norms.options import Options
from neuromyo.norms.profile_sums import ProfileOptions, ProfileSite, ProfileSummary
from neuromyo.norms.summary import SiteSums


def as_dict(summary: ProfileSummary) -> dict[str, Any]:
    """JSON's own types only; floats keep their bits."""
    options = {f.name: getattr(summary.options.norm, f.name) for f in fields(Options) if f.name != "covariates"}
    return {
        "key": asdict(summary.key), "axis": {**asdict(summary.options.axis), "levels": list(summary.options.axis.levels)},
        "covariates": list(summary.options.norm.covariates.names), "options": options,
        "sites": [_site_out(site) for site in summary.sites],
    }  # fmt: skip


def from_dict(said: Mapping[str, Any]) -> ProfileSummary:
    """The summary again; KeyError, TypeError or ValueError where a part is missing or of the wrong size."""
    axis = Axis(tuple(float(v) for v in said["axis"]["levels"]), said["axis"]["unit"], said["axis"]["zero"])
    options = Options(covariates=Covariates(tuple(said["covariates"])), **said["options"])
    q = 1 + len(options.covariates.names) + len(axis.levels)
    sites = tuple(_site_in(site, q, len(axis.levels)) for site in said["sites"])
    return ProfileSummary(NormKey(**said["key"]), ProfileOptions(axis, options), sites)


def _site_out(site: ProfileSite) -> dict[str, Any]:
    sums = site.sums
    upper = np.triu_indices(sums.moments.shape[-1])
    return {
        "site": sums.site, "people": sums.n_people, "rows": sums.n_rows, "low": sums.low.tolist(), "high": sums.high.tolist(),
        "moments": sums.moments[..., upper[0], upper[1]].tolist(), "log_det": sums.log_det.tolist(),
        "people_at": site.people_at.tolist(), "rows_at": site.rows_at.tolist(),
    }  # fmt: skip


def _site_in(said: Mapping[str, Any], q: int, levels: int) -> ProfileSite:
    held = np.array(said["moments"], dtype=np.float64)
    at = [np.array(said[name], dtype=int) for name in ("people_at", "rows_at")]
    if held.ndim != 3 or held.shape[-1] != q * (q + 1) // 2 or any(a.shape != (levels,) for a in at):
        raise ValueError(f"sums of {held.shape} for {levels} levels and {q - 1 - levels} covariates")
    moments = np.zeros((*held.shape[:2], q, q))
    rows, columns = np.triu_indices(q)
    moments[..., rows, columns] = held
    moments[..., columns, rows] = held
    sums = SiteSums(str(said["site"]), int(said["people"]), int(said["rows"]), np.array(said["low"], dtype=np.float64),
                    np.array(said["high"], dtype=np.float64), moments, np.array(said["log_det"], dtype=np.float64))  # fmt: skip
    return ProfileSite(sums, *at)
