"""The table of cases: what lies there, how it was scanned, and what makes it hard. NumPy only; numbers are mm, degrees, mm2."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scan:
    """One stack. ``snr`` of a healthy fascicle; ``window`` and ``share`` of k-space; slices ``lost`` to motion."""

    weighting: str
    pixel: tuple[float, float]
    thickness: float
    spacing: float
    slices: int
    snr: float
    extent: tuple[float, float] = (48.0, 48.0)
    window: str = "hamming"
    share: float = 1.0
    shading: float = 0.25
    ghost: float = 0.0
    restless: float = 0.03
    lost: tuple[int, ...] = ()
    turn_deg: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    moved: tuple[float, float] = (
        0.0,
        0.0,
    )  # mm by which the person moved before this scan, which its header does not know


@dataclass(frozen=True)
class Recipe:
    """A scene and its scans. Without ``area`` there is no nerve; ``start_on`` says where the click goes instead."""

    seed: int
    scans: tuple[Scan, ...]
    nerve: str = "sciatic-nerve"
    side: str = "right"
    area: float | None = None
    flat: float = 1.5
    lobes: tuple[tuple[int, float], ...] = ((2, 0.08), (3, 0.08), (5, 0.03))
    bend: float = 0.0
    tilt: float = 5.0
    curve: float = 0.002
    wave: tuple[float, float] = (0.0, 40.0)
    count: int = 16
    gap: float = 0.25
    rim: float = 0.18
    fat: float = 0.75  # of the epineurium
    sheath: tuple[float, float] = (0.6, 3.0)
    shine: float = 1.0
    bright: float = 0.0
    muscle_fat: float = 0.03
    streaks: float = 0.02
    septum: float = 0.9
    muscles: int = 3  # that meet at the nerve
    companions: tuple[tuple, ...] = ()  # (kind, distance from the nerve's edge, direction, radius, more)
    bone: tuple[float, float, float, float] | None = None
    skin: tuple[float, float, float] | None = None
    fork: tuple[float, float] | None = None  # level, rate
    start_on: str = ""
    start_slice: float = 0.5  # share of the stack
    storage: tuple[str, str] = ("uvw", "")  # order of the stored axes, and which of them are flipped
    euler: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tags: tuple[str, ...] = field(default=())


def scan(weighting, pixel, thickness, slices, snr, *, gap=0.0, **more):
    pixel = (pixel, pixel) if isinstance(pixel, float) else pixel
    return Scan(weighting, pixel, thickness, thickness + gap, slices, snr, **more)


def vessels(direction, gap=2.0, artery=1.6, vein=2.2):
    """An artery and a vein side by side."""
    return (("artery", gap, direction, artery, {}), ("vein", gap + 0.3, direction + 40, vein, {"flat": 1.5}))


FEMUR = (-17.0, 12.0, 11.0, 3.5)
SMALL = (40.0, 40.0)
LARGE = (64.0, 64.0)

# one case a paragraph, as a table is read
# fmt: off
WITH_NERVE = {
    "sciatic-020": Recipe(
        1, (scan("T2w", 0.2, 2.0, 8, 20, extent=SMALL),), area=42, count=26, gap=0.3, tilt=6, curve=0.004,
        lobes=((2, 0.1), (3, 0.12), (4, 0.06)), septum=2.2, companions=vessels(200, 3.0), tags=("lobed",)),
    "sciatic-030-two": Recipe(
        2, (scan("T2w", 0.3, 3.0, 10, 30, gap=0.6, window="none"),
            scan("T2w-fs", 0.42, 3.0, 11, 24, gap=0.6, shift=(1.0, -1.5, 1.1), turn_deg=4.0)),
        area=38, flat=2.3, count=20, tilt=12, sheath=(0.4, 3.0), companions=(*vessels(80, 1.2), ("vein", 0.6, 250, 1.0, {})),
        bone=(-24.0, 15.0, 11.0, 3.5), storage=("uvw", "uv"), euler=(8, -5, 12), tags=("flattened",)),
    "sciatic-035-crescent": Recipe(
        3, (scan("T1w", 0.35, 3.0, 10, 40), scan("MTw", 0.5, 4.0, 8, 30, shift=(0.5, 0.7, -0.8))),
        area=50, flat=2.6, bend=0.055, count=24, tilt=18, curve=0.003, side="left", sheath=(0.7, 2.5),
        companions=vessels(140), skin=(-90.0, 19.0, 6.0), storage=("wvu", "u"), euler=(-6, 10, 20), tags=("crescent",)),
    "sciatic-040-steep": Recipe(
        4, (scan("T2w", 0.4, 2.5, 12, 35),), area=34, flat=1.3, count=14, tilt=28.5, curve=0.001, sheath=(0.3, 4.0),
        companions=vessels(310, 2.5),
        storage=("vuw", "w"), euler=(15, 4, -8), tags=("steep",)),
    "sciatic-040-fs": Recipe(
        5, (scan("T2w-fs", 0.4, 3.0, 10, 50, window="gauss"),), area=46, count=18, rim=0.1, fat=0.35, tilt=8,
        wave=(1.2, 45.0), companions=(("vein", 0.5, 20, 2.4, {"flat": 1.3}), ("artery", 1.5, 60, 1.7, {})),
        storage=("uvw", "w"), tags=("vein beside",)),
    "sciatic-025x040": Recipe(
        6, (scan("T2w", (0.25, 0.4), 2.5, 10, 45, gap=0.5, ghost=0.05, share=0.9),), area=29, flat=1.8, count=15, tilt=10,
        sheath=(0.3, 2.0),        side="left", companions=(*vessels(100), ("node", 2.5, 250, 3.0, {"length": 13.0, "flat": 1.4})),
        storage=("uvw", "v"), euler=(0, -12, 5), tags=("anisotropic", "node beside")),
    "sciatic-040-mt": Recipe(
        7, (scan("MTw", 0.4, 3.0, 10, 30, shading=0.4),), area=52, flat=1.7, count=22, tilt=14, gap=0.35, fat=0.7, sheath=(0.5, 2.5),
        companions=vessels(45, 1.5), bone=FEMUR, storage=("uwv", "w"), euler=(20, 0, 0), tags=("gradient echo",)),
    "sciatic-040-atrophic": Recipe(
        8, (scan("T2w", 0.4, 3.0, 10, 25),), area=22, flat=2.0, count=9, gap=0.5, fat=0.85, rim=0.15, tilt=7,
        muscle_fat=0.25, streaks=0.18, sheath=(1.0, 4.0), companions=vessels(170), tags=("atrophic", "fatty muscle")),
    "sciatic-035-fatty": Recipe(
        9, (scan("T2w", 0.35, 3.0, 10, 30), scan("T1w", 0.35, 3.0, 10, 30, shift=(0.3, 0.0, 0.0))),
        area=58, flat=1.4, count=20, gap=0.75, fat=0.9, rim=0.25, tilt=11, curve=0.004, side="left",
        companions=vessels(260, 2.5), storage=("vuw", "v"), euler=(5, 5, 5), tags=("fat-infiltrated",)),
    "sciatic-040-ghost": Recipe(
        10, (scan("T2w", 0.38, 4.0, 9, 32, gap=1.0, ghost=0.12, restless=0.12),), area=33, flat=1.6, count=13, tilt=4,
        lobes=((2, 0.05), (3, 0.15)), septum=1.8, companions=vessels(350, 1.0), tags=("ghost",)),
    "sciatic-050-fa": Recipe(
        11, (scan("T2w", 0.5, 4.0, 9, 20, extent=(52.0, 52.0)), scan("FA", 1.2, 4.0, 9, 9, extent=(60.0, 60.0), shading=0.0)),
        area=40, flat=1.8, count=16, tilt=24, companions=vessels(110), side="left", storage=("uvw", "uw"),
        euler=(-10, 8, 0), tags=("steep", "FA")),
    "sciatic-060-spoilt": Recipe(
        12, (scan("T2w", 0.6, 4.0, 11, 15, lost=(6, 7)),), area=48, flat=1.5, count=16, tilt=6, companions=vessels(220),
        start_slice=0.25, storage=("uvw", "u"), tags=("spoilt slices", "noisy")),
    "sciatic-050-spoilt": Recipe(
        13, (scan("T2w-fs", 0.5, 3.5, 10, 28, lost=(3,)), scan("T1w", 0.5, 3.5, 10, 35, moved=(0.25, -0.15))), area=36, flat=2.0,
        count=14, rim=0.12, tilt=9, fat=0.4, companions=vessels(30, 1.5), start_slice=0.7, euler=(0, 0, -25),
        tags=("spoilt slices",)),
    "sciatic-080-fs": Recipe(
        14, (scan("T2w-fs", 0.8, 4.0, 9, 40, extent=LARGE), scan("T1w", 0.8, 4.0, 9, 40, extent=LARGE, moved=(-0.3, 0.4))),
        area=45, flat=1.6,
        count=18, rim=0.15, tilt=8, companions=vessels(75, 3.0, 2.2, 3.0), bone=(-20.0, 16.0, 13.0, 4.0), tags=()),
    "sciatic-080": Recipe(
        15, (scan("T2w", 0.8, 4.0, 9, 60, gap=0.4, extent=LARGE),), area=54, flat=1.3, count=20, tilt=15,
        septum=2.5, sheath=(1.2, 4.0), companions=vessels(190, 3.0, 2.2, 3.0), storage=("vwu", "u"), euler=(5, -15, 30), side="left"),
    "sciatic-080-cube": Recipe(
        16, (scan("T2w", 0.8, 0.8, 30, 30, extent=(48.0, 48.0), window="none"),), area=39, flat=1.7, count=14, tilt=20,
        curve=0.012, sheath=(1.0, 3.5), companions=vessels(300, 2.5, 2.0, 2.6), storage=("uvw", "uvw"), tags=("3D",)),
    "sciatic-100": Recipe(
        17, (scan("T2w", 1.0, 4.0, 9, 50, extent=LARGE),), area=52, flat=1.4, count=18, tilt=5, sheath=(1.2, 4.5),
        companions=vessels(60, 4.0, 2.4, 3.0), bone=(-22.0, 14.0, 13.0, 4.0)),
    "sciatic-100-three": Recipe(
        18, (scan("T1w", (0.9, 1.0), 5.0, 8, 35, extent=LARGE), scan("MTw", 1.0, 5.0, 8, 30, extent=LARGE, shift=(2, 1, 0)),
             scan("FA", 1.3, 5.0, 8, 10, extent=LARGE, shading=0.0)),
        area=59, flat=1.6, count=20, tilt=10, sheath=(1.2, 4.0), companions=vessels(150, 3.5, 2.4, 3.0), side="left",
        storage=("wuv", "w"), euler=(0, 18, -10), tags=("three contrasts",)),
    "sciatic-100-dim": Recipe(
        19, (scan("T2w", 1.0, 5.0, 8, 30, extent=LARGE),), area=47, flat=1.5, count=16, tilt=12, sheath=(1.2, 4.0),
        companions=vessels(240, 3.5, 2.2, 2.8), euler=(12, 0, 0)),
    "sciatic-050-hypertrophic": Recipe(
        20, (scan("T2w-fs", 0.5, 4.0, 9, 40, extent=(56.0, 56.0)), scan("T1w", 0.5, 4.0, 9, 40, extent=(56.0, 56.0))),
        area=115, flat=1.3, count=16, gap=0.35, rim=0.2, shine=1.35, bright=0.3, tilt=9, fat=0.4,
        sheath=(0.4, 2.5), companions=vessels(120), tags=("hypertrophic",)),
    "sciatic-040-split": Recipe(
        21, (scan("T2w", 0.4, 3.0, 13, 35),), area=48, flat=1.2, count=12, tilt=5, fork=(4.0, 0.34), start_slice=0.15,
        companions=vessels(270, 4.0), sheath=(0.8, 3.5), storage=("uvw", "w"), tags=("split",)),
    "sciatic-060-split": Recipe(
        22, (scan("T2w", 0.6, 4.0, 12, 25, gap=0.4), scan("T2w-fs", 0.6, 4.0, 12, 25, gap=0.4)), area=56, flat=1.3, count=12,
        tilt=8, fork=(0.0, 0.28), start_slice=0.1, companions=vessels(80, 4.0), sheath=(0.8, 3.0), side="left",
        storage=("vuw", "uw"), euler=(6, 6, 6), tags=("split",)),
    "sciatic-045-crossing": Recipe(
        27, (scan("T2w", 0.45, 3.0, 11, 40),), area=40, flat=1.7, count=16, tilt=7, sheath=(0.4, 2.5), muscle_fat=0.08, streaks=0.06,
        companions=(*vessels(20, 3.5), ("vein", 0.3, 200, 1.3, {"crosses": 48.0})), storage=("uvw", "vw"), euler=(-8, 3, 0),
        tags=("vessel crosses",)),
    "tibial-030": Recipe(
        23, (scan("T2w", 0.3, 3.0, 9, 25, extent=SMALL),), nerve="tibial-nerve", area=11, flat=1.3, count=8, gap=0.2, rim=0.15,
        tilt=7, sheath=(0.5, 2.0), companions=(("artery", 0.8, 30, 1.1, {}), ("vein", 0.6, 95, 1.2, {}), ("vein", 0.8, -40, 1.0, {})),
        tags=("tibial", "vessels beside")),
    "tibial-040": Recipe(
        24, (scan("T1w", 0.4, 3.0, 9, 30, extent=SMALL), scan("T2w-fs", 0.4, 3.0, 9, 30, extent=SMALL)), nerve="tibial-nerve",
        area=9.5, flat=1.5, count=6, gap=0.2, rim=0.12, tilt=12, sheath=(0.6, 2.0), side="left",
        companions=(("artery", 0.9, 200, 1.2, {}), ("vein", 0.8, 140, 1.1, {}), ("vein", 0.9, 265, 1.1, {})),
        bone=(15.0, -10.0, 9.0, 3.0), storage=("uwv", "v"), euler=(50, 0, 0), tags=("tibial", "oblique stack")),
    "femoral-045": Recipe(
        25, (scan("T2w", 0.45, 3.0, 10, 35), scan("T2w-fs", 0.6, 4.0, 8, 30)), nerve="femoral-nerve", area=24, flat=2.8, bend=0.04,
        count=14, gap=0.3, tilt=13, sheath=(0.5, 2.5), side="left",
        companions=(("artery", 3.0, 10, 4.0, {}), ("vein", 12.5, 0, 4.5, {"flat": 1.3}),
                    ("node", 6.0, 75, 3.5, {"length": 15.0, "flat": 1.6})),
        skin=(90.0, 20.0, 8.0), tags=("femoral", "flattened", "node beside")),
    "l5-root-050": Recipe(
        26, (scan("T2w", 0.5, 3.0, 9, 35), scan("T1w", 0.5, 3.0, 9, 35)), nerve="l5-root", area=18, flat=1.4, count=7, gap=0.2,
        rim=0.12, tilt=22, sheath=(2.0, 5.0), companions=(("sac", 5.0, 20, 6.5, {"stays": True}), ("vein", 2.5, 240, 0.9, {})),
        bone=(-4.0, 21.0, 13.0, 1.2), storage=("uvw", "u"), euler=(18, 0, 0), tags=("root",)),
}

WITHOUT_NERVE = {
    "none-artery": Recipe(
        41, (scan("T2w", 0.35, 3.0, 9, 30),), companions=(("artery", 0, 0, 3.0, {}), ("vein", 4.6, 50, 2.6, {"flat": 1.4})),
        start_on="artery", tilt=8, euler=(5, 5, 0)),
    "none-vein": Recipe(
        42, (scan("T2w", 0.35, 3.0, 9, 40), scan("MTw", 0.45, 3.0, 9, 35)), nerve="tibial-nerve",
        companions=(("vein", 0, 0, 2.8, {"flat": 1.2}), ("artery", 3.8, 80, 1.9, {})), start_on="vein", tilt=6,
        storage=("vuw", "v")),
    "none-node": Recipe(
        43, (scan("T2w", 0.4, 2.5, 11, 35), scan("T2w-fs", 0.4, 2.5, 11, 35)), nerve="femoral-nerve",
        companions=(("node", 0, 0, 3.6, {"length": 15.0, "flat": 1.5}), ("artery", 7.0, 120, 3.0, {}), ("vein", 6.5, 70, 3.4, {})),
        start_on="node", tilt=4, side="left", skin=(90.0, 19.0, 8.0)),
    "none-septum": Recipe(44, (scan("T2w", 0.5, 4.0, 9, 30),), septum=1.3, start_on="septum", companions=vessels(100, 9.0), tilt=5),
    "none-muscle": Recipe(
        45, (scan("T1w", 0.6, 4.0, 9, 40),), start_on="muscle", muscles=1, bone=FEMUR, euler=(0, 10, 10), storage=("uwv", "")),
    "none-fat": Recipe(46, (scan("T2w", 0.5, 4.0, 9, 35),), start_on="skin-fat", skin=(-90.0, 17.0, 12.0), storage=("wvu", "v")),
    "none-marrow": Recipe(47, (scan("T1w", 0.5, 4.0, 9, 35),), start_on="bone", bone=(-9.0, 6.0, 11.0, 3.5), side="left"),
    "none-air": Recipe(48, (scan("T2w", 0.5, 4.0, 9, 25),), start_on="air", skin=(0.0, 9.0, 6.0), storage=("uvw", "uv")),
    "none-tendon": Recipe(
        49, (scan("T2w", 0.4, 3.0, 10, 35), scan("T2w-fs", 0.5, 3.0, 10, 30)), companions=(("tendon", 0, 0, 3.2, {"flat": 1.9}),),
        start_on="tendon", tilt=10, nerve="tibial-nerve", euler=(0, 0, 15)),
    "none-removed": Recipe(
        50, (scan("T2w", 0.4, 3.0, 10, 35),), start_on="gap", companions=(("gap", 0, 0, 3.2, {"flat": 1.3}), *vessels(140, 6.0)),
        tilt=8, side="left", storage=("vuw", "uw")),
}
# fmt: on

RECIPES = {**WITH_NERVE, **WITHOUT_NERVE}
