"""Function names -> file offsets, of this machine's own executables."""

from __future__ import annotations

import _ctypes
import ctypes
from pathlib import Path

import pytest

from pybpf.errors import ObjectError
from pybpf.executables import function_offset


def c_library() -> Path:
    """The C library of this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return Path(next(line.split()[-1] for line in lines if "/libc.so" in line or "/libc-" in line))


def test_the_offset_is_where_the_function_is_mapped_from() -> None:
    handle = ctypes.CDLL(None)
    address = ctypes.cast(handle.getppid, ctypes.c_void_p).value
    assert address is not None
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split()
        start, end = (int(each, 16) for each in fields[0].split("-"))
        if start <= address < end:
            assert function_offset(Path(fields[-1]), "getppid") == address - start + int(fields[2], 16)
            return
    raise AssertionError("the function is mapped nowhere")


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(ObjectError) as caught:
        function_offset(c_library(), "getpppid")
    assert "getppid" in caught.value.hint


def test_a_function_that_is_only_imported_is_not_there() -> None:
    with pytest.raises(ObjectError) as caught:
        function_offset(Path(_ctypes.__file__), "malloc")
    assert "no function 'malloc'" in caught.value.message


def test_a_file_that_is_no_executable_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no ELF")
    with pytest.raises(ObjectError) as caught:
        function_offset(text, "main")
    assert "ELF" in caught.value.hint
