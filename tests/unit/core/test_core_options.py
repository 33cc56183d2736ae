"""Options as a person types them."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from neuromyo.core.errors import OptionError
from neuromyo.core.options import NoOptions, as_dict, check, describe, option, parse


@dataclass(frozen=True)
class Options:
    echoes: str = option("all", "echoes to use")
    offset: bool = option(False, "fit a constant")
    fat_t2: float | None = option(None, "T2 of fat", unit="s", low=0.02, high=0.5)
    count: int = option(3, "how many", low=1)
    pulse: str | tuple[float, ...] = option("ideal", "shape", choices=("ideal", "sinc"), open_choice="relative angles")
    law: str = option("rician", "noise", choices=("rician", "gauss"))


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ({"fat-t2": "0.12"}, "fat_t2", 0.12),
        ({"fat_t2": "none"}, "fat_t2", None),
        ({"offset": "yes"}, "offset", True),
        ({"offset": "off"}, "offset", False),
        ({"count": "7"}, "count", 7),
        ({"pulse": "0.1, 0.5 1.0"}, "pulse", (0.1, 0.5, 1.0)),
        ({"pulse": [0.5, 1.0]}, "pulse", (0.5, 1.0)),
        ({"pulse": "sinc"}, "pulse", "sinc"),
        ({"echoes": " 2-17 "}, "echoes", "2-17"),
    ],
)
def test_typed_text_becomes_the_value(typed, name, value):
    assert getattr(parse(Options, typed), name) == value


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ({"fat_t2": "12"}, "E-OPTION", ">= 0.02 and <= 0.5 s"),
        ({"fat_t2": "long"}, "E-OPTION", "float"),
        ({"offset": "perhaps"}, "E-OPTION", "bool"),
        ({"count": "0"}, "E-OPTION", ">= 1"),
        ({"count": "2.5"}, "E-OPTION", "int"),
        ({"law": "poisson"}, "E-OPTION", "one of rician, gauss"),
        ({"fat_t3": "1"}, "E-UNKNOWN", "fat_t2"),
    ],
)
def test_what_cannot_be_is_refused_in_words(typed, code, said):
    with pytest.raises(OptionError) as caught:
        parse(Options, typed)
    assert caught.value.code == code and said in str(caught.value)


def test_options_are_frozen_values():
    assert hash(Options()) == hash(parse(Options, {})) and check(Options()) == Options()
    with pytest.raises(FrozenInstanceError):
        Options().count = 4  # type: ignore[misc]
    assert as_dict(Options())["law"] == "rician" and as_dict(NoOptions()) == {}


def test_every_option_describes_itself():
    rows = {row["name"]: row for row in describe(Options)}
    assert rows["fat_t2"]["unit"] == "s" and rows["fat_t2"]["high"] == 0.5
    assert rows["pulse"]["open_choice"] == "relative angles" and rows["law"]["choices"] == ("rician", "gauss")


def test_nan_is_no_number():
    with pytest.raises(OptionError, match="fat_t2"):
        parse(Options, {"fat_t2": "nan"})
