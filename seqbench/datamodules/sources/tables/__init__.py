"""Tables of labelled sentences: their rows, the names of their columns, and their headers."""
