"""The victim's mail server: sink.py ADDRESS PORT FOLDER

FOLDER/mode holds `defer` (every RCPT gets 451) or `accept` (messages are counted and kept by name);
it is read again whenever it changes. FOLDER/counts.json is renewed twice a second,
FOLDER/accepted.jsonl gets one line a message: message_id, kind, sender, recipients.
"""
import asyncio
import json
import os
import sys


class Sink:
    def __init__(self, folder):
        self.folder = folder
        self.mode = 'defer'
        self.counts = {'connections': 0, 'deferred': 0, 'accepted': 0, 'kinds': {}}
        self.log = open(os.path.join(folder, 'accepted.jsonl'), 'a', encoding='utf-8')

    def read_mode(self):
        try:
            with open(os.path.join(self.folder, 'mode'), encoding='utf-8') as file:
                self.mode = 'accept' if file.read().strip() == 'accept' else 'defer'
        except FileNotFoundError:
            self.mode = 'defer'

    def write_counts(self):
        path = os.path.join(self.folder, 'counts.json')
        with open(path + '.new', 'w', encoding='utf-8') as file:
            json.dump(dict(self.counts, mode=self.mode, pid=os.getpid()), file)
        os.rename(path + '.new', path)

    def keep(self, sender, recipients, data):
        fields = {}
        for line in data.split(b'\r\n\r\n', 1)[0].split(b'\r\n'):
            name, colon, value = line.partition(b':')
            if colon:
                fields.setdefault(name.strip().lower(), value.strip().decode('ascii', 'replace'))
        kind = fields.get(b'x-lab-kind', 'unmarked')
        self.counts['accepted'] += 1
        self.counts['kinds'][kind] = self.counts['kinds'].get(kind, 0) + 1
        self.log.write(json.dumps({'message_id': fields.get(b'message-id', ''), 'kind': kind,
                                   'sender': sender, 'recipients': recipients}) + '\n')
        self.log.flush()

    async def serve(self, reader, writer):
        self.counts['connections'] += 1
        sender, recipients = '', []
        try:
            writer.write(b'220 sink.victim.test ESMTP\r\n')
            while True:
                line = await reader.readline()
                if not line:
                    return
                verb = line[:4].upper()
                if verb in (b'EHLO', b'HELO'):
                    writer.write(b'250-sink.victim.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n')
                elif verb == b'MAIL':
                    sender, recipients = line[10:].strip().decode('ascii', 'replace'), []
                    writer.write(b'250 2.1.0 Ok\r\n')
                elif verb == b'RCPT':
                    if self.mode == 'accept':
                        recipients.append(line[8:].strip().decode('ascii', 'replace'))
                        writer.write(b'250 2.1.5 Ok\r\n')
                    else:
                        self.counts['deferred'] += 1
                        writer.write(b'451 4.7.1 Too much mail from you, try later\r\n')
                elif verb == b'DATA':
                    if not recipients:
                        writer.write(b'554 5.5.1 No valid recipients\r\n')
                        continue
                    writer.write(b'354 End with a dot\r\n')
                    await writer.drain()
                    lines = []
                    while True:
                        line = await reader.readline()
                        if not line:
                            return
                        if line == b'.\r\n':
                            break
                        lines.append(line)
                    self.keep(sender, recipients, b''.join(lines))
                    writer.write(b'250 2.0.0 Ok: taken\r\n')
                elif verb == b'QUIT':
                    writer.write(b'221 2.0.0 Bye\r\n')
                    return
                else:
                    writer.write(b'250 2.0.0 Ok\r\n')
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()


async def main():
    address, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    sink = Sink(folder)
    sink.read_mode()
    await asyncio.start_server(sink.serve, address, port, backlog=500, limit=1 << 20)
    turn = 0
    while True:
        sink.read_mode()
        if turn % 5 == 0:
            sink.write_counts()
        turn += 1
        await asyncio.sleep(0.1)


asyncio.run(main())
