"""Reports of studies, label curves and searches, each as one HTML page and in Markdown."""

from multitide.reports._write_curve_report import write_curve_report
from multitide.reports._write_overview import write_overview
from multitide.reports._write_tuning_report import write_tuning_report
from multitide.reports.study._write_study_report import write_study_report

__all__ = [
    "write_curve_report",
    "write_overview",
    "write_study_report",
    "write_tuning_report",
]
