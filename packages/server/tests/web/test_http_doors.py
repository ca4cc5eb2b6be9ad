"""Over HTTP the token, programs of this user and browsers with a session come in; nobody else gets anything."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.routing import Route

from cuebot.access.callers import Callers
from cuebot.domain.actions import Action, Target
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.principals import Principal, Proof
from cuebot.domain.settings import DEFAULT_SETTINGS
from cuebot.domain.units import SECOND
from cuebot.engine.access import allow_all, forbidden
from cuebot.web.authorization import require_names
from cuebot.web.doors import HttpDoors
from cuebot.web.health import Health
from cuebot.web.routes import http_app
from cuebot.web.sessions import Sessions
from rqd.socket_owner import Endpoint

TOKEN = "the token"
OURS = os.geteuid()
STRANGER = 4_242
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BROWSER = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@dataclass
class Engine:
    """As much of an engine as pages look at."""

    farm: Farm = field(default_factory=Farm)
    stalled_since: float | None = 1.0
    stall_reason: str = "the disk /shots is full"
    core: Any = field(
        default_factory=lambda: SimpleNamespace(
            draining=False, authorize=allow_all, settings=DEFAULT_SETTINGS, bounds=DEFAULT_BOUNDS
        )
    )


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """The words of a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(json.loads(self.body)["detail"])


class Site:
    """A server's HTTP, asked by whoever the kernel is said to name."""

    def __init__(self, uid: int | None, *, opened: bool = False, names: tuple[str, ...] = ()) -> None:
        self.uid = uid
        self.client = ("127.0.0.1", 50_000)
        self.server = ("127.0.0.1", 8448)
        self.engine = Engine()
        health: Any = Health(self.engine)  # type: ignore[arg-type]
        self._app = http_app(
            health, callers=Callers(TOKEN, self._owner), name=lambda: "<b>127.0.0.1:8443", opened=opened, names=names
        )

    def _owner(self, client: Endpoint, server: Endpoint) -> int | None:
        return self.uid

    async def ask(
        self,
        method: str = "GET",
        path: str = "/",
        headers: dict[str, str] | None = None,
        *,
        host: str = "127.0.0.1:8448",
    ) -> Answer:
        """Send a request."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"Host": host, **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": self.client,
            "server": self.server,
        }
        await self._app(scope, receive, send)
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], names, b"".join(message.get("body", b"") for message in sent[1:]))

    async def open(self) -> dict[str, str]:
        """Go the way of `cuefarm open`, and return what a browser sends from then on."""
        link = json.loads((await self.ask("POST", "/open", BEARER)).body)["path"]
        opened = await self.ask("GET", link, BROWSER)
        assert (opened.status, opened.headers["location"]) == (303, "/")
        return {"Cookie": opened.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}


async def test_a_program_of_this_user_comes_in_and_a_strangers_does_not() -> None:
    """The kernel says whose connection it is, and the stranger is told what to do."""
    assert (await Site(OURS).ask()).status == 200
    assert (await Site(OURS).ask("POST", "/open")).status == 201
    for site in (Site(STRANGER), Site(None)):
        for method, path in (
            ("GET", "/"),
            ("POST", "/open"),
            ("GET", "/nowhere"),
            ("DELETE", "/"),
            ("PUT", "/healthz"),
        ):
            refused = await site.ask(method, path)
            assert refused.status == 401
            assert "cuefarm open" in refused.detail
            assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/", "farm.read"),
        ("POST", "/open", "session.open"),
        ("GET", "/open/a-secret", "session.open"),
        ("GET", "/healthz", "farm.health"),
        ("GET", "/readyz", "farm.health"),
        ("GET", "/nowhere", "interface.read"),
    ],
)
async def test_every_address_is_forbidden_by_its_actions_name_to_who_may_do_nothing(
    method: str, path: str, action: str
) -> None:
    """Who asks is known, and what he asks for is named."""

    def deny_all(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        raise forbidden(principal, action, target)

    site = Site(OURS)
    site.engine.core.authorize = deny_all
    refused = await site.ask(method, path)
    assert refused.status == 403
    assert refused.detail.startswith(f"user {OURS} may not do {action}; it takes the right to")


def test_an_address_of_which_nobody_says_what_it_does_is_refused_at_the_start() -> None:
    """It would be asked for less than what it does."""
    with pytest.raises(ValueError, match="what these addresses do: /api/jobs"):
        require_names([Route("/api/jobs", lambda request: None)])


async def test_a_policy_sees_what_shows_who_asks_over_http() -> None:
    """The kernel, the token, a session, or nothing at all."""
    asked: list[Proof] = []

    def ask(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        asked.append(principal.proof)

    ours, opened, stranger = Site(OURS), Site(None, opened=True), Site(STRANGER)
    session = await ours.open()
    for site in (ours, opened, stranger):
        site.engine.core.authorize = ask
    await ours.ask()
    await ours.ask(headers=BEARER)
    await ours.ask(headers=session)
    await opened.ask()
    await stranger.ask("GET", "/healthz")
    assert asked == [Proof.KERNEL, Proof.TOKEN, Proof.SESSION, Proof.NOBODY, Proof.NOBODY]


async def test_the_token_opens_from_anywhere_and_a_wrong_one_closes() -> None:
    """A token is judged by itself: it may come by any name, and a wrong one is refused even to this user."""
    far = Site(None)
    far.client = ("203.0.113.9", 50_000)
    assert (await far.ask(headers=BEARER, host="farm.example")).status == 200
    for wrong in ("Bearer the toke", "Bearer ", "Basic dXNlcg==", TOKEN):
        refused = await Site(OURS).ask(headers={"Authorization": wrong})
        assert refused.status == 401
        assert "not the server's" in refused.detail


async def test_health_answers_everybody_and_says_why_to_who_is_let_in() -> None:
    """A stranger, and a page of another site, learn whether the server is ready and nothing else."""
    for site, headers in ((Site(STRANGER), {}), (Site(OURS), {"Sec-Fetch-Site": "cross-site"})):
        assert json.loads((await site.ask("GET", "/healthz", headers)).body) == {"alive": True}
        assert json.loads((await site.ask("GET", "/readyz", headers)).body) == {"ready": False}
    told = json.loads((await Site(OURS).ask("GET", "/readyz")).body)
    assert "the disk /shots is full" in " ".join(told["reasons"])


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, "127.0.0.1:8448"),
        ({"Sec-Fetch-Site": "same-site"}, "localhost:8448"),
        ({"Origin": "https://evil.example"}, "127.0.0.1:8448"),
        ({"Origin": "null"}, "127.0.0.1:8448"),
        ({"Origin": "http://127.0.0.1:9999"}, "127.0.0.1:8448"),
        ({}, "evil.example:8448"),
        ({"Origin": "http://evil.example:8448"}, "evil.example:8448"),
        ({}, ""),
        ({}, "localhost:evil.example"),
        ({}, "127.0.0.1:80.evil.example"),
        ({}, "[::1]evil.example"),
        ({}, "localhost:"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_browser_that_another_site_drives_gets_nothing(headers: dict[str, str], host: str, method: str) -> None:
    """Neither across sites, nor from another port of this machine, nor by a name made to point here, with or without a
    session.
    """
    site = Site(OURS)
    session = {name: value for name, value in (await site.open()).items() if name == "Cookie"}
    for given in (headers, {**headers, **session}):
        refused = await site.ask(method, "/open" if method == "POST" else "/", given, host=host)
        assert refused.status == 403
        assert "http" in refused.detail or "site" in refused.detail


async def test_a_browser_changes_something_only_with_a_session() -> None:
    """The kernel's word is not enough for one: a page of this very user may have sent it."""
    site = Site(OURS)
    own = {"Origin": "http://127.0.0.1:8448", "Sec-Fetch-Site": "same-origin"}
    refused = await site.ask("POST", "/open", own)
    assert refused.status == 401
    assert "session" in refused.detail
    session = await site.open()
    assert (await site.ask("POST", "/open", {**own, **session})).status == 201
    assert (await site.ask("POST", "/open", {"Cookie": session["Cookie"]})).status == 403  # nothing says whose page


async def test_a_proxy_of_this_user_lets_nobody_in() -> None:
    """What it passes on is not this user's, whoever owns the proxy."""
    for mark in ("X-Forwarded-For", "Via", "Forwarded"):
        assert (await Site(OURS).ask(headers={mark: "203.0.113.9"})).status == 401


async def test_a_link_works_once_for_who_asked_and_for_a_while() -> None:
    """A stranger who reads it in the list of processes can do nothing with it, nor use it up; nor does HEAD."""
    site = Site(OURS)
    link = json.loads((await site.ask("POST", "/open")).body)["path"]
    site.uid = STRANGER
    refused = await site.ask("GET", link, BROWSER)
    assert refused.status == 403
    assert "cuefarm open" in refused.detail
    site.uid = OURS
    assert (await site.ask("HEAD", link)).status == 405
    assert (await site.ask("GET", link, {"Sec-Fetch-Site": "cross-site"})).status == 403
    opened = await site.ask("GET", link, BROWSER)
    assert opened.status == 303
    for word in (
        "HttpOnly",
        "SameSite=strict",
        "Path=/",
        f"Max-Age={DEFAULT_SETTINGS.browser_session_us // SECOND}",
        "cuefarm-8448=",
    ):
        assert word in opened.headers["set-cookie"]
    assert (await site.ask("GET", link, BROWSER)).status == 403


async def test_a_session_belongs_to_its_user_and_machine() -> None:
    """Cookies go to every port of a host, so another user of the machine may come to have one: it is worth nothing."""
    site = Site(OURS)
    session = await site.open()
    site.uid = STRANGER
    assert (await site.ask(headers=session)).status == 401
    site.uid, site.client = None, ("203.0.113.9", 50_000)
    assert (await site.ask(headers=session)).status == 401


@pytest.mark.parametrize(
    "other",
    [
        "a=1",
        'prefs={"a":1}',
        "x=a b",
        "name=caf\u00e9",
        "k[]=1",
        "bare",
        "=v",
        "path=/x",
        "expires=1",
        "a@b:c=1",
        'username="2|1:0|10:17|23:u|44:abc="',
        'open="',
        "cuefarm-8448=another",
        "cuefarm-8448=",
        "cuefarm-84480=1",
    ],
)
async def test_a_session_is_found_among_the_cookies_of_other_ports(other: str) -> None:
    """Another server on this host can set any cookie, of the session's name too, and logs nobody out."""
    site = Site(OURS)
    session = (await site.open())["Cookie"]
    by_proxy = {"X-Forwarded-For": "1"}  # so that only the session can let it in
    for cookies in (f"{other}; {session}", f"{session}; {other}", f"{other};{session};{other}"):
        assert (await site.ask(headers={**by_proxy, "Cookie": cookies})).status == 200
    assert (await site.ask(headers={**by_proxy, "Cookie": other})).status == 401


async def test_a_request_with_two_lengths_is_refused_and_its_connection_closed() -> None:
    """Server and proxy could differ about where it ends, so not even the token helps."""
    both = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    for given in (both, {**both, **BEARER}):
        refused = await Site(OURS).ask("POST", "/open", given)
        assert (refused.status, refused.headers["connection"]) == (400, "close")
        assert "Transfer-Encoding" in refused.detail


async def test_a_browser_on_another_machine_comes_in_by_its_own_link() -> None:
    """Who has the token there asks for it from there; the name must be one that the server was told."""
    site = Site(None, names=("Farm.Example",))
    site.client, site.server = ("192.0.2.7", 50_000), ("192.0.2.1", 8448)
    link = json.loads((await site.ask("POST", "/open", BEARER)).body)["path"]
    opened = await site.ask("GET", link, host="farm.example:8448")
    session = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
    assert (await site.ask(headers=session, host="farm.example:8448")).status == 200
    assert (await site.ask(headers=session, host="192.0.2.1:8448")).status == 200
    assert (await site.ask(headers=session, host="other.example:8448")).status == 403


async def test_an_open_door_is_open_to_programs_and_no_other_sites() -> None:
    """--open clients means HTTP too; a page of another site still gets nothing."""
    site = Site(None, opened=True)
    site.client = ("192.0.2.7", 50_000)
    assert (await site.ask()).status == 200
    assert (await site.ask(headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await site.ask("POST", "/open", {"Origin": "http://127.0.0.1:8448"})).status == 401


async def test_every_answer_is_closed_to_pages_of_others() -> None:
    """No script, no frame, no sniffing, nothing kept, and nothing said to where a link leads."""
    for answer in (await Site(OURS).ask(), await Site(STRANGER).ask(), await Site(STRANGER).ask("GET", "/healthz")):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


async def test_the_page_says_how_the_farm_is_and_escapes_what_it_says() -> None:
    """A name is text on it, whatever it has in it."""
    page = (await Site(OURS).ask()).body.decode()
    assert "&lt;b&gt;127.0.0.1:8443" in page
    assert "<b>" not in page
    assert "<script" not in page
    for words in ("Jobs", "Hosts that are up", "Frames that run", "Frames that wait", "Frames that are dead"):
        assert words in page


@pytest.mark.parametrize(
    ("path", "uid", "words"),
    [
        ("/", STRANGER, "This server does not know who asks. In a browser: run <code>cuefarm open</code> and use"),
        ("/open/used", OURS, "This link has been used, is older than 5 minutes, or is for another user or machine"),
        ("/<b>", OURS, "GET /&lt;b&gt;: there is no such thing here"),
    ],
)
async def test_a_browser_that_is_refused_shows_a_page(path: str, uid: int, words: str) -> None:
    """A used link, a stranger and what is not there are told to a person in the same words as to programs, as text."""
    site = Site(uid)
    accepts = {**BROWSER, "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    shown, told = await site.ask("GET", path, accepts), await site.ask("GET", path)
    page = shown.body.decode()
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert (shown.status, shown.headers["connection"]) == (told.status, "close")
    assert shown.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert shown.headers["cache-control"] == "no-store"
    assert words in page
    assert "<script" not in page
    assert "{" not in page.partition("</style>")[2]
    assert told.detail  # a program, which accepts anything, gets the document


async def test_what_is_not_there_is_a_problem_document() -> None:
    """Also an unknown path and another method answer in words."""
    missing = await Site(OURS).ask("GET", "/nowhere/<b>")
    assert (missing.status, "no such thing" in missing.detail) == (404, True)
    assert (await Site(OURS).ask("DELETE", "/")).status == 405


async def test_a_body_has_a_size_and_a_time() -> None:
    """One that is announced or found too large is refused, and so is one that does not come."""
    bounds = Bounds(http_body_seconds=0.05)

    async def reads_all(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def status(chunks: list[bytes], **headers: str) -> int:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                await asyncio.sleep(10)
            return {"type": "http.request", "body": chunks.pop(), "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"authorization": f"Bearer {TOKEN}", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8448),
        }
        callers, sessions = Callers(TOKEN, lambda client, server: None), Sessions(DEFAULT_SETTINGS, bounds)
        await HttpDoors(reads_all, callers=callers, sessions=sessions, bounds=bounds)(scope, receive, send)
        return int(sent[0]["status"])

    assert await status([], content_length=str(bounds.http_body_bytes + 1)) == 413
    assert await status([b"x" * bounds.http_body_bytes, b"x"]) == 413
    assert await status([b"x"]) == 408


def test_links_and_sessions_end_and_are_few() -> None:
    """A link is good for minutes and a session for hours; the oldest goes where there are too many."""
    now_s = [0.0]
    sessions = Sessions(DEFAULT_SETTINGS, DEFAULT_BOUNDS, lambda: now_s[0])
    links = [sessions.new_link("user 1") for _ in range(DEFAULT_BOUNDS.browser_links + 1)]
    assert sessions.use_link(links[0], "user 1") is None
    opened = [sessions.use_link(link, "user 1") for link in links[1:3]]
    now_s[0] += DEFAULT_SETTINGS.browser_link_us / SECOND
    assert sessions.use_link(links[3], "user 1") is None
    assert all(sessions.has_session(str(id), "user 1") for id in opened)
    assert not sessions.has_session(str(opened[0]), "user 2")
    for _ in range(DEFAULT_BOUNDS.browser_sessions - 1):
        assert sessions.use_link(sessions.new_link("user 1"), "user 1")
    assert [sessions.has_session(str(id), "user 1") for id in opened] == [False, True]
    now_s[0] += DEFAULT_SETTINGS.browser_session_us / SECOND
    assert not sessions.has_session(str(opened[1]), "user 1")
