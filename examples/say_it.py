"""What a machine says, byte for byte: a state, its topic, and what happens to a message that breaks the contract."""

from contract import Address, ContractError, PackMLState, Reason, State, StateRow, decode, encode

press = Address("acme", "plant-1", "production", "line-1", "press-7")
stopped = State(
    boot="5ca1ab1e",
    seq=42,
    rows=[StateRow(t=1_795_305_600_000_000_000, state=PackMLState.ABORTED, reason=Reason.BREAKDOWN, cause="die wear")],
)

print(press.topic("state"))
print(encode(stopped).decode())
print(decode("state", encode(stopped)) == stopped)

for broken in (b'{"boot":"5ca1ab1e","seq":43,"rows":[{"t":1,"state":"Broken","reason":"breakdown"}]}', b"23.5"):
    try:
        decode("state", broken)
    except ContractError as error:
        print(error)
