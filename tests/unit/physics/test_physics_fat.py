"""The fat spectrum: normalised, beating at the right frequency."""

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.physics.fat import GAMMA_BAR, SPECTRA, TISSUE, Spectrum, phasor, spectrum, triglyceride


@pytest.mark.parametrize("name", SPECTRA)
def test_unit_fat_at_time_zero(name):
    assert phasor(name, [0.0], field_strength=3.0)[0] == pytest.approx(1.0)
    assert sum(SPECTRA[name].amplitudes) == pytest.approx(1.0, abs=2e-3)
    assert np.abs(phasor(name, np.linspace(0, 0.02, 50), field_strength=3.0)).max() <= 1 + 1e-12


def test_one_peak_is_opposed_after_half_a_beat():
    beat = 3.4e-6 * GAMMA_BAR * 3.0
    assert beat == pytest.approx(434.3, abs=0.1)
    found = phasor("single", [0.25 / beat, 0.5 / beat, 1 / beat], field_strength=3.0)
    np.testing.assert_allclose(found, [-1j, -1, 1], atol=1e-12)
    np.testing.assert_allclose(
        phasor("single", [0.25 / beat], field_strength=3.0, precession_sign=-1), [1j], atol=1e-12
    )


@pytest.mark.parametrize("name", [n for n in SPECTRA if n != "single"])
def test_published_spectra_have_their_centre_of_mass_near_methylene(name):
    """d(phase)/dt at 0 is the mean shift: between the methyl and the carboxyl peaks for real fat."""
    h = 1e-7
    slope = np.angle(phasor(name, [h], imaging_frequency_hz=127.7e6)[0]) / (2 * np.pi * h * 127.7e6)
    assert -3.2e-6 < slope < -2.5e-6


def test_frequency_is_taken_before_field():
    one = phasor("hamilton-6", [2e-3], field_strength=1.5, imaging_frequency_hz=127e6)
    np.testing.assert_array_equal(one, phasor("hamilton-6", [2e-3], imaging_frequency_hz=127e6))


def test_unknown_and_unsound_spectra():
    with pytest.raises(OptionError, match="hamilton-6"):
        spectrum("lard")
    with pytest.raises(OptionError, match="imaging frequency"):
        phasor("hamilton-6", [0.001])
    with pytest.raises(OptionError):
        Spectrum("mine", (-3.4, -2.0), (1.0,))


def test_every_number_names_its_source():
    assert all(s.evidence and (s.doi or s.name == "single") for s in SPECTRA.values())
    assert all(r.doi and r.evidence and r.T1 > r.T2 > 0 for r in TISSUE.values())


class TestTriglyceride:
    @pytest.mark.parametrize("bonds", [0.0, 1.9, 3.0])
    def test_it_has_the_protons_of_its_molecule(self, bonds):
        """Glycerol has 5 protons, a chain of n carbons 2n - 1, each double bond takes 2: triolein, C57 H104 O6, has 104."""
        chain = 16.8 + 0.25 * bonds
        assert np.sum(triglyceride(bonds).amplitudes) == pytest.approx(5 + 3 * (2 * chain - 1) - 2 * bonds)

    @pytest.mark.parametrize(("name", "bonds"), [("hamilton-9", 1.9), ("ren-marrow", 2.85)])
    def test_it_has_the_areas_published_for_that_composition(self, name, bonds):
        family, table = triglyceride(bonds), SPECTRA[name]
        assert family.ppm == table.ppm
        areas = [np.asarray(s.amplitudes) / np.sum(s.amplitudes) for s in (family, table)]
        assert np.abs(areas[0] - areas[1]).max() < 0.01

    @pytest.mark.parametrize("bonds", [-0.1, 8.1, float("nan")])
    def test_impossible_ones_are_refused(self, bonds):
        with pytest.raises(OptionError, match="double bonds"):
            triglyceride(bonds)
