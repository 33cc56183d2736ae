"""Display values of different scale are named before they are fitted together."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.protocol import scaling

GRID = Grid.of((2, 2, 2), np.diag([1.0, 1.0, 1.0, 1.0]))


def series(name: str, n: int = 1, kind: str = "MPM", files: int | None = None, **acquired) -> Series:
    count = n if files is None else files
    names = tuple(f"{name}-{i + 1}.nii.gz" for i in range(count))
    return Series(ArrayData(np.zeros((2, 2, 2, n), np.float32)), GRID, Acquisition(**acquired), kind, files=names)


def slopes(rescale, scale, **more):
    return {"rescale_slopes": rescale, "scale_slopes": scale, **more}


def test_series_that_were_scaled_differently_are_named_with_their_slopes():
    given = {"pd": series("pd", **slopes((2.0,), (0.005,))), "mt": series("mt", **slopes((3.0,), (0.005,)))}
    (found,) = scaling.check("mtsat", given)
    assert (found.level, found.code) == ("warn", "W-SCALE")
    assert found.where.startswith("mt-1.nii.gz")
    assert "pd-1.nii.gz is multiplied by 0.01 (RescaleSlope 2, ScaleSlope 0.005)" in found.message
    assert "mt-1.nii.gz is multiplied by 0.015 (RescaleSlope 3, ScaleSlope 0.005)" in found.message
    assert "factor of up to 1.5" in found.consequence and found.consequence.startswith("mtsat")
    assert "dcm2niix: -p y" in found.remedy
    assert scaling.flags("mtsat", given) == ("W-SCALE",)


def test_another_pair_of_slopes_with_the_same_product_is_the_same_scale():
    given = {"pd": series("pd", **slopes((2.0,), (0.006,))), "mt": series("mt", **slopes((4.0,), (0.003,)))}
    assert scaling.check("mtsat", given) == ()
    assert scaling.flags("mtsat", given) == ()


def test_signal_beside_display_values_is_found():
    given = {"pd": series("pd", **slopes((1.0,), (1.0,))), "mt": series("mt", **slopes((3.0,), (0.005,)))}
    (found,) = scaling.check("mtsat", given)
    assert "pd-1.nii.gz holds the signal itself" in found.message


def test_volumes_of_one_series_are_compared_too():
    (found,) = scaling.check("t1-vfa", {"vfa": series("vfa", 3, "VFA", **slopes((2.0, 2.0, 5.0), (1.0,)))})
    assert "vfa-3.nii.gz is multiplied by 5" in found.message
    (found,) = scaling.check("t1-vfa", {"vfa": series("vfa", 3, "VFA", files=1, **slopes((2.0, 2.0, 5.0), (1.0,)))})
    assert "vfa-1.nii.gz (volume 3)" in found.message


def test_slices_of_one_volume_are_compared_too():
    given = {"on": series("on", **slopes(((2.0, 4.0),), (0.1,))), "off": series("off", **slopes((2.0,), (0.1,)))}
    (found,) = scaling.check("mtr", given)
    assert "part of on-1.nii.gz is multiplied by 0.4 (RescaleSlope 4, ScaleSlope 0.1)" in found.message
    compensated = {"on": series("on", **slopes(((2.0, 4.0),), ((0.2, 0.1),)))}
    assert scaling.check("x", compensated) == (), "slice by slice the product is the same"


def test_a_file_that_says_nothing_beside_one_that_does_is_named_whoever_made_it():
    (found,) = scaling.check("t1-vfa", {"vfa": series("vfa", 2, "VFA", **slopes((2.0, None), (0.1, None)))})
    assert (found.level, found.code) == ("warn", "W-SCALE") and found.where.startswith("vfa-2.nii.gz")
    assert "vfa-1.nii.gz is multiplied by 0.2 (RescaleSlope 2, ScaleSlope 0.1)" in found.message
    half = {"vfa": series("vfa", 3, "VFA", **slopes((2.0, 2.0, 3.0), (0.1, None, None)))}
    (found,) = scaling.check("t1-vfa", half)
    assert "vfa-3.nii.gz has RescaleSlope 3" in found.message, "two that state one slope differ by it"


def test_echoes_that_share_a_slope_are_counted():
    (found,) = scaling.check("t2-mono", {"m": series("m", 4, "MESE", **slopes((2.0, 2.0, 2.0, 5.0), (1.0,)))})
    assert "m-1.nii.gz is multiplied by 2 (RescaleSlope 2, ScaleSlope 1), as 2 more" in found.message


def test_field_maps_of_phases_are_none_of_its_business():
    assert scaling.check("b0", {"b0": series("p", 2, "phasediff", **slopes((2.0, 5.0), (1.0,)))}) == ()


def test_rescale_slopes_alone_tell_a_difference():
    given = {"pd": series("pd", rescale_slopes=(2.0,)), "mt": series("mt", rescale_slopes=(3.0,))}
    (found,) = scaling.check("mtsat", given)
    assert found.code == "W-SCALE" and "ScaleSlope not stated" in found.message


@pytest.mark.parametrize("stated", [{}, {"rescale_slopes": (2.0,)}])
def test_philips_that_says_nothing_is_a_warning_where_scans_are_combined(stated):
    philips = {"manufacturer": "Philips Medical Systems", **stated}
    (found,) = scaling.check("mtsat", {"pd": series("pd", **philips), "mt": series("mt", **philips)})
    assert (found.level, found.code) == ("warn", "W-SCALE")
    (found,) = scaling.check("t2-mono", {"mese": series("m", 8, "MESE", **philips)})
    assert (found.level, found.code) == ("note", "N-SCALE"), "echoes of one scan"
    assert scaling.check("t2-mono", {"mese": series("m", 8, "MESE", files=1, **philips)}) == (), "one file"


def test_other_vendors_and_single_images_are_left_alone():
    siemens = {"manufacturer": "SIEMENS"}
    assert scaling.check("mtsat", {"pd": series("pd", **siemens), "mt": series("mt", **siemens)}) == ()
    assert scaling.check("mtsat", {"pd": series("pd"), "mt": series("mt")}) == ()
    assert scaling.check("x", {"pd": series("pd", manufacturer="Philips")}) == ()


def test_many_ways_of_scaling_are_told_in_a_line():
    ways = tuple(float(k) for k in range(1, 12))
    (found,) = scaling.check("t1-vfa", {"vfa": series("vfa", 11, "VFA", **slopes(ways, (1.0,)))})
    assert "7 other ways" in found.message and found.message.count("RescaleSlope") == 4 - 1  # the first is 1 x 1
