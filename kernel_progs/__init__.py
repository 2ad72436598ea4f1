"""The programs that run in the kernel, in typed Python. License of this folder: MIT OR GPL-2.0-only."""
