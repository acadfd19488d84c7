"""The conditions under which sharing is said to help."""
