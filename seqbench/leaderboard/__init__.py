"""Leaderboards, computed from records without torch: selection, statistics, pages, submissions."""
