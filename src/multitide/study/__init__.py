"""The study: should these tasks share a network? Answered for your own data."""

from multitide.study.advising import group_tasks
from multitide.study.arms import Arm
from multitide.study.baselines import BASELINES, Boosting, Constant
from multitide.study.checking import check_conditions
from multitide.study.comparison import Comparison
from multitide.study.comparisons import Comparisons
from multitide.study.conditions import Conditions
from multitide.study.conduct import compare
from multitide.study.curve import LabelCurve
from multitide.study.execution import Progress
from multitide.study.grouping import Grouping
from multitide.study.many import compare_many
from multitide.study.tracing import label_curve

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
