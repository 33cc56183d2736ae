"""Sessions spread over processes. A worker that is killed costs its own session, not the run."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from typing import Any

from neuromyo.core.errors import ResourceError
from neuromyo.pipeline import session
from neuromyo.pipeline.outcome import Event, Failure, Outcome, Tell
from neuromyo.pipeline.session import Job

_queue: Any = None


def run(jobs: Sequence[Job], nprocs: int, tell: Tell) -> Iterator[Outcome]:
    """The outcomes, in the order in which sessions end. A single session stays in this process, with threads."""
    if len(jobs) < 2 or nprocs < 2:
        for job in jobs:
            yield session.run(job, tell)
        return
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(queue, tell), daemon=True)
    listener.start()
    left = list(jobs)
    try:
        for outcome in _pooled(left, min(nprocs, len(jobs)), context, queue):
            left = [job for job in left if job.label != outcome.session]
            yield outcome
        for job in left:  # those that were under way when a worker was killed: again, each in a process of its own
            yield _alone(job, context, queue)
    finally:
        queue.put(None)
        listener.join(timeout=5)
        queue.close()


def _pooled(jobs: Sequence[Job], workers: int, context: SpawnContext, queue: Any) -> Iterator[Outcome]:
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(queue,)) as pool:
        futures: list[Future[Outcome]] = [pool.submit(_work, job) for job in jobs]
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                continue


def _alone(job: Job, context: SpawnContext, queue: Any) -> Outcome:
    for outcome in _pooled([job], 1, context, queue):
        return outcome
    killed = ResourceError("E-MEMORY", where=job.label, needed="room to work", found="its process was killed twice",
                           remedy="give it more memory, a smaller --mem-mb, or fewer --nprocs")  # fmt: skip
    return Outcome(job.label, failures=(Failure.of(job.label, "session", killed),))


def _begin(queue: Any) -> None:
    """In a worker: ends with the parent, whatever becomes of it, and leaves Ctrl-C to it."""
    import signal

    global _queue
    _queue = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job) -> Outcome:
    return session.run(job, _queue.put)


def _listen(queue: Any, tell: Tell) -> None:
    while True:
        event: Event | None = queue.get()
        if event is None:
            return
        tell(event)
