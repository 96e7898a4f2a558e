"""Callbacks of a run: its curve, checkpoints, progress, metrics table, and the response to signals."""
