"""What differs from a sealed plan: other options that somebody states, and what can be found without anybody having said so."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import neuromyo
from neuromyo.core import options as core_options
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, OptionError
from neuromyo.io.files import printable
from neuromyo.pipeline import study_audit, study_blind, study_lock, study_people, study_plan, studying
from neuromyo.pipeline.study_audit import Line
from neuromyo.pipeline.study_blind import Key
from neuromyo.pipeline.study_lock import Lock
from neuromyo.pipeline.study_plan import Item, Plan

#: what `--set` may change of an analysis besides its options: where its p values stand
_PLACE = ("outcome", "where")


def changed(plan: Plan, changes: Sequence[str]) -> tuple[Plan, list[str]]:
    """The plan with other options (``NAME.option=value``), and what differs, in words. E-OPTION where the text is none of that."""
    items, told = {i.name: i for i in plan.items}, []
    for text in changes:
        target, equals, value = text.partition("=")
        name, dot, option = target.strip().rpartition(".")
        if not equals or not dot or name not in items:
            raise OptionError("E-OPTION", where="--set", needed=f"NAME.option=value with a NAME of the plan ({', '.join(items)})",
                              found=printable(text), remedy="correct it")  # fmt: skip
        items[name], said = _other(items[name], option.replace("-", "_"), value.strip(), f"--set {printable(text)}")
        told.append(f"{name}: {said}")
    return replace(plan, items=tuple(items.values())), told


def _other(item: Item, key: str, value: str, where: str) -> tuple[Item, str]:
    if key in _PLACE:
        return _elsewhere(item, key, value, where)
    kind = studying.module(item.kind).Options
    known = [f.name for f in fields(kind)]
    if key not in known:
        raise OptionError("E-OPTION", where=where, needed=f"an option of this analysis ({', '.join((*known, *_PLACE))})",
                          found=printable(key), remedy="correct the name")  # fmt: skip
    parsed = core_options.as_dict(
        core_options.parse(kind, {key: study_plan.from_text(typing.get_type_hints(kind)[key], value, where)})
    )[key]
    new = list(parsed) if isinstance(parsed, tuple) else parsed
    said = f"option {key} = {new} instead of {item.options.get(key)}"
    return replace(item, options={**item.options, key: new}), said


def _elsewhere(item: Item, key: str, value: str, where: str) -> tuple[Item, str]:
    """Another place of the p values: ``NAME.outcome=tests.p``, ``NAME.where=method=mixed model``."""
    if key == "outcome":
        if not all(value.partition(".")):
            raise OptionError("E-OPTION", where=where, needed="TABLE.COLUMN, such as tests.p", found=printable(value),
                              remedy="tables and columns are named in OUT/tables")  # fmt: skip
        return replace(item, outcome=value), f"p values of {value} instead of {item.outcome or 'the first table'}"
    column, equals, word = value.partition("=")
    if not equals:
        raise OptionError("E-OPTION", where=where, needed="COLUMN=WORD of the rows that count, such as method=mixed model",
                          found=printable(value), remedy="correct it")  # fmt: skip
    rows = {column.strip(): word.strip()}
    return replace(item, where=rows), f"rows where {rows} instead of {dict(item.where)}"


def refuse_other_key(key: Key, trail: Path) -> None:
    """E-PLAN where the trail says that these tables were blinded with another key: an edited one could put people into other groups."""
    line = _blinding(key, trail)
    if line is not None and line.hashes.get("key") != key.hash:
        raise DataError("E-PLAN", where="--key", needed=f"the key as it was when the tables were blinded (audit trail, line {line.n})",
                        found="another one, or one that was edited", remedy="restore it from a copy")  # fmt: skip


def _blinding(key: Key, trail: Path) -> Line | None:
    """The line of the trail that tells of the blinding of the key's tables."""
    tables = {name: digest for name, digest in key.files.items() if name.endswith(".tsv")}
    line = study_audit.find(study_audit.verify(trail), "blinded", data=study_audit.digest(tables))
    return line if line is not None and "key" in line.hashes else None


def beside(key: Key, trail: Path, people: Path | None, clinical: Sequence[Path], dataset: Path | None) -> Iterator[str]:
    """What was given besides the blinded tables, and so was not sealed; and that the trail cannot vouch for the key."""
    if _blinding(key, trail) is None:
        yield "the audit trail does not tell of the blinding of these tables: a key that was edited would not be seen"
    if people is not None and not study_blind.same_people(key, people):
        name = printable(study_people.file_of(people).name)
        yield f"people, groups and covariates are taken from {name}, which is not the table that was blinded"
    for path in clinical:
        yield f"clinical values were added from {printable(path.name)}, which was not blinded"
    if dataset is not None:
        yield f"dates that the key does not hold are taken from {printable(dataset.name)}"


def detected(lock: Lock, plan: Plan, cohort: Cohort, blinded: Path | None) -> Iterator[str]:
    """What differs from the plan without anybody having said so. ``blinded``: the folder of blinded tables, if there is one."""
    if lock.data and blinded is not None and study_lock.hashes(blinded) != dict(lock.data):
        yield "the blinded tables are not those that the plan was sealed beside"
    here = Counter(cohort.people[who].group or "no group" for who in set(cohort.person))
    for group in sorted({*plan.groups, *here}) if plan.groups else ():
        if here[group] != plan.groups.get(group, 0):
            yield f"{here[group]} people of the group {group} instead of {plan.groups.get(group, 0)} planned"
    if lock.version != neuromyo.__version__:
        yield f"neuromyo {neuromyo.__version__} instead of {lock.version}, which the plan was sealed with"
