"""The tables of one HTTP rule set: what kernel_progs/http.py walks and compiler/lower/http_tables.py fills.

A state is a row, the number of a place in `transitions` (compiler/automata/pack.py draws them); special ones, those whose entering means
something, have the lowest numbers, 0 is dead. Sizes are those of the programs as they are written; a rule set's own are powers of two,
and every index is masked by them.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import global_array, u8, u32, u64

SECTION: Final = ".data.tables"
columns = global_array(u8, 256, SECTION)  # byte -> column
transitions = global_array(u32, 65536, SECTION)  # row + column -> column and row
chunk_rows = global_array(u32, 32, SECTION)  # states of chunked bodies, which have the same numbers in all tables
actions = global_array(u8, 2048, SECTION)  # special state -> Action
arguments = global_array(u32, 2048, SECTION)  # special state -> what the action is about; of a chunked body's, its number
met = global_array(u64, 2048, SECTION)  # special state -> the conditions that a VALUE_END meets, as bits
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
TAG: Final = 5  # tells these tables from all others; never 0
ANY_HOST: Final = 6  # 1: no rule looks at the host
