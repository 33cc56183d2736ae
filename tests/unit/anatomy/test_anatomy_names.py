"""The vocabulary of names against itself, against what the phantom and clinical tables say, and against how others write."""

import re
import tomllib

import numpy as np
import pytest

from neuromyo.anatomy import muscles, names
from neuromyo.core import resources
from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.phantom import layout
from neuromyo.phantom.regions import REGIONS

SPINE = [f"C{i}" for i in range(1, 9)] + [f"T{i}" for i in range(1, 13)] + [f"L{i}" for i in range(1, 6)]
SPINE += [f"S{i}" for i in range(1, 6)]
GRID = Grid.of((4, 3, 2), np.diag([1.0, 1, 5, 1]), 2)


def levels(roots: str) -> set[str]:
    first, _, last = roots.partition("-")
    return set(SPINE[SPINE.index(first) : SPINE.index(last or first) + 1])


def drawn(*regions: Region) -> Labels:
    volume = np.zeros(GRID.shape, np.uint8)
    volume.flat[: len(regions)] = [r.index for r in regions]
    return Labels(volume, GRID, regions, "a_dseg.tsv")


def test_every_entry_is_whole() -> None:
    vocabulary = names.names()
    assert len(vocabulary) > 300
    for one in vocabulary.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.name), one.name
        assert one.parent == "" or one.parent in vocabulary, one.name
        assert one.name not in names.ancestors(one.name), one.name
        assert one.kind in ("muscle", "part", "group", "nerve", "bone", "tendon", "vessel", "tissue")
        assert all(n in vocabulary and vocabulary[n].kind == "nerve" for n in one.nerves), one.name
        assert (one.evidence in ("read", "recalled")) == bool(one.nerves or one.roots), one.name
        assert bool(one.code) == bool(one.code_source)
        assert not one.code or re.fullmatch(r"SCT:\d{6,18}", one.code)


def test_muscles_end_up_in_muscle_and_nerves_in_nerve() -> None:
    for one in names.names().values():
        top = (one.name, *names.ancestors(one.name))[-1]
        if one.kind in ("muscle", "group"):
            assert top == "muscle", one.name
        if one.kind == "nerve":
            assert top == "nerve", one.name


def test_the_roots_of_a_muscle_are_among_those_of_its_nerves() -> None:
    """Rows were written muscle by muscle and nerve by nerve: a slip in either shows here."""
    vocabulary, compared = names.names(), 0
    for one in vocabulary.values():
        supplied = [vocabulary[n].roots for n in one.nerves]
        if one.roots and supplied and all(supplied):
            assert levels(one.roots) <= set.union(*map(levels, supplied)), one.name
            compared += 1
    assert compared > 100


def test_snomed_codes_pass_their_check_digit() -> None:
    """The last digit of a SNOMED CT identifier is Verhoeff's; a slip of one digit or an exchange of two breaks it."""
    assert sum(bool(one.code) for one in names.names().values()) > 40
    for one in names.names().values():
        assert not one.code or verhoeff(one.code.removeprefix("SCT:")), one.name
    assert not verhoeff("35259003") and not verhoeff("35295002")


def verhoeff(digits: str) -> bool:
    def product(a: int, b: int) -> int:  # the dihedral group of the pentagon
        turn, flip = (a % 5 + (b % 5 if a < 5 else -(b % 5))) % 5, (a >= 5) != (b >= 5)
        return turn + 5 * flip

    shuffle = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = shuffle[value]
        check = product(check, value)
    return check == 0


def test_names_of_the_phantom_and_of_segmenters_are_kept() -> None:
    from neuromyo.anatomy.leaves import LEAVES

    known = {
        *(r.name for r in REGIONS),
        *(r.parent for r in REGIONS),
        *layout.PARENTS,
        *layout.PARENTS.values(),
        *LEAVES,
    }
    assert known <= set(names.names())
    for name, parent in layout.PARENTS.items():
        assert names.of(name).parent == parent
    for tube in layout.MUSCLES:
        assert tube.parent in names.ancestors(tube.name)


@pytest.mark.parametrize("table", ["muscles", "nerves"])
def test_words_of_clinical_tables_are_found(table: str) -> None:
    words = tomllib.loads(resources.text("io", f"words/{table}.toml"))
    found = {word: names.find(f"{word} nerve" if table == "nerves" else word) for word in words["levels"]}
    assert [word for word, one in found.items() if one is None] == []
    for alias, level in words["aliases"].items():
        told = names.find(alias)
        assert told is None or told.name in (found[level].name, "deep-fibular-nerve", "superficial-fibular-nerve"), (
            alias
        )


@pytest.mark.parametrize(
    ("word", "name", "side"),
    [
        ("Left_vastus lateralis", "vastus-lateralis", "left"),
        ("VL_L", "vastus-lateralis", "left"),
        ("vl-l", "vastus-lateralis", "left"),
        ("r soleus", "soleus", "right"),
        ("SoleusRight", "soleus", "right"),
        ("quadriceps_femoris_left", "quadriceps", "left"),
        ("thigh_posterior_compartment_right", "hamstrings", "right"),
        ("Musculus quadriceps femoris", "quadriceps", "none"),
        ("M. tibialis anterior sin.", None, "none"),
        ("M. tibialis anterior", "tibialis-anterior", "none"),
        ("Biceps Femoris Long_R", "biceps-femoris-long-head", "right"),
        ("biceps femoris caput breve", "biceps-femoris-short-head", "none"),
        ("medial gastrocnemius", "gastrocnemius-medialis", "none"),
        ("gastrocnemius l", "gastrocnemius", "none"),
        ("gastrocnemius L", "gastrocnemius", "left"),
        ("GL", "gastrocnemius-lateralis", "none"),
        ("Fibularis longus", "peroneus-longus", "none"),
        ("nervus ischiadicus dexter", None, "none"),
        ("common peroneal nerve", "fibular-nerve", "none"),
        ("peroneal muscles", "lateral-compartment", "none"),
        ("tensor fascia latae", "tensor-fasciae-latae", "none"),
        ("L5", "l5-root", "none"),
        ("left L5 nerve root", "l5-root", "left"),
        ("tibial-nerve-fascicles", "tibial-nerve-fascicles", "none"),
        ("femur_left", "femur", "left"),
        ("femoris", None, "none"),
        ("label-7", None, "none"),
        ("l", None, "none"),
        ("", None, "none"),
    ],
)  # fmt: skip
def test_what_people_write(word: str, name: str | None, side: str) -> None:
    found, told = names.parse(word)
    assert (found.name if found else None, told) == (name, side)


def test_every_name_and_synonym_leads_back_with_any_side() -> None:
    for one in names.names().values():
        for word in (one.name, one.name.upper(), one.name.replace("-", "_"), *one.synonyms):
            assert names.parse(word) == (one, "none"), word
            assert names.parse(f"Left {word}") == (one, "left"), word
            assert names.parse(f"{word}_R") == (one, "right"), word


def test_an_unknown_name_is_refused_with_what_is_probably_meant() -> None:
    assert names.of("soleus").nerves == ("tibial-nerve",)
    with pytest.raises(OptionError, match="did you mean vastus-lateralis") as caught:
        names.of("vastus-lateral")
    assert caught.value.code == "E-UNKNOWN"
    with pytest.raises(OptionError, match=r"docs/names\.md"):
        names.of("zzz")


def test_resolving_fills_in_and_leaves_indices_alone() -> None:
    given = drawn(Region(4, "VL_L"), Region(9, "r soleus"), Region(2, "rectus femoris", "left", "muscle"),
                  Region(7, "deltoid", "right", "my-group", "FMA:1"), Region(8, "Blob"))  # fmt: skip
    known, findings = muscles.resolve(given)
    assert known.volume is given.volume and [r.index for r in known.regions] == [4, 9, 2, 7, 8]
    assert known.regions == (
        Region(4, "vastus-lateralis", "left", "quadriceps", "SCT:1403006"),
        Region(9, "soleus", "right", "triceps-surae"),
        Region(2, "rectus-femoris", "left", "quadriceps"),
        Region(7, "deltoid", "right", "my-group", "FMA:1"),
        Region(8, "Blob"),
    )
    told = {f.code: f.message for f in findings}
    assert set(told) == {"W-NAMES", "N-GROUP"} and "8 (Blob)" in told["W-NAMES"]
    assert "quadriceps (left) without vastus-intermedius, vastus-medialis" in told["N-GROUP"]
    again, _ = muscles.resolve(known)
    assert again.regions == known.regions and again.above == known.above


def test_groups_are_pooled_to_the_top_though_no_table_lists_them() -> None:
    known, _ = muscles.resolve(drawn(Region(1, "VL_L"), Region(2, "BFL_L"), Region(3, "ST_L"), Region(4, "SOL_R")))
    pooled = {(name, side): indices for name, side, indices in known.groups()}
    assert pooled["hamstrings", "left"] == (2, 3)  # the long head belongs to a muscle that is not drawn itself
    assert pooled["thigh-muscles", "left"] == (1, 2, 3)
    assert pooled["muscle", "left"] == (1, 2, 3) and pooled["muscle", "right"] == (4,)
    assert known.mask("muscle").sum() == 4


def test_contradicting_sides_and_shared_names() -> None:
    with pytest.raises(DataError, match=r"label 3.*Left_soleus.*side right") as caught:
        muscles.resolve(drawn(Region(3, "Left_soleus", "right")))
    assert caught.value.code == "E-SIDE"
    _, findings = muscles.resolve(drawn(Region(1, "SOL", "left"), Region(2, "soleus", "left")))
    assert "labels 1, 2 are all soleus (left)" in findings[0].message


def test_twins_with_small_letters_are_sided() -> None:
    known, _ = muscles.resolve(drawn(Region(1, "gastrocnemius_l"), Region(2, "gastrocnemius_r")))
    assert [r.side for r in known.regions] == ["left", "right"]
    alone, _ = muscles.resolve(drawn(Region(1, "gastrocnemius_l")))
    assert alone.regions[0].side == "none"
