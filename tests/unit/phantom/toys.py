"""Declarations with plain physics, so that what the phantom makes of a series can be followed by hand."""

from __future__ import annotations

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, SeriesNeed
from neuromyo.core.quantity import Quantity

TIMES = (0.002, 0.0035, 0.006)
COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")


def declare(id_: str, simulate, needs, typical, example, noise="rician") -> Biomarker:
    return Biomarker(
        id=id_, title=id_, doi=(), needs=needs, gives=(Quantity("X", "x", "ms", (0.0, 1.0), "T2map"),),
        simulate=simulate, estimate=lambda inputs, options: Estimate({}, np.zeros(1)), typical=typical,
        example={"S0": 1.0, **example}, noise=noise,
    )  # fmt: skip


def column(truth, name: str) -> np.ndarray:
    return np.asarray(truth[name], float)[..., None]


def spoiled(truth, a: Acquisition) -> np.ndarray:
    """Water and one fat peak at -440 Hz, spoiled gradient echoes of one angle, MT on the water."""
    turn, decay = np.deg2rad(a.flip_angles_deg[0]), np.exp(-a.repetition_time / column(truth, "T1"))
    left = 1.0 - column(truth, "MTsat") * bool(a.mt_on[0])
    water = np.sin(turn) * (1 - decay) / (1 - left * np.cos(turn) * decay) * (1 - column(truth, "FF"))
    fat_decay = np.exp(-a.repetition_time / column(truth, "FatT1"))
    fat = np.sin(turn) * (1 - fat_decay) / (1 - np.cos(turn) * fat_decay) * column(truth, "FF")
    times = np.array(a.echo_times)
    rate = 2j * np.pi * column(truth, "B0") - column(truth, "R2star")
    return column(truth, "S0") * (water + fat * np.exp(-2j * np.pi * 440 * times)) * np.exp(rate * times)


def gre(angle: float, saturated: bool) -> Acquisition:
    mt = {"mt_offset_hz": 2000.0, "mt_flip_angle_deg": 220.0} if saturated else {}
    return Acquisition(
        echo_times=TIMES, repetition_time=0.025, flip_angles_deg=(angle,), mt_on=(saturated,),
        rf_spoiling_increment_deg=50.0, **mt,
    )  # fmt: skip


def mpm(flip: str, mt: str) -> SeriesNeed:
    return SeriesNeed(("MPM",), part="complex", required=("echo_times",), entities=(("flip", flip), ("mt", mt)))


MAPPING = declare(
    "toy-mpm", lambda truth, acquisitions, options: {role: spoiled(truth, a) for role, a in acquisitions.items()},
    {"pdw": mpm("1", "off"), "mtw": mpm("1", "on"), "t1w": mpm("2", "off")},
    {"pdw": gre(6.0, False), "mtw": gre(6.0, True), "t1w": gre(24.0, False)},
    {"T1": 1.4, "FatT1": 0.37, "MTsat": 0.013, "FF": 0.1, "B0": 10.0, "R2star": 40.0}, "complex",
)  # fmt: skip


def tensor_decay(truth, acquisitions, options):
    b, g = np.array(acquisitions["dwi"].b_values), np.array(acquisitions["dwi"].b_vectors)
    x, y, z = g.T
    exponent = sum(
        column(truth, f"D{c}") * w
        for c, w in zip(COMPONENTS, (x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z), strict=True)
    )
    return {"dwi": column(truth, "S0") * np.exp(-b * exponent)}


DIFFUSION = declare(
    "toy-dwi", tensor_decay, {"dwi": SeriesNeed(("dwi",), required=("b_values", "b_vectors"))},
    {"dwi": Acquisition(b_values=(0.0, 8e8), b_vectors=((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)), echo_times=(0.06,),
                        repetition_time=5.0)},
    {f"D{c}": 1e-9 * (c[0] == c[1]) for c in COMPONENTS},
)  # fmt: skip


def two_intervals(truth, acquisitions, options):
    turn = np.deg2rad(60.0) * column(truth, "B1")
    out = {role: column(truth, "S0") * np.sin(turn) * a.repetition_time for role, a in acquisitions.items()}
    return {role: signal * np.ones(1) for role, signal in out.items()}


AFI = declare(
    "toy-afi", two_intervals, {k: SeriesNeed(("TB1AFI",), entities=(("acq", k),)) for k in ("tr1", "tr2")},
    {k: Acquisition(repetition_time=t, flip_angles_deg=(60.0,), echo_times=(0.002,), rf_spoiling_increment_deg=39.0)
     for k, t in (("tr1", 0.02), ("tr2", 0.1))},
    {"B1": 1.0},
)  # fmt: skip


def sines(role: str):
    def simulate(truth, acquisitions, options):
        a = acquisitions[role]
        times = np.zeros(1) if a.echo_times is None else np.array(a.echo_times)
        return {role: column(truth, "S0") * np.sin(np.deg2rad(a.flip_angles_deg)) * np.exp(-times * 30.0)}

    return simulate


DOUBLE = declare(
    "toy-dam", sines("dam"), {"dam": SeriesNeed(("TB1DAM",))},
    {"dam": Acquisition(flip_angles_deg=(60.0, 120.0), repetition_time=8.0, echo_times=(0.004,))}, {},
)  # fmt: skip
VARIABLE = declare(
    "toy-vfa", sines("vfa"), {"vfa": SeriesNeed(("VFA",))},
    {"vfa": Acquisition(flip_angles_deg=(4.0, 4.0, 20.0, 20.0), echo_times=(0.002, 0.004, 0.002, 0.004),
                        repetition_time=0.02, rf_spoiling_increment_deg=117.0)}, {},
)  # fmt: skip


def saturation(truth, acquisitions, options):
    on = np.array(acquisitions["mt"].mt_on, float)
    return {"mt": column(truth, "S0") * (1 - on * column(truth, "MTR"))}


RATIO = declare(
    "toy-mtr", saturation, {"mt": SeriesNeed(("MTR",))},
    {"mt": Acquisition(mt_on=(False, True), flip_angles_deg=(9.0,), repetition_time=0.03)}, {"MTR": 0.3},
)  # fmt: skip


def echoes(truth, acquisitions, options):
    times = np.array(acquisitions["gre"].echo_times)
    rate = 2j * np.pi * column(truth, "B0") - column(truth, "R2star")
    return {"gre": column(truth, "S0") * np.exp(rate * times)}


FIELD = declare(
    "toy-b0", echoes, {"gre": SeriesNeed(("MEGRE",), part="complex")},
    {"gre": Acquisition(echo_times=TIMES, repetition_time=0.03, flip_angles_deg=(10.0,))},
    {"B0": 10.0, "R2star": 40.0}, "complex",
)  # fmt: skip


def recovery(truth, acquisitions, options):
    return {"ir": column(truth, "S0") * np.abs(1 - 2 * np.exp(-np.array(acquisitions["ir"].inversion_times) / 1.4))}


INVERSION = declare(
    "toy-ir", recovery, {"ir": SeriesNeed(("IRT1",))},
    {"ir": Acquisition(inversion_times=(0.1, 0.4, 1.0), repetition_time=5.0, echo_times=(0.01,), flip_angles_deg=(90.0,))},
    {},
)  # fmt: skip


def train(truth, acquisitions, options):
    times = np.array(acquisitions["mese"].echo_times)
    return {"mese": column(truth, "S0") * np.exp(-times / column(truth, "T2"))}


SPIN_ECHO = declare(
    "toy-mese", train, {"mese": SeriesNeed(("MESE",))},
    {"mese": Acquisition(echo_times=(0.01, 0.02, 0.03), repetition_time=3.0, refocusing_angle_deg=180.0)}, {"T2": 0.035},
)  # fmt: skip

TOYS = {b.id: b for b in (MAPPING, DIFFUSION, AFI, DOUBLE, VARIABLE, RATIO, FIELD, INVERSION, SPIN_ECHO)}
