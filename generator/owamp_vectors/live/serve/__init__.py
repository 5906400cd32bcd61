"""The reference's server on a network."""
