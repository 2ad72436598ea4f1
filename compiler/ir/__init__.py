"""The intermediate representation: what a kernel program says, free of Python and of LLVM."""
