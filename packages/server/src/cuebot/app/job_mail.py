"""Mail when a job ends: to the address that it was submitted with, and to who subscribed.

Nothing waits for it: what is to be sent lies in a queue, and a thread sends one after the other. A mail server that
does not answer is tried again a few times, and then the mail is given up, which the log says. A server that ends
forgets what it had not sent.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final

import structlog

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.names import NOBODYS_DOMAIN, is_mail_address
from cuebot.domain.nouns import Job
from cuebot.domain.settings import Settings
from cuebot.domain.states import FrameState
from cuebot.engine.ports import Recorded

log = structlog.get_logger("mail")

MAILS_MAX: Final = 1_000
"""That wait to be sent; what is more is given up."""
TRY_SECONDS: Final = 10.0
"""How long one try may take."""
PAUSES_SECONDS: Final = (5.0, 30.0, 120.0)
"""Before the second try, the third and the last."""
SMTP_PORT: Final = 25


class JobMail:
    """Looks at what was made durable, and sends mail of each job that ended."""

    def __init__(self, farm: Farm, settings: Settings, pauses_s: Sequence[float] = PAUSES_SECONDS) -> None:
        self._farm = farm
        self._host, self._port = _place(settings.mail_host or "")
        self._sender = settings.mail_from or f"cuefarm@{socket.gethostname()}"
        self._pauses_s = pauses_s
        self._waiting: asyncio.Queue[EmailMessage] = asyncio.Queue(MAILS_MAX)

    async def __call__(self, events: Sequence[Recorded]) -> None:
        """Write the mail of the jobs that ended with these events; `run` sends it."""
        for recorded in events:
            if isinstance(recorded.event, ev.JobFinished):
                job = self._farm.jobs.get(recorded.event.job_id)
                if job is not None:
                    self._write(job, killed=recorded.event.killed)

    def _write(self, job: Job, *, killed: bool) -> None:
        for address in dict.fromkeys((job.email, *job.subscribers)):
            if self._host and is_mail_address(address) and not address.endswith(NOBODYS_DOMAIN):
                mail = mail_of(job, killed=killed, sender=self._sender, address=address)
                if self._waiting.full():
                    log.error("too much mail waits, so one is given up", job=job.name, address=address)
                else:
                    self._waiting.put_nowait(mail)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            mail = await self._waiting.get()
            await self._send(mail)

    async def _send(self, mail: EmailMessage) -> None:
        for pause_s in (*self._pauses_s, None):
            try:
                await asyncio.to_thread(self._try, mail)
            except smtplib.SMTPRecipientsRefused as error:
                log.warning("a mail server refused an address", address=mail["To"], error=str(error))
                return
            except (OSError, smtplib.SMTPException) as error:
                if pause_s is None:
                    log.error("mail is given up", address=mail["To"], subject=mail["Subject"], error=str(error))
                    return
                log.warning("mail is tried again", address=mail["To"], after_s=pause_s, error=str(error))
                await asyncio.sleep(pause_s)
            else:
                log.info("mail sent", address=mail["To"], subject=mail["Subject"])
                return

    def _try(self, mail: EmailMessage) -> None:
        with smtplib.SMTP(self._host, self._port, timeout=TRY_SECONDS) as server:
            server.send_message(mail)


def mail_of(job: Job, *, killed: bool, sender: str, address: str) -> EmailMessage:
    """What is written of a job that ended."""
    succeeded, total = job.counts[FrameState.SUCCEEDED], sum(job.counts)
    how = "was killed" if killed else "has finished"
    lines = [
        f"Job {job.name} {how}: {succeeded} of {total} frames succeeded.",
        "",
        f"Frames: {_frames(job)}",
        f"Logs: {job.log_dir}",
        f"Id: {job.id}",
    ]
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, address
    mail["Subject"] = f"{job.name} {how}: {succeeded} of {total} frames succeeded"
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _frames(job: Job) -> str:
    """How many frames are in which state."""
    return ", ".join(f"{count} {FrameState(state).name.lower()}" for state, count in enumerate(job.counts) if count)


def _place(mail_host: str) -> tuple[str, int]:
    """Host and port of the setting."""
    host, _, port = mail_host.rpartition(":")
    if not host or not port.isdecimal():
        host, port = mail_host, str(SMTP_PORT)
    return host.strip("[]"), int(port)
