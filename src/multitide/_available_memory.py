"""The memory that a process can still get, on the CPU or on a GPU."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

MEMORY_INFO = Path("/proc/meminfo")
# The limit of a container, and what it uses of it.
CONTAINERS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available_memory(device: torch.device) -> int | None:
    """Return the number of bytes that can still be used; None where this is not known.

    Parameters
    ----------
    device : torch.device
        A GPU has memory of its own.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # torch keeps what earlier fits have freed.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept
    left = []
    for bytes_left in (_of_machine(), *map(_of_container, CONTAINERS)):
        if bytes_left is not None:
            left.append(bytes_left)
    return min(left, default=None)


def _of_machine() -> int | None:
    """Return what Linux says is available, or else all the memory that is built in."""
    match = re.search(r"^MemAvailable: +(\d+) kB", _text(MEMORY_INFO), re.MULTILINE)
    if match:
        return int(match[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def _of_container(paths: tuple[str, str]) -> int | None:
    limit, used = (_text(Path(path)).strip() for path in paths)
    if not limit.isdecimal() or not used.isdecimal():
        return None
    return max(0, int(limit) - int(used))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
