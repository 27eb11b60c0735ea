"""The data files: true to the facts, and refused with file and key when they are wrong."""

from __future__ import annotations

from math import fsum

import msgspec
import pytest

from contract import ConfigError
from simulator.catalogue import Sector, load_sector, load_tariff, parse, sectors
from simulator.plant import ideal_cycle_ns


@pytest.mark.parametrize("name", sectors())
def test_every_sector_loads_with_its_tariff(name: str) -> None:
    sector = load_sector(name)
    assert sector.id == name
    load_tariff(sector.tariff).check()


def test_home_appliances_is_what_the_facts_say() -> None:
    sector = load_sector("home_appliances")
    assert fsum(step.material_per_unit for step in sector.steps) == pytest.approx(848.6)
    assert sum(step.machines for step in sector.steps) == 22
    assert sum(step.operators for step in sector.steps) == 60
    rates = {step.id: 3600e9 / ideal_cycle_ns(step) * step.machines for step in sector.steps}
    assert min(rates, key=rates.__getitem__) == "assemble"
    assert rates == pytest.approx(
        {"stamp": 225, "mould": 196.36, "drum": 200, "assemble": 180, "test": 196.36, "pack": 211.76}, rel=1e-4
    )


def test_the_tariff_has_the_mean_price_of_the_facts() -> None:
    tariff = load_tariff("shandong")
    prices = [tariff.bands[code].price_per_kwh for month in tariff.hours for code in month]
    assert fsum(prices) / len(prices) == pytest.approx(0.692, abs=5e-4)


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no sector 'home_aplliances'; did you mean home_appliances\?"):
        load_sector("home_aplliances")
    with pytest.raises(ConfigError, match="Known: home_appliances"):
        load_sector("../../etc/passwd")
    with pytest.raises(ConfigError, match=r"no tariff 'mars'\. Known: shandong"):
        load_tariff("mars")


def _changed(**changes: object) -> bytes:
    body = msgspec.to_builtins(load_sector("home_appliances"))
    body["steps"][0] |= changes
    return msgspec.yaml.encode(body)


def test_what_is_not_changed_loads() -> None:
    assert parse(_changed(), Sector, "f.yaml") == load_sector("home_appliances")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycle": 3}, r"f\.yaml: .*unknown field `cycle`.*steps"),
        ({"cycle_s": "fast"}, r"f\.yaml: Expected `float`.*\$\.steps\[0\]\.cycle_s"),
        ({"cycle_s": 0}, r"f\.yaml: .*> 0.*cycle_s"),
        ({"scrap_pct": 101}, r"f\.yaml: .*<= 100.*scrap_pct"),
        ({"sensors": []}, r"f\.yaml: .*length >= 1.*sensors"),
        ({"id": "mould"}, r"f\.yaml: steps: an id twice"),
    ],
)
def test_what_is_wrong_is_refused_with_file_and_key(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(_changed(**changes), Sector, "f.yaml")


def test_what_is_not_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml"):
        parse(b"steps: [", Sector, "f.yaml")
