"""How long tests of properties look for a counterexample: each run looks elsewhere."""

from hypothesis import settings

settings.register_profile("suite", max_examples=50, deadline=None)  # a busy machine is no failure
settings.load_profile("suite")
