"""The cffi extension: what ext/automata/automata.cdef.h declares."""

from typing import Any

ffi: Any
lib: Any
