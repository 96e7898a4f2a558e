"""Diagnostics of an architecture besides its scores: its cost, and how it generalises to longer sequences."""
