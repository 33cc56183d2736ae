"""Finding declarations: the files of a package, and what other packages announce as entry points.

Loading is one module at a time and only on demand, so that asking for one biomarker does not import them all. A plug-in
that fails to load is reported and the rest go on.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Generic, TypeVar

from neuromyo.core.errors import Finding, OptionError, PluginError

D = TypeVar("D")


class Registry(Generic[D]):
    """Declarations of one kind by id.

    package : dotted name of the package whose modules each hold one declaration
    group : entry-point group in which other distributions announce theirs (``id = module`` or ``id = module:NAME``)
    constant : name of the declaration in a module (``BIOMARKER``)
    kind : the class a declaration must have
    """

    def __init__(self, package: str, group: str, constant: str, kind: type[D]) -> None:
        self.package, self.group, self.constant, self.kind = package, group, constant, kind
        self.findings: list[Finding] = []
        self._own = {
            m.name.replace("_", "-"): f"{package}.{m.name}"
            for m in pkgutil.iter_modules(importlib.import_module(package).__path__)
            if not m.name.startswith("_")
        }
        self._plugged = {e.name: e for e in metadata.entry_points(group=group)}
        self._loaded: dict[str, D] = {}
        self._refuse_collapsing_ids()

    def ids(self) -> tuple[str, ...]:
        """All ids, ours first, plug-ins after."""
        return (*sorted(self._own), *sorted(set(self._plugged) - set(self._own)))

    def get(self, id_: str) -> D:
        """The declaration of that id; E-UNKNOWN names those there are."""
        if id_ not in self._loaded:
            if id_ in self._own:
                found = getattr(importlib.import_module(self._own[id_]), self.constant, None)
            elif id_ in self._plugged:
                found = self._load_plugged(id_)
            else:
                raise OptionError("E-UNKNOWN", where=id_, needed=f"one of {', '.join(self.ids())}", found="another name",
                                  remedy="`neuromyo list` says what each of them is")  # fmt: skip
            self._loaded[id_] = self._checked(id_, found)
        return self._loaded[id_]

    def __iter__(self) -> Iterator[D]:
        """Every declaration that loads; a plug-in that does not is noted in ``findings``."""
        for id_ in self.ids():
            try:
                yield self.get(id_)
            except PluginError as error:
                if id_ in self._own:
                    raise
                finding = Finding("warn", "W-PLUGIN", f"plug-in {id_}", error.found, "mend or remove that package")
                if finding not in self.findings:
                    self.findings.append(finding)

    def _load_plugged(self, id_: str) -> Any:
        try:
            found = self._plugged[id_].load()
        except Exception as error:  # whatever a stranger's module raises must not stop ours
            raise PluginError("E-PLUGIN", where=f"plug-in {id_}", found=f"it cannot be loaded ({error})") from error
        return getattr(found, self.constant, found)

    def _checked(self, id_: str, found: Any) -> D:
        if not isinstance(found, self.kind):
            raise PluginError("E-PLUGIN", where=f"plug-in {id_}", needed=f"a {self.kind.__name__} called {self.constant}",
                              found=type(found).__name__)  # fmt: skip
        if getattr(found, "id", id_) != id_:
            raise PluginError("E-PLUGIN", where=f"plug-in {id_}", needed=f"the id {id_}", found=repr(found.id))  # type: ignore[attr-defined]
        return found

    def _refuse_collapsing_ids(self) -> None:
        """Two ids that become the same BIDS label would overwrite each other's maps."""
        seen: dict[str, str] = {}
        for id_ in [*self._own, *self._plugged]:
            slug = id_.replace("-", "")
            if seen.setdefault(slug, id_) != id_ or (id_ in self._own and id_ in self._plugged):
                raise PluginError("E-PLUGIN", where=f"plug-in {id_}", needed="an id that no other collapses to",
                                  found=f"the same file label as {seen[slug]}")  # fmt: skip
