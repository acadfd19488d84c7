"""Predict what has arrived while the last predictions were made, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

from multitide.data._samples import Samples
from multitide.serving._engine import Engine
from multitide.training._decode_samples import Decoded

MOST_STEPS = 2**20  # of all series of a batch, padded to the longest


class Batcher:
    """Gathers requests into batches. Nothing waits for others: a batch is what is there.

    Parameters
    ----------
    engine : callable
        Predicts samples. It is called in one thread of its own.

    Attributes
    ----------
    n_batches : int
        Number of batches so far.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Samples, asyncio.Future[Decoded]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._task: asyncio.Task[None] | None = None
        self.n_batches = 0

    async def decode(self, samples: Samples) -> Decoded:
        """Return the predictions for samples, which may be computed together with others."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Decoded] = loop.create_future()
        self._waiting.append((samples, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._remaining():
            batch = self._take()
            self.n_batches += 1
            together = [samples for samples, _ in batch]
            results = await loop.run_in_executor(
                self._thread, self._decode_all, together
            )
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # whoever asked has left
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _remaining(self) -> bool:
        """Forget the requests whose clients have left; return whether there are others."""
        self._waiting = [each for each in self._waiting if not each[1].done()]
        return bool(self._waiting)

    def _take(self) -> list[tuple[Samples, asyncio.Future[Decoded]]]:
        """Return the first request, and those after it that fit into one batch."""
        first = self._waiting.pop(0)
        batch, n_rows, longest = [first], len(first[0]), first[0].n_timepoints
        while self._waiting:
            samples = self._waiting[0][0]
            n_rows += len(samples)
            longest = max(longest, samples.n_timepoints)
            if n_rows * longest > MOST_STEPS:
                break
            batch.append(self._waiting.pop(0))
        return batch

    def _decode_all(self, requests: Sequence[Samples]) -> list[Decoded | BaseException]:
        """Return the predictions of each request; one that fails does not fail the others."""
        if len(requests) > 1:
            try:
                return list(self._decode_together(requests))
            except Exception:
                pass  # found out below, request by request
        results: list[Decoded | BaseException] = []
        for samples in requests:
            try:
                results.append(self._engine(samples))
            except Exception as error:
                results.append(error)
        return results

    def _decode_together(self, requests: Sequence[Samples]) -> list[Decoded]:
        decoded = self._engine(reduce(Samples.joined, requests))
        parts, start = [], 0
        for samples in requests:
            rows = slice(start, start + len(samples))
            parts.append({task: values[rows] for task, values in decoded.items()})
            start += len(samples)
        return parts
