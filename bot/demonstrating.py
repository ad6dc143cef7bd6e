"""``postino demo``: the sandbox and Postino in processes of their own, and the main job as a guided tour between them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from bot.command_line.speaking import complain, say, texts
from sandbox import demo_data
from sandbox.tour import Tour, TourFailedError
from services.errors import Unavailable

ROOT = Path(__file__).parent.parent
COMMAND = str(Path(sys.executable).with_name("postino"))


def demonstrate(*, once: bool, profiles: int, page_port: int) -> int:
    """Show the main job; 0 if everything was as it must be. Without ``once`` it stays up until it is interrupted."""
    t = texts()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postino-demo-")))
        say(t("Generating {count} profiles of customers who do not exist …", count=profiles))
        source = folder / "source"
        demo_data.generate(source, profiles=profiles)
        say(t("Starting a local Slack and a local Mailchimp …"))
        town = stack.enter_context(_town(page_port))
        say(t("Starting Postino …"))
        stack.enter_context(postino(town, folder))
        try:
            contacts = Tour(town, source, Console(highlight=False)).perform()
        except TourFailedError as failure:
            complain(t("The tour failed: {problem}", problem=str(failure)), leave=False)
            return 1
        say(
            t(
                "Checked from outside: Mailchimp holds exactly the {count} contacts and tags that the files ask for, "
                "and nobody who had left was subscribed again.",
                count=contacts,
            )
        )
        if once:
            return 0
        command = f"cd {shlex.quote(str(folder))} && {shlex.quote(COMMAND)} history"
        say(t("On the command line: {command}", command=command))
        say(t("Try it yourself at {address} – stop with Ctrl-C.", address=f"{town['page_url']}/?as=U0ADA&in=C0EXPORTS"))
        with _interruptible():
            signal.pause()
    return 0


@contextmanager
def _town(page_port: int) -> Iterator[dict[str, Any]]:
    arguments = ["--manifest", str(ROOT / "manifest.yml"), "--page-port", str(page_port if _is_free(page_port) else 0)]
    with _process("-m", "sandbox", *arguments, environment={}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unavailable("The local Slack and Mailchimp did not start. The lines above say why.")
        yield json.loads(line)


@contextmanager
def postino(town: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Postino as a process of its own, reading ``folder/source`` and connected to the town; raises Unavailable if it fails.

    Its settings are in ``folder/.env``, so that every other command finds them there as long as it runs.
    """
    port = _free_port()
    settings = {
        "SLACK_BOT_TOKEN": town["slack_bot_token"],
        "SLACK_APP_TOKEN": town["slack_app_token"],
        "SLACK_SIGNING_SECRET": town["slack_signing_secret"],
        "MAILCHIMP_CLIENT_ID": town["mailchimp_client_id"],
        "MAILCHIMP_CLIENT_SECRET": town["mailchimp_client_secret"],
        "POSTINO_HOME": str(folder / "home"),
        "POSTINO_SOURCE_URL": (folder / "source").as_uri(),
        "POSTINO_SLACK_API_URL": town["slack_api_url"],
        "POSTINO_MAILCHIMP_API_URL": town["mailchimp_url"],
        "POSTINO_MAILCHIMP_LOGIN_URL": town["mailchimp_url"],
        "POSTINO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "POSTINO_HTTP_PORT": str(port),
        "POSTINO_LOG_LEVEL": "WARNING",
    }
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    with _process("-m", "bot.cli", "run", environment={}, cwd=folder) as process:
        _wait_until_healthy(process, port)
        yield


def _wait_until_healthy(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise Unavailable("Postino did not start. Its log above says why.")


@contextmanager
def _process(
    *arguments: str, environment: Mapping[str, str], stdout: int | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A child in this Python, told to stop at the end."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("POSTINO_", "SLACK_", "MAILCHIMP_"))
    }
    process = subprocess.Popen(  # noqa: S603 - this Python, our own modules
        [sys.executable, *arguments],
        env=clean | {"PYTHONPATH": str(ROOT), **environment},
        stdout=stdout,
        cwd=cwd,
        text=True,
        start_new_session=True,  # Ctrl-C reaches only this process, which then stops its children in order
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
