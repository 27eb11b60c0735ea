"""docker-compose.yml keeps its promises: health, pins, users, ports, order, secrets, settings our programs accept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.config import TYPES
from contract import KINDS, topic_filter
from service import load, read_document
from service.settings import check_environment

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("simulator", "ingest", "analytics")
PINNED = re.compile(r"^[a-z0-9/._-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*$")

every_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def test_these_services_and_no_others() -> None:
    assert set(SERVICES) == {"mosquitto", "influxdb", "grafana", *OURS}


@every_service
def test_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert len(check["test"]) > 1
    assert not check.get("disable")
    assert {"interval", "timeout", "retries"} <= check.keys()


@every_service
def test_image_is_pinned(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"]), service["image"]
    assert ("build" in service) == (name in OURS)


def test_our_image_stands_on_pinned_ones() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert all(PINNED.match(base) for base in bases), bases


def test_machine_code_is_made_in_the_build_and_found_by_any_user_when_it_runs() -> None:
    _, build, final = (ROOT / "deploy/Dockerfile").read_text().split("\nFROM ")
    variables = [re.findall(r"\b(XDG_CACHE_HOME|NUMBA_CPU_NAME)=(\S+)", stage) for stage in (build, final)]
    assert variables[0] == variables[1] == [("XDG_CACHE_HOME", "/opt/qilu/cache"), ("NUMBA_CPU_NAME", "generic")]
    made, opened = build.index("-m simulator.precompile"), build.index("chmod -R a+rX /opt/qilu/cache")
    assert build.index("NUMBA_CPU_NAME") < made < opened
    assert "COPY --from=build /opt/qilu /opt/qilu" in final
    for service in OURS:
        assert not {"XDG_CACHE_HOME", "NUMBA_CPU_NAME", "QILU_CACHE_DIR"} & SERVICES[service]["environment"].keys()


def test_the_plant_works_whatever_the_hour() -> None:
    assert read_document(str(ROOT / "deploy/qilu.toml"), TYPES)["simulator"] == {"shifts": "continuous"}


def test_the_ingesters_can_be_several_and_miss_no_kind_of_message() -> None:
    ingest = SERVICES["ingest"]
    assert not {"container_name", "ports", "hostname"} & ingest.keys()
    settings = read_document(str(ROOT / "deploy/qilu.toml"), TYPES)["ingest"]
    filters = [part for partition in settings["partitions"] for part in partition.split()]
    assert sorted(filters) == sorted(topic_filter(kind=kind) for kind in KINDS)
    assert "ingest:/var/lib/qilu" in ingest["volumes"]
    assert Path(settings["seats_directory"]).parent == Path(settings["dead_letters"]).parent == Path("/var/lib/qilu")


def test_our_image_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert {SERVICES[name]["image"] for name in OURS} == {f"qilu:{version[1]}"}


@every_service
def test_runs_as_a_numbered_user_who_is_not_root(name: str) -> None:
    user, _, group = str(SERVICES[name]["user"]).partition(":")
    assert int(user) > 0
    assert group.isdigit()


@every_service
def test_can_do_little_and_not_grow_without_bound(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "mem_limit" in service
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert service["restart"] == "unless-stopped"


@each_of_ours
def test_ours_have_a_read_only_root(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert any(place.startswith("/tmp:") for place in SERVICES[name]["tmpfs"])


def test_ports_are_published_on_the_loopback_address_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "mosquitto": ["127.0.0.1:1883:1883"],
        "influxdb": ["127.0.0.1:8086:8086"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert not any(service.get("network_mode") for service in SERVICES.values())


def test_start_order_is_by_health() -> None:
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert all(need == {"condition": "service_healthy"} for each in needs.values() for need in each.values())
    assert {name: set(each) for name, each in needs.items()} == {
        "mosquitto": set(),
        "influxdb": set(),
        "ingest": {"mosquitto", "influxdb"},
        "simulator": {"mosquitto", "ingest"},
        "analytics": {"influxdb", "ingest"},
        "grafana": {"influxdb"},
    }


@every_service
def test_secrets_come_from_files(name: str) -> None:
    service = SERVICES[name]
    mounted = {f"/run/secrets/{secret}" for secret in service.get("secrets", ())}
    assert {Path(path).name for path in mounted} <= COMPOSE["secrets"].keys()
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET", key):
            assert key.endswith("_FILE"), key
            assert value in mounted, f"{key} names {value}, which is not mounted"


def test_every_secret_is_made_and_none_is_kept_in_the_repository(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "deploy/make_secrets.py", tmp_path / "secrets"], check=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == COMPOSE["secrets"].keys()
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in made}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().split()


def test_no_password_or_token_stands_in_what_is_deployed() -> None:
    looks_secret = re.compile(
        r"\b[0-9a-f]{32,}\b"
        r"|\$[67]\$"
        r"|(?i:password|token)\w*[\"']?\s*[=:]\s*[\"']?+(?!/run/secrets/|\{file: \./secrets/)\S{6,}"
    )
    assert looks_secret.search("GF_SECURITY_ADMIN_PASSWORD: 'opensesame'")
    for path in (ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            found = [match[0] for match in looks_secret.finditer(path.read_text())]
            assert not found, f"{path}: {found}"


@each_of_ours
def test_our_programs_accept_their_settings(name: str) -> None:
    environ = {key: str(value) for key, value in SERVICES[name]["environment"].items()}
    check_environment(environ, TYPES)
    document = read_document(str(ROOT / "deploy/qilu.toml"), TYPES)
    settings = {section: load(section, type_, document, environ) for section, type_ in TYPES.items()}
    assert getattr(settings[name], "heartbeat", None) == "/tmp/heartbeat"
    assert "./deploy/qilu.toml:/etc/qilu/qilu.toml:ro" in SERVICES[name]["volumes"]
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "python", "-m", name, "--health"]
    if name != "simulator":
        assert f"/run/secrets/{SERVICES[name]['secrets'][-1]}" == getattr(settings["store"], "token_file", None)


def test_the_brokers_rules_name_exactly_the_users_that_have_passwords() -> None:
    users = re.findall(r"^user (\S+)", (ROOT / "deploy/mosquitto/acl").read_text(), re.MULTILINE)
    assert {f"mqtt_{user}_password" for user in users} == {
        name for name in COMPOSE["secrets"] if name.startswith("mqtt_")
    }
    assert "allow_anonymous false" in (ROOT / "deploy/mosquitto/mosquitto.conf").read_text().splitlines()


def test_the_tools_themselves_accept_the_file() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)

    tools = [["docker-compose"], ["docker", "compose"]]
    there = [tool for tool in tools if shutil.which(tool[0]) and run(*tool, "version").returncode == 0]
    if not there and os.environ.get("QILU_LIVE") != "required":
        pytest.skip("neither docker-compose nor docker compose is installed")
    assert there
    for tool in there:
        done = run(*tool, "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet")
        assert (done.returncode, done.stderr) == (0, ""), tool
