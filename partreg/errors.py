"""The one exception that partreg raises on purpose."""


class PartregError(Exception):
    """Something the user can mend: one sentence that names the file, the line, what was expected and what to do."""
