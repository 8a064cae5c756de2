"""The demonstration: a year in the back office of a small workshop that does not exist."""
