"""How many trials per minute, beside an arm that works as the reference tool does."""
