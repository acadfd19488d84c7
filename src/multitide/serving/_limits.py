"""What one request, and all of them together, may take of the server."""

from __future__ import annotations

from dataclasses import dataclass

from multitide._checks import check_positive_int
from multitide.errors import ParameterError
from multitide.serving._refusal import Refusal

MOST_GROWTH = 4  # of a table in memory, in sizes of the largest body
MOST_COLUMNS = 10_000
BYTES_OF_CELL = 8


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes
    ----------
    megabytes : int
        Size of the body of a request.
    rows : int
        Rows of its table, or steps of all its windows together.
    seconds : float
        Time until an answer, and until the body has arrived.
    requests : int
        Requests in work at the same time; further ones are told to come back.
    """

    megabytes: int = 16
    rows: int = 200_000
    seconds: float = 30.0
    requests: int = 16

    def __post_init__(self) -> None:
        for name in ("megabytes", "rows", "requests"):
            check_positive_int(name, getattr(self, name))
        if not 0 < self.seconds < float("inf"):
            raise ParameterError(
                f"`seconds` must be a number above 0; got {self.seconds!r}."
            )

    @property
    def n_bytes(self) -> int:
        """Size of the body of a request."""
        return self.megabytes * 2**20

    def check_rows(self, n_rows: int) -> None:
        """Raise :class:`Refusal` if there are more rows than a request may have."""
        if n_rows > self.rows:
            raise Refusal(413, f"The data must have at most {self.rows:,} rows.")

    def check_table(self, n_rows: int, n_columns: int) -> None:
        """Raise :class:`Refusal` if a table would have too many rows, columns or cells."""
        self.check_rows(n_rows)
        if n_columns > MOST_COLUMNS:
            raise Refusal(413, f"The data must have at most {MOST_COLUMNS:,} columns.")
        self.check_memory(n_rows * n_columns * BYTES_OF_CELL)

    def check_memory(self, n_bytes: int) -> None:
        """Raise :class:`Refusal` if a table grows to far more than its body may have."""
        most = MOST_GROWTH * self.n_bytes
        if n_bytes > most:
            raise Refusal(
                413, f"The data must have at most {most:,} bytes without compression."
            )
