"""The tables of one HTTP rule set: what kernel_progs/http.py walks and compiler/lower/http_tables.py fills.

States are numbered; special ones, those whose entering means something, have the lowest numbers, 0 is dead. A row is a state's number
times the row length, so that a step is one load. Sizes are those of the programs as they are written; a rule set's own are powers of
two, and every index is masked by them.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import global_array, u8, u32, u64

SECTION: Final = ".data.tables"
classes = global_array(u8, 256, SECTION)  # byte -> class
transitions = global_array(u32, 65536, SECTION)  # row | class -> row
actions = global_array(u8, 256, SECTION)  # special state -> Action
arguments = global_array(u32, 256, SECTION)  # special state -> what the action is about
met = global_array(u64, 256, SECTION)  # special state -> the conditions that a VALUE_END meets, as bits
choices = global_array(u32, 256, SECTION)  # rules a request line leaves, in order: Choice
wanted = global_array(u64, 256, SECTION)  # choice -> the conditions it wants met, as bits
lengths = global_array(u32, 32, SECTION)  # first byte & 31 -> bit n: some name of n letters that begins so counts
settings = global_array(u32, 8, SECTION)

# settings
START: Final = 0  # row before a request
SKIP_LIMIT: Final = 1  # rows below are states that bytes can be skipped in (and the dead one)
SPECIAL_LIMIT: Final = 2  # rows below have an action
LINE: Final = 3  # row at the beginning of a header line
VALUE: Final = 4  # row in the value of a header that does not count
CHUNKS: Final = 5  # number of the first of the states of chunked bodies, which stand in the same order in all tables
TAG: Final = 6  # tells these tables from all others; never 0
ANY_HOST: Final = 7  # 1: no rule looks at the host
