"""API keys: who may do what, and that a key is told to nobody."""

from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from service.client import CallFailed, Client
from service.commands.serve import check_access, say_access
from service.errors import AdminOff, NotAllowed, SettingsError, UnknownKey
from service.http.app import create_app
from service.http.edge.keys import Keys, Right, read_keys
from service.http.routes.access import declared_rights
from service.serving.running import Service
from service.settings import Settings
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg

READ, WRITE, ADMIN = "read-key-of-the-test", "write-key-of-the-test", "admin-key-of-the-test"
KEYS = {"read_keys": SecretStr(READ), "write_keys": SecretStr(WRITE), "admin_keys": SecretStr(ADMIN)}
READING_POSTS = {"/recommend"}  # a body instead of a query; they change nothing
ITEM = {"item_id": "a", "title": "Sailboat mug"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def rights() -> dict[tuple[str, str], Right | None]:
    return declared_rights(
        create_app(object.__new__(Service), Settings(), Keys({}))
    )  # routes are there before anything is served


def test_every_route_declares_the_right_that_it_needs(rights: dict[tuple[str, str], Right | None]) -> None:
    assert rights["GET", "/recommend/{user_id}"] is Right.READ
    assert rights["POST", "/items"] is Right.WRITE
    assert [route for route, right in rights.items() if right is None] == []


def test_what_changes_something_needs_a_write_key_and_admin_calls_an_admin_key(
    rights: dict[tuple[str, str], Right | None],
) -> None:
    for (method, path), right in rights.items():
        if method not in ("GET", "HEAD") and path not in READING_POSTS:
            assert right in (Right.WRITE, Right.ADMIN), f"{method} {path}"
        if path.startswith("/admin/") or path.endswith("/audience"):
            assert right is Right.ADMIN, f"{method} {path}"


def test_only_probes_are_open(rights: dict[tuple[str, str], Right | None]) -> None:
    is_open = {path for (_, path), right in rights.items() if right is Right.OPEN}

    assert {path for path in is_open if not path.startswith("/ui")} == {"/health/live", "/health/ready"}


def test_a_route_that_declares_nothing_is_seen() -> None:
    app = FastAPI()
    app.include_router(router := APIRouter())
    router.add_api_route("/forgotten", lambda: None)

    assert declared_rights(app) == {("GET", "/forgotten"): None}


@pytest.mark.anyio
async def test_a_higher_key_holds_the_rights_below_it(service: ClientMaker) -> None:
    async with service(**KEYS).client() as client:
        for key, may_write in ((READ, False), (WRITE, True), (ADMIN, True)):
            posted = await client.post("/items", json=ITEM, headers=bearer(key))
            read = await client.get("/items", headers={"X-API-Key": key})

            assert posted.is_success is may_write
            assert read.status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{"X-API-Key": f"{READ} \t "}, {"Authorization": f"Bearer  {READ} "}])
async def test_blanks_around_a_key_are_passed_over(service: ClientMaker, headers: dict[str, str]) -> None:
    async with service(**KEYS).client() as client:
        assert (await client.get("/items", headers=headers)).status_code == 200


@pytest.mark.anyio
async def test_without_its_key_a_call_is_refused_and_changes_nothing(service: ClientMaker) -> None:
    async with service(**KEYS).client() as client:
        refused = [
            await client.post("/items", json=ITEM),
            await client.post("/items", json=ITEM, headers=bearer(WRITE + "x")),
            await client.post("/items", json=ITEM, headers={"Authorization": f"Basic {WRITE}"}),
            await client.delete("/items/a", headers={"X-API-Key": ""}),
        ]
        low = await client.post("/items", json=ITEM, headers=bearer(READ))
        items = (await client.get("/items", headers=bearer(READ))).json()["items"]

    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="thaw"'
        assert answer.json()["type"] == "urn:thaw:problem:unknown-key"
        assert WRITE not in answer.text
    assert low.status_code == 403
    assert low.json()["type"] == "urn:thaw:problem:not-allowed"
    assert "right to write" in low.json()["detail"]
    assert items == []


@pytest.mark.anyio
async def test_probes_are_open_and_metrics_as_the_settings_say(service: ClientMaker) -> None:
    async with service(**KEYS).client() as client:
        probes = [await client.get(path) for path in ("/health/live", "/health/ready")]
        closed, with_key = await client.get("/metrics"), await client.get("/metrics", headers=bearer(READ))
    async with service(**KEYS, metrics_open=True).client() as client:
        opened = await client.get("/metrics")

    assert [answer.status_code for answer in probes] == [200, 200]
    assert [answer.status_code for answer in (closed, with_key, opened)] == [401, 200, 200]


@pytest.mark.anyio
async def test_without_any_key_everything_but_admin_calls_is_open(client: httpx.AsyncClient) -> None:
    assert (await client.post("/items", json=ITEM)).status_code == 201
    assert (await client.get("/metrics")).status_code == 200


def test_admin_calls_are_off_until_an_admin_key_is_set() -> None:
    for keys in (Keys({}), Keys({WRITE: Right.WRITE})):
        with pytest.raises(AdminOff, match="THAW_ADMIN_KEYS"):
            keys.require(Right.ADMIN, WRITE)

    keys = Keys({WRITE: Right.WRITE, ADMIN: Right.ADMIN})
    keys.require(Right.ADMIN, ADMIN)
    with pytest.raises(NotAllowed, match="right to administer"):
        keys.require(Right.ADMIN, WRITE)
    with pytest.raises(UnknownKey):
        keys.require(Right.ADMIN, None)


def test_keys_come_from_a_file_or_a_folder_beside_the_environment(tmp_path: Path) -> None:
    file, folder = tmp_path / "keys.env", tmp_path / "secrets"
    file.write_text(f"# ours\n\nTHAW_WRITE_KEYS={WRITE}, {WRITE}-2\n")
    folder.mkdir()
    (folder / "thaw_write_keys").write_text(f"{WRITE}\n{WRITE}-2\n")
    (folder / "other_secret").write_text("x")

    for place in (file, folder):
        keys = read_keys(Settings(read_keys=SecretStr(READ), keys_file=place))
        keys.require(Right.WRITE, f"{WRITE}-2")
        keys.require(Right.READ, READ)
        with pytest.raises(NotAllowed):
            keys.require(Right.WRITE, READ)


def test_a_key_given_two_rights_has_the_higher_one() -> None:
    keys = read_keys(Settings(read_keys=SecretStr(WRITE), write_keys=SecretStr(WRITE)))

    keys.require(Right.WRITE, WRITE)


@pytest.mark.parametrize("bad", ["short", "with a blank in the key", "ümläute-und-mehr-zeichen", f"{READ},short"])
def test_a_bad_key_stops_the_start_and_is_not_quoted(bad: str) -> None:
    with pytest.raises(SettingsError, match="THAW_WRITE_KEYS") as caught:
        read_keys(Settings(write_keys=SecretStr(bad)))

    assert bad.rpartition(",")[2] not in str(caught.value)
    assert READ not in str(caught.value)


@pytest.mark.parametrize("content", ["WRITE_KEYS=x", f"THAW_WRITE_KEY={WRITE}", WRITE, b"\xff\xff"])
def test_a_bad_keys_file_stops_the_start_and_is_not_quoted(tmp_path: Path, content: str | bytes) -> None:
    place = tmp_path / "keys"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(SettingsError, match=str(place)) as caught:
        read_keys(Settings(keys_file=place))

    assert WRITE not in str(caught.value)


def test_a_keys_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(SettingsError, match="THAW_KEYS_FILE"):
            read_keys(Settings(keys_file=place))


def test_settings_show_no_key() -> None:
    assert READ not in repr(Settings(**KEYS)) + str(Settings(**KEYS)) + Settings(**KEYS).model_dump_json()  # type: ignore[arg-type]


def test_without_keys_the_service_starts_on_this_machine_only_unless_told_otherwise() -> None:
    with pytest.raises(SettingsError, match="THAW_ALLOW_OPEN"):
        check_access(Settings(host="0.0.0.0"), Keys({}))

    check_access(Settings(), Keys({}))
    check_access(Settings(host="0.0.0.0", allow_open=True), Keys({}))
    check_access(Settings(host="0.0.0.0"), Keys({WRITE: Right.WRITE}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(), "to it alone"),
        (Settings(host="0.0.0.0", allow_open=True), "anyone who reaches the port"),
        (Settings(write_keys=SecretStr(WRITE)), "API keys are needed"),
    ],
)
def test_the_start_says_who_may_come(settings: Settings, said: str) -> None:
    with capture_logs() as lines:
        say_access(settings, read_keys(settings))

    (line,) = lines
    assert said in line["event"]
    assert WRITE not in str(line)


@pytest.mark.anyio
async def test_the_client_sends_the_key_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("authorization"))
        return httpx.Response(401, json={"detail": "this call needs an API key"})

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: real(**options, transport=httpx.MockTransport(answer)))
    monkeypatch.setenv("THAW_API_KEY", READ)
    for client in (Client(), Client(api_key=WRITE), Client(api_key="")):
        with client, pytest.raises(CallFailed, match="API key"):
            client.ready()

    assert sent == [f"Bearer {READ}", f"Bearer {WRITE}", None]


@pytest.mark.anyio
async def test_whether_a_key_may_administer_can_be_asked_without_changing_anything(service: ClientMaker) -> None:
    """As `Client.require_admin` does: the right is looked at first, and an empty body names no checkpoint."""
    async with service(**KEYS).client() as client:
        answers = [await client.post("/admin/model", json={}, headers=bearer(key)) for key in (READ, WRITE, ADMIN)]
        swap = (await client.get("/model", headers=bearer(READ))).json()["swap"]

    assert [answer.status_code for answer in answers] == [403, 403, 422]
    assert swap["state"] == "idle"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 403), ("null", 403), ("http://thaw:99", 403), ("http://[", 403), ("http://thaw", 201), (None, 201)],
)
async def test_without_keys_no_page_of_another_host_changes_anything(
    service: ClientMaker, origin: str | None, status: int
) -> None:
    """A form needs no leave of the host that it is sent to."""
    headers = {} if origin is None else {"Origin": origin}
    async with service().client() as client:
        answer = await client.post("/items", data=ITEM, files={"image": ("a.jpg", draw_jpeg())}, headers=headers)
        seen = await client.get("/items", headers=headers)

    assert (answer.status_code, seen.status_code) == (status, 200)
    assert len(seen.json()["items"]) == (status == 201)


@pytest.mark.anyio
async def test_with_a_key_pages_of_other_hosts_may_do_what_the_key_may(service: ClientMaker) -> None:
    async with service(**KEYS).client() as client:
        answer = await client.post("/items", json=ITEM, headers={"Origin": "http://shop.example", **bearer(WRITE)})

    assert answer.status_code == 201


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("host", "settings", "status"),
    [
        ("evil.example:8000", {}, 403),
        ("evil.example.", {}, 403),
        ("127.0.0.1:8000", {}, 200),
        ("[::1]:8000", {}, 200),
        ("localhost", {}, 200),
        ("shop.localhost:8000", {}, 200),
        ("thaw:8000", {}, 200),
        ("thaw.internal.example", {"host": "0.0.0.0", "allow_open": True}, 200),
        ("thaw.internal.example", KEYS, 200),
    ],
)
async def test_without_keys_a_name_that_was_pointed_at_this_machine_reads_nothing(
    service: ClientMaker, host: str, settings: dict[str, object], status: int
) -> None:
    """To a browser such a page is of the host that it asks, wherever its name leads by now."""
    headers = {"Host": host, "Origin": f"http://{host}", **(bearer(READ) if settings is KEYS else {})}
    async with service(**settings).client() as client:
        answers = [await client.get(path, headers=headers) for path in ("/items", "/recommend/nobody?fallback=true")]

    assert [answer.status_code for answer in answers] == [status, status]
