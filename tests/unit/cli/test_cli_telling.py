"""Findings and descriptions as a person reads them in a terminal."""

from __future__ import annotations

import pytest

from neuromyo.cli import show, telling
from neuromyo.core.errors import Finding

LONG = Finding(
    "warn",
    "W-PHASE",
    "series 18: phase images",
    "GE states no unit for phase " * 4,
    "use the others " * 6,
    "it is kept " * 9,
)


@pytest.mark.parametrize("columns", [80, 130])
def test_a_finding_is_no_wider_than_the_terminal_and_says_all(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = list(telling.finding(LONG, LONG.where))
    assert all(len(line) <= columns for line in lines) and max(map(len, lines)) > columns - 20
    text = " ".join(" ".join(lines).split())
    assert text.startswith("warning series 18: phase images: GE states") and "[W-PHASE]" in text
    assert "means: it is kept" in text and "do: use the others" in text


def test_a_finding_without_consequence_or_remedy_has_no_empty_lines():
    assert list(telling.finding(Finding("note", "N-RUN", "x", "said", ""), "")) == ["    note     said [N-RUN]"]


def test_a_description_is_shown_without_marks_of_its_markup(capsys):
    show.show("t1-two-tr")
    said = "".join(capsys.readouterr())
    assert ":math:" not in said and ".. math::" not in said
    assert "S = S_0" in said and "pulse at TE/2" in said
