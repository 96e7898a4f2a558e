"""The input of leaderboards: board cards and checked records."""
