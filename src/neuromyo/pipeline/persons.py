"""The people of a table of measurements: age, sex, body, site and group, from a table of participants or as stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.norm import Body
from neuromyo.io import people
from neuromyo.io.who import Known


@dataclass(frozen=True)
class Roster:
    """Who is who. ``bodies`` and ``groups`` by participant label (without ``sub-``); a label that is not in them is of nobody known.

    stated : what holds for everybody whom the table does not describe; table : its name, for messages
    """

    bodies: Mapping[str, Body] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    stated: Body = field(default_factory=Body)
    table: str = ""
    findings: tuple[Finding, ...] = ()
    grouped: bool = False

    def __contains__(self, subject: object) -> bool:
        return subject in self.bodies

    def body(self, subject: str, side: str = "") -> Body:
        """The person, with a side of the body; what the table does not say is taken as stated."""
        known = self.bodies.get(subject, self.stated)
        return replace(known, side=side if side in ("left", "right") else self.stated.side)

    def likely(self, subject: str) -> str:
        """The label that probably is meant, with its prefix; empty for none."""
        near = Known(self.bodies).likely(subject)
        return f"sub-{near}" if near else ""


def read(path: Path, *, group_column: str = "group", site_column: str = "site", stated: Body | None = None) -> Roster:
    """A table of participants as BIDS has it (``participant_id``, age, sex, height, weight, and the columns named).

    stated : fills in what the table leaves open (a site, where the table has no such column). E-TABLE and the like where the table
    cannot be read; what is wrong with single cells is among ``findings``, and the cell counts as unknown.
    """
    stated = stated or Body()
    census = people.census(path)
    stops = [f for f in census.findings if f.level == "stop"]
    if stops and not census.rows:
        raise DataError(stops[0].code, where=stops[0].where, found=stops[0].message, remedy=stops[0].remedy)
    if not census.rows:
        raise DataError("E-NODATA", where=path.name, needed="a row for every participant", found="none",
                        remedy="fill in participant_id, age and sex")  # fmt: skip
    group, site = (_column(census.cells, name) for name in (group_column, site_column))
    known = {who: _body(row, census.cells[who].get(site, ""), stated) for who, row in census.rows.items()}
    groups = {who: cells.get(group, "") for who, cells in census.cells.items()}
    return Roster(known, groups, stated, path.name, tuple(_as_warnings(census.findings)), bool(group))


def of_dataset(root: Path, dataset: object = None, stated: Body | None = None) -> Roster:
    """The people of a BIDS dataset; nobody where it has no table. What is wrong with the table the run tells anyway."""
    path = root / people.TABLE
    if not path.exists():
        return Roster(stated=stated or Body(), table=people.TABLE)
    try:
        return replace(read(path, stated=stated), findings=())
    except DataError:
        return Roster(stated=stated or Body(), table=people.TABLE)


def _column(cells: Mapping[str, Mapping[str, str]], name: str) -> str:
    """The column as the table spells it; empty where there is none."""
    header = next(iter(cells.values()), {})
    return next((c for c in header if c.casefold() == name.casefold()), "")


def _body(row: people.bodies.Body, site: str, stated: Body) -> Body:
    def or_stated(value, name: str):
        return getattr(stated, name) if value is None else value

    sex = row.sex if row.sex in ("M", "F") else None
    height, weight = or_stated(row.height_m, "height_m"), row.weight_kg
    if weight is None and row.bmi is not None and height is not None:  # a table may state the mass index instead
        weight = row.bmi * height**2
    return Body(
        or_stated(row.age, "age"), or_stated(sex, "sex"), height, stated.weight_kg if weight is None else weight,
        stated.side, site or stated.site,
    )  # fmt: skip


def _as_warnings(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """What is wrong with one cell stops nobody: it counts as unknown. Told once a column, by its first row."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        if one.level == "stop":
            alike.setdefault((one.where.partition("column ")[2], one.code), []).append(one)
        elif one.level == "warn":
            yield one
    for same in alike.values():
        one, rows = same[0], len(same)
        more = f", and in {rows - 1} more row{'s' * (rows > 2)} something alike" * (rows > 1)
        what = "this person's row" if one.code == "E-ID" else "that cell" if rows == 1 else "each such cell"
        yield replace(one, level="warn", code="W-TABLES", message=f"{one.message}{more} [{one.code}]",
                      consequence=f"{what} counts as not known")  # fmt: skip
