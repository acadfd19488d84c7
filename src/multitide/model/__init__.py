"""A fitted model: prediction, storage, sizes, and its view in notebooks."""
