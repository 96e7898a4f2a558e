"""Backbones, one file per family: ``(batch, time, d_model)`` in, the same out; they never hear of tasks."""
