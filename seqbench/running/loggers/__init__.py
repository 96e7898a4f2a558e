"""Loggers of a run: W&B, TensorBoard and trackio."""
