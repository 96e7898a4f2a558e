"""Recurrences over time that several architectures share, each with a plain reference. They import torch alone."""
