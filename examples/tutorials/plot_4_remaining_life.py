"""
How much longer will it run?
============================

The remaining life of a machine is a number that few machines have: most are repaired before they
fail. The wear that ends their life also shows in a fault and in its severity, which are easier to
label. This tutorial predicts all of them on a simulated rig, whose hidden wear we know.
"""

import tempfile

import matplotlib.pyplot as plt
import pandas as pd

import multitide as mt
from multitide.backbones import FCN, Trees

# %%
# A rig with few labels of remaining life
# ---------------------------------------
# 240 runs of 12 machines. Three runs in ten have a label of remaining life. `rig_truth` says what
# the simulation knows and no model sees.

samples = mt.simulate_rig(
    240,
    n_machines=12,
    label_share={"remaining_life": 0.3},
    random_state=0,
)
samples.y.notna().sum()

# %%
# A test on machines that the model has never seen
# ------------------------------------------------
# Machines differ in age and in the calibration of their sensors. The split is by machine, because
# the model will be used on new ones.

split = mt.Splitter(by="group", test=0.3, validation=0.2, random_state=0).split(samples)
train, validation = samples[split.train], samples[split.validation]
test = samples[split.test]

# %%
# Three models
# ------------
# Remaining life alone; with fault and severity, which share its cause; and boosted trees, which are
# strong where labels are few.

network = {
    "backbone": FCN(filters=(16, 16, 16)),
    "max_epochs": 25,
    "batch_size": 32,
    "lr": 0.005,
    "random_state": 0,
    "verbose": 0,
}
related = ["fault", "severity", "remaining_life"]
models = {
    "alone": mt.MultiTaskEstimator(["remaining_life"], **network),
    "with its causes": mt.MultiTaskEstimator(related, **network),
    "trees": mt.MultiTaskEstimator(
        ["remaining_life"],
        backbone=Trees(kind="boosting", n_trees=60),
        random_state=0,
        verbose=0,
    ),
}
rows = {}
for name, model in models.items():
    model.fit(train, validation=validation)
    metrics = model.evaluate(test)
    life = metrics[metrics["task"] == "remaining_life"]
    rows[name] = life.set_index("metric")["value"]
pd.DataFrame(rows).round(3)

# %%
# One seed and few labelled test runs do not decide between them. A study does:
# ``mt.compare(samples, related, n_seeds=10)``.

figure, panels = plt.subplots(
    1, 3, figsize=(11, 4), layout="constrained", sharex=True, sharey=True
)
for axes, (name, model) in zip(panels, models.items(), strict=True):
    predicted = model.predict(test)["remaining_life"]
    mt.plot.predicted_vs_measured(test.y["remaining_life"], predicted, axes)
    axes.set_title(name)

# %%
# A range rather than a number
# ----------------------------
# With `quantiles`, the network predicts a lower and an upper bound that never cross. Maintenance is
# planned by the lower one.

ranges = mt.MultiTaskEstimator(
    [
        "fault",
        "severity",
        mt.Regression("remaining_life", loss="quantile", quantiles=(0.1, 0.5, 0.9)),
    ],
    **network,
)
ranges.fit(train, validation=validation)
ranges.predict_quantiles(test)["remaining_life"].head().round(1)

# %%
# A model for later
# -----------------
# The folder holds weights and a description, no pickle. A new run needs no label.

with tempfile.TemporaryDirectory() as folder:
    ranges.save(f"{folder}/rig-model")
    later = mt.load(f"{folder}/rig-model")
later.predict(mt.simulate_rig(3, random_state=1)).round(2)
