"""The rooms: a module, or a package where one would be long, for each theory and included file.

Each has the name of its file in ``models/`` and one object, ``ROOM``. A room may use another's
rows: a theory that is a variant says what differs, and takes the rest from there.
"""
