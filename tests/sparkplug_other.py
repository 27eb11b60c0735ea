"""The other side: run by the Python that has ``pysparkplug``, and by no other.

What it is: one JSON object a line from standard input, one answer a line to standard output: ``decode`` a payload,
``encode`` one, or be an edge node or a collector on a broker for a while.
What it is not: a test, nor a user of anything of Qilu.
"""

from __future__ import annotations

import base64
import datetime
import importlib
import json
import sys
import time
from typing import Any

psp: Any = None
"""The library; imported when this is run, so that collecting the tests needs none."""

PAYLOADS = {
    "NBIRTH": "NBirth",
    "NDATA": "NData",
    "NDEATH": "NDeath",
    "DBIRTH": "DBirth",
    "DDATA": "DData",
    "DDEATH": "DDeath",
    "NCMD": "NCmd",
    "DCMD": "DCmd",
    "STATE": "State",
}


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def metric_of(said: dict[str, Any]) -> Any:
    """A metric out of JSON."""
    datatype = psp.DataType(said["datatype"])
    value = said["value"]
    if value is not None and datatype in (psp.DataType.BYTES, psp.DataType.FILE):
        value = base64.b64decode(value)
    if value is not None and datatype == psp.DataType.DATETIME:
        value = datetime.datetime.fromtimestamp(value / 1000, tz=datetime.UTC)
    return psp.Metric(said["t"], said["name"], datatype, value=value, is_null=value is None)


def told(metric: Any) -> dict[str, Any]:
    """A metric as JSON."""
    return {
        "name": metric.name,
        "datatype": int(metric.datatype),
        "value": plain(metric.value),
        "t": metric.timestamp,
        "historical": metric.is_historical,
        "null": metric.is_null,
    }


def decode(asked: dict[str, Any]) -> dict[str, Any]:
    """What stands in a payload, by the library's reading."""
    data = base64.b64decode(asked["data"])
    birth = None
    if asked.get("birth"):
        kind = psp.NBirth if asked["type"].startswith("N") else psp.DBirth
        birth = kind.decode(base64.b64decode(asked["birth"]))
    found = getattr(psp, PAYLOADS[asked["type"]]).decode(data, birth=birth)
    if asked["type"] == "STATE":
        return {"online": found.online, "timestamp": found.timestamp}
    metrics = [found.bd_seq_metric] if asked["type"] == "NDEATH" else getattr(found, "metrics", ())
    return {
        "timestamp": found.timestamp,
        "seq": getattr(found, "seq", None),
        "metrics": [told(metric) for metric in metrics],
    }


def encode(asked: dict[str, Any]) -> dict[str, Any]:
    """A payload as the library writes it."""
    metrics = tuple(metric_of(one) for one in asked.get("metrics", ()))
    type_ = asked["type"]
    if type_ == "STATE":
        payload = psp.State(timestamp=asked["t"], online=asked["online"])
    elif type_ == "NDEATH":
        payload = psp.NDeath(timestamp=asked["t"], bd_seq_metric=metrics[0])
    elif type_ == "DDEATH":
        payload = psp.DDeath(timestamp=asked["t"], seq=asked["seq"])
    elif type_ in ("NCMD", "DCMD"):
        payload = getattr(psp, PAYLOADS[type_])(timestamp=asked["t"], metrics=metrics)
    else:
        payload = getattr(psp, PAYLOADS[type_])(timestamp=asked["t"], seq=asked["seq"], metrics=metrics)
    return {"data": base64.b64encode(payload.encode()).decode()}


def edge(asked: dict[str, Any]) -> dict[str, Any]:
    """Be an edge node with one device: births, data, the device's death, a clean end."""
    node_metrics = [metric_of(one) for one in asked["metrics"]]
    node = psp.EdgeNode("other", "node", node_metrics, client=psp.Client(client_id="other-edge"))
    device = psp.Device("dev", [metric_of(one) for one in asked["metrics"]])
    node.register(device)
    node.connect("127.0.0.1", port=asked["port"], blocking=False)
    time.sleep(1)
    for _ in range(asked["rounds"]):
        now = round(time.time() * 1000)
        fresh = [metric_of({**one, "t": now}) for one in asked["next"]]
        node.update(fresh)
        node.update_device("dev", fresh)
        time.sleep(0.01)
    node.deregister("dev")
    time.sleep(0.3)
    node.disconnect()
    return {"done": True}


DO = {"decode": decode, "encode": encode, "edge": edge}


def main() -> None:
    global psp  # noqa: PLW0603
    psp = importlib.import_module("pysparkplug")
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = DO[asked["do"]](asked)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
