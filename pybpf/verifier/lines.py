"""Line info -> which line of source an instruction is of.

A log names lines only where it follows a path, and only from Linux 6.9 on with file and number. The program's own records always know.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from posixpath import normpath

from pybpf.btf import TypeTable

from .log import Comment

_RECORD = struct.Struct("<IIII")  # instruction, offsets of file and text in the strings, line << 10 | column


@dataclass(frozen=True, slots=True)
class LineTable:
    """`sources[i]` is the line of the instructions from `starts[i]` to before `starts[i + 1]`."""

    starts: tuple[int, ...] = ()
    sources: tuple[Comment, ...] = ()

    def at(self, instruction: int) -> Comment | None:
        """The line of an instruction; of what the compiler made up (line 0), the line before it. None when nothing is known."""
        index = bisect_right(self.starts, instruction) - 1
        while index >= 0 and not self.sources[index].line:
            index -= 1
        return self.sources[index] if index >= 0 else None


def line_table(line_info: bytes, types: TypeTable) -> LineTable:
    """The table of a program's records (16 bytes each, ascending, as ProgramSpec has them). ObjectError for a text that is not there."""
    records = [_RECORD.unpack_from(line_info, at) for at in range(0, len(line_info) - _RECORD.size + 1, _RECORD.size)]
    sources = tuple(Comment(types.string(text).strip(), normpath(types.string(file)), place >> 10) for _, file, text, place in records)
    return LineTable(tuple(start for start, *_ in records), sources)
