"""Recorded attacks and honest traces of the models, played against a live server."""
