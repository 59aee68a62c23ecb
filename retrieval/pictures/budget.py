"""How much memory decoding may take: one budget in bytes, shared by all threads, for every mode and format."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

TOTAL = 192 << 20
"""What all pictures that are being decoded at once may take together, in bytes."""

AT_ONCE = 96 << 20
"""A picture that takes more when it is decoded as a whole is read strip by strip instead, where its format allows."""


class Budget:
    """So many bytes; who needs some waits until they are free."""

    def __init__(self, total: int) -> None:
        """Begin with all of `total` free."""
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Keep `size` bytes, or all where it is more, as long as the block runs; waits for its turn."""
        size = min(size, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


DECODING = Budget(TOTAL)
