"""Pages for readers: the report of a study or of a search as one file that a browser shows, and in Markdown."""

from multitide.reporting.study import write_study_report
from multitide.reporting.tuning import write_tuning_report

__all__ = ["write_study_report", "write_tuning_report"]
