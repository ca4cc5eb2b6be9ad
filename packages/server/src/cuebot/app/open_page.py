"""`cuefarm open`: ask a running server for a link that works once, and open it in the browser."""

from __future__ import annotations

import http.client
import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cuebot.app import token_file as token_files
from cuebot.app.token_file import TokenUnusable
from opencue import listeners, running_farms
from opencue.token import VARIABLE

PATIENCE_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024
DEFAULT_PORT = 8448


class NoLink(RuntimeError):
    """There is no link; the message says why and what to do."""


def run(server: str | None, *, token_file: Path | None, only_print: bool, as_json: bool) -> int:
    """Ask for a link and open it, or print it. Returns the exit status."""
    try:
        url, seconds = link_of(server, token_file)
    except (NoLink, TokenUnusable) as error:
        print(f"cuefarm open: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"url": url, "expires_in_s": seconds}))
        return 0
    if not only_print and has_display() and webbrowser.open(url):
        print("opened in the browser; `cuefarm open --print` prints a link instead")
        return 0
    print(url)
    print(f"It works once, within {seconds // 60} minutes, in a browser of yours on this machine.", file=sys.stderr)
    return 0


def link_of(server: str | None, token_file: Path | None) -> tuple[str, int]:
    """The link, and for how many seconds it is good. Raises NoLink or TokenUnusable."""
    address, farm_token = (_parsed(server), None) if server else _running_farm()
    named = token_file or (Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else None)
    token = token_files.read(named) if named else _token_at(farm_token or _token_of_farm_at(address))
    if token:
        address = _without_strangers(address, named)
    status, answer = _ask(address, token)
    if status == http.HTTPStatus.UNAUTHORIZED and token and not named:
        status, answer = _ask(address, None)  # the file has changed since the server read it, and knows this user
    if status != http.HTTPStatus.CREATED:
        detail = answer.get("detail") or f"it answers {status}"
        if status == http.HTTPStatus.UNAUTHORIZED and named:
            by = "--token-file" if token_file else VARIABLE
            detail = f"the token in {named} ({by}) is not that of this server; name a copy of its token file"
        raise NoLink(f"the server at {address.geturl()} gives no link: {detail}")
    return f"{address.scheme}://{address.netloc}{answer['path']}", int(answer["expires_in_s"])


def has_display() -> bool:
    """Whether a browser could show something here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _running_farm() -> tuple[SplitResult, str | None]:
    """The one farm of this user on this machine, and where its token lies; the one at the default port of several."""
    farms = [farm for farm in running_farms.found() if farm.http]
    usual = [farm for farm in farms if running_farms.is_default(farm.address)]
    chosen = farms if len(farms) == 1 else usual
    if len(chosen) == 1:
        return _parsed(chosen[0].http), chosen[0].token_file or None
    if farms:
        known = "; ".join(f"--server http://{farm.http} ({farm.place})" for farm in farms)
        raise NoLink(f"you run several farms on this machine; choose one: {known}")
    raise NoLink(
        "no farm of yours runs on this machine; start one with `cuefarm up`, or name the server with"
        f" --server http://HOST:{DEFAULT_PORT}"
    )


def _parsed(server: str) -> SplitResult:
    address = urlsplit(server if "://" in server else f"http://{server}")
    try:
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable or address.username or address.path.strip("/") or address.query:
        raise NoLink(f"--server: {server!r} is no address such as http://farm.example:{DEFAULT_PORT}")
    return address._replace(path="", fragment="")


def _without_strangers(address: SplitResult, token_file: Path | None) -> SplitResult:
    """The address as a number of this machine, if it is one. Raises NoLink where another user would get the token."""
    port = address.port or (443 if address.scheme == "https" else 80)
    host = address.hostname or ""
    given = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    target = listeners.number_of(given)
    trusted = (token_file.stat().st_uid,) if token_file else ()
    strangers = listeners.strangers_at(target, trusted)
    if strangers:
        raise NoLink(listeners.words_on_strangers(target, strangers, trusted))
    return address if target == given or address.scheme == "https" else address._replace(netloc=target)


def _token_of_farm_at(address: SplitResult) -> str | None:
    """Where the token of the farm at this address lies, if this user runs it here."""
    return next((farm.token_file for farm in running_farms.found() if farm.http == address.netloc), None)


def _token_at(path: str | None) -> str | None:
    try:
        return token_files.read(Path(path)) if path else None
    except TokenUnusable:
        return None  # the server knows this user without it


def _ask(address: SplitResult, token: str | None) -> tuple[int, dict[str, Any]]:
    """`POST /open`, with the token where there is one. No proxy is asked: the token is for the server alone."""
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=PATIENCE_S)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("POST", "/open", headers={**headers, "Content-Length": "0"})
        response = connection.getresponse()
        body = response.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise NoLink(f"the server at {address.geturl()} does not answer: {reason}") from None
    finally:
        connection.close()
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    return response.status, answer if isinstance(answer, dict) else {}
