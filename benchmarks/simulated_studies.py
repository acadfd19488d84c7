"""Size and power of the verdicts of a study, on gains that are simulated and not trained.

    python benchmarks/simulated_studies.py TABLE [--studies 2000] [--first 0]

TABLE is one of

size      false alarms and power where seeds, groups and residual vary in turn
effects   false alarms with skewed effects, unequal groups, effects of the size of a group
tasks     studies with a false claim, and right claims, over many tasks and arms
settle    how often the seeds or labels that "cannot tell" asks for give a verdict
looks     studies with a false claim if seeds are added until every verdict is settled

A study of S seeds and G test groups has differences mu + a[s] + b[g] + e[s, g]. The random numbers
of a study depend on its number alone.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from multitide.study._until_conclusive import LEVEL_OF_A_LOOK, LOOKS
from multitide.study.results._adjusted_p_values import benjamini_hochberg
from multitide.study.results._statistics import Gain, GainTable, estimate, row_table
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, judge

CLAIMS = (HELPS, HURTS)
MIXES = {
    "seeds": (1, 0, 0),
    "groups": (0, 1, 0),
    "residual": (0, 0, 1),
    "seeds + residual": (1, 0, 1),
    "mostly seeds": (4, 0, 1),
    "groups + residual": (0, 1, 1),
    "all alike": (1, 1, 1),
}
DESIGNS = ((5, 10), (5, 20), (5, 100), (8, 20), (12, 40), (20, 100))


@dataclass(frozen=True)
class Design:
    """How large a study is and what varies in it.

    Attributes
    ----------
    n_seeds, n_groups : int
    mix : (float, float, float)
        Shares of seeds, groups and residual in the variance of the gain.
    draw : callable
        Draws effects of mean 0 and standard deviation 1.
    sizes : callable or None
        Draws the rows of each group; all 1 by default.
    by_size : float
        Correlation of the effect of a group with its size.
    gain : float
        The true gain, in standard errors.
    """

    n_seeds: int
    n_groups: int
    mix: tuple[float, float, float]
    draw: Callable[..., np.ndarray] = np.random.Generator.standard_normal
    sizes: Callable[[np.random.Generator, int], np.ndarray] | None = None
    by_size: float = 0.0
    gain: float = 0.0

    def cells(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the differences (n_seeds, n_groups) and the rows of each group."""
        seed, group, residual = np.sqrt(np.array(self.mix) / sum(self.mix))
        sizes = np.ones(self.n_groups, dtype=int)
        if self.sizes is not None:
            sizes = self.sizes(rng, self.n_groups)
        n_effective = sizes.sum() ** 2 / np.sum(sizes**2)
        a = self.draw(rng, (self.n_seeds, 1)) * np.sqrt(self.n_seeds)
        b = self.draw(rng, self.n_groups) * np.sqrt(n_effective)
        e = self.draw(rng, (self.n_seeds, self.n_groups))
        e = e * np.sqrt(self.n_seeds * n_effective)
        cells = self.gain + seed * a + group * b + residual * e
        if self.by_size and self.sizes is not None:
            # The mean over the rows of all groups that could be drawn is zero.
            many = self.sizes(np.random.default_rng(0), 100_000)
            centred = sizes - np.sum(many**2) / many.sum()
            cells = cells + self.by_size * np.sqrt(n_effective) * centred / many.std()
        return cells, sizes


def table_of(cells: np.ndarray, sizes: np.ndarray) -> GainTable:
    """Return the table that a study would make of these differences."""
    return row_table(
        np.repeat(cells, sizes, axis=1), np.repeat(np.arange(len(sizes)), sizes)
    )


def gain_of(design: Design, number: int) -> Gain:
    """Return the gain of one simulated study."""
    return estimate(table_of(*design.cells(np.random.default_rng(number))))


def satterthwaite(gain: Gain) -> bool:
    """Return whether a t interval with Satterthwaite's degrees of freedom excludes zero."""
    parts = gain.parts
    variance = parts.seed + parts.group - parts.residual
    dof = parts.seed_dof * parts.group_dof
    if variance < parts.residual:
        variance = parts.residual
    else:
        spread = parts.seed**2 / parts.seed_dof + parts.group**2 / parts.group_dof
        dof = max(1.0, variance**2 / (spread + parts.residual**2 / dof))
    return bool(2 * stats.t.sf(abs(gain.gain) / np.sqrt(variance), dof) < 0.05)


def size(numbers: range) -> pd.DataFrame:
    """Return false alarms, and power at three standard errors, of both intervals."""
    rows = []
    for n_seeds, n_groups in DESIGNS:
        for name, mix in MIXES.items():
            row = {"seeds": n_seeds, "groups": n_groups, "varies": name}
            for column, true in (("false alarms", 0.0), ("power", 3.0)):
                design = Design(n_seeds, n_groups, mix, gain=true)
                gains = [gain_of(design, number) for number in numbers]
                row[column] = np.mean([gain.p < 0.05 for gain in gains])
                row[f"{column} (t)"] = np.mean([satterthwaite(gain) for gain in gains])
            rows.append(row)
    return pd.DataFrame(rows)


def lognormal(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw skewed effects of mean 0 and standard deviation 1 (skewness 6.2)."""
    drawn = rng.lognormal(size=shape) - np.exp(0.5)
    return np.asarray(drawn / np.sqrt((np.e - 1) * np.e))


def unequal(rng: np.random.Generator, n_groups: int) -> np.ndarray:
    """Draw sizes of groups from 1 to 20."""
    return rng.integers(1, 21, n_groups)


def very_unequal(rng: np.random.Generator, n_groups: int) -> np.ndarray:
    """Draw sizes of groups of which a few have most of the rows."""
    return np.ceil(3 * rng.lognormal(0, 1, n_groups)).astype(int)


def giant(rng: np.random.Generator, n_groups: int) -> np.ndarray:
    """Return sizes of groups of which one has 95 % of the rows."""
    sizes = np.full(n_groups, 2)
    sizes[0] = 38 * (n_groups - 1)
    return sizes


def effects(numbers: range) -> pd.DataFrame:
    """Return false alarms with effects and groups that are no textbook's."""
    all_alike = MIXES["all alike"]
    kinds = {
        "normal, equal groups": {},
        "normal, unequal groups": {"sizes": unequal},
        "normal, very unequal groups": {"sizes": very_unequal},
        "normal, one giant group": {"sizes": giant},
        "lognormal, equal groups": {"draw": lognormal},
        "lognormal, unequal groups": {"draw": lognormal, "sizes": unequal},
        "effect grows with the group": {"sizes": very_unequal, "by_size": 0.5},
    }
    rows = []
    for n_seeds, n_groups in ((5, 12), (5, 40), (12, 40)):
        for name, options in kinds.items():
            for mix in (all_alike, MIXES["groups"]):
                design = Design(n_seeds, n_groups, mix, **options)
                gains = [gain_of(design, number) for number in numbers]
                alarms = np.array([gain.p < 0.05 for gain in gains])
                warned = np.array([bool(gain.doubt) for gain in gains])
                row = {"seeds": n_seeds, "groups": n_groups, "effects": name}
                row["varies"] = "all alike" if mix == all_alike else "groups"
                row["miss zero"] = alarms.mean()
                row["claims"] = np.mean(
                    [gain.p < 0.05 and gain.effective_groups >= 3 for gain in gains]
                )
                row["warned"] = warned.mean()
                row["missed, not warned"] = np.mean(alarms & ~warned)
                rows.append(row)
    return pd.DataFrame(rows)


def tasks(numbers: range) -> pd.DataFrame:
    """Return the studies with a false claim, and the right claims, over many gains."""
    rows = []
    for n_gains, n_true in ((4, 0), (4, 2), (4, 4), (12, 0), (12, 3), (12, 9)):
        for n_seeds in (5, 12):
            some_false, share_false, found = [], [], []
            for number in numbers:
                claims = _claims(n_gains, n_true, n_seeds, number)
                wrong, right = claims[n_true:], claims[:n_true]
                some_false.append(wrong.any())
                share_false.append(wrong.sum() / max(1, claims.sum()))
                found.append(right.mean() if n_true else np.nan)
            row = {"gains": n_gains, "true": n_true, "seeds": n_seeds}
            row["studies with a false claim"] = np.mean(some_false)
            row["false share of the claims"] = np.mean(share_false)
            row["true gains found"] = np.mean(found)
            rows.append(row)
    return pd.DataFrame(rows)


def _claims(n_gains: int, n_true: int, n_seeds: int, number: int) -> np.ndarray:
    """Return which gains of one study are claimed; its tasks share half of all effects."""
    design = Design(n_seeds, 30, MIXES["all alike"])
    rng = np.random.default_rng(number)
    common = design.cells(rng)[0]
    p = []
    for place in range(n_gains):
        own = design.cells(rng)[0]
        cells = np.sqrt(0.5) * (common + own) + (4.0 if place < n_true else 0.0)
        p.append(estimate(table_of(cells, np.ones(30, dtype=int))).p)
    return benjamini_hochberg(p) < 0.05


def settle(numbers: range) -> pd.DataFrame:
    """Return how often a study, continued as it asks, has a verdict."""
    rows = []
    for name in (
        "seeds",
        "groups",
        "seeds + residual",
        "groups + residual",
        "all alike",
    ):
        settled: dict[str, list[bool]] = {"seeds": [], "labels": []}
        for number in numbers:
            design = Design(5, 20, MIXES[name], gain=2.0)
            large = replace(design, n_seeds=200, n_groups=2000)
            cells = _cells_of_many(design, large, np.random.default_rng(number))
            first = estimate(table_of(cells[:5, :20], np.ones(20, dtype=int)))
            verdict = judge([first], margin=1e-9)[0]
            if verdict.verdict != CANNOT_TELL:
                continue
            if verdict.more_seeds <= 200:
                more = cells[: int(verdict.more_seeds), :20]
                settled["seeds"].append(_has_verdict(more))
            if verdict.more_labels <= 2000:
                more = cells[:5, : int(verdict.more_labels)]
                settled["labels"].append(_has_verdict(more))
        row: dict[str, object] = {"varies": name}
        for what, found in settled.items():
            row[f"settled by {what}"] = np.mean(found) if found else np.nan
            row[f"studies ({what})"] = len(found)
        rows.append(row)
    return pd.DataFrame(rows)


def _cells_of_many(
    design: Design, large: Design, rng: np.random.Generator
) -> np.ndarray:
    """Return the cells of a study that can grow, with the effects of the small design."""
    seed, group, residual = np.sqrt(np.array(design.mix) / sum(design.mix))
    a = rng.normal(size=(large.n_seeds, 1)) * np.sqrt(design.n_seeds)
    b = rng.normal(size=large.n_groups) * np.sqrt(design.n_groups)
    e = rng.normal(size=(large.n_seeds, large.n_groups))
    e *= np.sqrt(design.n_seeds * design.n_groups)
    return np.asarray(design.gain + seed * a + group * b + residual * e)


def _has_verdict(cells: np.ndarray) -> bool:
    gain = estimate(table_of(cells, np.ones(cells.shape[1], dtype=int)))
    return judge([gain], margin=1e-9)[0].verdict in CLAIMS


def looks(numbers: range) -> pd.DataFrame:
    """Return the studies with a claim if seeds are added until there is one."""
    rows = []
    for name, mix in MIXES.items():
        for true in (0.0, 3.0):
            design = Design(5, 20, mix)
            large = replace(design, n_seeds=20)
            once, naive, spent, used = [], [], [], []
            for number in numbers:
                cells = _cells_of_many(design, large, np.random.default_rng(number))
                p = []
                for times in LOOKS:
                    seen = true + cells[: math.ceil(5 * times)]
                    p.append(estimate(table_of(seen, np.ones(20, dtype=int))).p)
                once.append(p[0] < 0.05)
                naive.append(min(p) < 0.05)
                clear = np.flatnonzero(np.array(p) < 0.05 * LEVEL_OF_A_LOOK)
                spent.append(len(clear) > 0)
                last = clear[0] if len(clear) else len(LOOKS) - 1
                used.append(math.ceil(5 * LOOKS[last]))
            row: dict[str, object] = {"varies": name, "true gain": int(true)}
            row["5 seeds"] = np.mean(once)
            row["4 looks, each at 5 %"] = np.mean(naive)
            row["until conclusive"] = np.mean(spent)
            row["mean seeds"] = f"{np.mean(used):.1f}"
            rows.append(row)
    return pd.DataFrame(rows)


TABLES = {
    "size": size,
    "effects": effects,
    "tasks": tasks,
    "settle": settle,
    "looks": looks,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    numbers = range(options.first, options.first + options.studies)
    table = TABLES[options.table](numbers)
    shares = table.select_dtypes("float").columns
    table[shares] = table[shares].map("{:.1%}".format)
    print(f"{options.studies} studies per row, {time.perf_counter() - started:.0f} s")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
