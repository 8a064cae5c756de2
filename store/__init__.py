"""The log: append, seal, sign, prove, verify; the keys and who may use them."""
