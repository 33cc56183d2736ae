"""Results by task name: in memory when just made, read from the ledger's archive only when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class Results(Mapping[str, V], Generic[V]):
    """A mapping whose values may still have to be loaded; in the order in which steps were taken, made or recalled."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._held: dict[str, V] = {}
        self._loaders: dict[str, Callable[[], V]] = {}

    def put(self, name: str, value: V) -> None:
        self._names[name] = None
        self._held[name] = value

    def later(self, name: str, load: Callable[[], V]) -> None:
        self._names[name] = None
        self._loaders[name] = load

    def __getitem__(self, name: str) -> V:
        if name not in self._held:
            self._held[name] = self._loaders[name]()
        return self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
