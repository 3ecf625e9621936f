"""The machine and the day of a measurement, as a claim must name them."""

import datetime
import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """Date, cores, processor, memory and Python."""
    processor = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = processor[0] if processor else platform.machine()
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return f"{today}, {os.cpu_count()} cores of {name}, {memory:.0f} GiB, Python {platform.python_version()}"
