"""asyncio tasks that are known: six that do the same, three of them with a name, and one that keeps
its loop from polling for 60 ms in `parse_json`."""

import asyncio
import time


def spin() -> None:
    for _ in range(5_000):
        pass


def parse_json() -> None:
    end = time.perf_counter() + 0.06
    while time.perf_counter() < end:
        pass


async def pass_on() -> None:
    for _ in range(600):
        spin()
        await asyncio.sleep(0)


async def handle_request() -> None:
    await asyncio.sleep(0.25)
    parse_json()


async def main() -> None:
    tasks = [asyncio.create_task(pass_on()) for _ in range(3)]
    tasks += [asyncio.create_task(pass_on(), name=f"hop-{number}") for number in range(3)]
    request = asyncio.create_task(handle_request(), name="request")
    await asyncio.gather(*tasks, request)


asyncio.run(main())
