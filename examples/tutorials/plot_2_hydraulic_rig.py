"""
Should these tasks share a network?
===================================

A hydraulic test rig runs cycles of sixty seconds. Five labels describe the state of its cooler,
valve, pump, accumulator, and whether it has settled. This tutorial trains two of them alone and
together, and asks for each whether sharing helps.
"""

import matplotlib.pyplot as plt
import tables

import multitide as mt
from multitide.backbones import CNN1D

# %%
# Two tables
# ----------
# The series have one row per second, the labels one row per cycle. Consecutive cycles with the same
# condition form a run: a random split would put one run into training *and* test set, so the split
# is by run.

series, labels = tables.hydraulic()
every_third = labels["cycle"] % 3 == 0
labels = labels[every_third]
series = series[series["cycle"].isin(labels["cycle"])]

samples = mt.read_table(
    series,
    labels=labels,
    tasks=["valve", "accumulator"],
    channels=["PS1", "PS2", "PS3", "EPS1", "FS1", "SE"],
    series="cycle",
    time="second",
    extra=["run"],
)
samples

# %%
# One cycle as the network sees it:

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
mt.plot.example_series(samples, 0, axes)

# %%
# A study
# -------
# `alone` trains one network per task; `hard` one network for all. Both have the same split, seeds
# and number of steps. Five seeds are the fewest that allow a verdict.

comparison = mt.compare(
    samples,
    arms=["alone", "hard"],
    estimator=mt.MultiTaskEstimator(
        backbone=CNN1D(output_channels=16, flatten=True),
        inputs=mt.Inputs(encodings=("difference",)),
        max_epochs=16,
        batch_size=32,
        lr=0.005,
        random_state=0,
    ),
    split=mt.Splitter(by="group", column="run", test=0.3, validation=0.2),
    n_seeds=5,
    n_jobs=1,
    verbose=0,
)
comparison.gains[["task", "arm", "gain", "low", "high", "verdict"]].round(3)

# %%
# A gain is the loss of the task alone minus the loss of the arm, in units of the loss of the best
# constant: above zero, the arm is better. The bar is the 95 % interval over seeds *and* runs.

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
mt.plot.verdict_gains(comparison.gains, axes)

# %%
# On the real rig both tasks are better alone: each needs other sensors at other seconds, and one
# small network has less room for two. Where an interval includes zero, the study says "cannot tell"
# and what would settle it.

print(comparison)

# %%
# What next
# ---------
# Sixteen short epochs of a small network are a demonstration. A study that decides something
# trains to the end, and has ``"boosting"`` among its arms: where labels are few, trees are
# often better than both. On the command line it is two lines, and ends in a page for the browser::
#
#     multitide init series.parquet --labels labels.csv --series cycle --time second
#     multitide compare multitide.toml
