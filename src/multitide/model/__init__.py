"""A fitted model: it answers, is saved and loaded, and is shown."""
