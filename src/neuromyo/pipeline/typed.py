"""What was typed after a verb: files by role, and names with values."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.biomarker import Biomarker, Segmenter
from neuromyo.core.errors import OptionError

#: endings of what lies beside an image and says what it is
_BESIDE = (".json", ".tsv", ".ctbl", ".bval", ".bvec")


def by_role(declaration: Biomarker | Segmenter, files: Sequence[str]) -> dict[str, list[Path]]:
    """Files by series role, main role first; a name without a role belongs to the main one."""
    main = declaration.series_roles[0]
    found: dict[str, list[Path]] = {}
    for text in files:
        role, equals, name = text.partition("=")
        if not (equals and role in declaration.series_roles):
            if equals and re.fullmatch(r"[A-Za-z0-9_-]+", role) and not os.path.lexists(text) and os.path.lexists(name):
                raise OptionError("E-UNKNOWN", where=f"{role}=", needed=f"one of the roles {', '.join(declaration.series_roles)}",
                                  found="another name", remedy=f"`neuromyo show {declaration.id}` says what each of them is")  # fmt: skip
            role, name = main, text
        found.setdefault(role, []).append(Path(name))
    if main not in found:
        raise OptionError("E-NEEDS", where=declaration.id, needed=f"files of the role {main}",
                          found=", ".join(found) or "none", remedy=f"give {main}=FILE")  # fmt: skip
    return {role: found[role] for role in declaration.series_roles if role in found}


def assignments(given: Sequence[str], flag: str = "--option") -> dict[str, str]:
    """``["key=value"]`` -> {key: value}."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name and value):
            raise OptionError("E-OPTION", where=flag, needed="name=value", found=repr(text),
                              remedy="write a name, an equals sign and a value, without spaces")  # fmt: skip
        found[name] = value
    return found


def refuse_overwriting(results: Sequence[Path], sources: Sequence[Path]) -> None:
    """E-OUTDIR where a result would be written over something that was given, or over the table or sidecar that belongs to it; and
    where it could not be written at all, which is better said before the work than after it."""
    from neuromyo.io.together import refuse_unwritable

    refuse_unwritable(results)
    taken = {
        os.path.realpath(p) for s in sources for p in (s, *(s.with_name(_stem(s.name) + e) for e in _BESIDE if s.name))
    }
    for path in results:
        if os.path.realpath(path) in taken:
            raise OptionError("E-OUTDIR", where=str(path), needed="a prefix that overwrites no input",
                              found="an input of that name", remedy="give another -o PREFIX")  # fmt: skip


def checked_prefix(prefix: Path) -> Path:
    """What names of results begin with; E-OPTION for a folder, which would put them beside it, and for names nobody can type."""
    if prefix.name in ("", ".", "..") or prefix.is_dir():
        raise OptionError("E-OPTION", where="-o", needed="a folder and the beginning of a file name", found=f"a folder only ({prefix})",
                          remedy=f"write {prefix / 'right'} or the like: the files become right_dseg.nii.gz and so on")  # fmt: skip
    if not prefix.name.isprintable():
        raise OptionError("E-OPTION", where="-o", needed="a name of letters and digits", found=repr(prefix.name),
                          remedy="leave out line breaks and other signs that cannot be seen")  # fmt: skip
    return prefix


def _stem(name: str) -> str:
    return next(
        (name[: -len(e)] for e in (".nii.gz", ".seg.nrrd", ".nii", ".nrrd", ".dcm") if name.lower().endswith(e)), name
    )


def finite(value: Any) -> Any:
    """JSON has no infinity: such numbers become the words a reader knows."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
