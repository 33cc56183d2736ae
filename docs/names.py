"""Writes docs/names.md from the vocabulary that travels with the package: `python docs/names.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.anatomy import names
from neuromyo.anatomy.names import Name
from neuromyo.core import resources

HEAD = """# Names of regions

Made by `python docs/names.py` from the tables in `src/neuromyo/anatomy/names`.

In a label table (`index name side parent code`) write the name of the first column, the side in its own column. What others write is
understood too: any case, spaces, underscores, the words of the column *also*, sides within the name (`Left_vastus lateralis`, `VL_L`,
`r soleus`). A small `l` at the end of a name that has a lateral head is no side. What is not in this list keeps its name, is measured,
is told (W-NAMES), and enters no group.

**Groups** are pooled from their voxels, up to the top: rectus femoris, quadriceps, thigh-muscles, muscle. A group of which some
muscles are not drawn is told (N-GROUP).

**Nerves and roots** are those of the common pattern, recalled from textbooks of anatomy and not yet checked against one source; for a
nerve the column says where it comes from. **Codes** are SNOMED CT, and given only where they were read: in DICOM PS3.16, or in the
list named. Every nerve has the parts `<nerve>-fascicles` and `<nerve>-epineurium`, every bone `<bone>-cortex` and `<bone>-marrow`.
"""
TITLES = {
    "lower_limb": "Muscles of hip, thigh, calf and foot", "upper_limb": "Muscles of shoulder, arm, forearm and hand",
    "trunk": "Muscles of trunk, neck and head", "nerves": "Nerves", "tissues": "Tissues, bones, tendons, vessels",
}  # fmt: skip
_HEADER = (
    "| name | kind | region | group | nerve | roots | code | also |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def page() -> str:
    parts = [HEAD]
    for table in sorted(resources.names("anatomy", "names", ".tsv"), key=list(TITLES).index):
        listed = [line.split("\t")[0] for line in resources.text("anatomy", f"names/{table}.tsv").splitlines()[1:]]
        parts.append(f"## {TITLES[table]}\n\n{_HEADER}\n" + "\n".join(_row(names.of(name)) for name in listed))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _row(one: Name) -> str:
    code = f"{one.code.removeprefix('SCT:')} ({one.code_source})" if one.code else ""
    cells = (f"`{one.name}`", one.kind, one.region, one.parent, ", ".join(one.nerves), one.roots, code,
             ", ".join(one.synonyms))  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
