from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import Address, ContractError, Cycle, CycleRow, Death, Message, Meter, MeterRow, Telemetry
from ingest.register import FEWEST_ROWS, ROWS, Known, Register

BOOT = "00c0ffee"
OTHER_BOOT = "0badcafe"


def press(number: int = 1) -> Address:
    return Address("acme", "plant-1", "production", "line-1", f"press-{number}")


def said(times: Sequence[int], seq: int = 1, boot: str = BOOT, sensors: Sequence[str] = ("force",)) -> Telemetry:
    return Telemetry(boot=boot, seq=seq, t=list(times), values={name: [1.0] * len(times) for name in sensors})


def refusal(register: Register, message: Message, address: Address | None = None, kind: str = "telemetry") -> str:
    with pytest.raises(ContractError) as caught:
        register.admit(address or press(), kind, message)
    return caught.value.reason


def test_what_is_new_comes_in_until_the_cap_and_what_is_known_goes_on() -> None:
    register = Register(max_series=3)
    for number in (1, 2, 3):
        register.admit(press(number), "telemetry", said([1]))
    for number in range(4, 1000):  # a cardinality bomb
        assert refusal(register, said([1]), press(number)) == "cardinality"
    register.admit(press(2), "telemetry", said([2], seq=2))
    assert (register.series, register.refused) == (3, 996)


def test_the_same_machine_with_another_kind_is_another_series() -> None:
    register = Register(max_series=1)
    register.admit(press(), "telemetry", said([1]))
    assert refusal(register, Death(boot=BOOT, seq=0, t=None, reason="gone"), kind="death") == "cardinality"


def test_field_names_are_capped_for_each_kind_and_over_all_machines() -> None:
    register = Register(max_fields=3)
    register.admit(press(1), "telemetry", said([1], sensors=("a", "b")))
    register.admit(press(2), "telemetry", said([1], sensors=("b", "c")))
    assert refusal(register, said([2], seq=2, sensors=("a", "d")), press(1)) == "cardinality"
    register.admit(press(1), "telemetry", said([2], seq=3, sensors=("c", "a")))
    register.admit(press(1), "meter", Meter(boot=BOOT, seq=4, rows=[MeterRow(t=1, counters={"x": 1, "y": 2})]))
    assert register.fields == {"telemetry": 3, "meter": 2}
    more = [MeterRow(t=2, counters={"x": 1}), MeterRow(t=3, counters={"p": 1, "q": 2})]
    assert refusal(register, Meter(boot=BOOT, seq=5, rows=more), press(1), "meter") == "cardinality"


def test_the_fields_of_the_contract_need_no_room() -> None:
    register = Register(max_fields=0)
    row = CycleRow(t=1, order="o", product="p", variant="v", good=1, scrap=0, rework=0, ideal_ns=1, actual_ns=1)
    register.admit(press(), "cycle", Cycle(boot=BOOT, seq=1, rows=[row]))
    assert register.fields == {}


def test_what_is_refused_leaves_nothing_behind() -> None:
    register = Register(max_fields=1)
    assert refusal(register, said([1], sensors=("a", "b"))) == "cardinality"
    assert (register.series, register.fields) == (0, {})
    register.admit(press(), "telemetry", said([1, 2], sensors=("a",)))
    roomy = Register(max_fields=2)
    roomy.admit(press(), "telemetry", said([1, 2], sensors=("a",)))
    assert refusal(roomy, said([2, 3], seq=2, sensors=("a", "b"))) == "time-taken"
    assert roomy.fields == {"telemetry": 1}
    roomy.admit(press(), "telemetry", said([3], seq=3, sensors=("a",)))  # 3 was not remembered as the other's


def test_two_messages_do_not_share_a_time_and_one_that_comes_again_is_welcome() -> None:
    register = Register()
    assert register.admit(press(), "telemetry", said([10, 20])) is False
    assert register.admit(press(), "telemetry", said([10, 20])) is True
    assert refusal(register, said([20, 30], seq=2)) == "time-taken"
    assert refusal(register, said([20], boot=OTHER_BOOT)) == "time-taken"  # a device whose clock began anew
    assert register.admit(press(), "telemetry", said([15], seq=3)) is False  # late, between the others
    assert register.admit(press(), "telemetry", said([15], seq=3)) is True
    assert refusal(register, said([15], seq=4)) == "time-taken"
    assert register.times_taken == 3
    register.admit(press(2), "telemetry", said([10]))  # another machine has times of its own
    assert register.refused == 0


def test_a_time_is_remembered_for_the_newest_rows_however_many_a_message_has() -> None:
    register = Register()
    register.admit(press(), "telemetry", said(range(1000)))
    assert refusal(register, said([999], seq=2)) == "time-taken"
    assert refusal(register, said([1000 - ROWS], seq=2)) == "time-taken"
    assert register.admit(press(), "telemetry", said([1000 - ROWS - 1], seq=2)) is False  # nobody knows any more
    for time in range(1000, 3000):
        register.admit(press(), "telemetry", said([time], seq=time))
    for time in range(3000 - ROWS, 3000):
        assert refusal(register, said([time], seq=1)) == "time-taken"
        assert register.admit(press(), "telemetry", said([time], seq=time)) is True
    assert register.admit(press(), "telemetry", said([3000 - 2 * ROWS], seq=1)) is False


def test_a_thousand_boots_are_told_apart_and_the_next_ones_too() -> None:
    register = Register()
    for number in range(3000):
        register.admit(press(), "telemetry", said([number], boot=f"{number:08x}"))
        assert refusal(register, said([number], boot=f"{number + 1:08x}")) == "time-taken"
        assert register.admit(press(), "telemetry", said([number], boot=f"{number:08x}")) is True


def test_memory_stays_flat_where_there_are_very_many_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.register.ROWS_IN_ALL", 1000)
    register = Register()
    for number in range(200):
        for time in range(100):
            register.admit(press(number), "telemetry", said([time], seq=time))
    for time in range(100, 120):
        for number in range(200):
            register.admit(press(number), "telemetry", said([time], seq=time))
    kept = [len(series.times) for series in register._series.values()]
    assert max(kept) <= FEWEST_ROWS * 3 // 2
    assert min(kept) >= FEWEST_ROWS


def test_a_will_has_no_time_of_its_own_and_is_never_refused_for_it() -> None:
    register = Register()
    will = Death(boot=BOOT, seq=0, t=None, reason="connection lost")
    assert [register.admit(press(), "death", will) for _ in range(3)] == [False] * 3
    assert register.times_taken == 0


def test_what_is_known_outlives_the_process_as_plain_data() -> None:
    register = Register(max_series=2, max_fields=2)
    register.admit(press(1), "telemetry", said([1], sensors=("a", "b")))
    register.admit(press(2), "telemetry", said([1], sensors=("a",)))
    kept = msgspec.json.encode(register.known())
    again = Register(max_series=1, max_fields=1)  # the caps have been lowered since: what is known goes on
    again.restore(msgspec.json.decode(kept, type=Known))
    again.admit(press(1), "telemetry", said([5], sensors=("b", "a")))
    again.admit(press(2), "telemetry", said([5], sensors=("b",)))
    assert refusal(again, said([5]), press(3)) == "cardinality"
    assert refusal(again, said([6], seq=2, sensors=("c",)), press(1)) == "cardinality"
    assert again.known() == register.known()


def test_kept_data_that_names_no_address_is_refused() -> None:
    with pytest.raises(ContractError) as caught:
        Register().restore(Known(series=[("acme", "p/q", "production", "line-1", "press", "telemetry")]))
    assert caught.value.reason == "bad-address"


MESSAGES = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from([BOOT, OTHER_BOOT]),
        st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True).map(sorted),
    ),
    max_size=16,
)


@given(MESSAGES)
def test_law_a_time_belongs_to_the_first_message_that_claims_it(messages: list[tuple[int, str, list[int]]]) -> None:
    """Against the plain model: a dictionary that forgets nothing (at most 64 rows come, so the register must not)."""
    register, owners, times_of = Register(), dict[int, tuple[str, int]](), dict[tuple[str, int], list[int]]()
    for seq, boot, drawn in messages:
        name = (boot, seq)
        times = times_of.setdefault(name, drawn)  # a name names one message for good
        taken = any(owners.get(time, name) != name for time in times)
        came = all(time in owners for time in times)
        if taken:
            assert refusal(register, said(times, seq, boot)) == "time-taken"
        else:
            assert register.admit(press(), "telemetry", said(times, seq, boot)) is came
            owners |= dict.fromkeys(times, name)
