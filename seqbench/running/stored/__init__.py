"""Runs on disk: finding, listing and deleting them; nothing here imports torch."""
