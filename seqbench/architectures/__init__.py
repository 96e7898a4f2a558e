"""Backbones, one file per family. Each maps ``(batch, time, d_model)`` to the same shape and depends on no task."""
