"""Writes docs/networks.md from the networks that can be run: `python docs/networks.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.anatomy import names
from neuromyo.pipeline import network_kinds
from neuromyo.pipeline.network_kinds import Network

HEAD = """# Segmentation networks

Made by `python docs/networks.py` from the declarations in `src/neuromyo/pipeline/networks`.

Networks of others are not part of neuromyo and are not installed with it: their libraries exclude each other. Each is a programme in an
environment of its own, which you install, with weights that you give. Nothing is downloaded by neuromyo, and the programme is
started without a way to the network (`docs/decisions/0033-networks-outside.md`). That fence is no sandbox: it runs with your rights.

* **Weights**: name the file or folder. Its SHA-256 is shown and written beside the labels; state it (`sha256`) to be refused any other.
  Of a folder it is that of the text which `sha256sum` prints for the files that count, in the order of their paths.
* **Licence**: that of the code is known, that of your weights is yours to state; both are written beside the labels.
* **What it was made for**: another body part is refused where it is stated, another contrast is told. Look at the overlay all the same.
* **Labels** come back on the image's grid, in the names of `docs/names.md`. An empty answer, one that lies outside the image and one with
  sides exchanged are refused.
* **Time and memory** are told before the start, roughly: figures are what users report, none was measured here.
"""


def page() -> str:
    return (
        "\n\n".join([HEAD.strip("\n"), *(_section(network_kinds.network(id_)) for id_ in network_kinds.ids())]) + "\n"
    )


def _section(one: Network) -> str:
    domain = one.domain
    made = [", ".join(domain.contrasts) or "any contrast", ", ".join(domain.body_parts) or "any body part"]
    rows = [
        ("programme", f"`{one.program}`; {one.install}"),
        ("command", f"`{' '.join((one.program, *one.arguments))}`"),
        ("weights", f"a {one.weights.kind} ({', '.join(f'`{h}`' for h in one.weights.holds)}); {one.weights.from_}"),
        ("made for", "; ".join(made) + ("; axial slices" if domain.axial else "")),
        ("licence", one.licence),
        ("labels", _labels(one)),
        *([("mind", one.trust)] if one.trust else []),
    ]
    table = "\n".join(["| | |", "| --- | --- |", *(f"| {key} | {text} |" for key, text in rows)])
    return f"## {one.id}\n\n{one.title} ([doi](https://doi.org/{one.cites}))\n\n{table}"


def _labels(one: Network) -> str:
    if not one.labels:
        return f"read from: {one.labels_from}"
    told = []
    for index, word in one.labels.items():
        found, side = names.parse(word)
        told.append(f"{index} {found.name if found else word}{f' ({side})' if side != 'none' else ''}")
    return ", ".join(told) + ("; others are left out" if one.others_left_out else "")


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
