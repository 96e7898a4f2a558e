"""Search of the learning rate and of further options: its rule, its next trials, and its traces in a record."""
