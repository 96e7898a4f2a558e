"""Commands that print the figures which README and docs quote, and keep them as JSON under ``results/``."""
