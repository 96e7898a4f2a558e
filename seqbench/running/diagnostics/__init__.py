"""Diagnostics of an architecture besides its scores: its cost, and its scores on longer sequences."""
