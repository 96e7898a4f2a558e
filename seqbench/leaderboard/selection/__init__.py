"""Selection of the records that count on a board, and their arrangement in rows."""
