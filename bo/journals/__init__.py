"""Journals of plain-text accounting, read by small parsers of our own: nobody needs the other program."""
