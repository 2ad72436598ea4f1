"""Text in, ELF bytes out."""
