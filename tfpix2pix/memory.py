"""How much memory TensorFlow may take, where a process is given less than the machine has.

TensorFlow asks for as much as the machine has, and what the system refuses ends the process by a
segmentation fault or as `Killed`. Where it knows the limit, it raises an error for the one image
that needs more.
"""

import os
from pathlib import Path
from typing import Optional

try:
    import resource
except ImportError:  # Windows has none.
    resource = None

# Bytes that are not for TensorFlow's tensors: its code, Python's packages, and an image decoded.
RESIDENT = 600 * 2**20
# The same in addresses, without and for each processor: what threads reserve and never use.
ADDRESSES = 2300 * 2**20
ADDRESSES_OF_PROCESSOR = 100 * 2**20
LEAST = 256 * 2**20
# Of a container, as systemd, Docker and Kubernetes limit it: version 2 of control groups, and 1.
CONTAINERS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def limit() -> Optional[int]:
    """Returns how many bytes of tensors the process can have; `None` where nothing limits it.

    Example:
        >>> limit() is None or limit() >= LEAST
        True
    """
    if resource is None:
        return None
    rooms = []
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY:
        rooms.append(addresses - ADDRESSES - ADDRESSES_OF_PROCESSOR * (os.cpu_count() or 1))
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in map(Path, CONTAINERS):
        text = file.read_text().strip() if file.is_file() else "max"
        if text != "max" and int(text) < machine:
            rooms.append(int(text) - RESIDENT)
    return max(LEAST, min(rooms)) if rooms else None
