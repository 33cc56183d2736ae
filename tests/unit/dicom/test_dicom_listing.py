"""What messages may show of a file's name."""

import pytest

from neuromyo.dicom import child
from neuromyo.dicom.listing import Listing, discreet


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Smith_IM0012.dcm", "~_IM0012.dcm"),
        ("IM_0001_0002.dcm", "IM_0001_0002.dcm"),
        ("SMITH_ANNE.MR.LEG.0005.0012.2024.03.07.10.22.33.123456.98765.IMA", "~_~.MR.LEG.~.IMA"),
        ("1.2.826.0.1.17.dcm", "~.dcm"),
        ("leg 07-03-24.dcm", "leg ~.dcm"),
        ("1966_05_17 IM3", "~ IM3"),
        ("19660517.dcm", "~.dcm"),
    ],
)
def test_no_name_and_no_date_is_shown(name, shown):
    assert discreet(name) == shown


@pytest.mark.parametrize("own", ["", "file 2 (~_IM3.dcm): ", "file 2 of 2 (~_IM3.dcm): "])
def test_a_place_is_told_with_the_name_of_its_file_once(tmp_path, own):
    """A job may have put the file's name before the place already, in a form of its own."""
    listing = Listing(tmp_path, ["a.dcm", "Smith_IM3.dcm"])
    name = listing.call(1)
    assert name == "file 2 of 2 (~_IM3.dcm)"
    said = child._named({"file": 1, "error": {"code": "E-GEOM", "where": f"{own}Image Type", "found": "x"}}, listing)
    assert said["error"]["where"] == f"{name}: Image Type"
