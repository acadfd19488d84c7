"""Run the benchmarks of speed and write what they print to docs/results/performance.md.

    python benchmarks/performance.py [--folder runs/performance] [--only NAME ...]

Every claim has a command and a goal. What a command prints is kept in a file of the folder with the
load of the machine, so that an interrupted run continues; delete a file to measure it again. The
page has one section per claim, also where the goal is missed, and names those not measured. A
"note" in such a file is shown below the output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results" / "performance.md"
PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "scikit-learn", "aeon")
PACKAGES += ("skorch", "lightning")


@dataclass(frozen=True)
class Claim:
    """What is measured, and by which command.

    Attributes
    ----------
    name : str
        Name of the file with its output.
    title : str
        Heading of its section.
    goal : str
        What should hold.
    command : tuple of str
        The script and its arguments.
    """

    name: str
    title: str
    goal: str
    command: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The command as a user types it."""
        return " ".join(("python", *self.command))


CLAIMS = (
    Claim(
        "start",
        "Start of the command, and one more prediction",
        "`--help` takes at most 0.3 s. Predicting one series from a cold start takes at most 1.2 "
        "times as long as importing torch, pandas, pyarrow and scikit-learn, and one more series "
        "in a running process at most 2 ms of the processor.",
        ("benchmarks/start_time.py",),
    ),
    Claim(
        "steps",
        "A training step against a plain loop",
        "A step takes no longer than that of a plain torch loop, on five backbones.",
        ("benchmarks/step_by_step.py",),
    ),
    Claim(
        "precision",
        "bfloat16",
        "A step in float32 takes at least 1.5 times as long as one in bfloat16 on LSTM-FCN, FCN "
        'and InceptionTime, and whole trainings are equally good (the verdict "same").',
        ("benchmarks/precision.py",),
    ),
    Claim(
        "step-1",
        "An epoch against other trainers, one thread",
        "An epoch takes no longer than that of the fastest peer.",
        ("benchmarks/training_step.py", "--threads", "1"),
    ),
    Claim(
        "step-2",
        "An epoch against other trainers, two threads",
        "An epoch takes no longer than that of the fastest peer.",
        ("benchmarks/training_step.py", "--threads", "2"),
    ),
    Claim(
        "quality-rig",
        "Time to quality: the rig",
        "The default fit reaches the validation loss of boosting in at most twice its time.",
        ("benchmarks/time_to_quality.py", "rig"),
    ),
    Claim(
        "quality-physionet",
        "Time to quality: PhysioNet 2012",
        "The default fit reaches the validation loss of boosting in at most twice its time.",
        ("benchmarks/time_to_quality.py", "physionet"),
    ),
    Claim(
        "quality-beijing",
        "Time to quality: Beijing",
        "The default fit reaches the validation loss of boosting in at most twice its time, and "
        "that of the reference system in at most 1/50 of its time.",
        ("benchmarks/time_to_quality.py", "beijing"),
    ),
    Claim(
        "parts",
        "The parts of a default fit",
        "Everything but growing trees, solving heads and training the network takes at most a "
        "tenth.",
        ("benchmarks/fit_parts.py", "rig", "phalanx", "icu", "physionet"),
    ),
    Claim(
        "balancing",
        "Weightings and aggregators",
        "A weighting costs little of a step; see the table for aggregators.",
        ("benchmarks/balancing_cost.py",),
    ),
    Claim(
        "study",
        "A study on all cores",
        "One process per core with one thread each takes at most 1 / 1.5 of the time of one "
        "process with two threads, and gives the bits of one thread.",
        ("benchmarks/study_throughput.py",),
    ),
)


def measure(claim: Claim, folder: Path) -> None:
    """Run a command and keep what it prints, with the load of the machine before and after."""
    before = os.getloadavg()[0]
    print(f"== {claim.shown}", flush=True)
    done = subprocess.run(
        [sys.executable, *claim.command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, flush=True)
    if done.returncode:
        raise SystemExit(f"{claim.shown} failed with {done.returncode}")
    kept = {
        "command": claim.shown,
        "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        "output": done.stdout,
    }
    (folder / f"{claim.name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def section(claim: Claim, folder: Path) -> str:
    """Return the section of a claim."""
    path = folder / f"{claim.name}.json"
    lines = [f"## {claim.title}", "", f"Goal: {claim.goal}", ""]
    if not path.exists():
        lines.append(f"Not measured yet: `{claim.shown}`.")
        return "\n".join(lines)
    kept = json.loads(path.read_text())
    before, after = kept["load"]
    lines += [f"`{kept['command']}`, load of the machine {before} to {after}:", ""]
    output = kept["output"].strip("\n")
    if "| ---" not in output:  # not a Markdown table
        output = f"```text\n{output}\n```"
    # The headings of a table are below that of the claim.
    lines.append(output.replace("## ", "### "))
    if kept.get("note"):
        lines += ["", kept["note"]]
    return "\n".join(lines)


def header() -> str:
    """Return the beginning of the page: how to read it, the machine and the versions."""
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    return f"""# Performance

    make bench

measures every claim of this page and writes it (`python benchmarks/performance.py`). Medians of
interleaved rounds; ratios have quartiles. Seconds depend on the machine and its load, so compare
the ratios. Everything here is measured on the CPU; CUDA is not measured
([Use a GPU](../guide/gpu.md)).

Machine: {processor()}, {os.cpu_count()} cores. {", ".join(versions)}."""


def processor() -> str:
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure what is not measured yet, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [claim.name for claim in CLAIMS]
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "performance")
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for claim in CLAIMS:
        path = options.folder / f"{claim.name}.json"
        if claim.name in options.only and not path.exists():
            measure(claim, options.folder)
    sections = [header(), *(section(claim, options.folder) for claim in CLAIMS)]
    PAGE.write_text("\n\n".join(sections) + "\n")
    print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
