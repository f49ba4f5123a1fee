"""How fast the HTTP API is: transactions a second through POST, and the latency of GET.

Starts a local stack with an API and posts transactions with several clients, first one in a request, then many. Then it
asks for customers one after another. Everything shares the machine, so run it on a quiet one::

    python -m benchmarks.http_api

Prints a Markdown table with the CPU time of the API, which depends less on what else runs, and with the load of the
machine before and after. docs/performance.md has the last one.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from batch.fit_dataset import fit_before
from benchmarks.compare.usage import cpu_seconds
from data.datasets.selection import choose
from data.postgres import api_keys, model_registry, progress
from data.postgres.database import engine
from runtime.settings import Settings
from segue.local.ports import free_ports
from segue.local.stack import Stack


def post(address: str, key: str, client: int, requests: int, size: int) -> int:
    """Post ``requests`` lists of ``size`` transactions; returns how many were accepted."""
    accepted = 0
    with httpx.Client(base_url=address, headers={"X-Api-Key": key}, timeout=60) as http:
        for request in range(requests):
            answer = http.post("/v1/transactions", json=list(transactions(f"{client}-{size}-{request}", size)))
            answer.raise_for_status()
            accepted += answer.json()["accepted"]
    return accepted


def transactions(name: str, count: int) -> Iterator[dict[str, Any]]:
    """Sales of different customers."""
    now = datetime.now(UTC).isoformat()
    for number in range(count):
        yield {
            "transaction_id": f"{name}-{number}",
            "customer_id": f"c{hash((name, number)) % 20_000}",
            "occurred_at": now,
            "kind": "sale",
            "amount": "12.50",
            "currency": "GBP",
            "lines": [{"stock_code": "A", "description": "MUG", "quantity": 5, "price": "2.50"}],
        }


def posted(address: str, key: str, clients: int, requests: int, size: int) -> float:
    """Transactions a second through POST."""
    with ProcessPoolExecutor(clients) as pool:
        # The processes start before the time is taken.
        list(pool.map(post, [address] * clients, [key] * clients, range(clients), [1] * clients, [1] * clients))
        began = time.perf_counter()
        counts = pool.map(
            post, [address] * clients, [key] * clients, range(10, 10 + clients), [requests] * clients, [size] * clients
        )
        return sum(counts) / (time.perf_counter() - began)


def asked(address: str, key: str, customers: list[str]) -> list[float]:
    """Seconds of each GET, sorted."""
    seconds = []
    with httpx.Client(base_url=address, headers={"X-Api-Key": key}, timeout=60) as http:
        for customer in customers:
            began = time.perf_counter()
            http.get(f"/v1/customers/{customer}").raise_for_status()
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)


def main() -> None:
    """Run everything, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--broker", choices=["embedded", "apache"], default="apache")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), chosen.broker) as stack:
        settings = Settings(state_dir=Path(folder))
        postgres = engine(settings.database)
        dataset = choose(None, Path(folder) / "datasets").dataset
        model_registry.register(postgres, fit_before(dataset, dataset.report.last))
        stack.start_worker()
        (port,) = free_ports(1)
        api = stack.start_api(port, "--rate", "1000000").pid
        key, address = api_keys.create(postgres, "benchmark", ["read", "write"]), f"http://127.0.0.1:{port}"
        wait_for(address)
        print(f"| {chosen.broker} broker, load {load()} | result | CPU of the API |\n|---|---:|---:|")  # noqa: T201
        for size, clients, requests in ((1, 4, 500), (1, 16, 200), (10, 8, 100), (100, 4, 100)):
            before = cpu_seconds(api)
            rate = posted(address, key, clients, requests, size)
            used = 1_000 * (cpu_seconds(api) - before) / (clients * requests)
            what = f"POST, {clients} clients, {size} in a request"
            print(f"| {what} | {rate:,.0f} transactions/s | {used:.2f} ms a request |")  # noqa: T201
        while progress.customers_known(postgres) < 10_000:
            time.sleep(0.1)
        time.sleep(2)
        known = httpx.get(f"{address}/v1/customers", params={"limit": 1_000}, headers={"X-Api-Key": key}).json()
        before = cpu_seconds(api)
        seconds = asked(address, key, [each["customer_id"] for each in known["customers"]] * 3)
        used = 1_000 * (cpu_seconds(api) - before) / len(seconds)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            print(f"| GET of a customer, {name} | {1_000 * seconds[int(share * len(seconds))]:.1f} ms | |")  # noqa: T201
        mean = 1_000 * statistics.mean(seconds)
        print(f"| GET of a customer, mean; load {load()} | {mean:.1f} ms | {used:.2f} ms a request |")  # noqa: T201


def load() -> str:
    """How many processes wanted a CPU in the last minute, and how many CPUs there are."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def wait_for(address: str) -> None:
    """Wait until the API answers."""
    while True:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)


if __name__ == "__main__":
    main()
