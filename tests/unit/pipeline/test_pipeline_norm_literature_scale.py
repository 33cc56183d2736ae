"""A published value that no norm can use for its scale is told where norms are built, and the others are used."""

from __future__ import annotations

from neuromyo.core.norm import NormKey
from neuromyo.norms import match
from neuromyo.norms.studies import Published
from neuromyo.pipeline import norm_literature


def test_it_is_told_and_left_out(monkeypatch):
    fine, bad = Published(21, 3.8, 4.0, label="Somebody 2014"), Published(12, 50.0, 60.0, label="Others 2015")
    monkeypatch.setattr(match, "published", lambda found: [bad, fine])
    key = NormKey("FF", "pdff", "mean", "thigh", "", "%")
    sought = norm_literature.Sought(field_t=3.0)
    assert norm_literature.of(key, sought) == (fine,)
    findings = norm_literature.off_scale(key, sought)
    (said,) = [f for f in findings if "Others 2015" in f.message]
    assert (said.level, said.code) == ("note", "N-CONTROL")
    assert "50 ± 60 %" in said.message and "not used" in said.message and "an SD" in said.remedy
