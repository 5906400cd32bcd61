"""Running tamarin-prover, and reading what it says."""
