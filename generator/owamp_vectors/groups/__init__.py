"""The vector files, one module each: a function from a source of octets to groups of cases."""
