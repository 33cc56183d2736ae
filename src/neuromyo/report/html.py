"""From a template and a view to one page that fetches nothing and runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from neuromyo.core import resources
from neuromyo.report import wording
from neuromyo.report.methods_text import DOI

#: nothing from anywhere but the page itself: pictures as data, styles in line, no script at all
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def render(template: str, *, policy: str = POLICY, **context: Any) -> str:
    """The page as text; whatever came from files is escaped, and what cannot stand in a page is replaced."""
    css = Markup(resources.text("report", "templates/style.css"))
    text = _environment().get_template(template).render(css=css, policy=policy, **context)
    return clean(text)


def clean(text: str) -> str:
    """Without control characters and lone surrogates, so that it can be stored as UTF-8 and read as HTML."""
    printable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", printable)


def relative_link(page: str) -> str:
    """A file name as an address that can only be relative: ``javascript:x`` becomes a file of that name."""
    parts = [p for p in page.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    return "./" + "/".join(quote(p.encode("utf-8", "surrogateescape"), safe="") for p in parts)


def doi_link(doi: str) -> str:
    """The address of a DOI at the resolver; it can lead nowhere else."""
    return DOI + quote(doi.encode("utf-8", "replace"), safe="/()-._;")


def tree(value: Mapping[str, Any]) -> str:
    """Options and the like as indented JSON, keys sorted."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(lambda name: resources.text("report", f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        words=wording.region,
        sentence=wording.sentence,
        capital=wording.capital,
        doi=doi_link,
        tree=tree,
        relative=relative_link,
    )
    return made
