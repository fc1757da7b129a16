"""Builds the demo model: the world, its tokenizer, and the two training phases."""
