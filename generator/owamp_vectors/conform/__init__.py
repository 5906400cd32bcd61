"""Driving an implementation over the vectors, and saying what it gets wrong."""
