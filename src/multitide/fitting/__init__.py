"""Fitting: from samples and parameters to trained networks."""
