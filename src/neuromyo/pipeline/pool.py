"""Many like jobs over several processes: each is done once, whoever is killed costs its own job, and Ctrl-C ends all of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

J = TypeVar("J")
R = TypeVar("R")


def each(work: Callable[[J], R], jobs: Sequence[J], nprocs: int) -> Iterator[tuple[J, R]]:
    """(job, what ``work`` made of it) as they end; ``work`` is a function of a module, ``jobs`` and results can be pickled.

    An error of a job is raised here, and jobs that have not begun are then left undone. One job, or one process, stays in this one.
    """
    if nprocs < 2 or len(jobs) < 2:
        for job in jobs:
            yield job, work(job)
        return
    pool = ProcessPoolExecutor(
        min(nprocs, len(jobs)), mp_context=multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        waiting = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a worker: Ctrl-C is the parent's to hear, and a parent that is gone ends it."""
    import os
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
