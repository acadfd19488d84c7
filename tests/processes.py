"""The command in a process of its own, forked from one that has imported multitide already."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

# What the commands import late; importing takes longer than the work of a test.
PRELOADED = [
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "multitide._run_fit",
    "multitide.cli._show",
    "multitide.reports",
    "multitide.study",
    "multitide.tuning._tune",
    "optuna",
    "pyarrow.parquet",
    "torch._dynamo",
]
LONG = 900.0  # seconds; the machine may be busy


def start(
    folder: Path, *arguments: str, file_size: int = resource.RLIM_INFINITY
) -> ForkServerProcess:
    """Start ``multitide ARGUMENTS`` in a folder; its output goes to ``out.txt`` there.

    Files of more bytes than `file_size` cannot be written, by its own processes neither.
    """
    process = _context().Process(target=_run, args=(folder, arguments, file_size))
    process.start()
    return process


def wait_for(process: ForkServerProcess, happened: Callable[[], bool]) -> None:
    """Wait until something has happened, or the process has ended."""
    end = time.monotonic() + LONG
    while process.is_alive() and not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def exit_code(process: ForkServerProcess) -> int:
    """Wait for the end of the process; the code of a killed one is below 0."""
    process.join(LONG)
    assert process.exitcode is not None, "it never ended"
    return process.exitcode


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(folder: Path, arguments: Sequence[str], file_size: int) -> None:
    """Run the command as a shell would; the output is kept for assertions."""
    import torch

    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
    torch.set_num_threads(1)
    os.chdir(folder)
    output = os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["multitide", *arguments]
    from multitide.cli import app

    code: object = 0
    try:
        app()
    except SystemExit as error:
        code = error.code
    sys.stdout.flush()
    sys.stderr.flush()
    # Not as a child of `multiprocessing` ends, which waits for its idle workers.
    os._exit(code if isinstance(code, int) else 0)
