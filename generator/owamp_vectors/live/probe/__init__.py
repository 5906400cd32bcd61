"""The reference's client on a network."""
