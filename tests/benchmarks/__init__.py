"""Figures measured side by side in one run; `python -m tests.benchmarks` prints them as a table of ratios."""
