"""Many like jobs over several processes: each is done once, and Ctrl-C ends all of them when those under way are done."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from neuromyo.core.errors import ResourceError

J = TypeVar("J")
R = TypeVar("R")


def each(work: Callable[[J], R], jobs: Sequence[J], nprocs: int) -> Iterator[tuple[J, R]]:
    """(job, what ``work`` made of it) as they end; ``work`` is a function of a module, ``jobs`` and results can be pickled.

    An error of a job is raised here, E-MEMORY where a process was killed, and jobs that have not begun are then left undone. One job, or
    one process, stays in this one.
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
            try:
                yield waiting[future], future.result()
            except BrokenProcessPool as error:
                raise ResourceError("E-MEMORY", where="a process", needed="room to work", found="it was killed",
                                    remedy="give fewer --nprocs and start again: what is done stays") from error  # fmt: skip
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
