"""The network from a raw array to an answer, and what makes many of its heads one matrix."""
