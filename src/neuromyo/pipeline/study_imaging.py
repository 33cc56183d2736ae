"""Which rows of the measurements stand for a person at a visit, and what each is a value of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.cohort import Variable
from neuromyo.core.errors import DataError, Finding, OptionError, first_few
from neuromyo.io.files import printable
from neuromyo.pipeline import trusted
from neuromyo.pipeline.study_measured import Frame
from neuromyo.pipeline.study_names import Thing

#: what a number is of, besides what tells repeats apart
_OF = ["quantity", "region", "side", "level", "biomarker", "statistic"]
#: what may tell two readings of one visit apart, where most visits have both
_REPEATS = ("acquisition", "region_source")
#: a name has a word for repeats where at least this share of the visits that have the number has several
_MOST = 0.5
_MANY = 4
#: the statistic taken where none is asked for, and those that are of voxels or slices
_USUAL, _OF_VOXELS = "mean", ("mean", "median", "max", "region-fit")


def chosen(frame: Frame, statistic: str, keep_doubtful: bool) -> tuple[Frame, tuple[Finding, ...]]:
    """The rows of the statistic asked for (of quantities that have none of it, such as volumes, all), finite and to be trusted.

    What is left out is told, with the reasons and the people.
    """
    frame, findings = _of_statistic(frame, statistic)
    missing = ~np.isfinite(frame["value"].to_numpy(dtype=float))
    doubts = {flags: trusted.doubt({"value": 0.0, "flags": flags}) for flags in frame["flags"].unique()}
    why = frame["flags"].map(doubts)
    doubtful = (why != "") & ~missing
    for reason, rows in frame[doubtful].groupby(why[doubtful], sort=True):
        people = first_few(f"sub-{who}" for who in sorted(rows["subject"].unique()))
        done = "kept all the same" if keep_doubtful else "left out; --keep-doubtful keeps them"
        n = len(rows)
        findings.append(Finding("warn", "W-ABSENT", people, f"{n} value{'s' * (n != 1)} in doubt: {reason}", done))
    if missing.any():
        n = int(missing.sum())
        people = first_few(f"sub-{who}" for who in sorted(frame.loc[missing, "subject"].unique()))
        findings.append(Finding("note", "W-ABSENT", people, f"{n} row{'s' * (n != 1)} without a value (n/a)"))
    kept = frame[~missing & (keep_doubtful | ~doubtful)]
    return kept.reset_index(drop=True), tuple(findings)


def _of_statistic(frame: Frame, statistic: str) -> tuple[Frame, list[Finding]]:
    """The rows of the statistic, and those of quantities that have one of their own (volume, length)."""
    mine = frame["statistic"] == statistic
    if not mine.any() and statistic != _USUAL:
        there = first_few(sorted(frame["statistic"].unique()))
        raise OptionError(
            "E-UNKNOWN",
            where=f"--statistic {printable(statistic)}",
            needed="a statistic of the tables",
            found="no row of it",
            remedy=f"there are: {there}",
        )
    has = frame["quantity"].isin(frame.loc[mine, "quantity"].unique())
    own = ~has & ~frame["statistic"].isin(_OF_VOXELS)
    lost = sorted(frame.loc[~has & ~own, "quantity"].unique())
    told = (
        [
            Finding(
                "note", "N-STUDY", first_few(lost), f"left out: no {statistic} of it in the tables", "see --statistic"
            )
        ]
        if lost
        else []
    )
    return frame[mine | own], told


def things(frame: Frame) -> tuple[Frame, tuple[Finding, ...]]:
    """The same with a column ``thing``: what each row is a value of. E-UNITS where one thing is in two units.

    Acquisition and who drew the region belong to it only where most visits have several of one number (two scans, two readers); else
    different people may have different ones, which is told. What then is there twice, `study_cohort` refuses.
    """
    told = {key: _told_apart(frame, key) for key in _REPEATS}
    findings = _mixed(frame, told)
    by = frame.assign(**{key: frame[key].where(told[key], "") for key in _REPEATS})
    groups = by.groupby([*_OF, *_REPEATS], sort=False)
    made: dict[int, Thing] = {}
    for number, (key, rows) in enumerate(groups):
        _one_unit(rows)
        made[number] = _thing(dict(zip([*_OF, *_REPEATS], key, strict=True)), str(rows["unit"].iloc[0]))
    return frame.assign(thing=groups.ngroup().map(made)), findings


def _told_apart(frame: Frame, key: str) -> np.ndarray:
    """(n,) rows of numbers of which most visits have several readings that differ in ``key``."""
    per = frame.groupby([*_OF, "subject", "session"], sort=False)[key].nunique() > 1
    share = per.groupby(level=_OF, sort=False).mean()
    each = frame[_OF].itertuples(index=False, name=None)
    several = set(share.index[share >= _MOST])
    return np.fromiter((one in several for one in each), dtype=bool, count=len(frame))


def _mixed(frame: Frame, told: dict[str, np.ndarray]) -> tuple[Finding, ...]:
    """What is one variable though its numbers were not all made alike, by quantity; calibrations say how they were made."""
    said = {"acquisition": "the same acquisition", "region_source": "regions drawn by the same hand or program"}
    found = []
    for key, words in said.items():
        rest = frame[~told[key] & (frame["statistic"] != "subject").to_numpy()]
        kinds = rest.groupby(_OF, sort=True)[key].unique()
        mixed = kinds[kinds.map(len) > 1]
        for quantity, several in mixed.groupby(level="quantity", sort=True):
            names = first_few(str(k) or "none named" for k in sorted({k for one in several for k in one}))
            message = f"not all values are from {words} ({names}); they are taken as one variable"
            found.append(Finding("note", "N-STUDY", str(quantity), message, "make sure that they measure alike"))
    return tuple(found[:_MANY])


def _one_unit(rows: Frame) -> None:
    units = rows.groupby("unit", sort=False).first()
    if len(units) > 1:
        a, b = (f"{units.index[i] or 'no unit'} ({units['table'].iloc[i]}, row {units['row'].iloc[i]})" for i in (0, 1))
        one = rows.iloc[0]
        raise DataError("E-UNITS", where=f"{one['quantity']} of {one['region']}", needed="one unit in all tables", found=f"{a} and {b}",
                        remedy="measure again with one version, or convert one table; nothing is converted unasked")  # fmt: skip


def _thing(key: dict[str, str], unit: str) -> Thing:
    side = "" if key["side"] in ("none", "n/a") else key["side"]
    variable = Variable(
        "", unit, "imaging", key["quantity"], key["region"], side, key["level"], key["biomarker"], key["statistic"]
    )
    extra = tuple((k, key[k]) for k in ("biomarker", "statistic", *_REPEATS))
    return Thing(variable, extra)


def occasions(frame: Frame, between: str, sessions: Sequence[str]) -> Frame:
    """The rows with ``session`` holding what the repeats differ in: the visit itself, or a column such as ``reader`` or ``region_source``
    (then of one visit only). E-STUDY where a table has no such column, or several visits are left."""
    if sessions:
        frame = _of_sessions(frame, sessions)
    if between == "session":
        return frame
    column = "region_source" if between == "reader" and "reader" not in frame else between
    if column not in frame or not (frame[column].fillna("") != "").any():
        raise DataError(
            "E-STUDY",
            where=f"--between {between}",
            needed=f"a column {column} that says so in every row",
            found="none, or an empty one",
            remedy="--between session, region_source or acquisition, or add the column",
        )
    visits = sorted(frame["session"].unique())
    if len(visits) > 1:
        raise DataError(
            "E-STUDY",
            where=f"--between {between}",
            needed="readings of one visit",
            found=f"{len(visits)} visits ({first_few(visits)})",
            remedy="choose one by --session",
        )
    return frame.assign(session=frame[column].fillna(""), **({column: ""} if column in _REPEATS else {}))


def _of_sessions(frame: Frame, sessions: Sequence[str]) -> Frame:
    wanted = [s.removeprefix("ses-") for s in sessions]
    there = sorted(frame["session"].unique())
    lost = [s for s in wanted if s not in there]
    if lost:
        raise DataError("E-UNKNOWN", where=f"--session {lost[0]}", needed="a visit of the tables", found="none of that name",
                        remedy=f"there are: {first_few(s or 'visits without a label' for s in there)}")  # fmt: skip
    return frame[frame["session"].isin(wanted)].reset_index(drop=True)
