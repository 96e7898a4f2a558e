"""Select the records that count for a board, and arrange them in rows."""
