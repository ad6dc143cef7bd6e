"""``postino …``: everything the product does, without Slack.

The export path imports neither Slack nor a web server: what needs them is imported when its command runs.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import exc

from bot import database_errors
from bot.command_line import (
    administrators,
    connections,
    decisions,
    destinations,
    doctor,
    exports,
    people,
    segments,
    service,
)
from bot.command_line.speaking import closing, complain, texts
from services.errors import PostinoError

cli = typer.Typer(
    name="postino",
    help="Delivers customer segments to Mailchimp audiences.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cli.add_typer(connections.cli, name="connections")
cli.add_typer(destinations.cli, name="destinations")
cli.command("segments")(segments.list_segments)
cli.command("plan")(exports.plan)
cli.command("export")(exports.export)
cli.command("cancel")(exports.cancel)
cli.command("history")(exports.history)
cli.command("administrators")(administrators.administrators)
cli.command("why")(people.why)
cli.command("decisions")(decisions.decisions)
cli.command("forget")(people.forget)
cli.command("doctor")(doctor.doctor)
cli.command("migrate")(service.migrate)
cli.command("manifest")(service.manifest)
cli.command("run")(service.run)
cli.command("worker")(service.worker)
cli.command("demo")(service.demo)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"postino {version('postino')}")
        raise typer.Exit


@cli.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of ``postino`` itself."""


def main() -> None:
    """Run a command; whatever goes wrong ends in one sentence on stderr and a non-zero exit."""
    os.umask(0o077)  # what Postino writes is nobody else's business
    _collect_garbage_rarely()
    try:
        cli()
    except PostinoError as error:
        complain(texts().error(error))
    except ValidationError as error:
        t = texts()
        for one in error.errors():
            setting = ".".join(str(part) for part in one["loc"])
            complain(f"{setting}: {t.known(one['msg'].removeprefix('Value error, '))}", leave=False)
        sys.exit(1)
    except (exc.DBAPIError, exc.TimeoutError) as error:
        complain(texts().error(database_errors.meaning(error)))
    except UnicodeDecodeError:
        complain(texts()("The file .env is not text in UTF-8. Save it again in that encoding."))
    except OSError as error:
        complain(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("POSTINO_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        complain(
            texts()(
                "Something happened that Postino does not know: {kind}. What was done until then is kept. The same command "
                "with POSTINO_LOG_LEVEL=DEBUG shows where; please report it.",
                kind=type(error).__name__,  # its words may hold an address
            )
        )
    finally:
        closing.close()


def _collect_garbage_rarely() -> None:
    """Look for garbage less often than Python does: pages of members are a thousand objects each, and none of them is garbage.

    At Python's own pace the search takes a quarter of an export's processor time.
    """
    gc.set_threshold(20_000, 20, 100)


if __name__ == "__main__":
    main()
