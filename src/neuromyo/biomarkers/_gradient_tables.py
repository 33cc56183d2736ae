"""The tables of gradients that one can be mistaken for, and what to do to a bvec file to get from one to another."""

from __future__ import annotations

import itertools

import numpy as np

_ROWS = ("first", "second", "third")


def _candidates() -> tuple[np.ndarray, ...]:
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=2):
            turn = np.zeros((3, 3))
            for row, (column, sign) in enumerate(zip(order, (1.0, *signs), strict=True)):
                turn[row, column] = sign
            found.append(_fewest_negated(turn))
    return tuple(sorted(found, key=_changes))


def _fewest_negated(turn: np.ndarray) -> np.ndarray:
    """The table or its opposite, which is the same to diffusion."""
    return -turn if turn.sum() < 0 else turn


def _changes(turn: np.ndarray) -> tuple[int, int]:
    return int((np.diag(turn) == 0).sum()), int((turn < 0).sum())


#: 24 signed permutations (3, 3) of the rows, one of each pair of opposites: new rows = P @ rows. The simplest stand first, the
#: table as it is at the head.
CANDIDATES = _candidates()


def what_to_do(turn: np.ndarray) -> str:
    """In words, what to do to the rows of a bvec file: ``the first and third row exchanged, then the first negated``."""
    order = [int(np.argmax(np.abs(row))) for row in turn]
    moved = [i for i in range(3) if order[i] != i]
    negated = [_ROWS[i] for i in range(3) if turn[i].sum() < 0]
    parts = []
    if len(moved) == 2:
        parts.append(f"the {_ROWS[moved[0]]} and {_ROWS[moved[1]]} row of the bvec file exchanged")
    elif moved:
        parts.append("the rows of the bvec file in the order " + ", ".join(_ROWS[i] for i in order))
    if negated:
        parts.append(f"then the {negated[0]} negated" if parts else f"the {negated[0]} row of the bvec file negated")
    return ", ".join(parts) or "no change"
