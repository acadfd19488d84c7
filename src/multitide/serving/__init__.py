"""Serve a fitted model over HTTP."""
