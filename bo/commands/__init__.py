"""The commands: the folder is the heading in `bo --help`, the file is the noun, its first line the help."""
