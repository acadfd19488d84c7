"""The report of a study, one file per section."""
