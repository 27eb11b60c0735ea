"""Scenarios: the built-in files, what each key means, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from contract import ConfigError
from service.datafile import parse
from service.datafiles_io import read_bytes
from simulator.catalogue import Catalogue
from simulator.durations import SECOND_NS, UNITS
from simulator.fault_kinds import FAULTS, Kind, table
from simulator.faults import fault_of_text
from simulator.scenario import MAX_SEED, Scenario, ScenarioDemand, ScenarioPolicies
from simulator.scenario_check import check_scenario, scenario_problems
from simulator.settings import Settings
from simulator.setup import setup

DOCS = Path(__file__).parents[1] / "docs" / "scenarios.md"
CATALOGUE = Catalogue()
NAMES = CATALOGUE.names("scenarios")
PLACE = ("acme", "plant-1", "line-1")
BASE = "id: mine\nname: Mine\n"
PARK = (
    BASE
    + "park:\n  id: p\n  enterprises:\n  - {enterprise: a, sector: ceramics}\n  - {enterprise: b, sector: energy}\n"
)


def read(text: str) -> Scenario:
    return parse(text.encode(), Scenario, "f.yaml")


# What is built in


def test_the_built_in_scenarios_are_there() -> None:
    expected = {"bad-bearing", "supplier-down", "rough-network", "rush-season", "industrial-park", "cheap-nights"}
    assert expected <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_scenario_is_right(name: str) -> None:
    scenario = CATALOGUE.load("scenarios", name, Scenario)
    check_scenario(scenario, CATALOGUE)
    assert scenario.description
    assert scenario.duration_ns
    for tenant in scenario.tenants(*PLACE):
        sector = CATALOGUE.sector(tenant.sector)
        tenant.policies.over(sector.policies)


def test_the_scenarios_use_most_kinds_of_faults() -> None:
    used = {fault.kind for name in NAMES for fault in CATALOGUE.load("scenarios", name, Scenario).faults}
    assert {FAULTS[kind].group for kind in used} == {"process", "sensor", "meter", "communication"}
    assert {kind for kind, of in FAULTS.items() if of.group == "communication"} <= used


def test_the_stock_out_is_long_enough() -> None:
    """Six days and the way are more than what lies there and is on its way: the arithmetic of the file's comment."""
    scenario = CATALOGUE.load("scenarios", "supplier-down", Scenario)
    sector = CATALOGUE.sector("home_appliances")
    down = scenario.faults[0]
    supplier = next(s for s in sector.suppliers if s.id == down.supplier)
    materials = [m for m in sector.materials if m.supplier == down.supplier]
    days = int(down.for_.removesuffix("d")) + supplier.lead_days_mean / 2
    for material in materials:
        at_most = material.safety_days + material.order_days + supplier.lead_days_mean / 2
        assert days >= at_most


def test_the_park_is_one_site_with_a_common_limit() -> None:
    scenario = CATALOGUE.load("scenarios", "industrial-park", Scenario)
    tenants = scenario.tenants("not", "used", "here")
    assert [tenant.sector for tenant in tenants] == ["home_appliances", "electronics", "ceramics"]
    assert {tenant.site for tenant in tenants} == {"qilu-park"}
    assert [tenant.seed for tenant in tenants] == [5, 6, 7]
    assert scenario.park is not None
    limit_kw, running_kw = scenario.park.shared.power_limit_kw, 0.0
    for tenant in tenants:
        for step in CATALOGUE.sector(tenant.sector).steps:
            one_kw = CATALOGUE.model(step.model).power_kw.run
            running_kw += step.machines * one_kw
            assert one_kw < min(limit_kw, scenario.faults[0].size or 0)
    assert limit_kw < running_kw


# What the keys mean


def test_a_scenario_in_full() -> None:
    scenario = read(
        BASE + "seed: 9\nstart: 2026-03-02T00:00:00+08:00\nhistory: 1d12h\nduration: 90m\nspeed: 60\nsector: ceramics\n"
        "site: north\ntelemetry_s: 5\nshifts: continuous\ndemand: {factor: 2}\npolicies: {look: 5}\n"
        "faults:\n- {kind: delay, at: 2026-03-04, for: 10m, magnitude: 3}\n"
    )
    assert scenario.start_ns == 1_772_380_800 * SECOND_NS
    assert scenario.history_ns == 36 * UNITS["h"]
    assert scenario.duration_ns == 90 * UNITS["m"]
    assert scenario.speed == 60
    assert scenario.faults == [fault_of_text("delay at=2026-03-04 for=10m magnitude=3")]
    (tenant,) = scenario.tenants(*PLACE)
    assert tenant[:5] == ("acme", "north", "line-1", "ceramics", 9)
    assert (tenant.demand.factor, tenant.policies.look, tenant.shifts, scenario.telemetry_s) == (2, 5, "continuous", 5)


def test_what_is_not_said_is_the_sectors_or_the_settings() -> None:
    scenario = read(BASE + "sector: ceramics\n")
    sector = CATALOGUE.sector("ceramics")
    (tenant,) = scenario.tenants(*PLACE)
    assert tenant[:3] == PLACE
    assert tenant.demand == ScenarioDemand(factor=1.0, personalised=None)
    assert tenant.policies.over(sector.policies) == sector.policies
    assert (scenario.start_ns, scenario.history_ns, scenario.duration_ns, scenario.telemetry_s) == (None, 0, None, None)
    assert list(scenario_problems(scenario, CATALOGUE)) == []


def test_policies_are_overridden_one_by_one() -> None:
    policies = CATALOGUE.sector("ceramics").policies
    over = ScenarioPolicies(dispatch="due", maintain_age=0.0, cheap_power=True).over(policies)
    assert (over.dispatch, over.maintain_age, over.cheap_power) == ("due", 0.0, True)
    assert (over.look, over.caught, over.planned_repair) == (policies.look, policies.caught, policies.planned_repair)
    assert not ScenarioPolicies(cheap_power=False).over(over).cheap_power


def test_a_seed_offset_wraps_and_may_be_given() -> None:
    park = PARK.replace("sector: energy", "sector: energy, seed_offset: 3, line: l-2")
    tenants = read(park + f"seed: {MAX_SEED}\n").tenants(*PLACE)
    assert [(tenant.enterprise, tenant.seed, tenant.line) for tenant in tenants] == [
        ("a", MAX_SEED, "line-1"),
        ("b", 2, "l-2"),
    ]


# What is refused


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BASE, r"f\.yaml:1: expected sector or park, found neither"),
        (PARK + "sector: ceramics\n", "expected sector or park, found both"),
        (BASE + "sectr: ceramics\n", r"f\.yaml:3: sectr: unknown key; did you mean sector\?"),
        (BASE + "sector: ceramics\nhistory: 3\n", r"f\.yaml:4: history: expected text, found 3; put it into quotes"),
        (BASE + "sector: ceramics\nhistory: 3 days\n", "history: expected a duration such as 30d"),
        (BASE + "sector: ceramics\nduration: 0h\n", "duration: expected more than nothing"),
        (BASE + "sector: ceramics\nstart: now\n", "start: expected an ISO 8601 time"),
        (BASE + "sector: ceramics\nspeed: fast\n", r"f\.yaml:4: speed: expected "),
        (BASE + "sector: ceramics\nspeed: 0\n", r"f\.yaml:4: speed: expected a number > 0|speed: expected"),
        (BASE + "sector: ceramics\nsite: a/b\n", "site: site 'a/b' holds the character '/'"),
        (
            BASE + "sector: ceramics\npolicies: {dispach: due}\n",
            r"policies\.dispach: unknown key; did you mean dispatch",
        ),
        (BASE + "sector: ceramics\ndemand: {factor: 0}\n", r"f\.yaml:4: demand\.factor: expected a number > 0"),
        (BASE + "sector: ceramics\nshifts: night\n", r"shifts: expected one of continuous, sector, found 'night'"),
        (
            BASE + "sector: ceramics\nfaults:\n- {kind: delay}\n- {kind: delai}\n",
            r"f\.yaml:6: faults\[1\]\.kind: expected one of .* did you mean delay\?",
        ),
        (
            BASE + "sector: ceramics\nfaults:\n- {kind: delay, fro: 3h}\n",
            r"f\.yaml:5: faults\[0\]\.fro: unknown key; did you mean for\?",
        ),
        (
            BASE + "sector: ceramics\nfaults:\n- {kind: stuck, machine: fire-1}\n",
            r"f\.yaml:5: faults\[0\]: stuck: sensor: the key is missing",
        ),
        (PARK + "site: x\n", "site: not together with park; the park's id is the site"),
        (PARK + "demand: {factor: 2}\n", "demand: not together with park; say it of each enterprise"),
        (PARK + "shifts: continuous\n", "shifts: not together with park"),
        (PARK.replace("enterprise: b", "enterprise: a"), "enterprises: a name twice in a, a"),
        (
            PARK.replace("enterprise: b", "enterprise: $b"),
            r"enterprises\[1\]: enterprise: enterprise '\$b' begins with \$",
        ),
        (PARK.replace("enterprise: b", "enterprise: a, line: x+"), "line: line 'x[+]' holds the character"),
        (
            PARK + "faults:\n- {kind: delay, enterprise: c}\n",
            r"faults\[0\]\.enterprise: no enterprise 'c'; known: a, b",
        ),
        (PARK + "  - {enterprise: c, sector: ceramics}\n" * 19, "enterprises: "),
    ],
)
def test_a_wrong_scenario_is_refused_by_key(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as error:
        read(text)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BASE + "sector: ceramic\n", r"^sector: no sector 'ceramic'; did you mean ceramics\?"),
        (
            PARK.replace("energy", "engergy"),
            r"^park\.enterprises\[1\]\.sector: no sector 'engergy'; did you mean energy",
        ),
        (
            BASE + "sector: ceramics\nfaults:\n- {kind: jam, machine: pres-1}\n",
            r"^faults\[0\]: jam: machine: no machine 'pres-1'; did you mean press-1\?",
        ),
        (
            BASE + "sector: ceramics\nfaults:\n- {kind: stuck, machine: press-1, sensor: oiltemp}\n",
            r"^faults\[0\]: stuck: sensor: machine press-1 has no sensor 'oiltemp'; did you mean oil_temp\?",
        ),
        (
            BASE + "sector: ceramics\nduration: 1d\nfaults:\n- {kind: jam, machine: press-1, at: 1d}\n",
            r"^faults\[0\]: jam: at: it begins when the run is over, after 1d",
        ),
        (
            BASE + "sector: ceramics\nstart: 2026-03-02\nduration: 1d\nfaults:\n- {kind: delay, at: 2026-03-03}\n",
            r"^faults\[0\]: delay: at: it begins when the run is over",
        ),
        (
            BASE + "sector: ceramics\nstart: 2026-03-02\nfaults:\n- {kind: jam, machine: press-1, at: 2026-03-01}\n",
            r"^faults\[0\]: jam: at: it would be over before it could begin",
        ),
        (
            PARK + "faults:\n- {kind: supplier_down, supplier: local}\n",
            r"^faults\[0\]: supplier_down: enterprise: supplier 'local' is at several; say which: a, b",
        ),
    ],
)
def test_what_the_catalogue_does_not_have_is_named(text: str, why: str) -> None:
    scenario = read(text)
    (problem,) = scenario_problems(scenario, CATALOGUE)
    assert re.search(why, problem)
    with pytest.raises(ConfigError, match=r"^scenario mine: "):
        check_scenario(scenario, CATALOGUE)


def test_a_date_says_nothing_while_the_start_is_not_set() -> None:
    text = BASE + "sector: ceramics\nfaults:\n- {kind: jam, machine: press-1, at: 2026-03-01}\n"
    assert list(scenario_problems(read(text), CATALOGUE)) == []
    (problem,) = scenario_problems(read(text.replace("press-1", "pres-1")), CATALOGUE)
    assert "did you mean press-1?" in problem


def test_all_problems_are_said_before_anything_is_set_up(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    faults = "faults:\n- {kind: jam, machine: nix}\n- {kind: delay, at: 3h}\n"
    file.write_text(BASE + "sector: mould\nduration: 1h\ndemand: {personalised: 0.2}\n" + faults)
    with pytest.raises(ConfigError) as error:
        setup(Settings(scenario=str(file)))
    for why in (
        "demand: personalised share 0.2",
        "faults[0]: jam: machine: no machine 'nix'",
        "faults[1]: delay: at:",
    ):
        assert why in str(error.value)


@pytest.mark.parametrize("scenario", ["", "bad-bearing", "industrial-park"])
def test_the_working_hours_that_are_set_hold_in_a_scenario_too(scenario: str) -> None:
    for shifts in ("", "sector", "continuous"):
        park = setup(Settings(scenario=scenario, shifts=shifts)).park
        assert {site.continuous for site in park.sites} == {shifts == "continuous"}


@pytest.mark.parametrize(("history", "right"), [("3h", True), ("1h", False)])
def test_a_fault_may_lie_in_the_history(history: str, right: bool) -> None:
    text = f"sector: ceramics\nhistory: {history}\nfaults:\n- {{kind: jam, machine: press-1, at: -2h}}\n"
    assert (list(scenario_problems(read(BASE + text), CATALOGUE)) == []) is right


@pytest.mark.parametrize(("share", "right"), [("1", True), ("0.2", False)])
def test_a_share_that_no_channel_can_take_is_refused(share: str, right: bool) -> None:
    """All channels of this sector are personalised."""
    scenario = read(BASE + f"sector: mould\ndemand: {{personalised: {share}}}\n")
    assert (list(scenario_problems(scenario, CATALOGUE)) == []) is right


# The page


def test_the_page_has_the_table_and_the_scenarios() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert table() in page
    for name in NAMES:
        assert f"`{name}`" in page
    assert set(FAULTS) == set(Kind.__args__)  # type: ignore[attr-defined]


def test_the_examples_of_the_page_are_right() -> None:
    page = DOCS.read_text(encoding="utf-8")
    files = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(files) == 2
    for text in files:
        check_scenario(read(text), CATALOGUE)
    typed = re.findall(r'--fault "([^"]+)"', page)
    assert typed
    scenario = CATALOGUE.load("scenarios", "bad-bearing", Scenario)
    scenario = msgspec.structs.replace(scenario, faults=[fault_of_text(text) for text in typed])
    check_scenario(scenario, CATALOGUE)


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_file_says_what_it_assumes_and_fits_the_page(name: str) -> None:
    text = read_bytes(CATALOGUE.path("scenarios", name)).decode()
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 120
