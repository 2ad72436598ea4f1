"""Every code an error about a kernel program can have, and what it stands for. docs/errors.md shows each."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "kernel-atomic": "an atomic operation on a field that is not an aligned u32 or u64, or lies in the packet",
    "kernel-call": "a call that kernel programs do not have, or with the wrong arguments",
    "kernel-construct": "a piece of Python that kernel programs do not have",
    "kernel-context": "a field or the packet, where this type of program may not read or write it",
    "kernel-divisor": "a division by something that is not known to be above 0",
    "kernel-duplicate": "one name for two things of an object, or two names for one",
    "kernel-escape": "a struct on the stack that would be known under a second name, or outlive its function",
    "kernel-field": "a field that is not there, or cannot be read or set so",
    "kernel-format": "a format that printk does not have, or that does not fit its arguments",
    "kernel-helper": "a helper that this type of program may not call",
    "kernel-index": "an index or offset that is not known to be in range",
    "kernel-license": "a call that is for programs under a licence that goes with the GPL",
    "kernel-lock": "a spin lock where none can be held, or something that cannot be done under one",
    "kernel-loop": "a loop whose end is not known, or with too many rounds",
    "kernel-moved": "a view on the packet used after the packet may have moved",
    "kernel-name": "a name that stands for nothing a kernel program can use",
    "kernel-none": "a view that may be None, used as if it were not",
    "kernel-operator": "an operator without a BPF instruction",
    "kernel-order": "a byte order where a number has none: it belongs to fields in memory",
    "kernel-range": "a number that may not fit where it goes",
    "kernel-readonly": "a write to read-only data",
    "kernel-recursion": "functions that call each other in a circle",
    "kernel-result": "a value that this type of program may not return",
    "kernel-return": "a function that can reach its end without the value it returns",
    "kernel-shift": "a shift that is not known to be below 64",
    "kernel-sign": "a number that may be below zero with one that may be above 2^63 - 1: no 64 bits hold both",
    "kernel-signature": "a parameter or result without a kernel type, or not those of its kind of function",
    "kernel-source": "a function whose source cannot be read, or is not one plain `def`",
    "kernel-stack": "more than 512 bytes of structs on the stack",
    "kernel-target": "something that the kernel which is compiled for does not have yet",
    "kernel-type": "a value of another type than the one needed",
    "kernel-unmarked": "a function without @program where one is needed",
    "kernel-unreleased": "something got from the kernel that is not given back on every way",
    "kernel-unset": "a variable that is not set on every way",
}
