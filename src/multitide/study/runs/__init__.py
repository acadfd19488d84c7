"""How a study runs: the plan, the fits, the workers, and the fits on disk."""
