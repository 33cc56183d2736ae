"""Where distances along a nerve begin: at the level of a bony landmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import Course

#: what the level of a landmark is: the plane across the nerve that passes through it, or its z
Level = Literal["nerve", "limb"]
#: a landmark may lie beyond the followed segment by this share of its length, and no further than this
BEYOND_SHARE, BEYOND_MM = 0.5, 100.0
#: a landmark further to the side than this belongs to another limb
ASIDE_MM = 120.0


def set_zero(line: Course, landmarks: Sequence[Landmark], *, level: Level = "nerve", where: str = "") -> Course:
    """The course with distances counted from the first landmark of kind ``bone`` on its side; unchanged where there is none.

    Beyond the followed segment the nerve is taken to run on straight, for at most half of the segment's length and 100 mm.
    Raises E-COURSE where the landmark lies further beyond it, or further than 120 mm to the side.
    """
    bones = [m for m in landmarks if m.kind == "bone" and (m.side in (line.side, "none") or line.side == "none")]
    if not bones:
        return line
    bone = bones[0]
    name = bone.name or "landmark"
    where = where or line.name
    arc, aside = _nearest(line, bone) if level == "nerve" else _same_z(line, bone)
    length = float(line.arc_mm[-1])
    beyond = max(-arc, arc - length, 0.0)
    _refuse(line, where, name, beyond, aside)
    findings = list(line.findings)
    if beyond > 0.5:
        end = "proximal" if arc < 0 else "distal"
        said = f"{name} lies {beyond:.0f} mm beyond the {end} end of what was followed; the nerve is taken to run on straight"
        findings.append(Finding("note", "N-NERVE", where, said))
    if len(bones) > 1:
        others = ", ".join(b.name or "landmark" for b in bones[1:])
        findings.append(Finding("note", "N-NERVE", where, f"distances are counted from {name}, not from {others}"))
    return replace(line, zero_mm=arc, landmark=name, findings=tuple(findings))


def _refuse(line: Course, where: str, name: str, beyond: float, aside: float) -> None:
    length = float(line.arc_mm[-1])
    limit = min(BEYOND_SHARE * length, BEYOND_MM)
    if beyond > limit:
        raise DataError("E-COURSE", where=f"{where}, {name}", needed=f"a landmark at the level of the {length:.0f} mm of nerve that were "
                        f"followed, or at most {limit:.0f} mm beyond", found=f"one {beyond:.0f} mm beyond",
                        remedy="follow the nerve further, or give a landmark nearer to it")  # fmt: skip
    if aside > ASIDE_MM:
        raise DataError("E-COURSE", where=f"{where}, {name}", needed=f"a landmark of the same limb, within {ASIDE_MM:.0f} mm of the nerve",
                        found=f"one {aside:.0f} mm to the side", remedy="check its coordinates (RAS+, mm) and its side")  # fmt: skip


def _nearest(line: Course, bone: Landmark) -> tuple[float, float]:
    """Arc length of the nearest point of the course, its ends carried on straight, and the distance to it."""
    target = np.asarray(bone.xyz_mm, dtype=float)
    far = 4 * (line.arc_mm[-1] + BEYOND_MM)
    points = np.vstack([
        line.points_mm[:1] - far * line.tangents[:1], line.points_mm, line.points_mm[-1:] + far * line.tangents[-1:]
    ])  # fmt: skip
    arc = np.concatenate(([-far], line.arc_mm, [line.arc_mm[-1] + far]))
    step = np.diff(points, axis=0)
    share = np.clip(np.sum((target - points[:-1]) * step, axis=1) / np.sum(step**2, axis=1), 0, 1)
    away = np.linalg.norm(points[:-1] + share[:, None] * step - target, axis=1)
    best = int(np.argmin(away))
    return float(arc[best] + share[best] * (arc[best + 1] - arc[best])), float(away[best])


def _same_z(line: Course, bone: Landmark) -> tuple[float, float]:
    """Arc length at which the course has the landmark's z, and the distance from it."""
    target = np.asarray(bone.xyz_mm, dtype=float)
    z, arc, rise = line.points_mm[:, 2], line.arc_mm, line.tangents[:, 2]
    crossings = np.flatnonzero((z[:-1] - target[2]) * (z[1:] - target[2]) <= 0)
    if crossings.size:
        i = int(crossings[0])
        share = (target[2] - z[i]) / (z[i + 1] - z[i]) if z[i + 1] != z[i] else 0.0
        point = line.points_mm[i] + share * (line.points_mm[i + 1] - line.points_mm[i])
        return float(arc[i] + share * (arc[i + 1] - arc[i])), float(np.linalg.norm(point - target))
    end = 0 if abs(z[0] - target[2]) < abs(z[-1] - target[2]) else -1
    run = (target[2] - z[end]) / (rise[end] if abs(rise[end]) > 1e-6 else 1e-6)
    point = line.points_mm[end] + run * line.tangents[end]
    return float(arc[end] + run), float(np.linalg.norm(point - target))
