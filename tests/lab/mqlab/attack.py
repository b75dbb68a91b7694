"""One attacking or honest mail client: attack.py, a JSON plan on stdin, a JSON result on stdout.

A plan is a list of sessions: {host, ip, port, bind, account, password, kind, messages, pause, sender};
without a sender it is who the account is, or a made-up one.
Each session speaks SMTP over a plain socket and pipelines: the end of one message and the envelope
of the next travel together, so a message costs one round trip.
"""
import base64
import json
import os
import random
import socket
import sys
import threading
import time

SPAM_SUBJECTS = ('You have won', 'Your parcel is waiting', 'Last warning', 'Cheap pills here')


class Refused(Exception):
    pass


class Client:
    def __init__(self, plan):
        self.socket = socket.create_connection((plan['ip'], plan['port']), timeout=120,
                                               source_address=(plan['bind'], 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile('rb')
        self.expect('220')
        self.say('EHLO client.test')
        self.expect('250')
        if plan.get('account'):
            secret = '\0%s\0%s' % (plan['account'], plan['password'])
            self.say('AUTH PLAIN ' + base64.b64encode(secret.encode()).decode())
            self.expect('235')

    def say(self, line):
        self.socket.sendall(line.encode() + b'\r\n')

    def expect(self, code):
        while True:
            line = self.file.readline().decode('ascii', 'replace')
            if line[3:4] != '-':
                break
        if not line.startswith(code):
            raise Refused(line.strip() or 'connection closed')

    def close(self):
        try:
            self.socket.sendall(b'QUIT\r\n')
        except OSError:
            pass
        self.socket.close()


def make_message(plan, serial):
    """Returns (envelope commands, text with its final dot)."""
    if plan['kind'] == 'valid':
        sender = '%s@lab.test' % (plan['account'].split('@')[0] if plan.get('account') else 'carol')
        sender = plan.get('sender') or sender
        recipient, subject = 'orders@partner.test', 'Invoice %s' % serial
    else:
        sender = 'alice@lab.test' if plan.get('account') else 'promo%d@evil.test' % (
            random.randrange(5))
        recipient = 'user%d@victim%d.test' % (random.randrange(10000), random.randrange(8))
        subject = '%s %d' % (random.choice(SPAM_SUBJECTS), random.randrange(1000))
    text = ('From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@client.test>\r\n'
            'X-Lab-Kind: %s\r\n\r\n%s\r\n.\r\n' %
            (sender, recipient, subject, serial, plan['kind'], 'A line of text.\r\n' * 20))
    envelope = 'MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n' % (sender, recipient)
    return envelope.encode(), text.encode()


def run_session(plan, number, result, lock):
    sent, ids, error = 0, [], None
    run = '%d.%d.%s' % (os.getpid(), number, os.urandom(4).hex())
    client = None
    try:
        client = Client(plan)
        serials = ['%s.%d' % (run, n) for n in range(plan['messages'])]
        following = make_message(plan, serials[0]) if serials else None
        if following:
            client.socket.sendall(following[0])
        for n, serial in enumerate(serials):
            text = following[1]
            for code in ('250', '250', '354'):
                client.expect(code)
            following = make_message(plan, serials[n + 1]) if n + 1 < len(serials) else None
            if plan.get('pause'):
                time.sleep(plan['pause'])
            client.socket.sendall(text + (following[0] if following else b''))
            client.expect('250')
            sent += 1
            if plan['kind'] == 'valid':
                ids.append('<%s@client.test>' % serial)
    except (OSError, Refused) as problem:
        error = '%s %s:%d: %s' % (plan['host'], plan['ip'], plan['port'], problem)
    finally:
        if client:
            client.close()
    with lock:
        key = plan['host'] + ' ' + plan['kind']
        result['sent'][key] = result['sent'].get(key, 0) + sent
        result['valid_ids'] += ids
        if error:
            result['errors'].append(error)


def main():
    result, lock = {'sent': {}, 'valid_ids': [], 'errors': []}, threading.Lock()
    threads = [threading.Thread(target=run_session, args=(plan, number, result, lock))
               for number, plan in enumerate(json.load(sys.stdin))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(result, sys.stdout)


main()
