"""What a study found: scores, gains, their statistics and verdicts."""
