"""The vectors and what is known about the models, rendered for readers other than programs."""
