"""How the keys of entries and their postings hang together: all that a query needs to know of the books."""

LINES = 1 << 16
"""An entry has fewer lines: the id of a posting is that of its entry times this, plus its line."""
PARTS = 1 << 4
"""The same for the entries of one event: the id of an entry is its position times this, plus its part."""
LINES_OF = f"p.id >= e.id * {LINES} AND p.id < (e.id + 1) * {LINES}"
"""SQL: the postings `p` of the entry `e`, by their key."""
BY_HAND = "substr({0}, 1, instr({0}, '.') - 1) NOT IN ('invoice', 'bill', 'payment')"
"""SQL: whether an event is no document's, so that its lines on a control account are items of their own."""
