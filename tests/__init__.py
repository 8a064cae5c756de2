"""Rules, transcripts of the command line, contracts of the stores, attacks."""
