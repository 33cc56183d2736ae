"""The session's page: what it says, in which units, that nothing in it can run or be fetched, that it repeats."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from neuromyo.core.errors import Finding
from neuromyo.core.labels import Labels, Region
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.record import Record, Step
from neuromyo.report.sections import _strides
from neuromyo.report.session import SessionView, page
from neuromyo.report.tables import aids, value_tables

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "{{ 7*7 }}",
    "</style><b>",
    "javascript:alert(1)",
    "]]><svg/onload=alert(1)>",
)
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "nav",
    "div",
    "span",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "ul",
    "li",
    "a",
    "b",
    "i",
    "strong",
    "small",
    "code",
    "pre",
    "abbr",
    "bdi",
    "details",
    "summary",
    "figure",
    "figcaption",
    "img",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "dl",
    "dt",
    "dd",
    "svg",
    "path",
    "line",
    "circle",
    "text",
}


class Reader(HTMLParser):
    """Collects tags, attributes and readable text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "line", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def html(view: SessionView) -> str:
    return page(view)


@pytest.fixture(scope="module")
def read(html: str) -> Reader:
    return Reader(html)


def test_tags_are_balanced_and_of_known_kinds(read: Reader) -> None:
    assert read.open == []
    assert {tag for tag, _ in read.tags} <= ALLOWED


def test_summary_gives_the_measured_values_of_both_sides(view: SessionView, read: Reader) -> None:
    rows = view.measurements.where(region="muscle", quantity="T2", statistic="mean").rows()
    value = {r["side"]: r["value"] for r in rows}
    assert f"Water T2 in muscle: left {value['left']:.1f} ms, right {value['right']:.1f} ms" in read.text
    assert "1 warning and 1 note" in read.text
    assert "No reference range was applied" in read.text


def test_findings_name_place_remedy_and_consequence(read: Reader) -> None:
    for said in ("sub-01_MESE.json: FlipAngle", "W-ASSUMED", "The field is absent.", "Add it.", "B1 may be off."):
        assert said in read.text
    assert read.text.index("W-ASSUMED") < read.text.index("N-GAP"), "the worse finding stands first"


def test_sections_are_all_there(read: Reader) -> None:
    for said in (
        "Series used",
        "3 × 3 × 12 mm",
        "compartments from MESE",
        "soleus",
        "Residual of the fit",
        "fit did not settle",
        "do not determine this value",
        "refocusing_angle_deg",
        "Vendors aim at 180 degrees",
        "sum of water and fat",
        "T2 of fat: 132.0 ms",
        "calibrated on the subcutaneous fat",
        "T2 33.0 ms, fat 8 %.",
        "ab" * 32,
        "numpy 2.1.0",
    ):
        assert said in read.text, said
    hrefs = [a["href"] for tag, a in read.tags if tag == "a"]
    assert "https://doi.org/10.1002/mrm.22487" in hrefs


def test_every_place_that_a_link_in_the_page_names_exists(read: Reader) -> None:
    ids = [a["id"] for _, a in read.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for t, a in read.tags if t == "a" and a["href"].startswith("#")} <= set(ids)


def test_colour_bars_read_in_display_units(html: str) -> None:
    bars = re.findall(r'<div class="ticks">(.*?)</div>\s*<div class="bar-unit">([^<]*)', html, flags=re.S)
    ticks = {unit: [] for _, unit in bars}
    for body, unit in bars:
        ticks[unit].append(re.findall(r">([^<]+)</span>", body))
    assert ["20", "30", "40", "50", "60"] in ticks["ms"]  # the declared window, 0.020 to 0.060 s
    assert ["60", "80", "100", "120", "140"] in ticks["%"]  # B1, centred on 100 %


def test_scale_factors_are_not_drawn(read: Reader) -> None:
    assert not any("signal at TE 0" in (a.get("alt") or "") for t, a in read.tags if t == "img")


def test_table_holds_value_spread_uncertainty_and_region_fit(view: SessionView, read: Reader) -> None:
    row = view.measurements.where(region="soleus", side="right", quantity="T2", statistic="mean").rows()[0]
    fit = view.measurements.where(region="soleus", side="right", quantity="T2", statistic="region-fit").rows()[0]
    cells = (
        f"right {row['value']:.1f} ± {row['sd_between']:.1f} {row['se']:.2f} {fit['value']:.1f} ± {fit['se']:.2f} "
        f"{int(row['n_voxels'])} {100 * row['coverage']:.0f} %"
    )
    assert cells in read.text


def test_reasons_are_counted_and_shared(view: SessionView, read: Reader) -> None:
    reason = view.maps[0]["T2"].reason
    n, asked = np.count_nonzero(reason == 4), np.count_nonzero(reason != 1)
    assert f"The fit did not settle within its iterations. {n:,} ({100 * n / asked:.1f} %)" in read.text


def test_nothing_is_fetched_or_run(html: str, read: Reader) -> None:
    policy = next(
        a["content"] for t, a in read.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    for tag, attributes in read.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png;base64,")
        if tag == "a":
            assert attributes["href"].startswith(("#", "https://doi.org/"))
    assert "url(" not in html
    assert "@import" not in html


def test_pictures_have_alternative_texts_and_tables_headers(html: str, read: Reader) -> None:
    images = [a for t, a in read.tags if t == "img"]
    assert len(images) > 60
    assert all(a["alt"] for a in images)
    assert any(re.fullmatch(r"Water T2, slice \d+: median \d\d\.\d ms over [\d,]+ voxels", a["alt"]) for a in images)
    assert all(a["aria-label"] for t, a in read.tags if t == "svg")
    assert html.count("<table>") == html.count("<thead>")
    assert all(a.get("scope") in ("col", "row", "rowgroup") for t, a in read.tags if t == "th")


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_names_are_inert_everywhere(view: SessionView, evil: str) -> None:
    html = page(poison(view, evil))
    read = Reader(html)
    assert read.open == []
    assert {tag for tag, _ in read.tags} <= ALLOWED
    assert not any(name.startswith("on") for _, attributes in read.tags for name in attributes)
    assert all(a["href"].startswith(("#", "https://doi.org/")) for t, a in read.tags if t == "a")
    assert evil in read.text, "shown as it is, not swallowed"


def poison(view: SessionView, evil: str) -> SessionView:
    """A view with a hostile string wherever one can come in from files or users."""
    labels = view.labels[0]
    regions = (*labels.regions[1:], Region(labels.regions[0].index, evil, "right"))
    rows = [
        {**r, "region": evil, "region_source": f"{evil}{i}", "flags": evil, "acquisition": evil, "unit": "ms"}
        for i, r in enumerate(view.measurements.rows())
    ]
    maps = view.maps[0]
    biomarker = replace(view.biomarkers["toy-water"], title=evil, caption=evil, doi=(evil,))
    return replace(
        view,
        subject=evil,
        session=evil,
        findings=(Finding(evil, evil, evil, evil, evil, evil), *view.findings),
        series=(replace(view.series[0], file=evil, kind=evil, echo_times=evil),),
        plan_lines=(evil,),
        maps=(
            replace(
                maps,
                entities={"acq": evil},
                options={"refocusing_pulse": evil},
                assumptions=(replace(maps.assumptions[0], field=evil, value=evil, why=evil, role=evil),),
            ),
        ),
        biomarkers={"toy-water": biomarker},
        labels=(Labels(labels.volume, labels.grid, regions, evil),),
        measurements=Measurements.of(rows),
        samples=(replace(view.samples[0], region=evil, side=evil, text=evil, x_label=evil, x_unit=evil),),
        anatomy=(replace(view.anatomy[0], title=evil),),
        record=Record(
            evil,
            evil,
            {evil: evil},
            {evil: evil},
            {evil: evil},
            (Step(evil, evil, "failed", 0.0, {}, {"message": evil}),),
        ),
    )


def test_names_that_are_not_text_can_be_stored(view: SessionView) -> None:
    html = page(replace(view, subject="a\udcffb\x00c\x1b[31m"))
    html.encode("utf-8")
    assert "\x00" not in html
    assert "\x1b" not in html


def test_same_inputs_same_bytes(view: SessionView, make_view) -> None:
    again = make_view()
    assert again.maps[0] is not view.maps[0]
    assert page(view) == page(again)


def test_durations_and_reuse_do_not_show(view: SessionView) -> None:
    step = view.record.steps[0]
    later = replace(view, record=replace(view.record, steps=(replace(step, status="reused", seconds=99.5),)))
    assert page(view) == page(later)


def test_an_empty_session_is_still_a_page(view: SessionView) -> None:
    finding = Finding("stop", "E-TRUNC", "a.nii.gz", "needed 10 bytes, found 5", "copy it again")
    html = page(SessionView("01", "", Record("01", "", {}, {}, {}), findings=(finding,)))
    read = Reader(html)
    assert read.open == []
    assert "No region values were measured" in read.text
    assert "The checks gave 1 stop." in read.text
    assert "Copy it again." in read.text


def test_maps_without_anatomy_labels_or_sd(view: SessionView) -> None:
    maps = view.maps[0]
    bare = Maps(maps.biomarker, maps.grid, {"T2": replace(maps["T2"], sd=None)})
    html = page(replace(view, maps=(bare,), anatomy=(), labels=(), samples=(), biomarkers={}))
    assert Reader(html).open == []
    assert "Standard deviation of" not in html


def test_a_map_with_no_valid_voxel(view: SessionView) -> None:
    maps = view.maps[0]
    none = {
        n: replace(m, values=np.full_like(m.values, np.nan), reason=np.full_like(m.reason, 4))
        for n, m in maps.maps.items()
    }
    html = page(replace(view, maps=(replace(maps, maps=none),), labels=(), samples=()))
    assert "No voxel has a value." in html


def test_a_large_volume_stays_within_bounds(view: SessionView, make_view) -> None:
    """40 slices of 256 x 256 with three maps, all voxels valid and noisy: still under 6 MB, and it says how."""
    from neuromyo.core.grid import Grid
    from neuromyo.report.view import Anatomy

    shape = (256, 256, 40)
    rng = np.random.default_rng(0)
    grid = Grid.of(shape, np.diag([1.0, 1.0, 5.0, 1.0]))
    reason = np.zeros(shape, dtype=np.uint8)
    maps = view.maps[0]
    big = {
        n: replace(
            maps[n],
            values=(v * (1 + 0.1 * rng.standard_normal(shape))).astype(np.float32),
            sd=np.full(shape, 0.01),
            reason=reason,
        )
        for n, v in (("T2", 0.035), ("FF", 0.2), ("B1", 1.0))
    }
    big_maps = replace(maps, grid=grid, maps=big, diagnostics={"residual": rng.random(shape)})
    html = page(replace(view, maps=(big_maps,), labels=(), samples=(), anatomy=(Anatomy(rng.random(shape), grid),)))
    assert len(html) < 6_000_000
    assert "only one voxel in" in html


@pytest.mark.parametrize(
    ("loads", "strides"),
    [([], (1, 1)), ([(100_000, 8)], (1, 1)), ([(600_000, 13)], (1, 2)), ([(9_000_000, 8)], (4, 4))],
)
def test_folded_slices_are_thinned_before_open_ones(loads: list, strides: tuple[int, int]) -> None:
    assert _strides(loads) == strides


def test_the_head_speaks_of_results_and_leaves_fields_and_calibrations_to_the_tables(read: Reader) -> None:
    head = read.text[: read.text.index("What was found and checked")]
    assert "Fat fraction in muscle" in head and "T2 of fat" not in head
    assert "acq-calf" not in read.text[: read.text.index("Provenance", len(head))], "one acquisition needs no name"
    assert "These are means over 98 % of the voxels of their regions" in head


def test_maps_come_before_tables(html: str) -> None:
    order = [html.index(f'<section id="{name}">') for name in ("checks", "values", "maps", "numbers", "quality")]
    assert order == sorted(order)


def test_a_mean_of_next_to_nothing_is_in_the_table_but_not_drawn(view: SessionView) -> None:
    rows = view.measurements.rows()
    for row in rows:
        if row["region"] == "soleus" and row["quantity"] == "T2":
            row["coverage"] = 0.01
    tables = {t.title: t for t in value_tables(Measurements.of(rows), view.biomarkers)}
    assert "soleus" not in tables["water T2"].plot and "soleus" in tables["fat fraction"].plot
    assert tables["water T2"].not_drawn and not tables["fat fraction"].not_drawn
    assert any(region == "soleus" for region, _, _ in tables["water T2"].rows)


def test_fields_are_aids_unless_they_are_all_there_is(view: SessionView) -> None:
    field = replace(view.biomarkers["toy-water"].gives[2], datatype="fmap")
    one = replace(view.biomarkers["toy-water"], gives=(view.biomarkers["toy-water"].gives[0], field))
    rows = [{"biomarker": "toy-water", "quantity": q} for q in ("T2", "B1")]
    volume = {"biomarker": "", "quantity": "volume"}
    assert aids({"toy-water": one}, rows) == {("toy-water", "B1")}
    assert aids({"toy-water": one}, [rows[1], volume]) == set()
