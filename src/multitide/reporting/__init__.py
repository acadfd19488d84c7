"""Pages for readers: the report of a study as one file that a browser shows, and in Markdown."""

from multitide.reporting.study import write_study_report

__all__ = ["write_study_report"]
