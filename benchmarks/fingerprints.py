"""Compute the fingerprints of the published tables, and compare them with the stored ones.

    python benchmarks/fingerprints.py [FOLDER]

FOLDER holds ``beijing_pm25.csv`` and ``hydraulic/``: the published files, or the tables made from
them. Default: ``../shared/data`` next to the repository. Prints the values to store: sums, and
numbers of missing values.
"""

from __future__ import annotations

import sys
from pathlib import Path

from multitide.data import _beijing, _hydraulic
from multitide.data._fingerprints import differences, fingerprint

FOLDER = (
    Path(sys.argv[1])
    if len(sys.argv) > 1
    else Path(__file__).resolve().parents[2] / "shared" / "data"
)
SOURCES = {"beijing_pm25": _beijing.SOURCE, "hydraulic": _hydraulic.SOURCE}
PLACES = {
    "beijing_pm25": FOLDER / "beijing_pm25.csv",
    "hydraulic": FOLDER / "hydraulic",
}


def main() -> None:
    for name, place in PLACES.items():
        if not place.exists():
            print(f"{name}: skipped, no data at {place}")
            continue
        for table, frame in SOURCES[name].read(place).items():
            found = fingerprint(frame)
            different = list(differences(found, SOURCES[name].fingerprints[table]))
            print(f"{name} / {table}: {frame.shape[0]} rows, {frame.shape[1]} columns")
            print(
                "   ",
                ", ".join(
                    f'"{column}": {total:.15g}' for column, (_, total) in found.items()
                ),
            )
            print(
                "    missing:",
                {
                    column: len(frame) - n
                    for column, (n, _) in found.items()
                    if n < len(frame)
                },
            )
            print(
                "    as stored"
                if not different
                else "    DIFFERS: " + "\n    ".join(different)
            )


if __name__ == "__main__":
    main()
