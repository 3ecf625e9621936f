"""`/ui`: the page, and the files that it asks for."""

from collections.abc import Mapping

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from service.http.edge.keys import Right
from service.http.page.files import HEADERS, INDEX, PageFile
from service.http.routes.access import require
from service.http.routes.item_answers import knows

router = APIRouter(include_in_schema=False, dependencies=[Depends(require(Right.OPEN))])
_READ = ["GET", "HEAD"]


@router.api_route("/ui", methods=_READ)
async def get_page(request: Request) -> Response:
    """The page itself; it holds nothing secret, and asks the API for what it shows."""
    return _answer(request, _files(request)[INDEX])


@router.api_route("/ui/", methods=_READ)
async def get_page_by_folder() -> Response:
    """The page names its files from where `/ui` is. The redirect names no host, which a request could have made up."""
    return Response(status_code=308, headers={"Location": "../ui"})


@router.api_route("/ui/{name}", methods=_READ)
async def get_file(name: str, request: Request) -> Response:
    """A file beside the page, by its name: nothing is looked up on the disk."""
    files = _files(request)
    if name == INDEX or name not in files:
        raise HTTPException(404)
    return _answer(request, files[name])


def _files(request: Request) -> Mapping[str, PageFile]:
    files: Mapping[str, PageFile] = request.app.state.page
    return files


def _answer(request: Request, file: PageFile) -> Response:
    headers = {**HEADERS, "ETag": file.etag}
    if knows(request, file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
