"""The card of a norm file, in Markdown: what it is of, who is in it, what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neuromyo.norms.cells import AGE_BAND
from neuromyo.norms.covariates import SCALES
from neuromyo.norms.norm_file import Entry, NormFile

_FEW = 20


def text(file: NormFile) -> str:
    """The card. It holds what the file holds: no single person's age or value."""
    lines = [
        f"# Norm: {file.name}",
        "",
        *_head(file),
        "",
        "## Who",
        "",
        *_who(file),
        "",
        "## What",
        "",
        *_what(file),
        "",
    ]
    if file.profiles:
        lines += ["## Along nerves", "", *_along(file), ""]
    lines += ["## Published values", "", *_published(file), "", "## Not for", "", *_not_for(file), ""]
    lines += ["## Known weakness", "", *_weakness(file), "", "## To cite", "", *_cite(file)]
    return "\n".join(lines) + "\n"


def _head(file: NormFile) -> Iterator[str]:
    stated = {"field": f"{file.conditions['field_T']:g} T" if file.conditions.get("field_T") else "",
              "protocol": str(file.conditions.get("protocol", "")), "scanner": str(file.conditions.get("scanner", ""))}  # fmt: skip
    yield f"* made with {file.made_with}; SHA-256 {file.sha256}"
    for what, said in stated.items():
        yield f"* {what}: {_plain(said) or 'not stated'}"
    along = f", {len(file.profiles)} along nerves" if file.profiles else ""
    yield f"* {len(file.entries)} norms{along}; sites: {', '.join(_plain(s) for s in file.sites)}"


def _who(file: NormFile) -> Iterator[str]:
    """Sites with the largest number of people that any norm has of them."""
    yield "| site | people, at most | women | men | ages | height (m) | weight (kg) or BMI |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name in file.sites:
        entry, site = max(
            ((e, s) for e in file.entries for s in e.sites if s.site == name),
            key=lambda pair: (pair[1].n, str(pair[0].key)),
        )
        ranges = {n: f"{low:g} to {high:g}" for n, low, high in zip(entry.covariates, site.low, site.high, strict=True)}
        bmi = f"BMI {ranges['bmi']}" if "bmi" in ranges else "not used"
        cells = (_plain(name), str(site.n), str(site.sexes[0]), str(site.sexes[1]), ranges.get("age", "not used"),
                 ranges.get("height", "not used"), ranges.get("weight", bmi))  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"Ages and sizes entered as the middle of bands ({AGE_BAND:g} years, 5 cm, 5 kg); ranges are rounded outward."


def _what(file: NormFile) -> Iterator[str]:
    yield "| quantity | region | level | statistic | unit | biomarker | method | people | adjusted for |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for e in sorted(file.entries, key=lambda e: str(e.key)):
        k = e.key
        cells = (
            k.quantity,
            k.region,
            k.level,
            k.statistic,
            k.unit,
            k.biomarker,
            k.method,
            str(e.n),
            ", ".join(e.covariates) or "nothing",
        )
        yield f"| {' | '.join(_plain(c) or '-' for c in cells)} |"


def _along(file: NormFile) -> Iterator[str]:
    """Norms of profiles."""
    yield "| quantity | nerve | unit | biomarker | method | levels | people | adjusted for |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in sorted(file.profiles, key=lambda p: (str(p.key), p.options.axis.zero)):
        k, axis = one.key, one.options.axis
        levels = f"every {axis.step:g} mm, {axis.levels[0]:g} to {axis.levels[-1]:g} {axis}"
        names = ", ".join(one.options.norm.covariates.names) or "nothing"
        cells = (k.quantity, k.region, k.unit, k.biomarker, k.method, levels, str(one.n_people), names)
        yield f"| {' | '.join(_plain(c) or '-' for c in cells)} |"
    yield ""
    yield "Profiles compare only where distances count from the same place."


def _published(file: NormFile) -> Iterator[str]:
    used = sorted({(p.label, p.n) for e in file.entries for p in e.published})
    if not used:
        yield "None: these norms rest on local controls only."
    for label, n in used:
        of = sorted(
            {f"{e.key.quantity} of {e.key.region}" for e in file.entries if label in [p.label for p in e.published]}
        )
        yield f"* {_plain(label)} (n = {n}): {', '.join(of)}"
    if file.conditions.get("vouched"):
        yield f"* whoever made this file vouches that the controls were measured as in {_plain(str(file.conditions['vouched']))}"


def _not_for(file: NormFile) -> Iterator[str]:
    yield "* another biomarker, unit, region, level, field or protocol than stated above: such numbers are not compared"
    yield f"* people outside of these ranges: {_outermost(file.entries)}; they are compared with a warning, and wider"
    yield "* a diagnosis: one number of twenty lies outside of the band in healthy people too"
    yield "* change between visits: two z-scores are no measure of change"


def _weakness(file: NormFile) -> Iterator[str]:
    fewest = min(e.n for e in file.entries)
    if fewest < _FEW:
        yield f"* few people (from {fewest} on): each z comes with an interval, and that interval is wide"
    if len(file.sites) == 1:
        yield "* one site: how much sites differ is assumed, not measured; another scanner's values get a wider band"
    for name in file.sites:
        sexes = [s.sexes for e in file.entries for s in e.sites if s.site == name]
        women, men = max(sexes, key=sum)
        if min(women, men) == 0:
            yield f"* only {'men' if women == 0 else 'women'} at {_plain(name)}"
    if all(len(s.cells) == 1 for e in file.entries for s in e.sites):
        yield "* too few people to learn whether the spread changes with age: it is taken from what is usual"
    yield "* whether the controls are healthy rests on what their table says"
    if not any(file.conditions.get(k) for k in ("field_T", "protocol")):
        yield "* field and protocol are not stated: nothing guards against a comparison across them"


def _cite(file: NormFile) -> Iterator[str]:
    yield f"Norm {_plain(file.name)}, {file.made_with}, SHA-256 {file.sha256[:16]}; controls of {', '.join(_plain(s) for s in file.sites)}."
    for label in sorted({p.label for e in file.entries for p in e.published}):
        yield f"With published values of {_plain(label)}."


def _outermost(entries: Sequence[Entry]) -> str:
    """The range of each covariate that is a number, over all norms."""
    said = []
    for name in ("age", "height", "weight", "bmi"):
        spans = [(s.low[e.covariates.index(name)], s.high[e.covariates.index(name)])
                 for e in entries if name in e.covariates for s in e.sites]  # fmt: skip
        if spans:
            said.append(
                f"{name} {min(a for a, _ in spans):g} to {max(b for _, b in spans):g} {SCALES[name][2]}".strip()
            )
    return ", ".join(said) or "none are known"


def _plain(said: str) -> str:
    """Text of a user, as it may stand in a cell of a table."""
    return " ".join(said.replace("|", "/").split())
