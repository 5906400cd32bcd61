"""Renderings of the vectors and of the claims, made by the templates beside this package."""
