"""How many fits are computed at a time."""

from __future__ import annotations

import torch

from multitide._threads import available_cores


def default_n_jobs(device: str) -> int:
    """Return one process per core that this process may use; one process on a GPU."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return 1
    return available_cores()
