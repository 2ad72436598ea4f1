"""The cffi extension: what ext/_bpf.cdef.h declares."""

from typing import Any

ffi: Any
lib: Any
