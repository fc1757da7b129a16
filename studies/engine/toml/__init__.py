"""Parameter files: a preset as TOML, read from a user and written for one."""
