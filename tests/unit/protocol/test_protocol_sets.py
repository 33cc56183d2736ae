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
    assert names() == ("als_1998", "calf_3t", "nerve_3t", "thigh_3t")


@pytest.mark.parametrize("name", names())
def test_every_packaged_number_says_where_it_comes_from(name):
    protocol = load(name)
    assert protocol.name == name
    figures = [figure for s in protocol.sequences.values() for _, figure in s.figures()]
    assert len(figures) >= 9
    assert all((f.source and f.evidence) or (f.proposed and f.why) for f in figures)
    assert all(level.source or level.why for level in protocol.levels)
    assert protocol.minutes is None or protocol.minutes > 0


@pytest.mark.parametrize("name", ["calf_3t", "nerve_3t", "thigh_3t"])
def test_the_multi_echo_train_is_the_same_in_all(name):
    train = load(name).sequences["mese"]
    assert train.kind == "MESE" and train.echoes.count.target == 17


def test_two_repetition_and_two_echo_times_of_1998():
    short, long = load("als_1998").sequences.values()
    assert (short.entities, long.entities) == ({"acq": "tr1"}, {"acq": "tr2"})
    assert short.repetition_time.target < long.repetition_time.target
    assert len(long.echo_list.times) == 2 and short.echo_list.times[0] == long.echo_list.times[0], "T2 drops out of T1"


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
        ('source = "our manual"', 'proposed = true\nevidence = "read"', "evidence belongs to a source"),
        ('source = "our manual"', 'source = "x"\nevidence = "sure"', "[sequences.mese.repetition_time] evidence"),
        ('kind = "MESE"', 'like = "other"', "mine.toml: [sequences.mese] like"),
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
    with pytest.raises(OptionError, match="calf_3t, nerve_3t, thigh_3t") as caught:
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


def test_a_sequence_like_another_says_only_what_differs():
    more = TEXT + '\n[sequences.late]\nlike = "mese"\ntitle = "later"\nentities = {acq = "late"}\n'
    first, late = (load(more).sequences[name] for name in ("mese", "late"))
    assert late.repetition_time == first.repetition_time and late.kind == "MESE"
    assert late.title == "later" and late.entities == {"acq": "late"} and first.entities == {}


def test_the_nerve_protocol_is_whole():
    protocol = load("nerve_3t")
    pdw, mtw, t1w = (protocol.sequences[name] for name in ("pdw", "mtw", "t1w"))
    assert [(s.entities["flip"], s.entities["mt"]) for s in (pdw, mtw, t1w)] == [
        ("1", "off"),
        ("1", "on"),
        ("2", "off"),
    ]
    assert pdw.echoes == mtw.echoes == t1w.echoes and pdw.repetition_time == t1w.repetition_time
    assert pdw.flip_angle_deg.target < t1w.flip_angle_deg.target and mtw.mt_on and not t1w.mt_on
    assert mtw.mt_offset_hz.target == 2000 and mtw.rf_spoiling_increment_deg.target == 50
    dwi, back = protocol.sequences["dwi"], protocol.sequences["dwi_reversed"]
    assert (dwi.entities, back.entities, back.kind) == ({"dir": "AP"}, {"dir": "PA"}, "epi")
    assert [level.optional for level in protocol.levels] == [False, True]
    declared = [s.minutes.target for s in protocol.sequences.values() if s.minutes and not s.optional]
    assert protocol.minutes == pytest.approx(sum(declared)) and 10 < protocol.minutes < 20
