"""Addresses, sockets and times that both ends need."""
