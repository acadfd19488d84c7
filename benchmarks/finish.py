"""Does training each task on alone take back what sharing costs?

    python benchmarks/finish.py [hydraulic physionet2012] [--seeds 5] [--folder runs/finish]

The configurations of the repository without their refit, which `finish` excludes. ``hard`` is one
network for all tasks, ``finish`` trains a copy of it further for each task
(``training.finish="per_task"``), and the reference has one network per task. A study, so the same
splits, seeds and steps for all arms; nothing is chosen by it. Finished runs stay in ``--folder``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from multitide import compare
from multitide.reports._pages import markdown_table
from sharing import GROUPS, figures_table, read_config, table

CASES = ("hydraulic", "physionet2012")


def main() -> None:
    """Run the studies, and print gains over the reference, over `hard`, and the metrics."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("runs/finish"))
    arguments = parser.parse_args()
    for name in arguments.cases or CASES:
        samples, splitter, estimator = read_config(name)
        study = compare(
            samples,
            estimator=estimator,
            split=splitter.split(samples),
            arms=["hard", "finish"],
            n_seeds=arguments.seeds,
            groups=GROUPS.get(name),
            robust=False,
            n_jobs=1,
            folder=arguments.folder / name,
        )
        print(f"\n## {name}\n\nGains over one network per task:\n")
        print(markdown_table(table(study)))
        print("\nGains over `hard`:\n")
        print(markdown_table(table(study.against("hard"))))
        print()
        print(markdown_table(figures_table(study)))


if __name__ == "__main__":
    main()
