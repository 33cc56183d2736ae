"""Which people cannot bring sites into line, said before anything is computed; and what can be done, but roughly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError

LEAST_PEOPLE, LEAST_REFERENCE, LEAST_DF = 3, 10, 4
#: how much differing covariates may widen the variance of a site's shift: told, refused
TOLD_BALANCE, REFUSED_BALANCE = 3.0, 30.0


def refused(where: str, needed: str, found: str, remedy: str) -> DataError:
    """E-SITES."""
    return DataError("E-SITES", where=where, needed=needed, found=found, remedy=remedy)


def check_shapes(values: np.ndarray, sites: Sequence[str], design: np.ndarray, persons: Sequence[str] | None, features: int,
                 covariates: int) -> None:  # fmt: skip
    """Everything has as many rows, and the columns that the model has."""
    rows = {"values": values.shape[0], "sites": len(sites), "covariates": design.shape[0]}
    rows |= {} if persons is None else {"persons": len(persons)}
    if len(set(rows.values())) != 1:
        raise OptionError("E-OPTION", where="harmonise", needed="as many of each",
                          found=", ".join(f"{n} {what}" for what, n in rows.items()), remedy="give one of each per row")  # fmt: skip
    for what, found, needed in (("features", values.shape[1], features), ("covariates", design.shape[1], covariates)):
        if found != needed:
            raise OptionError("E-OPTION", where="harmonise", needed=f"{needed} {what}", found=str(found),
                              remedy=f"give the {what} that the model was made with, in its order")  # fmt: skip
    if np.isinf(values).any():
        raise refused("values", "finite numbers", "infinity", "leave such values out")


def check_sites(sites: Sequence[str], persons: Sequence[str], reference: str) -> None:
    """At least two sites, each with `LEAST_PEOPLE` people."""
    people = {site: len({p for s, p in zip(sites, persons, strict=True) if s == site}) for site in sorted(set(sites))}
    if "" in people:
        raise refused("sites", "a site for everybody", f"{sum(s == '' for s in sites)} rows without one",
                      "state the site of each person, or leave them out")  # fmt: skip
    if len(people) < 2:
        only = next(iter(people), "none")
        raise refused("sites", "controls from at least two sites", f"one site only ({only})" if people else "nobody",
                      "values of one site need no harmonising: build the norm from them as they are")  # fmt: skip
    for site, n in people.items():
        too_few(site, n)
    if reference and reference not in people:
        raise OptionError("E-UNKNOWN", where="reference site", needed=f"one of {', '.join(people)}", found=reference,
                          remedy="name one of the sites")  # fmt: skip
    if reference and people[reference] < LEAST_REFERENCE:
        raise refused(f"reference site {reference}", f"at least {LEAST_REFERENCE} controls, since all others follow it",
                      str(people[reference]), "leave out the reference: the level of all sites together is then kept")  # fmt: skip


def too_few(site: str, people: int, feature: str = "") -> None:
    """Of one or two people nobody can say whether they or their scanner differ."""
    if people < LEAST_PEOPLE:
        who = {0: "nobody", 1: "one person"}.get(people, f"{people} people")
        at = f"site {site}" + (f", {feature}" if feature else "")
        raise refused(at, f"at least {LEAST_PEOPLE} controls, to tell the scanner from the people", who,
                      "scan more controls there, or leave the feature out" if feature else
                      "scan more controls there, or leave the site out; a norm can still place its values, with the variance "
                      "between sites added")  # fmt: skip


def check_known(design: np.ndarray, names: Sequence[str]) -> None:
    """Every control's covariates."""
    missing = np.isnan(design)
    if missing.any():
        which = [name for name, column in zip(names, missing.T, strict=True) if column.any()]
        raise refused(f"covariate {', '.join(which)}", "known of every control", f"missing of {int(missing.any(axis=1).sum())}",
                      "leave those people or that covariate out")  # fmt: skip


def check_covariates(design: np.ndarray, sites: np.ndarray, names: Sequence[str]) -> None:
    """Covariates known of every control, varying, and varying within sites."""
    check_known(design, names)
    within = design - np.stack([design[sites == s].mean(axis=0) for s in sites])
    spread = design.std(axis=0)
    for name, column, sd in zip(names, within.T, spread, strict=True):
        if not sd > 0:
            raise refused(f"covariate {name}", "controls that differ in it", "the same in all of them", "leave it out")
        if np.abs(column).max() <= 1e-9 * sd:
            raise refused(f"covariate {name}", "controls of one site that differ in it, to tell the site from it",
                          "the same in all people of each site", "leave it out, or add controls")  # fmt: skip
    if np.linalg.matrix_rank(within / np.where(spread > 0, spread, 1), tol=1e-7 * len(within) ** 0.5) < design.shape[1]:
        raise refused(f"covariates {', '.join(names)}", "covariates that can be told apart within sites",
                      "one that follows from the others and the site", "leave one of them out")  # fmt: skip
    df = design.shape[0] - np.unique(sites).size - design.shape[1]
    if df < LEAST_DF:
        raise refused("controls", f"at least {design.shape[0] - df + LEAST_DF} for {np.unique(sites).size} sites and "
                      f"{design.shape[1]} covariates", str(design.shape[0]), "use fewer covariates, or more controls")  # fmt: skip


def check_balance(site: str, feature: str, balance: float, names: Sequence[str]) -> None:
    """Refuses a site whose people differ so much from the others that its shift hangs on the slopes alone."""
    if balance > REFUSED_BALANCE:
        raise refused(f"site {site}, {feature}", f"people like those of the other sites in {' and '.join(names)}",
                      f"so different ones that the site's shift is {balance:.0f} times as uncertain (variance)",
                      "add controls there who are more like the others, or leave out the covariate")  # fmt: skip


def check_spread(x: np.ndarray, site: np.ndarray, names: Sequence[str], feature: str) -> None:
    """Values that differ, at every site."""
    for number, name in enumerate(names):
        some = x[site == number]
        if np.ptp(some) <= 1e-12 * max(1.0, float(np.abs(some).max())):
            raise refused(f"site {name}, {feature}", "controls whose values differ", f"the same value in all {some.size}",
                          "look whether the values were copied; leave the feature or the site out")  # fmt: skip


def balance_findings(balances: dict[str, float], names: Sequence[str]) -> tuple[Finding, ...]:
    """W-SITES of sites whose people differ from the others in covariates, so that their shift is uncertain."""
    return tuple(
        Finding("warn", "W-SITES", f"site {site}", f"its controls differ from those of the other sites in {' or '.join(names)}, which "
                f"makes its shift {balance:.1f} times as uncertain (variance)", "add controls there who are more like the others")
        for site, balance in sorted(balances.items()) if balance > TOLD_BALANCE
    )  # fmt: skip
