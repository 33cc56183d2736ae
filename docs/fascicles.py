"""Simulates which resolution supports which number about fascicles, and writes it down.

python docs/fascicles.py --simulate    # the packaged table (a few minutes), then the page
python docs/fascicles.py               # the page alone, from the packaged table
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")
TABLE = PAGE.parents[1] / "src" / "neuromyo" / "fascicles" / "fascicle_table.tsv"
PIXELS_MM = (0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.36, 0.42, 0.5, 0.6)
FASCICLES_MM = ((0.3, 0.6), (0.4, 1.2), (0.5, 1.2))
CNR = (8.0, 15.0, 30.0)
KINDS = ("share", "count", "area", "largest", "bright")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def simulate() -> None:
    from neuromyo.fascicles import fascicle_scene, resolvable

    lines = ["\t".join(("pixel_mm", "low_mm", "high_mm", "cnr", "n", *KINDS, *(f"{kind}_sd" for kind in KINDS)))]
    for low, high in FASCICLES_MM:
        for cnr in CNR:
            for pixel in PIXELS_MM:
                found = resolvable.errors(pixel, fascicle_scene.psf_of(pixel), 0.0, cnr, (low, high))
                numbers = [f"{by[kind]:.3f}" for by in (found.bias, found.scatter) for kind in KINDS]
                lines.append("\t".join((f"{pixel:g}", f"{low:g}", f"{high:g}", f"{cnr:g}", f"{found.n}", *numbers)))
                print(lines[-1], flush=True)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page_table() -> str:
    """Pixel size down, fascicle size and contrast to noise across; which numbers are supported."""
    from neuromyo.fascicles import resolvable

    rows = {(r["low_mm"], r["high_mm"], r["cnr"], r["pixel_mm"]): r for r in resolvable.table()}
    columns = sorted({key[:3] for key in rows})
    head = "| pixel (mm) | " + " | ".join(f"{a:g} to {b:g} mm, CNR {c:g}" for a, b, c in columns) + " |"
    lines = [head, "| ---: |" + " --- |" * len(columns)]
    for pixel in sorted({key[3] for key in rows}):
        cells = [_cell(rows[(*column, pixel)]) if (*column, pixel) in rows else "not simulated" for column in columns]
        lines.append(f"| {pixel:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, float]) -> str:
    from neuromyo.fascicles import resolvable

    words = {"share": "ratio", "count": "count", "area": "area", "largest": "largest", "bright": "bright"}
    given = [word for kind, word in words.items() if resolvable.supported(kind, row)]
    return ("all" if len(given) == len(words) else ", ".join(given)) or "none"


def main() -> None:
    if "--simulate" in sys.argv[1:]:
        simulate()
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{page_table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
