"""The demo model: small weights, its prompts, and the package that built both."""
