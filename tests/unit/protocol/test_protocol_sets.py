"""Protocols are read, and what is wrong in one is named by file, table and key."""

from __future__ import annotations

import pytest

from neuromyo.core.errors import OptionError, ProtocolError
from neuromyo.protocol.protocol import load, names
from neuromyo.protocol.sequence import EchoList, Figure

TEXT = """
name = "mine"
title = "ours"

[sequences.mese]
kind = "MESE"
title = "multi-echo spin echo"

[sequences.mese.repetition_time]
target = 3.0
fine = [2.5, 4.0]
usable = [1.5, 10.0]
source = "our manual"
"""


def test_the_packaged_protocols():
    assert names() == ("calf_3t", "thigh_3t")


@pytest.mark.parametrize("name", names())
def test_every_packaged_number_says_where_it_comes_from(name):
    protocol = load(name)
    assert protocol.name == name
    figures = [figure for s in protocol.sequences.values() for _, figure in s.figures()]
    assert len(figures) >= 9
    assert all(f.source or (f.proposed and f.why) for f in figures)
    assert protocol.sequences["mese"].kind == "MESE"
    assert protocol.sequences["mese"].echoes.count.target == 17


def test_a_text_is_a_protocol_too():
    assert load(TEXT).sequences["mese"].repetition_time.target == 3.0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("target = 3.0", "target = 30", "mine.toml: [sequences.mese] repetition_time: target 30 must lie in fine"),
        ("target = 3.0", 'target = "long"', "mine.toml: [sequences.mese.repetition_time] target"),
        ("target = 3.0", "targt = 3.0", "mine.toml: [sequences.mese.repetition_time] targt: the key is not known"),
        ('source = "our manual"', "", "either source"),
        ('source = "our manual"', 'source = "x"\nproposed = true', "either source"),
        ("fine = [2.5, 4.0]", "fine = [1.0, 4.0]", "fine in usable"),
        ("fine = [2.5, 4.0]", "fine = [2.5]", "[sequences.mese.repetition_time.fine] 1: the key is missing"),
        ('kind = "MESE"', "", "mine.toml: [sequences.mese] kind: the key is missing"),
        ('name = "mine"', "", "mine.toml: name: the key is missing"),
        ("target = 3.0", "target = nan", "mine.toml: [sequences.mese.repetition_time] target"),
        ("target = 3.0", "target = ", "a TOML file"),
    ],
)
def test_what_is_wrong_is_named(old, new, told):
    with pytest.raises(ProtocolError) as caught:
        load(TEXT.replace(old, new), file="mine.toml")
    assert caught.value.code == "E-PROTOCOL"
    assert told in str(caught.value)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(OptionError, match="calf_3t, thigh_3t") as caught:
        load("calf")
    assert caught.value.code == "E-UNKNOWN"


def test_levels_include_their_ends():
    figure = Figure(target=0.0095, fine=(0.006, 0.012), usable=(0.005, 0.02), proposed=True)
    assert [figure.level(v) for v in (0.006, 0.012, 0.005, 0.02, 0.0049, 0.021)] == [
        "fine", "fine", "usable", "usable", "unusable", "unusable",
    ]  # fmt: skip
    assert figure.level(0.002 + 0.01) == "fine"  # rounding of a sum does not decide


def test_an_echo_list_has_a_tolerance_an_echo():
    echoes = EchoList(times=(0.01, 0.025), fine=0.001, usable=0.002, proposed=True)
    assert echoes.figure(1).level(0.0265) == "usable"
    with pytest.raises(ValueError, match="increase"):
        EchoList(times=(0.02, 0.01), fine=0.001, usable=0.002, proposed=True)
