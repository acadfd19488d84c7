"""Which tasks to train together: affinities, partitions and the search."""
