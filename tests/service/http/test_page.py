"""The page at `/ui`: what a browser is sent and may do with it, and that it calls what there is."""

import re
import tomllib
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.http.app import openapi_document
from service.http.page.files import FOLDER, INDEX, MEDIA_TYPES, read_page
from tests.conftest import ClientMaker
from tests.service.http.test_bad_input import assert_problem

NAMES = sorted(path.name for path in FOLDER.iterdir())
TEXTS = {name: (FOLDER / name).read_text(encoding="utf-8") for name in NAMES}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}
FORBIDDEN = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "srcdoc",
    "eval(",
    "new Function",
    "import(",
)
METHODS_OF = {path: set(methods) for path, methods in openapi_document()["paths"].items()}
CALL = re.compile(r'\bcall\(\s*"(\w+)",\s*"([^"]+)"')


def where(name: str) -> str:
    return "/ui" if name == INDEX else f"/ui/{name}"


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_each_file_comes_with_its_type_and_with_what_it_may_do(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(where(name))

    assert answer.status_code == 200
    assert answer.text == TEXTS[name]
    assert answer.headers["content-type"] == MEDIA_TYPES[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' blob: data:"


@pytest.mark.anyio
async def test_a_file_that_the_browser_holds_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/ui/main.js")
    again = await client.get("/ui/main.js", headers={"If-None-Match": first.headers["etag"]})
    changed = await client.get("/ui/main.js", headers={"If-None-Match": '"another"'})

    assert first.headers["cache-control"] == "no-cache"
    assert [answer.status_code for answer in (again, changed)] == [304, 200]
    assert again.content == b""


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_page_needs_no_key_and_what_it_asks_for_does(service: ClientMaker, method: str) -> None:
    async with service(read_keys=SecretStr("read-key-of-the-test")).client() as client:
        files = [await client.request(method, where(name)) for name in NAMES]
        asked = await client.get("/model")

    assert {answer.status_code for answer in files} == {200}
    assert asked.status_code == 401


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        *("/ui/none.js", "/ui/index.html", "/ui/files.py", "/ui/static/main.js", "/ui/main.js/", "/ui//main.js", "/ui/MAIN.JS"),
        *("/ui/..", "/ui/../app.py", "/ui/%2e%2e/files.py", "/ui/..%2ffiles.py", "/ui/..%5cfiles.py", "/ui/%2fetc%2fpasswd"),
        *("/ui/main.js%00", "/uix"),
    ],
)
async def test_nothing_else_lies_below_it(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404, None)


@pytest.mark.anyio
async def test_nothing_can_be_posted_to_it(client: httpx.AsyncClient) -> None:
    for path in ("/ui", "/ui/main.js"):
        assert_problem(await client.post(path, json={}), 405, None)


@pytest.mark.anyio
async def test_a_slash_after_it_leads_to_it_and_names_no_host(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ui/", headers={"Host": "localhost"})

    assert (answer.status_code, answer.headers["location"]) == (308, "../ui")


@pytest.mark.anyio
async def test_it_is_measured_by_its_template(client: httpx.AsyncClient) -> None:
    for path in ("/ui", "/ui/main.js", "/ui/none.js"):
        await client.get(path)
    text = (await client.get("/metrics")).text

    assert 'route="/ui"' in text
    assert 'route="/ui/{name}"' in text
    assert "none.js" not in text


def test_it_is_no_operation_of_the_api() -> None:
    assert [path for path in METHODS_OF if path.startswith("/ui")] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_call_is_one_of_the_api(name: str) -> None:
    calls = CALL.findall(SCRIPTS[name])

    assert len(calls) == len(re.findall(r"\bcall\((?!method)", SCRIPTS[name])), "a call names its method and its path"
    for method, path in calls:
        assert method.lower() in METHODS_OF.get(path, ()), f"{method} {path}"
    for path in re.findall(r'"(/[a-z][^"]*)"', SCRIPTS[name]):
        assert path in METHODS_OF, path


def test_what_it_sends_of_wishes_is_what_a_list_takes() -> None:
    body = openapi_document()["components"]["schemas"]["RecommendBody"]["properties"]
    wishes = re.search(r"function wishOf\(state\) \{(.*?)\n\}", TEXTS["state.js"], re.DOTALL)
    assert wishes is not None

    sent = set(re.findall(r"\b([a-z_]+): ", wishes[1]))

    assert {"user_id", "k", "cold_only", "diversity", "exploration", "explain"} <= sent <= body.keys()


@pytest.mark.parametrize("name", NAMES)
def test_no_text_becomes_markup_or_code_and_nothing_comes_from_elsewhere(name: str) -> None:
    text = TEXTS[name].replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert [one for one in FORBIDDEN if one in text] == []
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) == []
    assert not name.endswith(".html") or re.findall(r"<script(?![^>]*\bsrc=)|\s(?:style|on\w+)=", text) == []


def test_every_file_is_asked_for_and_every_one_that_is_asked_for_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="ui/([^"]+)"', TEXTS[INDEX]))
    imported = {found for text in SCRIPTS.values() for found in re.findall(r'from "\./([^"]+)"', text)}

    assert named == set(NAMES) - {INDEX}, "modules, too: loaded at once, and not one after the other"
    assert imported <= named


def test_what_the_modules_look_for_in_the_page_is_there() -> None:
    there = set(re.findall(r'\bid="([^"]+)"', TEXTS[INDEX]))
    sought = {found for text in SCRIPTS.values() for found in re.findall(r'\bfind\("([^"]+)"\)', text)}

    assert len(sought) > 20
    assert sought <= there


def test_every_control_has_a_label() -> None:
    labelled = set(re.findall(r'<label for="([^"]+)"', TEXTS[INDEX]))
    inside = set(re.findall(r'<label [^>]*>(?:[^<]|<input)*?id="([^"]+)"', TEXTS[INDEX]))

    controls = set(re.findall(r'<(?:input|textarea)\b[^>]*?\bid="([^"]+)"', TEXTS[INDEX]))
    assert controls <= labelled | inside


def test_an_installed_package_has_the_files() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["tool"]["setuptools"]["package-data"] == {"service.http.page": ["static/*"]}
    assert set(read_page()) == set(NAMES)
