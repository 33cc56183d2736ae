"""Stated body part and side against what the images show. Only warnings, and only where it is clear."""

from __future__ import annotations

from collections.abc import Sequence

from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.pipeline.plan import Task


def check(series: Sequence[Series], tasks: Sequence[Task], protocol: str) -> tuple[Finding, ...]:
    return ()
