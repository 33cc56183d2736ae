"""Constants: numbers that the software brings along, each with where it is from and how to replace it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """One number that an estimate depends on and that the subject's images do not give.

    name : the field's name for it (``T1 of fat``)
    value : in SI; a tuple for lists (peaks of a spectrum)
    unit : SI unit of the value (``s``, ``Hz``, ``1`` for fractions, ``1e-6`` for shifts)
    source : where it was measured, in words; doi : of that source, empty for conventions
    field_strength : T at which it holds; None where it does not depend on the field
    sequence : how it was measured, or for which sequence it holds
    evidence : ``read`` in the source, ``recalled`` by the authors, ``derived`` (from what), ``convention`` or ``assumed``
    override : the option that replaces it
    """

    name: str
    value: float | tuple[float, ...]
    unit: str
    source: str
    evidence: str
    override: str
    doi: str = ""
    field_strength: float | None = None
    sequence: str = ""

    @property
    def number(self) -> float:
        """The value of a constant that is a single number."""
        if isinstance(self.value, tuple):
            raise TypeError(f"the constant {self.name!r} is a list")
        return self.value
