"""What an adapter believes of whom: probes, calls by the vendor, answers that were recorded."""

from __future__ import annotations

from typing import Final

from batchhub.adapter import Adapter
from batchhub.conformance.bench import ACCOUNT, Bench
from batchhub.conformance.faults import Fault, answer_text, show_page
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.run import BrokenError
from batchhub.conformance.watch import Watch
from batchhub.errors import (
    BatchHubError,
    ContactError,
    RefusedError,
    UnsupportedError,
    VendorError,
)
from batchhub.hub import BatchHub
from batchhub.testing import read_case, replay

_FOREIGN: Final = [
    *(show_page(status) for status in (200, 400, 403, 404, 502)),
    *(answer_text(status, "") for status in (200, 204, 302, 404)),
    *(answer_text(200, text) for text in ("OK", "null", "[]", "{}", '{"items": null}')),
    answer_text(200, '{"login": "https://proxy.example/login"}'),
    answer_text(404, "{}"),
]


@rule(
    "A22",
    Level.BRONZE,
    "probe",
    "The harmless request of doctor believes only an answer of the vendor's form.",
    is_once=True,
)
async def probes_believe_only_the_vendor(bench: Bench, operation: str) -> None:
    """The vendor's own answer, and those of a parked domain, a proxy, and an empty server."""
    kind = bench.kit.adapter
    applies(kind.probe is not Adapter.probe, "the adapter has no probe")
    watch = Watch()
    async with bench.world(operation) as world, world.hub(watch) as hub:
        await hub.probe(ACCOUNT)
    need(not world.sandbox.executions, "the harmless request ran items")
    need(watch.asked, "probe asked nothing")
    for happening in _FOREIGN:
        async with bench.world(operation) as world:
            fault = Fault(happening=happening, times=None)
            async with world.hub(Watch(), fault=fault) as hub:
                for ref in (None, "b-1"):
                    await _ask_in_vain(hub, ref)


async def _ask_in_vain(hub: BatchHub, ref: str | None) -> None:
    try:
        probe = await hub.probe(ACCOUNT, ref)
    except (VendorError, ContactError, UnsupportedError):
        return
    raise BrokenError(f"probe believes {probe.raw[:60]!r} (HTTP {probe.status})")


@rule(
    "A23",
    Level.BRONZE,
    "push",
    "A call by the vendor (a webhook) is believed only if its signature is right.",
    is_once=True,
)
async def pushes_are_verified(bench: Bench, operation: str) -> None:
    """The author's calls, and each of them changed in its body and its headers."""
    kind = bench.kit.adapter
    applies(kind.read_push is not Adapter.read_push, "the adapter reads no calls by its vendor")
    watch = Watch()
    async with bench.world(operation) as world, world.hub(watch) as hub:
        job = await world.submit(hub, items := [*bench.kit.good_items(operation, 1)])
        await bench.finish(world, watch, job, items)
        pushes = [*bench.kit.pushes(world.sandbox)]
    need(pushes, "the adapter reads calls by its vendor, and the suite has none (pushes)")
    adapter = watch.adapters[-1]
    for push in pushes:
        refs = adapter.read_push(push.headers, push.body)
        need(list(refs) == list(push.refs), f"read_push gave {refs!r}, not {push.refs!r}")
        changed = push.body.replace(b"a", b"b", 1) if b"a" in push.body else push.body + b" "
        wrong = [({}, push.body), (push.headers, changed), (push.headers, b"")]
        wrong += [
            ({**push.headers, name: value[:-1] + ("0" if value[-1:] != "0" else "1")}, push.body)
            for name, value in push.headers.items()
            if "sign" in name.lower()
        ]
        for headers, body in wrong:
            try:
                adapter.read_push(headers, body)
            except RefusedError:
                continue
            raise BrokenError("read_push believes a call that was changed")


@rule(
    "A24",
    Level.BRONZE,
    "answers",
    "Answers of the real vendor that were recorded are read as they were then.",
    is_once=True,
)
async def recorded_answers_are_read(bench: Bench, operation: str) -> None:
    """Each case of ``batchhub doctor --record``, given again."""
    folder = bench.kit.recorded
    cases = sorted(folder.glob("*.toml")) if folder is not None else []
    applies(cases, "the suite has no recorded answers (recorded)")
    for path in cases:
        case = read_case(path)
        need(case.adapter == bench.kit.adapter.name, f"{path.name} is of {case.adapter}")
        async with replay(case) as vendor:
            account = bench.kit.recorded_account(case, vendor.base_url)
            adapters = [bench.kit.adapter]
            async with BatchHub(":memory:", {ACCOUNT: account}, adapters=adapters) as hub:
                try:
                    found: object = dict((await hub.probe(ACCOUNT, case.vendor_ref)).reading)
                except BatchHubError as error:
                    found = type(error).__name__
        then = str(case.error).partition(":")[0] if case.reading is None else dict(case.reading)
        need(found == then, f"{path.name} was read as {then}, and is now as {found}")
