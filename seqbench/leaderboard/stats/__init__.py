"""Statistics of leaderboards: intervals, ranks, and figures across tasks."""
