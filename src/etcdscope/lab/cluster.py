"""A real cluster for a while: `async with Lab.start(LabSpec(members=3)) as lab: …`."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etcdscope.lab import journal, programs, questions
from etcdscope.lab.children import finish
from etcdscope.lab.faults import FAULTS
from etcdscope.lab.gateway import Gateway, hexadecimal
from etcdscope.lab.injection import Fault, Injection
from etcdscope.lab.load import Load
from etcdscope.lab.member import Member, Settings
from etcdscope.lab.network import Network, open_network
from etcdscope.lab.spec import LabError, LabSpec, LoadSpec

if TYPE_CHECKING:
    from etcdscope.lab.certificates import Authority, Certificates

# etcd refuses to change a membership until all peers have been connected for 5 s
# (HealthInterval in server/etcdserver/server.go).
HEALTHY_AFTER_S: Final = 15.0
READY_S: Final = 60.0

__all__ = ["Fault", "Lab", "LabError", "LabSpec", "LoadSpec", "Member"]


class Lab:
    """Real members, real faults; leaves nothing behind, whatever ends it.

    `members` are in the order in which they came. Errors: LabError only, from every method.
    """

    def __init__(
        self, spec: LabSpec, lab_id: str, directory: Path, network: Network, book: journal.Journal
    ) -> None:
        self.spec = spec
        self.lab_id = lab_id
        self.directory = directory
        self.network = network
        self.journal = book
        self.members: list[Member] = []
        self.faults: list[Fault] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.certificates: Certificates | None = None
        self.load: Load | None = None
        self.started = datetime.now(UTC)
        self.gateway: Gateway
        self._authority: Authority | None = None
        self._places = 0
        self._fault_count = 0
        self._one_at_a_time = asyncio.Lock()

    # ---- its life

    @classmethod
    @asynccontextmanager
    async def start(cls, spec: LabSpec | None = None) -> AsyncIterator["Lab"]:
        """Bring a cluster up, hand it out when every member knows a leader, and take it down."""
        await asyncio.to_thread(journal.reap)
        stack = AsyncExitStack()
        try:
            yield await cls._start(spec or LabSpec(), stack)
        finally:
            await finish(asyncio.create_task(stack.aclose()))

    @classmethod
    async def _start(cls, spec: LabSpec, stack: AsyncExitStack) -> "Lab":
        program = await _etcd(spec.version)
        lab = await cls._found(spec, stack)
        for _ in range(spec.members):
            await lab._announce(program, "new")
        cluster = {member.name: member.peer_url for member in lab.members}
        for member in lab.members:
            member.settings = lab._settings("new", cluster, member.settings.certificates)
        stack.push_async_callback(lab._end)
        await asyncio.gather(*(member.start() for member in lab.members))
        await lab.ready()
        ids = await questions.ids(lab.gateway, lab.members)
        for member in lab.members:
            member.member_id = ids[member.name]
        if spec.load:
            await lab.start_load(spec.load)
        return lab

    @classmethod
    async def _found(cls, spec: LabSpec, stack: AsyncExitStack) -> "Lab":
        """The place of a cluster that has no members yet."""
        lab_id = secrets.token_hex(5)
        book = journal.Journal(lab_id)
        stack.callback(journal.Janitor(book).dismiss)
        stack.push_async_callback(asyncio.to_thread, book.sweep)
        directory = (spec.directory or Path(tempfile.gettempdir())).resolve()
        directory /= f"etcdscope-lab-{lab_id}"
        if not spec.keep:
            book.directory(directory)
        directory.mkdir(mode=0o700, parents=True)
        network = await open_network(spec.network, lab_id)
        stack.push_async_callback(network.close)
        lab = cls(spec, lab_id, directory, network, book)
        if spec.tls:
            lab._certify()
        lab.gateway = await stack.enter_async_context(Gateway(lab.certificates))
        return lab

    async def _end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.load:
            await self.load.stop()
        await asyncio.gather(*(member.kill() for member in self.members))

    def _certify(self) -> None:
        from etcdscope.lab.certificates import Authority  # noqa: PLC0415

        self._authority = Authority(self.directory / "certificates")
        self.certificates = self._authority.issue("client", (), self._lasting)

    @property
    def _lasting(self) -> timedelta:
        return timedelta(days=self.spec.certificate_days)

    # ---- what it is

    @property
    def endpoints(self) -> list[str]:
        """Client URLs of all members that were ever started here."""
        return [member.client_url for member in self.members if member.program]

    @property
    def version(self) -> str:
        return next(member.version for member in self.members if member.program)

    def member(self, name: str) -> Member:
        for member in self.members:
            if member.name == name:
                return member
        known = ", ".join(member.name for member in self.members)
        raise LabError(f"no member {name!r}; there are: {known}")

    async def ready(self) -> None:
        """Wait until every running member knows a leader, and one can read through quorum."""
        await questions.ready(self.gateway, self.members, READY_S)

    async def leader(self) -> str:
        """The name of the member that most of the running ones call leader; waits for one."""
        return (await questions.leader(self.gateway, self.members)).name

    async def call(
        self,
        method: str,
        *,
        member: str | None = None,
        **fields: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Ask one member (the leader) over the JSON gateway, e.g. `kv/put`."""
        asked = (
            self.member(member) if member else await questions.leader(self.gateway, self.members)
        )
        return await questions.ask(self.gateway, asked, method, **fields)

    # ---- its members

    async def start_member(self, name: str, *, version: str | None = None) -> Member:
        """Start a member again, on another version of etcd if told so."""
        member = self.member(name)
        if version:
            member.program = await _etcd(version)
        await member.start()
        return member

    async def stop_member(self, name: str) -> None:
        """SIGTERM, and wait for its end."""
        await self.member(name).stop()

    async def restart_member(self, name: str, *, version: str | None = None) -> Member:
        """As a rolling restart (or upgrade) does: stop, start, wait until it is well."""
        await self.stop_member(name)
        member = await self.start_member(name, version=version)
        await self.ready()
        return member

    async def add_member(self, *, learner: bool = False, start: bool = True) -> Member:
        """Add a member to the cluster; unless `start`, nothing listens at its URL."""
        program = self.member(await self.leader()).program if start else None
        member = await self._announce(program, "existing")
        member.learner = learner
        try:
            added = await self._change("member/add", peerURLs=[member.peer_url], isLearner=learner)
        except BaseException:
            self.members.remove(member)
            raise
        member.member_id = hexadecimal(added["member"]["ID"])
        cluster = {one.name: one.peer_url for one in self.members}
        member.settings = self._settings("existing", cluster, member.settings.certificates)
        if start:
            await member.start()
            await self.ready()
        return member

    async def remove_member(self, name: str) -> None:
        """Take it out of the cluster, end it, forget its data."""
        member = self.member(name)
        # A member that removes itself stops before it can answer.
        leader = await self.leader()
        others = (one.name for one in self.members if one.running and one is not member)
        asked = next(others, leader) if leader == name else leader
        await self._change("member/remove", member=asked, ID=str(int(member.member_id, 16)))
        await member.kill()
        await asyncio.to_thread(shutil.rmtree, member.data_dir, ignore_errors=True)
        self.members.remove(member)

    async def replace_member(self, name: str) -> Member:
        """Remove it and let a new one with empty data take its part."""
        await self.remove_member(name)
        return await self.add_member()

    async def double(self, member: Member) -> Member:
        """Return a copy of a stopped member, data included, at an address of its own; not started.

        It is no member of ours: the cluster takes it for the one that it was copied from.
        """
        self._places += 1
        await self.network.attach(self._places)
        copy = replace(
            member,
            directory=member.directory / f"copy-{self._places}",
            place=self._places,
            address=self.network.address(self._places),
            inside=self.network.inside(self._places),
            process=None,
        )
        await asyncio.to_thread(shutil.copytree, member.data_dir, copy.data_dir)
        return copy

    async def _announce(self, program: programs.Program | None, state: str) -> Member:
        self._places += 1
        place, name = self._places, f"m{self._places}"
        address = self.network.address(place)
        if program:
            await self.network.attach(place)
        files = None
        if self._authority:
            files = self._authority.issue(name, (address, "127.0.0.1"), self._lasting)
        member = Member(
            name=name,
            place=place,
            address=address,
            spec=self.spec,
            directory=self.directory,
            inside=self.network.inside(place) if program else (),
            lab_id=self.lab_id,
            program=program,
            settings=self._settings(state, {}, files),
        )
        self.members.append(member)
        return member

    def _settings(
        self, state: str, cluster: dict[str, str], files: "Certificates | None"
    ) -> Settings:
        return Settings(cluster, state, self.lab_id, self.spec.quota_bytes, files)

    async def _change(
        self,
        method: str,
        **fields: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        deadline = asyncio.get_running_loop().time() + HEALTHY_AFTER_S
        while True:
            try:
                return await self.call(f"cluster/{method}", **fields)
            except LabError as error:
                late = asyncio.get_running_loop().time() > deadline
                if late or "unhealthy cluster" not in str(error):
                    raise
            await asyncio.sleep(0.25)

    # ---- its load

    async def start_load(self, spec: LoadSpec) -> Load:
        """Begin, or begin anew with another spec."""
        await self.stop_load()
        self.load = await Load.start(
            spec,
            self.endpoints,
            self.certificates,
            lab_id=self.lab_id,
            log=self.directory / "load.log",
        )
        return self.load

    async def stop_load(self) -> None:
        if self.load:
            await self.load.stop()
        self.load = None

    # ---- its faults

    async def fault(
        self,
        name: str,
        member: str | Sequence[str] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> Fault:
        """Do harm. `member` is a name, a role or several of them: see `targets.resolve`."""
        kind = FAULTS.get(name)
        if kind is None:
            raise LabError(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
        read = kind.read(options)
        asked = member if isinstance(member, str) else ",".join(member or ()) or kind.target
        async with self._one_at_a_time:
            targets = await questions.targets(self.gateway, self.members, asked)
            undo = AsyncExitStack()
            injection = Injection(self, asked, targets, read, undo)
            try:
                await kind.apply(injection)
            except BaseException:
                await finish(asyncio.create_task(undo.aclose()))
                raise
            self._fault_count += 1
            names = tuple(one.name for one in injection.targets)
            fault = Fault(self._fault_count, name, names, injection.at, read, undo)
            self.faults.append(fault)
            return fault

    async def heal(self, fault: Fault | None = None) -> None:
        """Undo one fault, or all, the latest first; `ready()` then waits for a well cluster."""
        async with self._one_at_a_time:
            await finish(asyncio.create_task(self._heal([fault] if fault else self.faults[::-1])))

    async def _heal(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if fault in self.faults:
                self.faults.remove(fault)
                await fault.undo.aclose()


async def _etcd(version: str | None) -> programs.Program:
    try:
        return await asyncio.to_thread(programs.find, "etcd", version)
    except programs.ProgramMissing as error:
        raise LabError(str(error)) from error
