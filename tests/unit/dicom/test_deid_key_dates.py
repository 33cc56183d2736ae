import datetime
import hashlib
import hmac
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuromyo.core.errors import OptionError
from neuromyo.dicom import dates, key

KEY = bytes(range(32))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "config" / "neuromyo" / "import.key"


def test_a_key_is_made_once_and_told_once(settings):
    told = []
    first = key.load(tell=told.append)
    assert len(first) == 32 and len(told) == 1 and "Keep this file" in told[0] and str(settings) in told[0]
    assert first.hex() not in told[0]
    assert key.load(tell=told.append) == first and len(told) == 1
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600


def test_a_key_that_others_can_read_is_told_of(settings):
    key.load()
    settings.chmod(0o644)
    told = []
    key.load(tell=told.append)
    assert len(told) == 1 and "chmod 600" in told[0]


@pytest.mark.parametrize(("raw", "same"), [(KEY, True), (KEY.hex().encode(), True), (KEY.hex().upper().encode() + b"\n", True),
                                       (b"", False), (KEY[:31], False), (b"z" * 64, False), (KEY.hex().encode()[:60], False)])  # fmt: skip
def test_a_named_key_is_32_bytes_or_their_hexadecimal(raw, same, tmp_path):
    path = tmp_path / "site.key"
    path.write_bytes(raw)
    path.chmod(0o600)
    if same:
        assert key.load(path) == KEY
    else:
        with pytest.raises(OptionError, match="32 bytes, or 64 hexadecimal digits") as error:
            key.load(path)
        assert error.value.code == "E-OPTION"


def test_a_named_key_is_never_made(tmp_path):
    with pytest.raises(Exception, match="E-NOTFOUND"):
        key.load(tmp_path / "none.key")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["site.key", "code/site.key", "link/site.key"])
def test_no_key_lies_in_the_dataset(place, tmp_path):
    (tmp_path / "bids" / "code").mkdir(parents=True)
    if place.startswith("link"):
        (tmp_path / "elsewhere").symlink_to(tmp_path / "bids")
        path = tmp_path / "elsewhere" / "site.key"
    else:
        path = tmp_path / "bids" / place
    path.write_bytes(KEY)
    with pytest.raises(OptionError, match="kept apart") as error:
        key.load(path, outside=tmp_path / "bids")
    assert error.value.code == "E-PHI" and error.value.exit_status == 4


def test_uids_are_those_of_the_definition():
    """Worked out here with the standard library: HMAC-SHA256, the first 128 bits, as a decimal under 2.25."""
    original = "1.2.840.113619.2.5.1762583153.215519"
    number = int(hmac.new(KEY, b"neuromyo uid\0" + original.encode(), hashlib.sha256).hexdigest()[:32], 16)
    assert key.uid(KEY, original) == f"2.25.{number}"


@given(st.from_regex(r"1\.[23]\.[1-9][0-9]{0,9}(\.[1-9][0-9]{0,9}){1,4}", fullmatch=True))
def test_uids_are_valid_the_same_each_time_and_others_with_another_key(original):
    made = key.uid(KEY, original)
    assert made == key.uid(KEY, original)
    if original.startswith("1.2.840.10008."):
        assert made == original
        return
    assert len(made) <= 44 and made.startswith("2.25.") and made[5:].isdigit() and (made[5] != "0" or made == "2.25.0")
    assert made != key.uid(bytes(32), original)


def test_uids_of_the_standard_stay():
    assert key.uid(KEY, "1.2.840.10008.5.1.4.1.1.4") == "1.2.840.10008.5.1.4.1.1.4"
    assert key.uid(KEY, "1.2.840.100089.1") != "1.2.840.100089.1"


def test_labels_are_for_one_purpose_only():
    assert key.label(KEY, "image", "x") != key.label(KEY, "series", "x")
    assert len(key.label(KEY, "image", "x", 24)) == 24 and key.label(KEY, "image", "x").isalnum()


DAYS = st.dates(datetime.date(1990, 1, 1), datetime.date(2075, 12, 31))


@given(DAYS, DAYS, st.text(min_size=1, max_size=8), st.binary(min_size=32, max_size=32))
def test_intervals_between_visits_are_exact_and_all_fall_before_1925(a, b, subject, secret):
    shift = dates.Shift(secret, subject)
    moved = [datetime.datetime.strptime(shift.date(f"{d:%Y%m%d}"), "%Y%m%d").date() for d in (a, b)]
    assert moved[1] - moved[0] == b - a
    assert max(moved).year < 1925 and min(moved).year > 1800


def test_another_person_or_key_shifts_otherwise_and_the_shift_is_not_printed():
    shifts = {dates.Shift(KEY, s).days for s in map(str, range(50))}
    assert len(shifts) > 45
    assert dates.Shift(KEY, "01").days != dates.Shift(bytes(32), "01").days
    assert str(dates.Shift(KEY, "01").days) not in repr(dates.Shift(KEY, "01"))


def test_dates_times_and_ages_as_scanners_write_them():
    shift = dates.Shift(KEY, "01")
    day = shift.date("20190317")
    assert day is not None and shift.date("2019.03.17") == shift.date("2019-03-17") == shift.date(" 20190317 ") == day
    assert shift.datetime("20190317101112.345+0100") == day + "101112" and shift.datetime("20190317") == day
    for none in ("", "2019", "201903", "20191317", "20190230", "yesterday", "99991231", "Quillfeather"):
        assert shift.date(none) is None
    assert shift.datetime("2019") is None and shift.datetime("201903") is None
    assert [dates.time_of_day(t) for t in ("101112", "1011", "10", "10:11:12", "101160", "251112", "", "noon")] == [
        "101112", "101100", "100000", "101112", "101159", None, None, None]  # fmt: skip
    assert dates.age("034Y") == ("034Y", "") and dates.age("034") is None and dates.age("Quill") is None
    assert dates.age("089Y") == ("089Y", "") and dates.age("090Y")[0] == "090Y"
    for old in ("097Y", "110Y"):
        assert dates.age(old)[0] == "090Y" and "over 89" in dates.age(old)[1]
        assert dates.age_in_years(old)[0] == 90
    assert dates.age_in_years("034Y") == (34.0, "") and dates.age_in_years("018M") == (1.5, "")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_two_imports_at_once_get_one_key(settings):
    code = "from neuromyo.dicom import key; print(key.load().hex())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {p.communicate(timeout=60)[0] for p in started}
    assert len(said) == 1 and len(said.pop().strip()) == 64
