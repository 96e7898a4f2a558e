"""Kernels that architectures share: recurrences over time, each with a plain reference; they import torch alone."""
