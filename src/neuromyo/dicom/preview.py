"""What will become of every attribute, before anything is written: removed, emptied, replaced, shifted, kept.

Values are shown only of technical attributes that are kept: what goes is named, never quoted. The headers are read in the child
(`neuromyo.dicom.fates`); here its answers become a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from neuromyo.dicom import hazards

_ORDER = ("removed", "emptied", "replaced", "shifted", "kept in part", "kept")
_SHOWN = 3


@dataclass
class Preview:
    """The table over all files of an import, built from the child's answers one after the other."""

    n_files: int = 0
    hazards: dict[str, int] = field(default_factory=dict)
    _shapes: dict[str, list[list[Any]]] = field(default_factory=dict)
    _files: dict[str, int] = field(default_factory=dict)
    _values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, said: Mapping[str, Any]) -> None:
        """Take one answer of the child; others than this job's are passed over."""
        if "shape" in said and "rows" in said:
            self._shapes[said["shape"]] = said["rows"]
        elif "shape" in said:
            self.n_files += 1
            self._files[said["shape"]] = self._files.get(said["shape"], 0) + 1
            for key, value in said.get("values", {}).items():
                known = self._values.setdefault(key, [])
                if value not in known and len(known) <= _SHOWN:
                    known.append(value)
            for kind in said.get("hazards", ()):
                self.hazards[kind] = self.hazards.get(kind, 0) + 1

    def rows(self) -> list[dict[str, Any]]:
        """Rows for JSON: tag, keyword, fate, files, why, free_text, nested, values (of kept technical attributes)."""
        counts: dict[tuple[Any, ...], int] = {}
        for shape, n in self._files.items():
            for row in self._shapes[shape]:
                counts[tuple(row)] = counts.get(tuple(row), 0) + n
        table = [
            {"tag": tag, "keyword": keyword, "fate": fate, "files": n, "why": why, "free_text": free, "nested": nested,
             "values": self._values.get(f"{tag} {nested:d}", [])[:_SHOWN] if fate == "kept" else []}
            for (tag, keyword, fate, why, free, nested), n in counts.items()
        ]  # fmt: skip
        return sorted(table, key=lambda r: (_ORDER.index(r["fate"]), r["nested"], r["tag"], r["keyword"]))

    def text(self) -> str:
        """The table for people to read."""
        rows = self.rows()
        lines = [f"What becomes of the headers of {self.n_files} files (values of what goes are not shown)."]
        for fate in _ORDER:
            part = [r for r in rows if r["fate"] == fate]
            if part:
                lines += ["", f"{fate} ({len(part)})", *map(_line, part)]
        lines += ["", *self._warnings(rows)]
        return "\n".join(lines).rstrip() + "\n"

    def _warnings(self, rows: list[dict[str, Any]]) -> Iterator[str]:
        free = sorted({r["keyword"] for r in rows if r["free_text"] and not r["keyword"].startswith("private")})
        if free:
            yield f"Texts that anyone may have typed into, all removed: {', '.join(free)}."
        for kind, n in self.hazards.items():
            stop = " These files are refused." if kind in hazards.STOPS else ""
            yield f"{n} of {self.n_files} files: {hazards.KINDS[kind]}.{stop}"


def _line(row: Mapping[str, Any]) -> str:
    inside = " (inside a sequence)" if row["nested"] else ""
    values = ", ".join(row["values"])
    shown = f": {values}" if values else ""
    files = f"{row['files']} file" + ("s" if row["files"] != 1 else "")
    return f"  {row['tag']}  {row['keyword']}{inside}{shown}  [{files}; {row['why']}]"
