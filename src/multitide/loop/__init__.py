"""The training loop: what an epoch draws, what a step does, what is measured and kept, and who is told."""
