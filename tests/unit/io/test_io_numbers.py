"""Lists of numbers in JSON files."""

import pytest

from neuromyo.core.errors import DataError
from neuromyo.io.numbers import read_numbers


def test_a_list_of_numbers(tmp_path):
    path = tmp_path / "angles.json"
    path.write_text("[1, 0.9, 0.4]", encoding="utf-8")
    assert read_numbers(path) == (1.0, 0.9, 0.4)


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1, null]", "[true]", "[NaN]", "[1e999]", '"sinc"', "[" * 100_000])
def test_anything_else_is_refused(tmp_path, text):
    path = tmp_path / "angles.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_numbers(path)
    assert caught.value.code == "E-SIDECAR" and "angles.json" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        read_numbers(tmp_path / "angles.json")
    assert caught.value.code == "E-NOTFOUND"
