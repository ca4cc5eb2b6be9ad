"""Mail when a job ends: to its address and to who subscribed, never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest
from small_farm import SmallFarm
from structlog.testing import capture_logs

from cuebot.app.job_mail import JobMail
from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid, LimitExceeded, Refused
from cuebot.domain.settings import contradictions
from cuebot.sim.specs import job_spec, layer_spec


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take mail, on a free loopback port."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[str] = []
        self.refuse_first = 0
        """So many connections are turned away before one is taken."""

    @property
    def place(self) -> str:
        """What the setting says."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        """One client."""
        if self.server.refuse_first:
            self.server.refuse_first -= 1
            self.wfile.write(b"421 not now\r\n")
            return
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(self._data())
            if word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 well\r\n")

    def _data(self) -> str:
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) not in (".\r\n", ""):
            lines.append(line.rstrip("\r\n"))
        return "\n".join(lines)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server on this machine."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def a_farm(place: str) -> SmallFarm:
    """A farm that sends mail, with a job of two frames."""
    farm = SmallFarm(settings=Settings(mail_host=place, mail_from="farm@render.example"))
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    return farm


async def sent_by(farm: SmallFarm, wanted: int, server: MailServer) -> None:
    """Tell the mail of all that has happened, and wait until so many were taken."""
    mail = JobMail(farm.farm, farm.core.settings, pauses_s=(0.01, 0.01))
    sending = asyncio.create_task(mail.run())
    try:
        for batch in farm.batches:
            await mail(batch.events)
        async with asyncio.timeout(10):
            while len(server.mails) < wanted:
                await asyncio.sleep(0.01)
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


async def test_whoever_subscribed_gets_mail_when_the_job_has_ended(mail_server: MailServer) -> None:
    """It says how the job ended and how many frames succeeded; an address that subscribed twice gets one."""
    farm = a_farm(mail_server.place)
    job_id = farm.job("one").id
    assert [farm.do(c.AddSubscriber(job_id, " ada@render.example ")) for _ in range(2)] == [1, 0]
    farm.plan()
    farm.finish("one/render")
    await sent_by(farm, 1, mail_server)
    (mail,) = mail_server.mails
    assert "To: ada@render.example" in mail
    assert "has finished: 2 of 2 frames succeeded" in mail.replace("\n ", " ")


async def test_addresses_that_outline_makes_up_get_no_mail(mail_server: MailServer) -> None:
    """Where a studio has set no domain, a job is submitted with an address of nobody's."""
    farm = a_farm(mail_server.place)
    farm.job("one").email = "ann@example.com"
    farm.do(c.AddSubscriber(farm.job("one").id, "ada@render.example"))
    farm.do(c.KillJob(farm.job("one").id))
    await sent_by(farm, 1, mail_server)
    await asyncio.sleep(0.05)
    assert ["ann@" in mail for mail in mail_server.mails] == [False]


async def test_a_mail_server_that_is_busy_is_tried_again(mail_server: MailServer) -> None:
    """A few times, with pauses."""
    mail_server.refuse_first = 2
    farm = a_farm(mail_server.place)
    farm.do(c.AddSubscriber(farm.job("one").id, "ada@render.example"))
    farm.do(c.KillJob(farm.job("one").id))
    await sent_by(farm, 1, mail_server)
    assert "was killed" in mail_server.mails[0]


async def test_a_mail_server_that_does_not_answer_costs_only_the_mail() -> None:
    """After its tries the mail is given up, and the log says so; the next one has its turn."""
    farm = a_farm("127.0.0.1:1")
    farm.do(c.AddSubscriber(farm.job("one").id, "ada@render.example"))
    farm.do(c.KillJob(farm.job("one").id))
    mail = JobMail(farm.farm, farm.core.settings, pauses_s=(0.01,))
    with capture_logs() as logs:
        sending = asyncio.create_task(mail.run())
        for batch in farm.batches:
            await mail(batch.events)
        async with asyncio.timeout(10):
            while not any(line["event"] == "mail is given up" for line in logs):
                await asyncio.sleep(0.01)
        sending.cancel()
    assert [line["log_level"] for line in logs] == ["warning", "error"]


def test_a_server_without_a_mail_server_says_which_setting_names_one() -> None:
    """Nobody waits for mail that never comes."""
    farm = SmallFarm()
    farm.launch(job_spec("one"))
    with pytest.raises(Refused, match="mail_host"):
        farm.do(c.AddSubscriber(farm.job("one").id, "ada@render.example"))


@pytest.mark.parametrize("address", ["", "ada", "ada@b\nBcc: eve@c", "a@b,c@d", "x" * 300 + "@b"])
def test_what_is_no_mail_address_is_refused(address: str) -> None:
    """Above all what would be a second address, or a line of the mail's head."""
    farm = a_farm("127.0.0.1:1")
    with pytest.raises(Invalid, match="email_characters"):
        farm.do(c.AddSubscriber(farm.job("one").id, address))


def test_a_job_has_so_many_subscribers_at_most() -> None:
    """The limit is named."""
    farm = a_farm("127.0.0.1:1")
    for number in range(DEFAULT_BOUNDS.subscribers_per_job):
        farm.do(c.AddSubscriber(farm.job("one").id, f"user{number}@render.example"))
    with pytest.raises(LimitExceeded, match="subscribers_per_job"):
        farm.do(c.AddSubscriber(farm.job("one").id, "one.more@render.example"))


@pytest.mark.parametrize(("name", "value"), [("mail_host", "mail server"), ("mail_from", "nobody")])
def test_settings_of_mail_that_cannot_work_are_told_at_the_start(name: str, value: str) -> None:
    """Not when the first job has ended."""
    assert [name in problem for problem in contradictions(Settings(**{name: value}), DEFAULT_BOUNDS)] == [True]
