"""Results made or recalled, in the order of the steps."""

from neuromyo.pipeline.results import Results


def test_the_order_is_that_of_the_steps_whichever_were_made_before():
    orders = []
    for made in ({"a", "b", "c"}, {"b"}, {"c"}, set()):
        found: Results[str] = Results()
        for name in "abc":
            if name in made:
                found.put(name, name)
            else:
                found.later(name, lambda name=name: name)
        assert found["b"] == "b" and len(found) == 3
        orders.append((list(found), list(found.values())))
    assert orders == [(["a", "b", "c"], ["a", "b", "c"])] * 4


def test_what_is_recalled_is_loaded_once_and_only_when_asked():
    loads = []
    found: Results[int] = Results()
    found.later("a", lambda: loads.append(1) or 7)
    assert "a" in found and "b" not in found and not loads
    assert (found["a"], found["a"]) == (7, 7) and loads == [1]
