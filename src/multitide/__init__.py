"""Multi-task learning on time series."""
