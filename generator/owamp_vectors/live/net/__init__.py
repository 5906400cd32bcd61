"""Sockets and times that both ends need."""
