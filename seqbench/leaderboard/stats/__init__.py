"""Statistics of leaderboards: intervals, ranks and aggregates across tasks."""
