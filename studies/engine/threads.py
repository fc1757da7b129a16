"""How many processor threads a model is worth."""

import torch

from studies.engine.model import LoadedModel

SMALL = 30_000_000  # parameters
_ALL = torch.get_num_threads()  # what torch, or OMP_NUM_THREADS, would use


def use_threads_for(loaded: LoadedModel) -> int:
    """Set and return the number of threads: one for a small model on a CPU, else all.

    Threads that share a tiny matrix wait for each other longer than they work, most of all
    on a busy machine: a trial of the demo model took 10.3 s with two threads and 1.6 s with
    one while two other processes ran on the two cores.
    """
    weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    alone = loaded.device.type == "cpu" and weights < SMALL
    torch.set_num_threads(1 if alone else _ALL)
    return torch.get_num_threads()
