"""What partreg raises on purpose."""


class PartregError(Exception):
    """Something the user can correct: one sentence that names the file, the line, what was expected and what to do.

    It stays on one line, whatever message of a library is quoted in it.
    """

    def __init__(self, sentence: str = "") -> None:
        super().__init__(" ".join(str(sentence).splitlines()))


class DivergedError(PartregError):
    """The loss of a training is infinite or not a number; what was trained says something about its description."""
