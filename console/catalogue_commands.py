"""``qilu models`` and ``qilu sectors``: what there is, what it is, whether it is right, and a new one.

What it is: the flags of both commands, and which file does the work.
What it is not: the work: ``catalogue_pages.py`` (list, show), ``catalogue_check.py``, ``catalogue_new.py``.

Exit codes: 0 all is well; 1 a file is wrong; 2 wrong usage, or no such name or file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from simulator.catalogue import Catalogue

HOME: Final = Path("qilu")
"""The folder of the user's own files, where none is named."""
_HELP: Final = {
    "models": "machine models: list, show, check, new",
    "sectors": "sectors: list, show, check, new",
}
_ONE: Final = {"models": "machine model", "sectors": "sector"}


def add_catalogue_commands(commands: Any) -> None:
    """Add both commands to the command line; ``commands`` is what ``add_subparsers`` gave."""
    for kind, text in _HELP.items():
        actions = commands.add_parser(kind, help=text, description=text).add_subparsers(
            title="actions", metavar="ACTION", required=True
        )
        _list(actions.add_parser("list", help=f"every {_ONE[kind]} by name"), kind)
        _show(actions.add_parser("show", help=f"all of one {_ONE[kind]}"), kind)
        _check(actions.add_parser("check", help="whether files are right"), kind)
        _new(actions.add_parser("new", help="write a commented file to start from"), kind)


def open_catalogue(folder: Path | None) -> Catalogue:
    """The catalogue with the user's own folder: the one that is named, or ``./qilu`` where there is one."""
    from simulator.catalogue import Catalogue  # noqa: PLC0415  # each command loads only what it needs

    return Catalogue(own_folder(folder))


def own_folder(named: Path | None) -> Path | None:
    """The folder of the user's own files: the one that is named, or ``./qilu`` where it looks like one."""
    kinds = ("models", "sectors", "scenarios")
    return named or (HOME if any((HOME / kind).is_dir() for kind in kinds) else None)


def _list(sub: argparse.ArgumentParser, kind: str) -> None:
    def run(options: argparse.Namespace) -> int:
        from console.catalogue_pages import run_list  # noqa: PLC0415

        return run_list(kind, open_catalogue(options.catalogue), as_json=options.json)

    _common(sub, run)


def _show(sub: argparse.ArgumentParser, kind: str) -> None:
    sub.add_argument("name", metavar="NAME", help=f"as `qilu {kind} list` has it")

    def run(options: argparse.Namespace) -> int:
        from console.catalogue_pages import run_show  # noqa: PLC0415

        return run_show(kind, options.name, open_catalogue(options.catalogue), as_json=options.json)

    _common(sub, run)


def _check(sub: argparse.ArgumentParser, kind: str) -> None:
    sub.add_argument("files", type=Path, nargs="+", metavar="FILE", help="files to check")

    def run(options: argparse.Namespace) -> int:
        from console.catalogue_check import run_check  # noqa: PLC0415

        return run_check(kind, options.files, open_catalogue(options.catalogue), as_json=options.json)

    _common(sub, run)


def _new(sub: argparse.ArgumentParser, kind: str) -> None:
    sub.add_argument("name", metavar="NAME", help="its id, and the name of its file")
    sub.add_argument("--from", dest="origin", metavar="NAME", help="copy this one instead of the small template")
    sub.add_argument("--folder", type=Path, metavar="DIR", help="where to write (default: the catalogue, or ./qilu)")

    def run(options: argparse.Namespace) -> int:
        from console.catalogue_new import run_new  # noqa: PLC0415

        folder = options.folder or options.catalogue or HOME
        # Only a folder that is named as the catalogue must be there; the one to write into is made.
        known = options.catalogue or (folder if folder.is_dir() else None)
        return run_new(kind, options.name, options.origin, folder, open_catalogue(known), as_json=options.json)

    _common(sub, run)


def _common(sub: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    sub.add_argument("--catalogue", type=Path, metavar="DIR", help="your own files (default: ./qilu where it exists)")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")
    sub.set_defaults(run=run)
