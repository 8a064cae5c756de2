"""SAF-T Financial, the Norwegian standard audit file, versions 1.10 and 1.30: read and written in a stream."""
