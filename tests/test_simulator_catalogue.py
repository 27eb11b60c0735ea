"""Names to data files: the built-in ones and the user's own, and nothing outside their folders."""

from __future__ import annotations

from math import fsum
from pathlib import Path

import msgspec
import pytest

from contract import ConfigError
from service.datafiles_io import read
from simulator.catalogue import (
    Catalogue,
    check_sector,
    load_model,
    load_sector,
    load_tariff,
    models,
    sector_problems,
    sectors,
    tariffs,
)
from simulator.sector_model import Sector

ROOT = Path(__file__).parents[1]
MODEL = (ROOT / "console/templates/models.yaml").read_text()
SECTOR = (ROOT / "console/templates/sectors.yaml").read_text()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of the user's own with a model and a sector."""
    for kind, name, text in (("models", "my-machine", MODEL), ("sectors", "my-sector", SECTOR)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.yaml").write_text(text)
    return tmp_path


def _template() -> Sector:
    return read(ROOT / "console/templates/sectors.yaml", Sector)


@pytest.mark.parametrize("name", models())
def test_every_model_loads(name: str) -> None:
    assert load_model(name).id == name


@pytest.mark.parametrize("name", sectors())
def test_every_sector_loads_and_goes_with_the_catalogue(name: str) -> None:
    sector = load_sector(name)
    assert sector.id == name
    check_sector(sector)


@pytest.mark.parametrize("name", tariffs())
def test_every_tariff_loads(name: str) -> None:
    assert len(load_tariff(name).hours) == 12


def test_the_tariff_has_the_mean_price_of_the_facts() -> None:
    tariff = load_tariff("shandong")
    prices = [tariff.bands[code].price_per_kwh for month in tariff.hours for code in month]
    assert fsum(prices) / len(prices) == pytest.approx(0.692, abs=5e-4)


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^no sector 'home_aplliances'; did you mean home_appliances\?$"):
        load_sector("home_aplliances")
    with pytest.raises(ConfigError, match=r"^no tariff 'mars'; known: shandong"):
        load_tariff("mars")
    with pytest.raises(ConfigError) as caught:
        load_model("z" * 10_000)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["../tariffs/shandong", "/etc/passwd", "", ".", "..", "a/b", "shandong.yaml", "a\0b"])
def test_a_name_leads_nowhere_else(name: str, own: Path) -> None:
    (own / "tariffs").mkdir()
    for extra in (None, own):
        with pytest.raises(ConfigError, match=r"^no tariff "):
            load_tariff(name, extra)


def test_the_users_own_files_stand_beside_the_built_in_ones(own: Path) -> None:
    assert {"my-machine", "robot-packer"} <= set(models(own))
    assert {"my-sector", "home_appliances"} <= set(sectors(own))
    assert "my-machine" not in models()
    assert load_model("my-machine", own).id == "my-machine"
    assert load_sector("my-sector", own).steps[0].id == "form"
    check_sector(load_sector("my-sector", own), own)
    catalogue = Catalogue(own)
    assert catalogue.built_in("models", "robot-packer")
    assert not catalogue.built_in("models", "my-machine")
    assert catalogue.names("scenarios") == Catalogue().names("scenarios")


def test_a_built_in_file_is_not_shadowed(own: Path) -> None:
    (own / "models" / "robot-packer.yaml").write_text(MODEL.replace("my-machine", "robot-packer"))
    for call in (
        models,
        lambda extra: load_model("robot-packer", extra),
        lambda extra: load_model("my-machine", extra),
    ):
        with pytest.raises(ConfigError, match=r"robot-packer\.yaml: robot-packer is a built-in machine model"):
            call(own)
    assert load_sector("my-sector", own).id == "my-sector"


@pytest.mark.parametrize("name", ["My.yaml", "a b.yaml", "oven.yml", "1.yaml", f"{'a' * 62}.yaml"])
def test_a_file_that_can_have_no_name_is_refused(name: str, own: Path) -> None:
    (own / "models" / name).write_text(MODEL)
    with pytest.raises(ConfigError, match=r"call it NAME\.yaml"):
        models(own)


def test_what_editors_leave_behind_is_not_looked_at(own: Path) -> None:
    for name in (".my-machine.yaml", "my-machine.yaml~", "notes.txt"):
        (own / "models" / name).write_text("?")
    assert set(models(own)) - set(models()) == {"my-machine"}


def test_id_and_file_name_are_one(own: Path) -> None:
    (own / "models" / "oven.yaml").write_text(MODEL)
    line = MODEL.splitlines().index(next(row for row in MODEL.splitlines() if row.startswith("id:"))) + 1
    with pytest.raises(ConfigError, match=rf"oven\.yaml:{line}: id: expected 'oven', as the file is called"):
        load_model("oven", own)


def test_what_is_wrong_in_a_file_is_named(own: Path) -> None:
    file = own / "sectors" / "my-sector.yaml"
    file.write_text(SECTOR.replace("cycle_s: 90", "cycle: 90"))
    with pytest.raises(ConfigError, match=rf"^{file}:\d+: steps\[0\]\.cycle: unknown key; did you mean cycle_s\?$"):
        load_sector("my-sector", own)
    (own / "tariffs").mkdir()
    (own / "tariffs" / "flat.yaml").write_text(
        "timezone: Mars/Olympus\nbands: {n: {name: flat, price_per_kwh: 0.7}}\nhours:\n" + f"- {'n' * 24}\n" * 12
    )
    with pytest.raises(ConfigError, match=r"flat\.yaml: tariff: no time zone 'Mars/Olympus'"):
        load_tariff("flat", own)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("none", "x" * 5000):
        with pytest.raises(ConfigError, match="no catalogue folder"):
            Catalogue(tmp_path / name)


def _with_step(sector: Sector, index: int, **changes: object) -> Sector:
    steps = list(sector.steps)
    steps[index] = msgspec.structs.replace(steps[index], **changes)
    return msgspec.structs.replace(sector, steps=steps)


def test_a_sector_goes_with_the_catalogue_and_with_itself() -> None:
    sector = _template()
    catalogue = Catalogue()
    assert list(sector_problems(sector, catalogue)) == []

    def problems(changed: Sector) -> list[str]:
        return list(sector_problems(changed, catalogue))

    assert problems(_with_step(sector, 1, model="robot-paker")) == [
        "steps[1].model: step pack: no machine model 'robot-paker'; did you mean robot-packer?"
    ]
    assert problems(msgspec.structs.replace(sector, tariff="shandon")) == [
        "tariff: no tariff 'shandon'; did you mean shandong?"
    ]
    assert problems(_with_step(sector, 1, one_family=True)) == [
        "steps[1].one_family: step pack: only a batch step has loads; its mode is discrete"
    ]
    checks = load_sector("home_appliances").checks
    assert problems(msgspec.structs.replace(sector, checks=msgspec.structs.replace(checks, bottleneck="pac"))) == [
        "checks.bottleneck: no step 'pac'; did you mean pack?"
    ]
    batch = _with_step(sector, 1, mode="batch", units_per_cycle=40.0, one_family=True)
    assert problems(batch) == [
        "steps[0].buffer_after: step form: expected room for a load of pack (40 units), found 20"
    ]
    roomy = _with_step(batch, 0, buffer_after=40)
    assert problems(roomy) == []
    assert problems(msgspec.structs.replace(roomy, lot_units=20)) == []
    assert problems(msgspec.structs.replace(roomy, lot_units=30)) == [
        "steps[1].units_per_cycle: step pack: expected whole lots of 30 units, found 40"
    ]
    first = _with_step(sector, 0, mode="batch", units_per_cycle=1000.0)
    assert problems(first) == [], "orders wait before the first step, whatever their number"
    with pytest.raises(ConfigError, match=r"^sector my-sector: tariff: no tariff 'x'.*; steps\[1\]\.model: .*'y'"):
        check_sector(msgspec.structs.replace(_with_step(sector, 1, model="y"), tariff="x"))
