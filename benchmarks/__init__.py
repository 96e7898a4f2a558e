"""Commands that measure the figures of README and docs, print them, and write them as JSON to ``results/``."""
