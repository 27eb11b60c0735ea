"""What the ingester is measured against: the database itself, and Telegraf.

What it is: the same messages as ready line protocol, and through ``mqtt_consumer`` and ``influxdb_v2``.
What it is not: a benchmark of its own; ``bench/ingest.py`` runs it.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest_load import SENSORS, fill, messages
from servers import Influxd, Mosquitto

from contract import topic_filter
from historian.line_protocol import encode_frame
from ingest.admission import Admission
from ingest.carrier import WRITES
from ingest.formats import Formats
from ingest.gaps import Gaps
from ingest.register import Register

PATIENCE_S = 300.0


class _Parcel:
    def __init__(self, topic: str, payload: bytes) -> None:
        self.topic, self.payload, self.content_type, self.received_ns = topic, payload, "", 0

    def acknowledge(self) -> None:
        return None


def database(influxd: Influxd, rows: int, count: int) -> float:
    """Values per second that the database takes, of the same points as ready lines."""
    size = 5000 if rows == 1 else 1_048_576 // len(messages("x", rows, 1)[0][1])
    made = messages("ready", rows, count)
    bodies = []
    for at in range(0, count, size):
        desk = Admission(Formats().understand, Register(), Gaps(), time.monotonic)
        batch = desk.open([_Parcel(*one) for one in made[at : at + size]])
        bodies.append(b"".join(map(encode_frame, batch.frames)))
    bucket = influxd.new_bucket()
    began = time.perf_counter()
    with ThreadPoolExecutor(WRITES) as several:
        list(several.map(lambda body: influxd.write(bucket, body), bodies))
    seconds = time.perf_counter() - began
    influxd.drop_bucket(bucket)
    return count * rows * len(SENSORS) / seconds


def points(influxd: Influxd) -> int:
    """How many points the database has been given since its start."""
    with urllib.request.urlopen(f"http://127.0.0.1:{influxd.port}/debug/vars", timeout=10) as answer:
        document = json.load(answer)
    parts = [one for one in document.values() if isinstance(one, dict) and one.get("name") == "httpd"]
    return sum(one["values"].get("pointsWrittenOK", 0) for one in parts)


def telegraf(program: str, broker: Mosquitto, influxd: Influxd, count: int, folder: Path) -> dict[str, object]:
    """The same messages through Telegraf."""
    bucket, topic = influxd.new_bucket(), topic_filter("bench-telegraf")
    fields = "\n".join(
        f'      [[inputs.mqtt_consumer.json_v2.field]]\n        path = "values.{name}.0"\n        rename = "{name}"\n'
        '        type = "float"'
        for name in SENSORS
    )
    config = folder / "telegraf.conf"
    config.write_text(f"""
[agent]
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  omit_hostname = true
  quiet = true
[[outputs.influxdb_v2]]
  urls = ["http://127.0.0.1:{influxd.port}"]
  token = "none:none"
  organization = "qilu"
  bucket = "{bucket}"
  content_encoding = "identity"
  concurrent_writes = 2
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:{broker.port}"]
  topics = ["{topic}"]
  topic_tag = ""
  qos = 1
  persistent_session = true
  client_id = "bench-telegraf"
  max_undelivered_messages = 20000
  data_format = "json_v2"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "qilu/v1/+/+/+/+/+/+"
    measurement = "_/_/_/_/_/_/_/measurement"
    tags = "_/_/enterprise/site/area/line/machine/_"
  [[inputs.mqtt_consumer.json_v2]]
    timestamp_path = "t.0"
    timestamp_format = "unix_ns"
{fields}
      [[inputs.mqtt_consumer.json_v2.field]]
        path = "boot"
        rename = "_boot"
      [[inputs.mqtt_consumer.json_v2.field]]
        path = "seq"
        rename = "_seq"
        type = "int"
""")
    command = [program, "--config", str(config)]
    log = (folder / "telegraf.log").open("w")
    first = subprocess.Popen(command, stdout=log, stderr=log)
    time.sleep(3.0)  # it makes its session
    first.terminate()
    first.wait()
    fill(broker.url, messages("bench-telegraf", 1, count))
    before = points(influxd)
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        began, at_begin = wait_for(influxd, before + 1)
        ended, at_end = wait_for(influxd, before + count)
        cpu_s, rss_mb = _usage(process.pid)
    finally:
        process.terminate()
        process.wait()
    rate = (at_end - at_begin) / (ended - began)
    return {
        "messages": at_end - before,
        "messages_per_s": round(rate),
        "values_per_s": round(rate * len(SENSORS)),
        "cpu_us_per_message": round(cpu_s / count * 1e6, 1),
        "rss_mb": round(rss_mb),
    }


def wait_for(influxd: Influxd, wanted: int) -> tuple[float, int]:
    """When the database has been given so many points, and how many it has then."""
    deadline = time.perf_counter() + PATIENCE_S
    while (found := points(influxd)) < wanted:
        if time.perf_counter() > deadline:
            raise SystemExit(f"Telegraf: {wanted - found} points are missing after {PATIENCE_S:.0f} s")
        time.sleep(0.02)
    return time.perf_counter(), found


def _usage(pid: int) -> tuple[float, float]:
    """Processor seconds and the peak of memory (MB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100, peak_mb(pid)


def peak_mb(pid: int | str) -> float:
    """The peak of memory of a process; ``ru_maxrss`` would be that of its parent where the parent is larger."""
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024
