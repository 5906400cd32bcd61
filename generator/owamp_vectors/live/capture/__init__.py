"""Captures: frames, segments and datagrams, from a file and into one."""
