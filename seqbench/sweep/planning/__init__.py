"""Plan a sweep: its cells, the tuning of learning rates, and estimates of durations."""
