"""A norm at work: predictive distribution, z, centile, interval, healthy band and flags of one person's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri, stdtr

from neuromyo.core.norm import BAND, Body, NormKey, Place
from neuromyo.norms import interval, mixture, reading
from neuromyo.norms.conjugate import Nig
from neuromyo.norms.prior import Published
from neuromyo.norms.summary import Summary
from neuromyo.norms.transforms import Transform, of


@dataclass(frozen=True, eq=False)
class Predictive:
    """n mixtures of K Student t on the normal scale.

    location : (n, K); noise : (n, K) exp(g age), the SD of people in units of s; doubt : (n, K) variance of the location
    in units of s2
    """

    location: np.ndarray
    noise: np.ndarray
    doubt: np.ndarray


@dataclass(frozen=True, eq=False)
class Norm:
    """Posterior of a norm: K components, each a Normal-Inverse-Gamma, with weights that sum to one.

    n_effective : people the norm is worth in all, published values included
    agreement : posterior weight of "the published values are about people like ours"; NaN without published values
    slope : (K,) of log SD over age; site_variance : (K,) tau2
    """

    summary: Summary
    published: tuple[Published, ...]
    name: str
    agreement: float
    n_effective: float
    nig: Nig
    log_weight: np.ndarray
    slope: np.ndarray
    site_variance: np.ndarray

    @property
    def key(self) -> NormKey:
        return self.summary.key

    @property
    def n_controls(self) -> int:
        """Local people, without those of published values."""
        return self.summary.n_people

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(site.site for site in self.summary.sites)

    @cached_property
    def support(self) -> dict[str, tuple[float, float]]:
        """Range of each covariate over the controls, natural units, rounded outward."""
        low = np.min([site.low for site in self.summary.sites], axis=0)
        high = np.max([site.high for site in self.summary.sites], axis=0)
        names = self.summary.options.covariates.names
        return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """What the norm is made from, in words."""
        where = f" of {len(self.sites)} sites" if len(self.sites) > 1 else ""
        local = f"local controls{where} (n = {self.n_controls})"
        return (local, *(f"{s.label or 'published values'} (n = {s.n})" for s in self.published))

    # ---- the mathematics, as arrays

    def z(self, values: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
        """(n,) z-scores in the predictive distribution; NaN where a value is missing or not lawful."""
        return self._by_chunk(values, bodies, self._z)

    def cdf(self, values: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
        """(n,) share of healthy people below each value, 0 to 1."""
        return mixture.centile(self.z(values, bodies)) / 100

    def logpdf(self, values: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
        """(n,) log predictive density, per unit of the table."""

        def one(x: np.ndarray, p: Predictive) -> np.ndarray:
            return mixture.density(x, p.location, self._scale(p), 2 * self.nig.a, self.log_weight)

        return self._by_chunk(values, bodies, one) + self.transform.jacobian_log(values)

    def band(self, body: Body, share: float = BAND) -> tuple[float, float, float]:
        """(low, median, high) of what that share of healthy people like this one have, in the table's unit."""
        low, median, high = self.bands([body], share)[0]
        return float(low), float(median), float(high)

    def bands(self, bodies: Sequence[Body], share: float = BAND) -> np.ndarray:
        """(n, 3) low, median, high of many people."""
        parts = range(0, len(bodies), reading.CHUNK)
        found = [self._bands(self._predict(bodies[i : i + reading.CHUNK]), share) for i in parts]
        return np.concatenate(found) if found else np.zeros((0, 3))

    def intervals(self, values: np.ndarray, bodies: Sequence[Body], p: float = BAND) -> np.ndarray:
        """(n, 2) interval of the true deviate."""
        return self._by_chunk(values, bodies, lambda x, predictive: self._intervals(x, predictive, p))

    # ---- in words

    def place(self, value: float, body: Body) -> Place:
        """Where one value lies."""
        return self.places(np.array([value]), [body])[0]

    def places(self, values: np.ndarray, bodies: Sequence[Body]) -> list[Place]:
        """Where many values lie; the same bits as one by one."""
        return reading.places(self, np.asarray(values, dtype=np.float64), bodies)

    # ---- within

    @cached_property
    def centre(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Of the controls: mean (p,) and covariance (p, p) of the design; covariance of the slopes (p, p); people."""
        middle = self.summary.options.slopes.index(0.0)
        plain = np.sum([site.moments[middle, 0] for site in self.summary.sites], axis=0)
        p = plain.shape[0] - 1
        mean = plain[0, 1:p] / plain[0, 0]
        spread = plain[1:p, 1:p] / plain[0, 0] - np.outer(mean, mean)
        slopes = np.einsum("k,kij->ij", np.exp(self.log_weight), self._covariance[:, 1:p, 1:p])
        return mean, spread, slopes, float(self.n_controls)

    @cached_property
    def transform(self) -> Transform:
        return of(self.key.quantity, self.key.unit)

    @cached_property
    def _covariance(self) -> np.ndarray:
        return self.nig.covariance()

    @cached_property
    def _main(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Components that intervals are made from: index, weights, nodes of 1/s and theirs."""
        keep = interval.main_share(self.log_weight)
        weight = np.exp(self.log_weight[keep])
        nodes, node_weight = interval.variance_nodes(self.nig.a[keep], self.nig.b[keep])
        return keep, weight / weight.sum(), nodes, node_weight

    def _predict(self, bodies: Sequence[Body]) -> Predictive:
        design = self.summary.options.covariates.design(bodies)
        known = ~np.isnan(design)
        x = np.where(known, design, 0.0)
        at = {site: j for j, site in enumerate(self.sites)}
        where = np.array([at.get(body.site, -1) for body in bodies])
        full = np.column_stack([x, (where[:, None] == np.arange(len(at))).astype(np.float64)])
        doubt = np.einsum("ni,kij,nj->nk", full, self._covariance, full)
        doubt = doubt + np.where(where < 0, 1.0, 0.0)[:, None] * self.site_variance
        doubt = doubt + self._unknown(~known)
        return Predictive(np.einsum("ni,ki->nk", full, self.nig.mean), self._noise(design), doubt)

    def _unknown(self, unknown: np.ndarray) -> np.ndarray:
        """(n, K) variance that covariates add which are not known of a person, and spread by one in the population."""
        p = unknown.shape[1]
        mean, variance = self.nig.mean[:, :p], np.diagonal(self._covariance, axis1=1, axis2=2)[:, :p]
        added = mean**2 * (self.nig.a / self.nig.b)[:, None] + variance
        return np.einsum("ni,ki->nk", unknown.astype(np.float64), added)

    def _noise(self, design: np.ndarray) -> np.ndarray:
        """(n, K) SD of healthy people over s; of unknown age, the root mean square over a population."""
        names = self.summary.options.covariates.names
        if "age" not in names:
            return np.ones((len(design), len(self.slope)))
        age = design[:, 1 + names.index("age")]
        known = np.where(np.isnan(age), 0.0, age)[:, None] * self.slope
        return np.exp(np.where(np.isnan(age)[:, None], self.slope**2, known))

    def _scale(self, p: Predictive) -> np.ndarray:
        return np.sqrt(self.nig.b / self.nig.a * (p.noise**2 + p.doubt))

    def _z(self, x: np.ndarray, p: Predictive) -> np.ndarray:
        return mixture.deviate(x, p.location, self._scale(p), 2 * self.nig.a, self.log_weight)

    def _intervals(self, x: np.ndarray, p: Predictive, share: float) -> np.ndarray:
        keep, weight, nodes, node_weight = self._main
        noise = p.noise[:, keep]
        residual, blur = (x[:, None] - p.location[:, keep]) / noise, np.sqrt(p.doubt[:, keep]) / noise
        return np.column_stack(interval.true_deviate(residual, blur, weight, nodes, node_weight, share))

    def _bands(self, p: Predictive, share: float) -> np.ndarray:
        """(n, 3) low, median, high, in the table's unit."""
        weight, location, scale, df = np.exp(self.log_weight), p.location, self._scale(p), 2 * self.nig.a
        middle = np.einsum("nk,k->n", location, weight)
        spread = np.sqrt(np.einsum("nk,k->n", (location - middle[:, None]) ** 2 + scale**2, weight))

        def probit(x: np.ndarray) -> np.ndarray:
            return ndtri(np.einsum("nk,k->n", stdtr(df, (x[:, None] - location) / scale), weight))

        reach = float(ndtri(0.5 + share / 2))
        ends = [interval.solve(probit, q, middle + q * spread, spread) for q in (-reach, 0.0, reach)]
        return self.transform.back(np.column_stack(ends))

    def _by_chunk(self, values, bodies: Sequence[Body], what) -> np.ndarray:
        """what(x, predictive) over chunks of lawful values; NaN elsewhere."""
        x = self.transform.forward(values)
        found: list[np.ndarray] = []
        for start in range(0, len(x), reading.CHUNK):
            part = x[start : start + reading.CHUNK]
            result = what(np.where(np.isnan(part), 0.0, part), self._predict(bodies[start : start + reading.CHUNK]))
            found.append(np.where(np.isnan(part).reshape((-1,) + (1,) * (result.ndim - 1)), np.nan, result))
        return np.concatenate(found) if found else np.zeros(0)
