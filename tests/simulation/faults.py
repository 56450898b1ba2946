"""What goes wrong in a world, when its plan says so."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from simloop._net import DRIVER

from .accounts import KINDS
from .plan import SWITCHES, Fault

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World

_ERRORS: Final = {
    "full_disk": "database or disk is full",
    "commit_error": "disk I/O error",
    "commit_lost": "disk I/O error",
}


class Faults:
    """Does what goes wrong in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cuts: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: set[str] = set()
        self._disturbed: list[tuple[str, float, float]] = []
        self._kinds: dict[str, Callable[[Fault], Any]] = {
            "crash": self._crash,
            "crash_at": self._set_snare,
            "stop": self._stop,
            "sleep": self._sleep,
            "partition": self._partition,
            "loss": self._lose,
            "latency": self._slow,
            "clock": self._move_clock,
            "commit_error": self._fail_commits,
            "commit_lost": self._fail_commits,
            "full_disk": self._fill_disk,
            "read_error": self._fail_reads,
            "locks_deleted": self._delete_locks,
            **dict.fromkeys(SWITCHES, self._switch),
            **{fault: self._switch for kind in KINDS.values() for fault in kind.faults},
        }

    async def strike_all(self) -> None:
        """Do all that the plan says, each at its time."""
        for fault in self._world.plan.faults:
            await asyncio.sleep(max(0.0, fault.at_s - self._world.loop.time()))
            self._kinds[fault.kind](fault)

    def mend(self) -> None:
        """Call off what is still to come."""
        for task in self._tasks:
            task.cancel()
        self._world.lockless_until_s = 0.0

    def _later(self, delay_s: float, do: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay_s)
            do()

        # On the driver's host, whoever is here now: it may have just died, in the middle of a
        # submit, of whose context the next life must know nothing.
        task = Context().run(self._world.loop.net.host(DRIVER).create_task, wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Who could not do what it would have done.

    @property
    def has_disturbed(self) -> bool:
        """Whether any program was disturbed, or cut off from a vendor."""
        return bool(self._disturbed) or any(
            self._world.struck[kind] for kind in ("partition", "loss", "latency", "usurped")
        )

    def was_disturbed(self, life: str, from_s: float, to_s: float) -> bool:
        """Whether a life of a program was ended, stopped or without its disk in a while."""
        return any(
            life == who and begin_s <= to_s and from_s <= end_s
            for who, begin_s, end_s in self._disturbed
        )

    def was_stopped(self, life: str) -> bool:
        """Whether a life of a program was stopped, or slept, and went on."""
        return life in self._stopped

    def _note(self, life: str, for_s: float) -> None:
        now_s = self._world.loop.time()
        self._disturbed.append((life, now_s, now_s + for_s))

    # Programs that end or stand still.

    def _crash(self, fault: Fault) -> None:
        machine = self._world.machines[fault.machine]
        if self._lives(machine):
            self._world.count("crash")
            self.kill(machine, **fault.values)

    def _set_snare(self, fault: Fault) -> None:
        self._world.machines[fault.machine].snares.append(dict(fault.values))

    def spring_snare(self, machine: Machine, name: str) -> bool:
        """Kill a program that passes a failpoint if it is to die there; return whether it was."""
        for snare in machine.snares:
            if snare["failpoint"] == name:
                snare["after"] -= 1
                if snare["after"] > 0:
                    continue
                machine.snares.remove(snare)
                self._world.count(f"crash_at:{name}")
                how = {key: snare[key] for key in ("down_s", "resets", "reboots")}
                self.kill(machine, **how)
                return True
        return False

    def kill(
        self,
        machine: Machine,
        *,
        down_s: float = 0.0,
        resets: bool = True,
        reboots: bool = False,
    ) -> None:
        """End a machine's program at once, and start it anew after a while."""
        world, life = self._world, machine.life
        self._note(life, math.inf)
        world.loop.kill(life, resets=resets)
        for worker in machine.workers:
            worker.drop()

        def start() -> None:
            if reboots and not world.plan.is_one_system:
                machine.reboot()
                world.count("reboot")
            world.start(machine)

        self._later(down_s, start)

    def _stop(self, fault: Fault) -> None:
        machine = self._world.machines[fault.machine]
        if not self._lives(machine):
            return
        life = machine.life
        self._world.count("stop")
        self._note(life, fault.values["for_s"])
        self._stopped.add(life)
        self._world.loop.stop_host(life)
        self._later(fault.values["for_s"], lambda: self._world.loop.continue_host(life))

    def _sleep(self, fault: Fault) -> None:
        """Stop a whole machine, its monotonic clock included."""
        machine, for_s = self._world.machines[fault.machine], fault.values["for_s"]
        if not self._lives(machine):
            return
        life = machine.life
        self._world.count("sleep")
        self._note(life, for_s)
        self._stopped.add(life)
        self._world.loop.stop_host(life)

        def wake() -> None:
            machine.slept_s += for_s
            self._world.loop.continue_host(life)

        self._later(for_s, wake)

    def _lives(self, machine: Machine) -> bool:
        is_there = machine.lasts or not machine.is_done
        return is_there and not self._world.loop.is_dead(machine.life)

    # The network.

    def _partition(self, fault: Fault) -> None:
        cut = (fault.machine, fault.vendor)
        self._world.count("partition")
        self._cuts.add(cut)
        self.cut_off(self._world.machines[fault.machine])

        def heal() -> None:
            self._cuts.discard(cut)
            self._world.loop.net.heal()
            for machine in self._world.machines.values():
                self.cut_off(machine)

        self._later(fault.values["for_s"], heal)

    def cut_off(self, machine: Machine) -> None:
        """Cut a machine's present life off from the vendors it is cut off from."""
        for name, vendor in self._cuts:
            if name == machine.name:
                self._world.loop.net.partition({machine.life}, {vendor})

    def _lose(self, fault: Fault) -> None:
        wire = self._world.loop.wire
        wire.loss = fault.values["rate"]
        self._world.count("loss")
        self._later(fault.values["for_s"], lambda: setattr(wire, "loss", 0.0))

    def _slow(self, fault: Fault) -> None:
        net = self._world.loop.net
        net.set_defaults(latency=fault.values["latency_s"])
        self._world.count("latency")
        usual = self._world.plan.latency_s
        self._later(fault.values["for_s"], lambda: net.set_defaults(latency=usual))

    # The vendors.

    def _switch(self, fault: Fault) -> None:
        sandbox = self._world.vendors.sandboxes[fault.vendor]
        sandbox.change_switches(fault.values)
        self._world.count(fault.kind)
        if "answer_delay_s" in fault.values:
            usual = {"answer_delay_s": 0.0, "network_verbs": ""}
            self._later(20.0, lambda: sandbox.change_switches(usual))

    # A machine's clock and disk.

    def _move_clock(self, fault: Fault) -> None:
        machine = self._world.machines[fault.machine]
        (machine.system or machine).wall_off_s += fault.values["by_s"]
        self._world.count("clock")

    def _fail_commits(self, fault: Fault) -> None:
        machine = self._world.machines[fault.machine]
        first = machine.commits + fault.values["after"] + 1
        numbers = machine.lying if fault.kind == "commit_lost" else machine.failing
        numbers.update(range(first, first + fault.values["times"]))

    def _fill_disk(self, fault: Fault) -> None:
        until_s = self._world.loop.time() + fault.values["for_s"]
        self._world.machines[fault.machine].deaf_until_s = until_s

    def _fail_reads(self, fault: Fault) -> None:
        self._world.machines[fault.machine].read_failures += fault.values["times"]

    def _delete_locks(self, fault: Fault) -> None:
        self._world.lockless_until_s = self._world.loop.time() + fault.values["for_s"]
        self._world.count("locks_deleted")

    def fail_commit(self, machine: Machine, kind: str) -> None:
        """
        Fail a commit of a machine's program.

        Raises:
            sqlite3.OperationalError: As SQLite says it.
        """
        self._note(machine.life, 0.0)
        raise sqlite3.OperationalError(_ERRORS[kind])
