"""Reports of studies, label curves and searches as a page and in Markdown; of reasons as a page."""

from multitide.reports._write_curve_report import write_curve_report
from multitide.reports._write_explanation import write_explanation
from multitide.reports._write_overview import write_overview
from multitide.reports._write_tuning_report import write_tuning_report
from multitide.reports.study._write_study_report import write_study_report

__all__ = [
    "write_curve_report",
    "write_explanation",
    "write_overview",
    "write_study_report",
    "write_tuning_report",
]
