"""The one kind of error that the researcher can mend."""

from __future__ import annotations


class InputProblem(Exception):
    """Something in the input that the researcher can mend; everything else is our mistake and fails loudly.

    happened    what is wrong, with their numbers and names
    remedy      a way out in their tools
    """

    def __init__(self, happened: str, remedy: str) -> None:
        super().__init__(f"{happened} {remedy}")
        self.happened = happened
        self.remedy = remedy
