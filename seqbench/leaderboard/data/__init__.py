"""Input of leaderboards: board cards, and records from folders and from W&B."""
