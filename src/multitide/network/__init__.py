"""The network from a raw array to predictions, and fast paths for many heads and losses."""
