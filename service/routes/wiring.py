"""What every route takes: the running service; and how it is documented."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel

from service.errors import PROBLEMS
from service.problems import MEDIA_TYPE
from service.running import Service
from service.schemas import ProblemAnswer


def get_service(request: Request) -> Service:
    """The service that the app was started with."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


def documented(model: type[BaseModel] | None, good: int, *problems: int) -> dict[int | str, dict[str, Any]]:
    """A route's answers for the OpenAPI document: the good one, and problems by status."""
    answers: dict[int | str, dict[str, Any]] = {good: {"model": model} if model else {"description": "Done."}}
    schema = {"$ref": f"#/components/schemas/{ProblemAnswer.__name__}"}
    for status in problems:
        titles = sorted({problem.title for problem in PROBLEMS.values() if problem.status == status})
        answers[status] = {"description": "; ".join(titles), "content": {MEDIA_TYPE: {"schema": schema}}}
    return answers
