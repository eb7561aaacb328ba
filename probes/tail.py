"""Follows a file that grows: whole lines, once each, through rotation and truncation. From where it ends when first seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

#: Read at once; what is more waits for the next time.
CHUNK_BYTES, LONGEST_LINE = 4 * 1024 * 1024, 64 * 1024


class Tail:
    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.too_long = 0  # lines past the limit, left out
        self._file: tuple[int, int] | None = None  # device and inode
        self._offset = 0
        self._part = b""
        self._skip = False  # in the middle of a line that is too long

    def lines(self) -> Iterator[bytes]:
        """The lines that came since the last call; raises OSError where the file cannot be read."""
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            size, same = status.st_size, (status.st_dev, status.st_ino)
            if self._file is None:
                self._offset = size
            elif self._file != same or size < self._offset:
                self._offset, self._part, self._skip = 0, b"", False
            self._file = same
            file.seek(self._offset)
            text = file.read(CHUNK_BYTES)
        self._offset += len(text)
        *whole, self._part = (self._part + text).split(b"\n")
        for line in whole:
            if self._skip or len(line) > LONGEST_LINE:
                self.too_long += 1
                self._skip = False
            elif line.strip():
                yield line
        if len(self._part) > LONGEST_LINE:
            self._part, self._skip = b"", True
