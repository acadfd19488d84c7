"""What a server has done, as text that Prometheus reads."""

from __future__ import annotations

from collections import Counter

# Upper ends in seconds, as in Prometheus' client for Python.
ENDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Counters:
    """Counts requests by status, samples, and the seconds that answers took."""

    def __init__(self) -> None:
        self._by_status: Counter[int] = Counter()
        self._by_end: Counter[float] = Counter()
        self._seconds = 0.0
        self.n_samples = 0

    def count(self, status: int, seconds: float) -> None:
        """Count a request to predict."""
        self._by_status[status] += 1
        self._seconds += seconds
        for end in ENDS:
            if seconds <= end:
                self._by_end[end] += 1

    def text(self, n_batches: int, n_active: int) -> str:
        """Return all counters in Prometheus' format."""
        name = "multitide_requests_total"
        lines = _head(name, "counter", "Requests to predict, by status.")
        for status, n in sorted(self._by_status.items()):
            lines.append(f'{name}{{status="{status}"}} {n}')
        name = "multitide_request_seconds"
        lines += _head(name, "histogram", "Time of a request to predict.")
        total = sum(self._by_status.values())
        for end in ENDS:
            lines.append(f'{name}_bucket{{le="{end}"}} {self._by_end[end]}')
        lines.append(f'{name}_bucket{{le="+Inf"}} {total}')
        lines.append(f"{name}_sum {self._seconds:.6f}")
        lines.append(f"{name}_count {total}")
        for name, kind, what, value in (
            (
                "multitide_samples_total",
                "counter",
                "Samples predicted.",
                self.n_samples,
            ),
            ("multitide_batches_total", "counter", "Batches predicted.", n_batches),
            ("multitide_requests_active", "gauge", "Requests in work.", n_active),
        ):
            lines += [*_head(name, kind, what), f"{name} {value}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, what: str) -> list[str]:
    return [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
