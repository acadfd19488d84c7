"""The end of a worker process whose fit takes longer than the time that is left.

Networks stop by themselves, but nothing interrupts scikit-learn while it grows trees, or the
solution of linear heads.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 75  # "temporary failure": the fit can be repeated with more time
SECONDS_BETWEEN_CHECKS = 0.5


@contextmanager
def process_ends_after(seconds: float, may_end: Callable[[], bool]) -> Iterator[None]:
    """End this process if the block takes longer.

    Parameters
    ----------
    seconds : float
        From now on; infinite for no limit.
    may_end : callable
        Asked repeatedly from then on: as long as it returns False, the block may take longer.
    """
    if math.isinf(seconds):
        yield
        return
    block_ended = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(seconds, may_end, block_ended), daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        block_ended.set()
        watch.join()


def _watch(
    seconds: float, may_end: Callable[[], bool], block_ended: threading.Event
) -> None:
    end = time.perf_counter() + seconds
    while not block_ended.wait(max(SECONDS_BETWEEN_CHECKS, end - time.perf_counter())):
        if may_end():
            os._exit(EXIT_CODE)
