"""What Grafana is given at start: well-formed, wired to the one data source, asking for what the platform stores."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import Reason

ROOT = Path(__file__).resolve().parents[1]
GRAFANA = ROOT / "deploy/grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
SOURCE = yaml.safe_load((GRAFANA / "provisioning/datasources/influxdb.yaml").read_text())["datasources"][0]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]

each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def dashboard(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_the_data_source_is_influxql_over_the_bucket_that_is_set_up() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert (SOURCE["type"], SOURCE["access"], SOURCE["url"]) == ("influxdb", "proxy", "http://influxdb:8086")
    assert SOURCE["jsonData"]["dbName"] == services["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert SOURCE["jsonData"]["httpMode"] == "POST"


def test_the_token_is_read_from_the_mounted_secret() -> None:
    assert SOURCE["jsonData"]["httpHeaderName1"] == "Authorization"
    assert SOURCE["secureJsonData"] == {"httpHeaderValue1": "Token $__file{/run/secrets/influx_token}"}
    assert "influx_token" in COMPOSE["secrets"]


def test_uids_and_titles_are_unique() -> None:
    assert len(DASHBOARDS) >= 1
    for key in ("uid", "title"):
        values = [dashboard(path)[key] for path in DASHBOARDS]
        assert len(set(values)) == len(values)
        assert all(values)


def test_the_provider_and_the_home_page_point_at_mounted_files() -> None:
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/qilu.yaml").read_text())["providers"][0]
    mounted = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{mounted}:ro" in COMPOSE["volumes"]
    home = Path(COMPOSE["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(mounted)
    assert (GRAFANA / "dashboards" / home.name).is_file()


def test_a_visitor_sees_it_without_a_click_and_can_change_nothing() -> None:
    environment = COMPOSE["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not any(dashboard(path)["editable"] for path in DASHBOARDS)


@each_dashboard
def test_every_panel_asks_the_provisioned_source(path: Path) -> None:
    for panel in dashboard(path)["panels"]:
        assert panel["targets"], panel["title"]
        for thing in (panel, *panel["targets"]):
            assert thing["datasource"] == {"type": SOURCE["type"], "uid": SOURCE["uid"]}, panel["title"]
    for variable in dashboard(path)["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["datasource"]["uid"] == SOURCE["uid"]


@each_dashboard
def test_panels_have_their_own_ids_do_not_overlap_and_say_what_they_show(path: Path) -> None:
    panels = dashboard(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    for a, b in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (a, b)
    assert all(panel["gridPos"]["x"] >= 0 and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@each_dashboard
def test_ratios_are_never_averaged(path: Path) -> None:
    for panel in dashboard(path)["panels"]:
        for target in panel["targets"]:
            assert not re.search(r"\b(mean|median|sum)\(\"(oee|\w+_ratio|\w+_efficiency|unit_cost)\"", target["query"])


@each_dashboard
def test_only_declared_variables_are_used(path: Path) -> None:
    built_in = {"__from", "__to", "__interval", "timeFilter", "tag_machine", "tag_client", "col"}
    declared = {variable["name"] for variable in dashboard(path)["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard(path)["panels"])))
    assert used <= built_in | declared
    assert declared <= used


def test_the_state_timeline_has_a_word_and_a_colour_for_every_reason() -> None:
    (panel,) = [p for p in dashboard(GRAFANA / "dashboards/line.json")["panels"] if p["type"] == "state-timeline"]
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    assert mapping["options"].keys() == {str(reason) for reason in Reason}
    assert all(option["text"] and option["color"].startswith("#") for option in mapping["options"].values())


def test_the_first_dashboard_shows_what_was_asked_for() -> None:
    titles = " | ".join(p["title"] for p in dashboard(GRAFANA / "dashboards/line.json")["panels"])
    for subject in ("OEE", "Availability", "Effectiveness", "Quality", "Machine states", "Unit cost", "Energy"):
        assert subject in titles
