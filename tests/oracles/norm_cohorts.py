"""Healthy people and their values, with each person's own true mean and standard deviation. NumPy only.

    latent = intercept + slopes . person + site + sd(person) e        value = back(latent)

``e`` has mean 0 and SD 1: normal, or skewed. The scale of the latent value is the identity, the logarithm or the logit. A person's
true deviate is (latent - mean) / sd; a patient "of +3 SD" has it raised by 3. People are as people are: men are taller, the
body mass index rises a little with age. Covariates count per SD: (age - 50) / 17.3, men +1 and women -1, (height - 1.70) / 0.092,
(BMI - 25) / 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

AGE, SEX, HEIGHT, BMI = range(4)


@dataclass(frozen=True)
class World:
    """How one quantity is spread over healthy people; ``sd``, ``slopes`` and ``intercept`` on the latent scale.

    skewed        e is a gamma variable of shape 4 (skewness 1) instead of a normal one
    log_sd_slope  slope of log SD, per SD of age
    site_sd       SD of the sites' shifts, in units of ``sd``; ``site_log_sd`` that of the logarithm of their scales
    side_r        correlation of e between the two sides of one person
    """

    quantity: str
    unit: str
    scale: str
    intercept: float
    slopes: tuple[float, float, float, float]
    sd: float
    skewed: bool = False
    log_sd_slope: float = 0.0
    site_sd: float = 0.0
    site_log_sd: float = 0.0
    side_r: float = 0.85


#: muscle T2 (ms), nerve cross-section (mm2), muscle fat fraction (%)
T2 = World("T2", "ms", "identity", 33.0, (0.55, 0.45, 0.25, 0.25), 1.5)
AREA = World("CSA", "mm2", "log", float(np.log(43.0)), (0.02, 0.04, 0.04, 0.06), 0.20)
FAT = World("FF", "%", "logit", -3.2, (0.15, -0.10, 0.0, 0.12), 0.35)


def forward(scale: str, value):
    """The latent value of a value in the unit of the world (fractions in percent)."""
    value = np.asarray(value, float)
    if scale == "identity":
        return value
    return np.log(value) if scale == "log" else np.log(value / (100.0 - value))


def back(scale: str, latent):
    latent = np.asarray(latent, float)
    if scale == "identity":
        return latent
    return np.exp(latent) if scale == "log" else 100.0 / (1.0 + np.exp(-latent))


def log_slope(scale: str, value):
    """log of d latent / d value: what turns a density of the latent value into one of the value."""
    value = np.asarray(value, float)
    if scale == "identity":
        return np.zeros(value.shape)
    return -np.log(value) if scale == "log" else np.log(100.0 / (value * (100.0 - value)))


@dataclass(frozen=True)
class People:
    """One row a measurement: ages (years), sex ``M`` / ``F``, height (m), BMI (kg/m2), who it is, side and site."""

    age: np.ndarray
    sex: np.ndarray
    height_m: np.ndarray
    bmi: np.ndarray
    person: np.ndarray
    side: np.ndarray
    site: np.ndarray

    def __len__(self) -> int:
        return len(self.age)

    def __getitem__(self, rows) -> People:
        return People(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def weight_kg(self):
        return self.bmi * self.height_m**2

    @property
    def standard(self):
        """(n, 4) covariates per SD."""
        sex = np.where(self.sex == "M", 1.0, -1.0)
        return np.c_[(self.age - 50) / 17.3, sex, (self.height_m - 1.70) / 0.092, (self.bmi - 25) / 3.5]


@dataclass(frozen=True)
class Cohort:
    """People with values, and the truth: ``mean`` and ``sd`` of the latent value for people just like each (site included)."""

    world: World
    people: People
    value: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, rows) -> Cohort:
        return Cohort(self.world, self.people[rows], self.value[rows], self.mean[rows], self.sd[rows])

    @property
    def deviate(self):
        return (forward(self.world.scale, self.value) - self.mean) / self.sd

    @property
    def log_density(self):
        """log density of each value under the truth, per unit of the value."""
        e = self.deviate
        inner = _log_gamma4(e) if self.world.skewed else -0.5 * e**2 - 0.5 * np.log(2 * np.pi)
        return inner - np.log(self.sd) + log_slope(self.world.scale, self.value)

    def shifted(self, deviates: float) -> Cohort:
        """The same people, ill: their true deviates raised by so much."""
        latent = forward(self.world.scale, self.value) + deviates * self.sd
        return replace(self, value=back(self.world.scale, latent))


@dataclass(frozen=True)
class Study:
    """What a publication states of its healthy people: number, mean and SD in the table's unit, means of their covariates.

    ``slopes``: its own regression of the value on age (per year), sex (men less women), height (per m) and BMI (per kg/m2).
    """

    n: int
    mean: float
    sd: float
    age: float
    male_share: float
    height_m: float
    bmi: float
    slopes: tuple[float, float, float, float]


@dataclass(frozen=True)
class Sites:
    """True shift (in units of the world's sd) and factor of the SD of each site, by name."""

    shift: dict[str, float] = field(default_factory=dict)
    factor: dict[str, float] = field(default_factory=dict)


def people(n: int, rng, *, ages=(20.0, 80.0), site="", both_sides=False, prefix="p") -> People:
    """``n`` healthy adults; with ``both_sides`` two rows each, left and right, the rows of a person one after the other."""
    age = rng.uniform(*ages, n)
    male = rng.integers(0, 2, n).astype(bool)
    height = 1.70 + 0.13 * (male - 0.5) + rng.normal(0, 0.065, n)
    bmi = np.clip(25 + 0.02 * (age - 50) + rng.normal(0, 3.5, n), 16.0, None)
    name = np.array([f"{prefix}{k:05d}" for k in range(n)])
    one = People(age, np.where(male, "M", "F"), height, bmi, name, np.full(n, ""), np.full(n, site))
    if not both_sides:
        return one
    two = one[np.repeat(np.arange(n), 2)]
    return replace(two, side=np.tile(["left", "right"], n))


def draw_sites(names, world: World, rng) -> Sites:
    names = list(names)
    shift, log_factor = world.site_sd * rng.normal(size=len(names)), world.site_log_sd * rng.normal(size=len(names))
    return Sites(dict(zip(names, shift, strict=True)), dict(zip(names, np.exp(log_factor), strict=True)))


def measure(world: World, who: People, rng, sites: Sites | None = None, *, evenly=False) -> Cohort:
    """Their values, once. Rows of one ``person`` share the part of ``e`` that the sides have in common.

    ``evenly``: one e from each of n equal shares of its distribution, in random order, so that counting the n is hardly blurred by chance.
    """
    sites = sites or Sites()
    shift = np.array([sites.shift.get(str(s), 0.0) for s in who.site])
    factor = np.array([sites.factor.get(str(s), 1.0) for s in who.site])
    standard = who.standard
    sd = world.sd * np.exp(world.log_sd_slope * standard[:, AGE]) * factor
    mean = world.intercept + standard @ np.array(world.slopes) + world.sd * shift
    e = _even(world, len(who), rng) if evenly else _deviates(world, who, rng)
    return Cohort(world, who, back(world.scale, mean + sd * e), mean, sd)


def healthy(world: World, n: int, rng, *, evenly=False, **how) -> Cohort:
    """``n`` healthy people of one place, measured."""
    return measure(world, people(n, rng, **how), rng, evenly=evenly)


def of_sites(world: World, sizes: dict[str, int], rng, sites: Sites, *, ages=None, evenly=False, **how) -> Cohort:
    """Healthy people of several sites, ``sizes`` each; ``ages``: range of ages by site, where they differ."""
    parts = [
        people(n, rng, site=name, prefix=f"{name}-", ages=(ages or {}).get(name, (20.0, 80.0)), **how)
        for name, n in sizes.items()
    ]
    joined = People(*(np.concatenate([getattr(p, f) for p in parts]) for f in People.__dataclass_fields__))
    return measure(world, joined, rng, sites, evenly=evenly)


def published(world: World, rng, studies: int = 3, *, shift=0.0, between=0.5, between_log_sd=0.2) -> list[Study]:
    """Publications on other healthy people, each of 15 to 60, measured elsewhere.

    Each study is off the truth by ``shift`` + ``between`` * normal SD, and its SD by a factor exp(``between_log_sd`` * normal); its
    people are a little older or younger. Mean and SD are those of its people's values, so that the SD holds the
    spread of their ages and bodies too; each prints the slopes of its own regression.
    """
    out = []
    for _ in range(studies):
        n, off = int(rng.integers(15, 60)), shift + between * rng.normal()
        there = replace(
            world, intercept=world.intercept + off * world.sd, sd=world.sd * np.exp(between_log_sd * rng.normal())
        )
        older = 5.0 * rng.normal()
        found = measure(there, people(n, rng, ages=(25.0 + older, 75.0 + older)), rng)
        out.append(_printed(found))
    return out


@dataclass(frozen=True)
class Profiles:
    """Values at ``positions_mm`` (m,) along a nerve, (n, m), with the truth of the same shape."""

    positions_mm: np.ndarray
    people: People
    value: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def __getitem__(self, rows) -> Profiles:
        return Profiles(self.positions_mm, self.people[rows], self.value[rows], self.mean[rows], self.sd[rows])


def profiles(n: int, rng, *, levels=16, step_mm=10.0, length_mm=40.0, smooth_share=0.8, **how) -> Profiles:
    """T2-like profiles of ``n`` people: a curve, covariates that matter more proximally, noise that is smooth along the nerve.

    Of the noise's variance, ``smooth_share`` is a Gaussian process of length ``length_mm``, the rest independent from level to level.
    """
    who = people(n, rng, **how)
    at = step_mm * np.arange(levels)
    along = np.linspace(-1, 1, levels)
    mean = 60.0 - 4.0 * along + 2.0 * along**2 + (who.standard @ np.array(T2.slopes))[:, None] * (1.0 + 0.4 * along)
    sd = np.broadcast_to(2.0 * (1.0 + 0.3 * along), mean.shape)
    covariance = smooth_share * np.exp(-0.5 * ((at[:, None] - at) / length_mm) ** 2) + (1 - smooth_share) * np.eye(
        levels
    )
    e = rng.normal(size=(n, levels)) @ np.linalg.cholesky(covariance).T
    return Profiles(at, who, mean + sd * e, mean, sd)


def _printed(found: Cohort) -> Study:
    who, male = found.people, found.people.sex == "M"
    told = np.c_[np.ones(len(found)), who.age, male, who.height_m, who.bmi]
    slopes = np.linalg.lstsq(told, found.value, rcond=None)[0][1:]
    means = (float(column.mean()) for column in (who.age, male, who.height_m, who.bmi))
    return Study(
        len(found), float(found.value.mean()), float(found.value.std(ddof=1)), *means, tuple(float(b) for b in slopes)
    )


def _independent(world: World, n: int, rng):
    return (rng.gamma(4.0, 1.0, n) - 4.0) / 2.0 if world.skewed else rng.normal(size=n)


def _even(world: World, n: int, rng, many=40):
    shares = np.sort(_independent(world, n * many, rng)).reshape(n, many)
    return rng.permutation(shares[np.arange(n), rng.integers(0, many, n)])


def _deviates(world: World, who: People, rng):
    if world.skewed:
        return _independent(world, len(who), rng)
    _, number = np.unique(who.person, return_inverse=True)
    alone = len(np.unique(number)) == len(number)
    r = 0.0 if alone else world.side_r
    return np.sqrt(r) * rng.normal(size=number.max() + 1)[number] + np.sqrt(1 - r) * rng.normal(size=len(who))


def _log_gamma4(e):
    """log density of (g - 4) / 2 with g gamma of shape 4; the rim of the support is kept finite."""
    g = np.maximum(2.0 * e + 4.0, 1e-300)
    return 3.0 * np.log(g) - g - np.log(6.0) + np.log(2.0)
