"""Renderings for people: texts and pages made of vectors, models and verdicts."""
