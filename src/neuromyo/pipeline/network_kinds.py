"""What is known of each network: its programme, its command, what it was made for, its weights, its labels.

One file each, ``pipeline/networks/<id>.toml``. Command lines and label lists were read in the programmes' public repositories; nothing
of them is copied, and nothing of them comes with neuromyo.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuromyo.core import resources
from neuromyo.core.errors import OptionError


@dataclass(frozen=True)
class Domain:
    """What a network was made for: ``contrasts`` as in `core.image.Weighting`, body parts; empty for anything."""

    contrasts: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    axial: bool = False


@dataclass(frozen=True)
class Cost:
    """Rough figures, assumed from what users report: seconds a million voxels, bytes a voxel.

    voxel_mm3 : volume of the voxels the network works on, where it resamples to voxels of its own; 0 where it does not
    """

    cpu_s_per_mvoxel: float
    gpu_s_per_mvoxel: float
    bytes_per_voxel: float
    voxel_mm3: float = 0.0


@dataclass(frozen=True)
class WeightsKind:
    """What the weights are: a ``file`` or a ``folder`` that ``holds`` files of these patterns; ``beside``: ending of a file that
    must lie beside a file; ``from_``: where users get them, in words."""

    kind: str
    holds: tuple[str, ...]
    from_: str
    beside: str = ""


@dataclass(frozen=True)
class Network:
    """One network.

    program : what is started; ``runner``: the file of ours that it runs, where the makers have no command for it
    arguments : words with ``{image} {input} {output} {weights} {device} {folds} {runner}`` to be filled in
    devices : our words (cpu, gpu) -> the programme's; input_name : what its input file must be called
    unused_gpu : sentences by which it says that it does not use the GPU
    environment : variables it is given; own : variables of the user's own that are passed on, with where they point by default
    labels_from : ``list``, or where the labels stand; others_left_out : labels not in the list are dropped without a word
    """

    id: str
    title: str
    cites: str
    program: str
    install: str
    arguments: tuple[str, ...]
    devices: Mapping[str, str]
    licence: str
    weights: WeightsKind
    domain: Domain
    cost: Cost
    labels_from: str
    labels: Mapping[int, str]
    others_left_out: bool = False
    runner: str = ""
    trust: str = ""
    input_name: str = "image.nii.gz"
    unused_gpu: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)


def ids() -> tuple[str, ...]:
    """The networks that can be run, by id."""
    return resources.names("pipeline", "networks", ".toml")


def network(id_: str) -> Network:
    """The declaration of a network; E-UNKNOWN for an id that is none."""
    if id_ not in ids():
        raise OptionError("E-UNKNOWN", where="network", needed=f"one of {', '.join(ids())}", found=repr(id_),
                          remedy="give one of them; a model of your own runs by nnunet")  # fmt: skip
    return _declared(id_, tomllib.loads(resources.text("pipeline", f"networks/{id_}.toml")))


def _declared(id_: str, told: dict[str, Any]) -> Network:
    weights, labels, domain = told.pop("weights"), told.pop("labels"), told.pop("domain")
    return Network(
        id=id_,
        arguments=tuple(told.pop("arguments")),
        unused_gpu=tuple(told.pop("unused_gpu", ())),
        weights=WeightsKind(weights["kind"], tuple(weights["holds"]), weights["from"], weights.get("beside", "")),
        domain=Domain(tuple(domain["contrasts"]), tuple(domain["body_parts"]), domain["axial"]),
        cost=Cost(**told.pop("cost")),
        labels_from=labels["from"],
        others_left_out=labels.get("others") == "left out",
        labels={int(index): name for index, name in labels.items() if index.isdigit()},
        **told,
    )
