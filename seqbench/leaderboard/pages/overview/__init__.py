"""The overview of a board: who is first where, a table of all scores, and the result in a sentence."""
