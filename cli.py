"""The same jobs as the page without a browser: one command a job, each a function of a module in commands/."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated

import typer

from commands import catalogs, edit, err, find, latent, measure, models, product, search
from retrieval.core import AppError
from settings import CHECKOUT, Settings

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for job in (
    find.index,
    search.search,
    measure.evaluate,
    measure.compare,
    find.duplicates,
    find.health,
    edit.edit,
    product.classify,
    latent.anomaly,
    measure.doctor,
):
    app.command()(job)
training = typer.Typer(help="Train a model of your own.", no_args_is_help=True)
training.command("vae")(latent.train)
training.command("product")(product.train)
app.add_typer(training, name="train")
app.add_typer(catalogs.app, name="catalogs")
app.add_typer(models.app, name="models")


@app.command("app", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def open_page(context: typer.Context) -> None:
    """Open the page in a browser; `app --help` lists its options."""
    from app import main as serve

    serve(context.args)


@app.callback()
def main(quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False) -> None:
    """Find pictures by look, by style, by type and by words, and measure how well that works."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    err.quiet = quiet
    Settings.from_environment().place_downloads()


def run() -> None:
    """Run the command line; an error that a person can act on is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is escaped, not fatal
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    program = "python cli.py" if CHECKOUT else "visual-search"
    try:
        app()
    except AppError as error:
        err.quiet = False
        err.print(str(error).replace("python cli.py", program), style="red", highlight=False, markup=False)
        raise SystemExit(2) from None


if __name__ == "__main__":
    run()
