"""What docs/scale.md says: measured constants, and a model that goes on from them."""
