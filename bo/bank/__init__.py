"""Bank statements of every format as one kind of statement, and what becomes of their lines."""
