"""Judging a conversation message by message, whoever carries it."""
