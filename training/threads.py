"""How many threads the recipe's products may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def few_threads() -> Iterator[None]:
    """
    One thread for the products of numpy, scipy and torch while it lasts, or as many as OMP_NUM_THREADS says.

    Most of the recipe's products are small. Several threads wait for each other by spinning: on two idle cores training takes a
    quarter longer with both than with one, beside other work several times as long.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    threads = max(1, int(said)) if said.isdecimal() else 1
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
