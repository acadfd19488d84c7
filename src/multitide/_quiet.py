"""Work without output, whose warnings are collected."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from multitide._own_random_numbers import one_at_a_time
from multitide._silence import collecting


@contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Collect warnings and log nothing, since every fit would repeat them."""
    logger = logging.getLogger("multitide")
    with one_at_a_time(), collecting():
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                yield caught
        finally:
            logger.setLevel(level)
