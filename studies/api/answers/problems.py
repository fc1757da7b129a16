"""What is said where a request cannot be taken."""

from ninja import Schema


class ProblemPlace(Schema):
    place: str
    message: str


class ProblemOut(Schema):
    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemPlace]
