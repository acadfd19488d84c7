"""The study: should these tasks share a network? Answered for your own data."""

from multitide.study._check_conditions import check_conditions
from multitide.study._compare import compare
from multitide.study._compare_many import compare_many
from multitide.study._comparison import Comparison
from multitide.study._comparisons import Comparisons
from multitide.study._curve import LabelCurve
from multitide.study._group_tasks import group_tasks
from multitide.study._label_curve import label_curve
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import Arm
from multitide.study.design._baselines import BASELINES, Boosting, Constant
from multitide.study.grouping._grouping import Grouping
from multitide.study.runs._workers import Progress

__all__ = [
    "BASELINES",
    "Arm",
    "Boosting",
    "Comparison",
    "Comparisons",
    "Conditions",
    "Constant",
    "Grouping",
    "LabelCurve",
    "Progress",
    "check_conditions",
    "compare",
    "compare_many",
    "group_tasks",
    "label_curve",
]
