"""``qilu command``: one command to a running plant, and its reply.

What it is: the words of the command line as a message of the contract, over MQTT, and the wait for the answer.
What it is not: what commands do (``simulator/effects.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time

import msgspec

from contract import Address, Command, CommandRow, ConfigError, ContractError, LinkError, Reply, ReplyRow, decode
from service import Broker, configure_logging
from simulator import Outgoing, Publisher

NS: int = 10**9


def run_command(options: argparse.Namespace) -> int:
    """Send and wait; exit code 0 when the plant has accepted, 1 when it has refused or not answered."""
    configure_logging("WARNING")
    try:
        address = Address.parse(options.machine)
    except ContractError as error:
        raise ConfigError(f"address: {error.detail}") from None
    arguments = dict(_pair(text) for text in options.arguments)
    name = f"cli-{secrets.token_hex(6)}"
    row = CommandRow(
        t=time.time_ns(),
        command=name,
        action=options.action,
        arguments=arguments,
        interlock=options.interlock or None,
    )
    broker = Broker(url=options.broker, username=options.username, password_file=options.password_file)
    reply = asyncio.run(_ask(broker, address, row, options.wait))
    if reply is None:
        print(f"no reply within {options.wait:g} s: is the plant running, and is the address right?")
        return 1
    body = msgspec.to_builtins(reply)
    told = reply.status + (f": {reply.reason}" if reply.reason else "")
    print(msgspec.json.encode(body).decode() if options.json else told)
    return 1 if reply.status == "refused" else 0


async def _ask(broker: Broker, address: Address, row: CommandRow, wait_s: float) -> ReplyRow | None:
    """The first reply to the command; None when none comes in time."""
    answer: asyncio.Future[ReplyRow] = asyncio.get_running_loop().create_future()

    def hear(_: str, payload: bytes) -> None:
        try:
            message = decode("reply", payload)
        except ContractError:
            return
        for said in message.rows if isinstance(message, Reply) else []:
            if said.command == row.command and not answer.done():
                answer.set_result(said)

    boot = secrets.token_hex(8)
    publisher = Publisher(broker, f"qilu-command-{boot}", listen=[address.topic("reply")], on_message=hear)
    async with publisher:
        if not await publisher.listening(wait_s):
            raise LinkError("the broker does not let us listen for the reply; check the rights of the user")
        message = Outgoing.of(address, Command(boot=boot, seq=1, rows=[row]))
        try:
            await asyncio.wait_for(publisher.publish([message]), wait_s)
        except TimeoutError:
            raise LinkError("the broker does not take the command; check the rights of the user") from None
        try:
            return await asyncio.wait_for(answer, wait_s)
        except TimeoutError:
            return None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"argument {text[:80]!r}: expected KEY=VALUE")
    return key, value
