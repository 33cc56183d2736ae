"""How often the first proposal lies on the nerve, and what is proposed where there is none, on all made cases.

python bench/nerve_proposals.py [NUMBER ...]
"""

from __future__ import annotations

import sys

import numpy as np

from neuromyo.nerve.propose import Proposal, propose
from neuromyo.phantom.nerve_cases import Made, cases


def on_nerve(made: Made, proposal: Proposal) -> bool:
    """True where at least half of the voxel of a proposal lies within the nerve."""
    place = np.rint(made.images[0].grid.to_index(np.array(proposal.landmark.xyz_mm))).astype(int)
    return bool(made.truth.whole[tuple(place)] >= 0.5)


def main(numbers: list[int]) -> None:
    """One line a case: what was proposed with its score, ``*`` on the nerve; the sum last."""
    first = any_ = with_nerve = refused = without = 0
    for number, case in enumerate(cases(), 1):
        if numbers and number not in numbers:
            continue
        made = case.make()
        found = propose(made.images, name=made.name, side=made.side)
        hits = [on_nerve(made, one) for one in found]
        print(
            case.name,
            *(f"{one.score:.2f}{'*' if hit else ''}" for one, hit in zip(found, hits, strict=True)),
            flush=True,
        )
        if case.has_nerve:
            with_nerve, first, any_ = with_nerve + 1, first + (hits[:1] == [True]), any_ + any(hits)
        else:
            without, refused = without + 1, refused + (not found)
    print(
        f"first on the nerve: {first} of {with_nerve}; any: {any_}; nothing proposed without a nerve: {refused} of {without}"
    )


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]])
