"""What a study compares: arms, baselines, splits and test groups."""
