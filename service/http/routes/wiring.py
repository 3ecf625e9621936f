"""What every route takes: the running service; and how it is documented."""

from types import UnionType
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel

from service.http.edge.problems import MEDIA_TYPE, PROBLEMS
from service.http.schemas.problem import ProblemAnswer
from service.serving.live import Live
from service.serving.running import Service


# These are async because FastAPI sends what is not through a thread.
async def get_live(request: Request) -> Live:
    """What holds the service that answers now."""
    live: Live = request.app.state.live
    return live


async def get_service(request: Request) -> Service:
    """The service that answers now: one space, for the whole of the request."""
    return (await get_live(request)).now


LiveDep = Annotated[Live, Depends(get_live)]
ServiceDep = Annotated[Service, Depends(get_service)]


def documented(model: type[BaseModel] | UnionType | None, good: int, *problems: int) -> dict[int | str, dict[str, Any]]:
    """A route's answers for the OpenAPI document: the good one, and problems by status."""
    answers: dict[int | str, dict[str, Any]] = {good: {"model": model} if model else {"description": "Done."}}
    return answers | {status: problem_answer(status) for status in problems}


def problem_answer(status: int) -> dict[str, Any]:
    """How a status is documented: each problem of the table that has it, by the end of its `type`."""
    found = {(problem.type, problem.title) for problem in PROBLEMS.values() if problem.status == status}
    said = "; ".join(f"`{kind}`: {title}" for kind, title in sorted(found))
    schema = {"$ref": f"#/components/schemas/{ProblemAnswer.__name__}"}
    return {"description": said, "content": {MEDIA_TYPE: {"schema": schema}}}
