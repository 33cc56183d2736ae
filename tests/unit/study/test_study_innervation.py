"""The table of movements and the look-up of nerves, against the vocabulary of names and the words of clinical tables."""

import tomllib

import pytest

from neuromyo.anatomy import names
from neuromyo.core import resources
from neuromyo.study import innervation as own


def words(table):
    return tomllib.loads(resources.text("io", f"words/{table}.toml"))


def test_every_name_is_of_the_vocabulary():
    for movement in own.movements().values():
        for muscle in movement.muscles:
            assert names.of(muscle).kind in ("muscle", "part", "group")
    assert set(own.structures()) <= set(names.names())
    for one in own.structures().values():
        theirs = names.of(one.name)
        assert one.nerves == theirs.nerves and one.parent == theirs.parent


def test_every_movement_of_clinical_tables_has_its_muscles():
    assert set(own.movements()) == set(words("movements")["levels"])
    assert all(m.evidence and m.source for m in own.movements().values())


def test_every_word_of_clinical_tables_is_found():
    for word in (*words("movements")["levels"], *words("movements")["aliases"]):
        assert own.find(word, "movement"), word
    for word in (*words("muscles")["levels"], *words("muscles")["aliases"]):
        found = own.find(word, "muscle")
        assert found and found == names.find(word).name, word
    for word in (*words("nerves")["levels"], *words("nerves")["aliases"]):
        assert own.find(word, "nerve"), word
    assert own.find("peroneal", "nerve") == "fibular-nerve" and own.find("radius", "nerve") is None


@pytest.mark.parametrize(
    ("nerve", "muscle", "movement"),
    [
        ("fibular-nerve", "tibialis-anterior", "ankle_dorsiflexion"),
        ("sciatic-nerve", "tibialis-anterior", "ankle_dorsiflexion"),
        ("deep-fibular-nerve", "extensor-digitorum-brevis", "toe_extension"),
        ("fibular-nerve", "anterior-compartment", "ankle_dorsiflexion"),
        ("tibial-nerve", "soleus", "ankle_plantarflexion"),
        ("tibial-nerve", "gastrocnemius-medialis", "ankle_plantarflexion"),
        ("femoral-nerve", "vastus-lateralis", "knee_extension"),
        ("median-nerve", "abductor-pollicis-brevis", "thumb_abduction"),
        ("ulnar-nerve", "first-dorsal-interosseous", "finger_abduction"),
        ("radial-nerve", "triceps-brachii", "elbow_extension"),
    ],
)
def test_nerve_muscle_movement(nerve, muscle, movement):
    assert own.supplies(nerve, muscle)
    assert own.moves(muscle, movement)


def test_what_does_not_belong_together():
    assert not own.supplies("tibial-nerve", "tibialis-anterior")
    assert not own.supplies("deep-fibular-nerve", "soleus")
    assert not own.supplies("sural-nerve", "soleus")
    assert not own.moves("soleus", "ankle_dorsiflexion")
    assert not own.moves("calf-muscles", "ankle_dorsiflexion")  # it holds the muscles of both directions
    assert not own.moves("no-such-muscle", "ankle_dorsiflexion")


def test_muscles_of_one_nerve():
    assert own.share_a_nerve("extensor-digitorum-brevis", "tibialis-anterior")
    assert own.share_a_nerve("peroneus-longus", "tibialis-anterior") is False  # two branches, neither above the other
    assert own.share_a_nerve("hamstrings", "soleus")  # sciatic is above tibial
    assert not own.share_a_nerve("rectus-femoris", "adductor-longus")  # two nerves of one plexus
    assert own.same("gastrocnemius-medialis", "gastrocnemius") and not own.same("soleus", "calf-muscles")
