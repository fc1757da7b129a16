import resource

import pytest
import torch

from studies.engine.heap import keep_freed_memory


def page_faults(work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def large_tensors():
    for _ in range(20):
        torch.ones(12 * 2**20)  # 48 MiB: above what glibc would keep by itself


def test_memory_of_freed_tensors_is_used_again():
    if not keep_freed_memory():
        pytest.skip("another C library")
    large_tensors()
    assert page_faults(large_tensors) < 2 * 12_288, "the pages of two of twenty at most"
