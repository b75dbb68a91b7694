"""A next hop that takes all mail and counts it, in the test's own process."""
import asyncio
import threading


class Sink:
    def __init__(self):
        self.messages, self._ready = [], threading.Event()
        self.port = 0
        threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True).start()
        self._ready.wait(10)

    async def _main(self):
        server = await asyncio.start_server(self._serve, '127.0.0.1', 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _serve(self, reader, writer):
        sender = ''
        writer.write(b'220 sink\r\n')
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b'MAIL':
                    sender = line[10:].strip().decode('ascii', 'replace').strip('<>')
                if verb == b'DATA':
                    writer.write(b'354 go\r\n')
                    data = await reader.readuntil(b'\r\n.\r\n')
                    self.messages.append((sender, data))
                if verb == b'QUIT':
                    break
                writer.write(b'250 ok\r\n')
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
