"""Recorded traces in octets, played by the reference's endpoints; chains from vector to term."""
