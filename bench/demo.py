"""How long after the command does the page show live figures with a day of history behind them?

Prints the seconds as a ratio to the limit of 10 s. A page counts as live when the plant's clock runs, the line's OEE
and unit cost of the last hour are there, every machine has a tile, and the sparklines hold a day of hours.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import Any

LIMIT_S = 10.0
GIVE_UP_S = 120.0


def main() -> None:
    """Start the demo, look at its page until it is live, end it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "console",
            "demo",
            "--no-browser",
            "--port",
            "0",
            "--data-dir",
            folder,
            "--json",
        ]
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            url = process.stderr.readline().split("factory is at ")[1].split()[0]
            page_s = time.monotonic() - began
            live_s = None
            while live_s is None and time.monotonic() - began < GIVE_UP_S:
                time.sleep(0.1)
                if is_live(look(url)):
                    live_s = time.monotonic() - began
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=GIVE_UP_S)
    result = {
        "page_answers_s": round(page_s, 2),
        "live_with_history_s": None if live_s is None else round(live_s, 2),
        "limit_s": LIMIT_S,
        "ratio": None if live_s is None else round(live_s / LIMIT_S, 3),
        "lost": json.loads(out)["lost"],
    }
    if as_json:
        print(json.dumps(result))
    else:
        print(f"page answers after {result['page_answers_s']} s, live with history after {live_s} s")
        print(f"ratio to the limit of {LIMIT_S:g} s: {result['ratio']}; messages lost: {result['lost']}")


def look(url: str) -> dict[str, Any]:
    """The page's data."""
    with urllib.request.urlopen(url + "api/snapshot", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def is_live(page: dict[str, Any]) -> bool:
    """Whether a person would say so."""
    board, history = page["board"], page["history"]
    line = board["headline"]["line"]
    tiles = [tile for step in board["steps"] for tile in step["tiles"]]
    return (
        board["phase"] == "live"
        and line["line_oee"] is not None
        and line["unit_cost"] is not None
        and len(tiles) >= 22
        and all(tile["state"] for tile in tiles)
        and sum(value is not None for value in history["line"]["oee"]) >= 23
    )


if __name__ == "__main__":
    main()
