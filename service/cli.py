"""The command line: `thaw`."""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from model.errors import ProjectError
from service.settings import read_settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
_OFFLINE = {"add_help_option": False, "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True}}

_HOLD_OUT = "Share of the cold items with enough likes to keep cold in the next checkpoint, to judge it by."
_MIN_LIKES = "How many likes are enough."
Url = Annotated[str, typer.Option(envvar="THAW_URL", help="Where the service listens.")]


@app.command()
def serve(
    train_demo: Annotated[bool, typer.Option("--train-demo", help="First train the demo checkpoint, if there is none.")] = False,
) -> None:
    """Serve a checkpoint over HTTP; settings come from THAW_ variables."""
    settings = read_settings()
    from service.commands.demo import train_demo_checkpoint
    from service.commands.serve import serve as run  # torch and FAISS take seconds to import: not for --help

    run(settings, first=partial(train_demo_checkpoint, settings.checkpoint) if train_demo else None)


@app.command()
def health(
    url: Annotated[
        str | None, typer.Option(envvar="THAW_URL", help="Where the service listens; else as THAW_HOST and THAW_PORT say.")
    ] = None,
) -> None:
    """Ask a service whether it is ready; exit status 0 if it is."""
    from service.client import Client

    with Client(url or _own_url(), timeout_seconds=4, tries=1) as client:
        typer.echo(client.ready()["status"])


def _own_url() -> str:
    """Where a service with our settings listens."""
    settings = read_settings()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


@app.command()
def ingest(
    folder: Annotated[Path, typer.Argument(help="A plain data folder; only its items table and pictures are read.")],
    url: Url = "http://127.0.0.1:8000",
    split: Annotated[str | None, typer.Option(help="Only the items of this split.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Calls under way at once, of eight items each.")] = 8,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also hide items that the folder lacks; show them when they are back.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --sync: hide them even if over 20 % of what is visible.")] = False,
) -> None:
    """Post the items of a plain folder to a running service; exit status 1 if some, or their pictures, were not taken."""
    from service.commands.ingest_folder import ingest_folder
    from service.commands.sync_folder import sync_folder

    changes = ""
    if sync:
        synced = sync_folder(folder, url=url, split=split, workers=workers, force=force)
        outcome, changes = synced.posted, f", {synced.hidden:,} hidden, {synced.shown:,} shown again"
    else:
        outcome = ingest_folder(folder, url=url, split=split, workers=workers)
    incomplete = f", {outcome.incomplete:,} without their picture" if outcome.incomplete else ""
    typer.echo(f"{outcome.created:,} new, {outcome.replaced:,} replaced, {outcome.refused:,} refused{incomplete}{changes}")
    for item_id, reason in outcome.reasons[:20]:
        typer.echo(f"  {item_id}: {reason}", err=True)
    if len(outcome.reasons) > 20:
        typer.echo(f"  and {outcome.refused + outcome.incomplete - 20:,} more", err=True)
    if outcome.refused or outcome.incomplete:
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder to write; it must not be there.")],
    hold_out: Annotated[float, typer.Option(min=0.01, max=0.9, help=_HOLD_OUT)] = 0.2,
    min_likes: Annotated[int, typer.Option(min=1, help=_MIN_LIKES)] = 5,
    seed: Annotated[int | None, typer.Option(help="Draw them with this seed; else anew after every event.")] = None,
) -> None:
    """Write what a service holds as a plain folder to train on, while it serves; its THAW_ variables say which."""
    settings = read_settings()
    from service.commands.export import HoldOut
    from service.commands.export import export as run
    from service.serving.configured import choose_checkpoint

    done = run(settings, choose_checkpoint(settings), out, HoldOut(hold_out, min_likes, seed))
    rows = f"{done.history:,} interactions of training, {done.events:,} events through {done.events_through}"
    typer.echo(f"{done.items:,} items, {rows}")
    typer.echo(f"{len(done.held_out):,} items are to be kept cold")
    for reason, count in done.left_out.items():
        typer.echo(f"  left out: {count:,} x {reason}")


@app.command()
def retrain(
    url: Url = "http://127.0.0.1:8000",
    out: Annotated[Path | None, typer.Option(help="The new checkpoint; else beside the one that serves.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Swap the new one in although it is worse, or cannot be compared.")
    ] = False,
    hold_out: Annotated[float, typer.Option(min=0.01, max=0.9, help=_HOLD_OUT)] = 0.2,
    min_likes: Annotated[int, typer.Option(min=1, help=_MIN_LIKES)] = 5,
    seed: Annotated[int | None, typer.Option(help="Draw them with this seed; else anew after every event.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write what came of it to this file.")] = None,
) -> None:
    """
    Train on what the service gathered, compare, and swap the new checkpoint in unless it is worse (exit status 3).

    Runs where the service runs, with its THAW_ variables and an admin key in THAW_API_KEY.
    """
    settings = read_settings()
    from service.commands.export import HoldOut
    from service.commands.retrain import Wishes, say
    from service.commands.retrain import retrain as run

    done = run(settings, Wishes(url, out, HoldOut(hold_out, min_likes, seed), force=force))
    typer.echo(say(done))
    if json_file is not None:
        json_file.write_text(json.dumps(done.to_fields(), indent=1) + "\n", encoding="utf-8")
    if not done.swapped:
        raise typer.Exit(3)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its files.")] = Path("demo"),
    port: Annotated[int, typer.Option(help="The port to serve on.")] = 8000,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the service that the demo left running.")] = False,
) -> None:
    """Generate a catalogue, train on it, serve it, ingest new items, recommend them."""
    from service.commands.demo import run_demo, stop_demo

    if stop:
        stop_demo(folder)
    else:
        run_demo(folder, port)


@app.command()
def openapi(out: Annotated[Path, typer.Option(help="The file to write.")] = Path("openapi.json")) -> None:
    """Write the OpenAPI document of the API, as `/openapi.json` answers it."""
    from service.http.app import openapi_document

    out.write_text(json.dumps(openapi_document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@app.command(**_OFFLINE)  # type: ignore[arg-type]
def train(context: typer.Context) -> None:
    """Train a checkpoint from a plain data folder (see `thaw train --help`)."""
    _hand_over("train", context.args)


@app.command(**_OFFLINE)  # type: ignore[arg-type]
def evaluate(context: typer.Context) -> None:
    """Rank a plain folder's items with a checkpoint, or compare methods by a protocol (see `thaw evaluate --help`)."""
    _hand_over("evaluate", context.args)


@app.command("try", **_OFFLINE)  # type: ignore[arg-type]
def try_it(context: typer.Context) -> None:
    """Say whether Thaw is worth it on a plain data folder (see `thaw try --help`)."""
    _hand_over("try", context.args)


def _hand_over(command: str, arguments: list[str]) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "training", command, *arguments])  # noqa: S606 - our own program


def main() -> None:
    """Runs a command; an error that Thaw raises on purpose is one sentence and exit status 1."""
    try:
        app(prog_name="thaw")
    except ProjectError as error:
        typer.secho(f"error: {error}{_hint(error)}", fg="red", err=True)
        sys.exit(1)


def _hint(error: ProjectError) -> str:
    refused = getattr(error, "status", None) in (401, 403)  # `CallFailed`, whose library is not worth waiting for here
    return "; `thaw` sends the key that THAW_API_KEY holds" if refused else ""


if __name__ == "__main__":
    main()
