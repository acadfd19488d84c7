"""
Labels that hardly ever occur together
======================================

Tables of intensive care hold one row per hour, most cells of which are empty, and five labels that
come from different questions: death and tomorrow's creatinine exist at hour 24 of some stays,
sepsis and acute kidney injury at each hour of others. No row has all five. One network learns from
all of them.
"""

import matplotlib.pyplot as plt
import tables

import multitide as mt
from multitide.backbones import GRU

# %%
# How much is missing
# -------------------

hours = tables.intensive_care()
stays = hours["stay_id"].drop_duplicates().sample(400, random_state=0)
hours = hours[hours["stay_id"].isin(stays)]
tasks = ["death", "creatinine_next_day", "sepsis", "aki", "hours_to_discharge"]
print(f"{hours['stay_id'].nunique()} stays, {len(hours):,} hours; labelled rows:")
hours[tasks].notna().sum()

# %%
# Windows that end at the label
# -----------------------------
# Windows of 25 hours, one every six hours: the first ends at hour 24, where death and creatinine
# are. A `static_` column is an input of the whole stay. No window spans two stays, since `stay_id`
# is the series.

samples = mt.read_table(
    hours,
    tasks=tasks,
    series="stay_id",
    time="hour",
    static=["static_*"],
    window=25,
    stride=6,
)
split = mt.Splitter(by="group", test=0.25, validation=0.2, random_state=0).split(
    samples
)
split.counts(samples.y)

# %%
# The split is by stay: all windows of a patient's stay are in the same set.
#
# A value that was not measured
# -----------------------------
# `ffill` repeats the last measurement. Whether a value was measured, and how long ago, says as much
# about a patient as the value: `observed` and `elapsed` give both to the network. Statistics for
# scaling come from the training set and are part of the model.

model = mt.MultiTaskEstimator(
    backbone=GRU(num_layers=1, hidden_size=32, dropout=0.3),
    inputs=mt.Inputs(clip=0.001, impute="ffill", observed=True, elapsed=True),
    max_epochs=5,
    batch_size=64,
    lr=0.003,
    keep="per_task",
    random_state=0,
    verbose=0,
)
model.fit(samples[split.train], validation=samples[split.validation])

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
mt.plot.history(model.history_, axes)

# %%
# Every task on its own labelled rows
# -----------------------------------
# The AUROC does not depend on how frequent a class is, so it suits rare events. Look at
# `n_labelled` before you believe a line: a metric of thirty labels is uncertain. The `trivial`
# average precision is the share of events; where it is small, the AUROC rests on few events.

metrics = model.evaluate(samples[split.test])
wanted = metrics["metric"].isin(["roc_auc", "average_precision", "rmse"])
metrics.loc[wanted, ["task", "metric", "value", "trivial", "n_labelled"]]

# %%
# What next
# ---------
# Two hospitals as two data sets in one fit, with the same tasks and their own scaling::
#
#     eicu = mt.read_table("eicu.parquet", ...)
#     mimic = mt.read_table("mimic.parquet", ...)
#     mt.MultiTaskEstimator().fit({"eicu": eicu, "mimic": mimic})
