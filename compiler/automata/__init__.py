"""Regular languages of bytes: patterns and grammars in, tables for the kernel out.

    text --parse--> Pattern --thompson--> Nfa --determinize--> Dfa --minimize--> Dfa --pack--> PackedTable
                       ^                                    combine, follow, either, without
          trees written by hand, with marks

Every arrow is a pure function between frozen values. The languages are sets of byte strings; a text pattern means the
UTF-8 encodings of its matches. Each arrow is written twice: in Python, one algorithm a file, to be read and to say what is
right; and in C (ext/automata, by way of compiled.py), which is what is exported here. A *mark* is a small number that says
"the bytes so far have just reached this point": a rule's number at its end, or a grammar's landmark in the middle.
"""

# Modules that are called as their functions come first: importing a module puts it in its package, under its name.
from pybpf.compiler.automata import follow as _follow  # noqa: F401
from pybpf.compiler.automata import minimize as _minimize  # noqa: F401
from pybpf.compiler.automata import trim as _trim  # noqa: F401
from pybpf.compiler.automata.algebra import NOTHING, as_pattern, is_empty
from pybpf.compiler.automata.bytesets import (
    ALPHA,
    ALPHANUMERIC,
    ANY_BYTE,
    DIGIT,
    HEX_DIGIT,
    LOWER,
    NO_BYTE,
    UPPER,
    ByteSet,
    byte_classes,
    byte_range,
    bytes_of,
    ranges,
)
from pybpf.compiler.automata.compiled import (
    combine,
    determinize,
    either,
    follow,
    intersect,
    minimize,
    pack,
    thompson,
    trim,
    without,
)
from pybpf.compiler.automata.cursor import PatternError
from pybpf.compiler.automata.dfa import (
    DEAD,
    MAX_DFA_STATES,
    Dfa,
    marked_states,
    matches,
    remarked,
    run,
    staying_states,
)
from pybpf.compiler.automata.nfa import Nfa, TooManyStates, TooMuchMemory, simulate
from pybpf.compiler.automata.pack import PackedTable, TableTooLarge, steps_of, walk
from pybpf.compiler.automata.pattern import parse
from pybpf.compiler.automata.tree import (
    Alternate,
    Concat,
    Empty,
    Graph,
    Literal,
    Mark,
    OneOf,
    Pattern,
    Repeat,
    choice,
    marked,
    optional,
    sequence,
)
from pybpf.compiler.automata.witness import witness

__all__ = [
    "ALPHA",
    "ALPHANUMERIC",
    "ANY_BYTE",
    "DEAD",
    "DIGIT",
    "HEX_DIGIT",
    "LOWER",
    "MAX_DFA_STATES",
    "NOTHING",
    "NO_BYTE",
    "UPPER",
    "Alternate",
    "ByteSet",
    "Concat",
    "Dfa",
    "Empty",
    "Graph",
    "Literal",
    "Mark",
    "Nfa",
    "OneOf",
    "PackedTable",
    "Pattern",
    "PatternError",
    "Repeat",
    "TableTooLarge",
    "TooManyStates",
    "TooMuchMemory",
    "as_pattern",
    "byte_classes",
    "byte_range",
    "bytes_of",
    "choice",
    "combine",
    "determinize",
    "either",
    "follow",
    "intersect",
    "is_empty",
    "marked",
    "marked_states",
    "matches",
    "minimize",
    "optional",
    "pack",
    "parse",
    "ranges",
    "remarked",
    "run",
    "sequence",
    "simulate",
    "staying_states",
    "steps_of",
    "thompson",
    "trim",
    "walk",
    "without",
    "witness",
]
