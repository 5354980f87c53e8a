"""A TCP proxy that treats connections as a bad network does: late, in small pieces, cut, half closed, swallowed."""
import asyncio
import contextlib
import random

FATES = ("well", "late", "cut", "half closed", "swallowed")


class ChaosProxy:
    def __init__(self, target, seed):
        """target: () -> (host, port), asked for each connection."""
        self.target, self.chance = target, random.Random(f"{seed} proxy")
        self.calm, self.fates, self.writers, self.tasks = False, [], set(), set()

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def quiet(self):
        """From now on nothing happens to anybody. What is open is cut once more, for some of it swallows."""
        self.calm = True
        self.cut(set(self.writers))

    async def end(self):
        self.server.close()
        await self.quiet()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @staticmethod
    def cut(writers):
        for w in writers:
            w.transport.abort()

    async def accept(self, *near):
        self.tasks.add(asyncio.current_task())
        writers = {near[1]}
        try:
            far = await asyncio.open_connection(*self.target())
            writers.add(far[1])
            self.writers |= writers
            await self.pair(near, far, writers)
        except OSError:
            pass  # the relay is not there at the moment
        finally:
            self.cut(writers)
            self.writers -= writers
            self.tasks.discard(asyncio.current_task())

    async def pair(self, near, far, writers):
        fate = "well" if self.calm else self.next_fate()
        limit = self.chance.choice((1000, 30000, 300000)) * self.chance.random()
        unharmed = float("inf")
        ways = [(near[0], far[1], limit), (far[0], near[1], unharmed)]
        if self.chance.random() < 0.5:
            ways = [(near[0], far[1], unharmed), (far[0], near[1], limit)]
        await asyncio.gather(*(self.way(*way, fate, writers) for way in ways))

    def next_fate(self):
        """Shuffled, and each comes in its turn: the first connections meet all of them."""
        if not self.fates:
            self.fates = self.chance.sample(FATES, len(FATES))
        return self.fates.pop()

    async def way(self, reader, writer, limit, fate, writers):
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(self.chance.randint(1, 5000)):
                if fate == "late":
                    await asyncio.sleep(0.03 * self.chance.random())
                passed += len(data)
                if passed > limit and fate in ("cut", "half closed"):
                    writer.write(data[:self.chance.randint(0, len(data))])
                    break
                if passed <= limit or fate != "swallowed":
                    writer.write(data)
                    await writer.drain()
            if fate == "cut" and passed > limit:
                self.cut(writers)
            elif writer.can_write_eof():
                writer.write_eof()
