"""Claims about the models, the prover that decides them, and the records of its runs."""
