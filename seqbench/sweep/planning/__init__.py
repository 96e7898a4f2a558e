"""Plan of a sweep: its cells, the time that they take, and learning-rate trials."""
