"""Every code an error about a kernel program can have, and what it stands for. docs/errors.md shows each."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "kernel-atomic": "an atomic operation on a field that is not an aligned u32 or u64, or lies in the packet",
    "kernel-call": "a call that kernel programs do not have, or with the wrong arguments",
    "kernel-construct": "a piece of Python that kernel programs do not have",
    "kernel-divisor": "a division by something other than a constant that is not 0",
    "kernel-duplicate": "one name for two things of an object, or two names for one",
    "kernel-escape": "a struct on the stack that would be known under a second name, or outlive its function",
    "kernel-field": "a field that is not there, or cannot be read or set so",
    "kernel-index": "an index or offset that is not known to be in range",
    "kernel-loop": "a loop without constant bounds, or with too many rounds",
    "kernel-moved": "a view on the packet used after the packet may have moved",
    "kernel-name": "a name that stands for nothing a kernel program can use",
    "kernel-none": "a view that may be None, used as if it were not",
    "kernel-operator": "an operator without a BPF instruction",
    "kernel-range": "a number that does not fit 64 bits",
    "kernel-readonly": "a write to read-only data",
    "kernel-recursion": "functions that call each other in a circle",
    "kernel-return": "a function that can reach its end without the value it returns",
    "kernel-shift": "a shift that is not known to be below 64",
    "kernel-signature": "a parameter or result without a kernel type, or not those of its kind of function",
    "kernel-source": "a function whose source cannot be read, or is not one plain `def`",
    "kernel-type": "a value of another type than the one needed",
    "kernel-unmarked": "a function without @program where one is needed",
    "kernel-unset": "a variable that is not set on every way",
}
