"""Pages for readers: reports of a study, of several, of a search, each one file for a browser, and in Markdown."""

from multitide.reporting.curve import write_curve_report
from multitide.reporting.many import write_overview
from multitide.reporting.study import write_study_report
from multitide.reporting.tuning import write_tuning_report

__all__ = ["write_curve_report", "write_overview", "write_study_report", "write_tuning_report"]
