"""From samples and parts to trained networks: the recipe, the groups of tasks, and the phases of their training."""
