"""The verbs norms list, show and plot, as a person types them."""

import pytest

from neuromyo.norms import literature
from tests.gauntlet.driving import neuromyo


def test_list_filters_and_counts():
    said = neuromyo(
        "norms", "list", "--quantity", "MTR", "--structure", "sciatic", "--population", "healthy", "--field", "3"
    )
    assert said.status == 0 and said.json["count"] == 6 and said.json["of"] == 271
    one = next(v for v in said.json["values"] if v["id"] == "kollmer2020-3")
    assert (one["mean"], one["sd"], one["spread"], one["field_T"]) == (39.4, None, "unknown", 3.0)
    assert "preisner2021-1" in said.err and "several methods, which do not compare" in said.err
    assert neuromyo("norms", "list").json["count"] == 271
    assert neuromyo("norms", "list", "--evidence", "derived").json["count"] == 3


@pytest.mark.parametrize(
    ("option", "word", "told"),
    [
        ("--quantity", "T7", "T2"),
        ("--structure", "deltoid", "E-UNKNOWN"),
        ("--population", "martians", "patients"),
        ("--text", "qqq", "qqq"),
    ],
)
def test_a_word_that_nothing_has_is_refused_with_what_there_is(option, word, told):
    said = neuromyo("norms", "list", option, word)
    assert said.status == 2 and said.json["error"]["code"] == "E-UNKNOWN" and told in said.err


def test_show_says_what_compares_and_what_does_not():
    said = neuromyo("norms", "show", "kollmer2020-3")
    assert said.status == 0 and said.json["comparable"] == ["kollmer2020-2", "kollmer2020-1"]
    assert said.json["usable_as_prior"] is False
    assert "Cannot serve in a norm: whether its ± is an SD or a SEM is not stated." in said.err
    nearest = said.json["others"][0]
    assert nearest["id"] == "dortch2014-1" and [d["what"] for d in nearest["differs"]] == ["level", "method"]
    assert {c["covariate"] for c in said.json["covariates"]} == {"age", "bmi"}
    assert "https://doi.org/10.1002/acn3.51049" in said.err
    assert "(recalled, not checked)" in neuromyo("norms", "show", "hnpp2020-1").err
    assert "Can serve in a norm" in neuromyo("norms", "show", "preisner2021-1").err
    missing = neuromyo("norms", "show", "preisner2021")
    assert missing.status == 2 and "did you mean preisner2021-1" in missing.err


def test_any_value_can_be_shown():
    for entry in literature.entries()[::25]:
        assert neuromyo("norms", "show", entry.id).status == 0, entry.id


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_plot_writes_a_file(tmp_path, ending):
    out = tmp_path / f"fa.{ending}"
    said = neuromyo("norms", "plot", "fa", "--structure", "sural", "-o", out)
    assert said.status == 0 and out.stat().st_size > 2000, said.err
    assert said.json["quantity"] == "FA" and len(said.json["methods"]) == 3 == len(said.json["drawn"])


def test_plot_refuses_what_it_cannot_write_or_draw(tmp_path):
    for arguments, words in (
        (("FA", "-o", tmp_path / "fa.pdf"), "needed a name that ends in .svg, .png, .html, found .pdf [E-OPTION]"),
        (("FA", "-o", tmp_path), "needed the name of a file, found a folder; write"),
        (("QQ", "-o", tmp_path / "qq.svg"), "E-UNKNOWN"),
        (("MTsat", "-o", tmp_path / "m.svg"), "needed a published value to draw, found none"),
        (("FA", "--field", "9.4", "-o", tmp_path / "m.svg"), "needed a published value to draw, found none"),
    ):
        said = neuromyo("norms", "plot", *arguments)
        assert said.status in (2, 4) and words in said.err, said.err
    assert list(tmp_path.iterdir()) == []
