"""What answers say; the parts that a method, a model or a scorer shapes stay open."""
