"""Facts and rules: frozen structs and pure functions. No clock, no file, no terminal."""
