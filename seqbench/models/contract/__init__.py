"""Checks of a backbone on one batch, before and after training: what it returns, and whether it looks ahead."""
