"""``qilu models`` and ``qilu sectors``: pages, checks, and new files that are right at once."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from console.catalogue_new import with_id
from console.catalogue_table import number
from console.cli import main
from contract import ConfigError
from simulator.catalogue import load_model, load_sector
from simulator.machine_model import MachineModel
from simulator.sector_model import Sector

TEMPLATES = Path(__file__).parents[1] / "console" / "templates"
KINDS = ["models", "sectors"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own() -> Path:
    """``./qilu`` with a new model and a new sector."""
    assert main(["models", "new", "my-oven"]) == 0
    assert main(["sectors", "new", "my-bakery"]) == 0
    return Path("qilu")


def _figures(page: str) -> set[str]:
    return {word.strip("(),;:x") for word in page.replace(",", "").split()} | {""}


def test_new_files_are_right_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "new", "my-oven"]) == 0
    assert main(["sectors", "new", "my-bakery"]) == 0
    said = capsys.readouterr().out
    assert "wrote qilu/models/my-oven.yaml (from the template)" in said
    assert "next: edit it, then qilu sectors check qilu/sectors/my-bakery.yaml" in said
    assert main(["models", "check", "qilu/models/my-oven.yaml"]) == 0
    assert main(["sectors", "check", "qilu/sectors/my-bakery.yaml"]) == 0
    assert capsys.readouterr().out == "qilu/models/my-oven.yaml: ok\nqilu/sectors/my-bakery.yaml: ok\n"
    old = (TEMPLATES / "models.yaml").read_text().splitlines()
    new = Path("qilu/models/my-oven.yaml").read_text().splitlines()
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert [(a.split("#")[0].strip(), b.split("#")[0].strip()) for a, b in changed] == [
        ("id: my-machine", "id: my-oven")
    ]


@pytest.mark.parametrize(("kind", "type_"), [("models", MachineModel), ("sectors", Sector)])
def test_the_template_explains_every_key(kind: str, type_: type) -> None:
    text = (TEMPLATES / f"{kind}.yaml").read_text()
    keys = {field.encode_name for field in msgspec.structs.fields(type_)} - {"behaviour", "checks"}
    missing = {key for key in keys if f"{key}:" not in text}
    assert not missing


def test_a_copy_keeps_all_but_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "new", "my-packer", "--from", "robot-packer", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "file": "qilu/models/my-packer.yaml",
        "from": "robot-packer",
        "next": "qilu models check qilu/models/my-packer.yaml",
    }
    mine = load_model("my-packer", Path("qilu"))
    assert msgspec.structs.replace(mine, id="robot-packer") == load_model("robot-packer")
    assert main(["models", "new", "my-second", "--from", "my-packer"]) == 0
    assert main(["models", "check", "qilu/models/my-second.yaml", said["file"]]) == 0


def test_every_built_in_sector_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sectors", "new", "my-home", "--from", "home_appliances"]) == 0
    assert main(["sectors", "check", "qilu/sectors/my-home.yaml"]) == 0
    mine = load_sector("my-home", Path("qilu"))
    assert msgspec.structs.replace(mine, id="home_appliances") == load_sector("home_appliances")


def test_what_is_wrong_is_not_copied(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "models/bad.yaml").write_text("id: bad\nnme: x\n")
    assert main(["models", "new", "worse", "--from", "bad"]) == 2
    assert "bad.yaml:2: nme: unknown key; did you mean name?" in capsys.readouterr().err
    assert not (own / "models/worse.yaml").exists()


def test_another_folder_is_named_in_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "new", "oven", "--folder", "a b"]) == 0
    assert "qilu models check 'a b/models/oven.yaml' --catalogue 'a b'" in capsys.readouterr().out
    assert main(["models", "check", "a b/models/oven.yaml", "--catalogue", "a b"]) == 0
    assert main(["models", "new", "oven2", "--from", "oven", "--catalogue", "a b"]) == 0
    assert Path("a b/models/oven2.yaml").is_file()
    assert main(["models", "show", "oven", "--catalogue", "a b"]) == 0
    assert main(["models", "show", "oven"]) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_over_and_nothing_elsewhere(
    kind: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = {"models": "my-oven", "sectors": "my-bakery"}[kind]
    file = own / kind / f"{name}.yaml"
    file.write_text("mine")
    for wrong, why in (
        (name, "is not written over"),
        ("../x", "is no id"),
        ("X", "is no id"),
        ("", "is no id"),
        ({"models": "robot-packer", "sectors": "home_appliances"}[kind], "is a built-in"),
    ):
        assert main([kind, "new", wrong]) == 2
        assert why in capsys.readouterr().err
    assert main([kind, "new", "other", "--from", "../../x"]) == 2
    assert file.read_text() == "mine"
    assert len(list(Path().rglob("*.yaml"))) == 2


def test_a_folder_that_cannot_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert main(["models", "new", "oven", "--folder", "file"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"id: a\nb: 1\n", b"id: new\nb: 1\n"),
        (b"b: 1\nid:  'a'   # why\n", b"b: 1\nid: new   # why\n"),
        (b"b:\n  id: c\nid: a\n", b"b:\n  id: c\nid: new\n"),
        (b'id : "a"\r\nb: 1\r\n', b"id: new\r\nb: 1\r\n"),
    ],
)
def test_only_the_id_changes(text: bytes, expected: bytes) -> None:
    assert with_id(text, "new", "f.yaml") == expected


@pytest.mark.parametrize("text", [b"{id: a}\n", b"id:\n  a\n", b"b: {id: a}\n", b"b: 1\n", b"? id\n: a\n"])
def test_an_id_that_cannot_be_found_is_not_guessed(text: bytes) -> None:
    with pytest.raises(ConfigError, match="so the id cannot be changed"):
        with_id(text, "new", "f.yaml")


def test_check_says_line_and_key_and_looks_at_every_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    good, wrong, gone = own / "sectors/my-bakery.yaml", own / "sectors/wrong.yaml", own / "sectors/none.yaml"
    text = good.read_text().replace("id: my-bakery", "id: wrong").replace("model: robot-packer", "model: robot-paker")
    wrong.write_text(text)
    assert main(["sectors", "check", str(wrong), str(good)]) == 1
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "robot-paker" in row)
    problem = (
        f"qilu/sectors/wrong.yaml:{line}: steps[1].model: step pack: no machine model 'robot-paker'; "
        "did you mean robot-packer?"
    )
    assert capsys.readouterr().out == f"{problem}\n{good}: ok\n"
    assert main(["sectors", "check", "--json", str(wrong), str(good)]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"file": str(wrong), "ok": False, "problems": [problem]},
        {"file": str(good), "ok": True, "problems": []},
    ]
    for nowhere in (str(gone), "x" * 5000, f"{good}/x"):
        assert main(["sectors", "check", str(good), nowhere]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("qilu: no file ")
    assert main(["models", "check", str(good)]) == 1
    assert "unknown key" in capsys.readouterr().out
    assert main(["models", "check", "."]) == 1
    assert capsys.readouterr().out == ".: not a regular file\n"


def test_check_holds_id_and_file_name_together(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = (own / "models/my-oven.yaml").read_text()
    Path("other.yaml").write_text(model)
    Path("Other One.yaml").write_text(model)
    Path("robot-packer.yaml").write_text(model.replace("my-oven", "robot-packer"))
    capsys.readouterr()
    assert main(["models", "check", "other.yaml", "Other One.yaml", "robot-packer.yaml"]) == 1
    found = capsys.readouterr().out.splitlines()
    assert found[0].endswith("id: expected 'other', as the file is called, found 'my-oven' in 'other.yaml'")
    assert "expected the file to be called my-oven.yaml" in found[1]
    assert found[2].endswith("id: robot-packer is a built-in machine model; give yours another id and file name")
    assert all(row.split(": ")[0].rpartition(":")[2].isdecimal() for row in found)


@pytest.mark.parametrize("kind", KINDS)
def test_built_in_files_pass_their_own_check(kind: str) -> None:
    folder = Path(__file__).parents[1] / "simulator" / kind
    assert main([kind, "check", *map(str, sorted(folder.glob("*.yaml")))]) == 0


def test_list(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["id", "name", "sensors", "failure_modes", "source"]
    assert [row.split()[0] for row in rows[1:]] == sorted(row.split()[0] for row in rows[1:])
    assert next(row for row in rows if row.startswith("my-oven ")).split()[-3:] == ["2", "2", "yours"]
    assert main(["sectors", "list", "--json"]) == 0
    found = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["my-bakery"] == {
        "id": "my-bakery",
        "name": "My sector",
        "product": "My product",
        "steps": 2,
        "machines": 3,
        "units_per_h": 120,
        "source": "yours",
    }
    assert found["home_appliances"]["units_per_h"] == 180
    assert found["home_appliances"]["source"] == "built-in"


def test_list_shows_the_good_ones_beside_a_wrong_one(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "models/bad.yaml").write_text("id: bad\n")
    capsys.readouterr()
    assert main(["models", "list"]) == 1
    said = capsys.readouterr()
    assert "my-oven" in said.out
    assert said.err == "qilu: qilu/models/bad.yaml:1: the key name is missing\n"
    assert main(["models", "show", "bad"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_show_has_every_figure(kind: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = {"models": "my-oven", "sectors": "my-bakery"}[kind]
    capsys.readouterr()
    assert main([kind, "show", name]) == 0
    page = capsys.readouterr().out
    assert f"file: qilu/{kind}/{name}.yaml (yours)" in page
    assert main([kind, "show", name, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["file"] == f"qilu/{kind}/{name}.yaml"
    body = said[kind[:-1]]
    assert body["id"] == name
    shown = _figures(page)
    assert _figures(" ".join(_leaves(body))) <= shown


# What a page says in other words: shares in per cent, days by name, times by the clock.
OTHER_WORDS = {"effect", "slower", "spread", "policies", "price_spread", "weights", "days", "start_h"}


def _leaves(value: object) -> list[str]:
    """All texts and figures of a file; a nought may mean that there is none."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key not in OTHER_WORDS for text in _leaves(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _leaves(inner)]
    if isinstance(value, bool) or not value:
        return []
    return [number(value) if isinstance(value, int | float) else str(value)]


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_usage_is_two(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["shw"], ["show"], ["check"], ["show", "nothing-like-it"], ["list", "--catalogue", "none"]):
        assert main([kind, *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("qilu: ")
        assert error.count("\n") == 1


def test_a_near_name_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "robot-paker"]) == 2
    assert capsys.readouterr().err == "qilu: no machine model 'robot-paker'; did you mean robot-packer?\n"
