#!/usr/bin/env python3
"""mailquench.exe under Wine against a real controller over mTLS, and against a real list server.

  cli_smoke.py --exe mailquench.exe --controller mailquench-controller [--wine wine]

Needs a Wine prefix in $WINEPREFIX; rbldnsd for what asks lists. Prints "ok - NAME" a case, exit 1
when one fails. Starts and ends its own servers in a folder of its own.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import struct
import sys
import tempfile
import threading
import time

ZONES = ('a.test', 'b.test')
CATALOGUE = '''lists:
  - zone: %s
    operator: Ä
    covers: [ip4]
    component: xbl
    codes: {127.0.0.2: {is: spam source}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
'''
LIST = '$SOA 300 ns.test hostmaster.test 7 600 300 86400 300\n$NS 300 ns.test\n:127.0.0.2:Listed: $\n127.0.0.2\n%s\n'


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class OverTcpOnly:
    """A DNS server on loopback that says "truncated" to whatever comes over UDP, and asks `behind` for what comes over TCP."""

    def __init__(self, behind):
        self.behind, self.over_tcp = behind, 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(('127.0.0.1', 0))
        self.port = self.udp.getsockname()[1]
        self.tcp = socket.create_server(('127.0.0.1', self.port))
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def serve_udp(self):
        while True:
            question, peer = self.udp.recvfrom(4096)
            at = 12
            while question[at]:
                at += 1 + question[at]
            head = question[:2] + struct.pack('>HHHHH', 0x8380, 1, 0, 0, 0)  # QR, TC, RD, RA.
            self.udp.sendto(head + question[12:at + 5], peer)

    def serve_tcp(self):
        while True:
            threading.Thread(target=self.answer, args=(self.tcp.accept()[0],), daemon=True).start()

    def answer(self, peer):
        with peer, peer.makefile('rb') as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.settimeout(5)
            server.connect(('127.0.0.1', self.behind))
            while True:
                length = stream.read(2)
                if len(length) < 2:
                    return
                server.send(stream.read(struct.unpack('>H', length)[0]))
                reply = server.recv(65535)
                self.over_tcp += 1
                peer.sendall(struct.pack('>H', len(reply)) + reply)


class Failed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failed(what)


class Smoke:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.children = []
        self.failed = 0
        # What is not ASCII is in every path that the program gets.
        self.config = work / 'Einstellungen für Почта' / 'contexts.yaml'
        self.environment = dict(os.environ, WINEDEBUG='-all', MAILQUENCH_CONFIG=self.windows(self.config))
        self.environment.pop('DISPLAY', None)

    @staticmethod
    def windows(path):
        return 'Z:' + str(path).replace('/', '\\')

    def run(self, *words, code=0, environment=None):
        """The program's stdout and stderr as text; both must be UTF-8."""
        done = subprocess.run([self.options.wine, self.options.exe, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=120, check=False, env={**self.environment, **(environment or {})})
        out, err = done.stdout.decode('utf-8'), done.stderr.decode('utf-8')
        require(done.returncode == code, '"%s" ended with %d, not %d\nstdout: %s\nstderr: %s' % (
            ' '.join(words), done.returncode, code, out, err))
        require('\r' not in out, 'stdout has carriage returns')
        return out, err

    def case(self, name, body):
        try:
            body()
            print('ok - ' + name, flush=True)
        except (Failed, subprocess.TimeoutExpired, UnicodeDecodeError, ValueError, KeyError) as error:
            self.failed += 1
            print('not ok - %s\n  %s' % (name, str(error).replace('\n', '\n  ')), flush=True)

    def spawn(self, words, log):
        with open(log, 'wb') as out:
            child = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def end(self):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def start_controller(self):
        port, enrolment = free_port(), free_port()
        self.dir = self.work / 'c'
        self.address = '127.0.0.1:%d' % port
        subprocess.run([self.options.controller, 'init', '--dir', str(self.dir), '--trust-domain', 'test.example', '--address', self.address,
                        '--listen', self.address, '--enrolment-listen', '127.0.0.1:%d' % enrolment, '--https-listen', 'none'], check=True, stdout=subprocess.DEVNULL)
        log = self.work / 'serve.log'
        child = self.spawn([self.options.controller, 'serve', '--config', str(self.dir / 'controller.yaml')], log)
        end = time.monotonic() + 30
        while 'ready port=' not in log.read_text(errors='replace'):
            require(child.poll() is None and time.monotonic() < end, 'the controller does not start: ' + log.read_text(errors='replace'))
            time.sleep(0.05)
        # The operator's files where a person of this name would have them.
        self.mine = self.work / 'Schlüssel Ключ'
        self.mine.mkdir()
        for name in ('admin.key', 'admin.pem', 'ca.pem'):
            shutil.copy(self.dir / name, self.mine / name)

    def start_lists(self):
        self.lists = self.work / 'lists'
        self.lists.mkdir()
        os.chmod(self.work, 0o755)
        os.chmod(self.lists, 0o755)
        for zone in ZONES:
            (self.lists / zone).write_text(LIST % ('192.0.2.9' if zone == ZONES[0] else ''))
        self.dns = free_port(socket.SOCK_DGRAM)
        self.spawn([shutil.which('rbldnsd', path='/usr/sbin:/usr/bin'), '-n', '-u', 'rbldns:rbldns', '-w', str(self.lists), '-c', '0',
                    '-b', '127.0.0.1/%d' % self.dns, *('%s:ip4set:%s' % (zone, zone) for zone in ZONES)], self.work / 'rbldnsd.log')
        self.catalogue = self.work / 'Listen Списки.yaml'
        self.catalogue.write_text(CATALOGUE % ZONES[0] + (CATALOGUE % ZONES[1]).split('\n', 1)[1], encoding='utf-8')
        time.sleep(0.5)

    # Without a controller

    def help(self):
        out, _ = self.run('--help')
        require('Usage: mailquench' in out and 'incident' in out, out)
        out, _ = self.run('run', 'contain', '--help')
        require('--reason' in out, out)

    def completion(self):
        out, _ = self.run('completion', 'bash')
        require(out.startswith('_mailquench()'), out)
        out, _ = self.run('__complete', 'run', 'cont')
        require(out.split() == ['contain'], out)

    def mistyped(self):
        _, err = self.run('host', 'lst', code=1)
        require("Did you mean 'list'?" in err, err)

    def no_context(self):
        _, err = self.run('host', 'list', code=1)
        require('No controller is known yet' in err and 'Einstellungen für Почта' in err, err)
        _, err = self.run('host', 'list', code=1, environment={'MAILQUENCH_CONFIG': ''})
        require('\\mailquench\\config.yaml' in err and 'AppData' in err, err)

    def check(self, *words, code):
        return self.run('blacklist', 'check', '--resolver', '127.0.0.1:%d' % self.dns, '--catalogue', self.windows(self.catalogue),
                        *(word for zone in ZONES for word in ('--list', zone)), *words, code=code)

    def listed(self):
        out, err = self.check('--address', '192.0.2.9', code=2)
        require('LISTED' in out and 'a.test' in out, out + err)

    def not_listed(self):
        out, err = self.check('--address', '192.0.2.10', '--all-answers', code=0)
        require('LISTED' not in out and all(zone in out for zone in ZONES) and 'not listed; clean on 2' in out + err, out + err)

    def over_tcp(self):
        server = OverTcpOnly(self.dns)
        out, err = self.run('blacklist', 'check', '--resolver', '127.0.0.1:%d' % server.port, '--catalogue', self.windows(self.catalogue),
                            '--list', ZONES[0], '--address', '192.0.2.9', code=2)
        require('LISTED' in out and server.over_tcp > 0, '%d over TCP: %s' % (server.over_tcp, out + err))

    def lists_in_json(self):
        out, _ = self.run('-o', 'json', 'blacklist', 'check', '--resolver', '127.0.0.1:%d' % self.dns, '--catalogue',
                          self.windows(self.catalogue), '--list', ZONES[0], '--address', '192.0.2.9', code=2)
        answers = json.loads(out)
        require('192.0.2.9' in json.dumps(answers), out)

    def nobody_answers(self):
        begin = time.monotonic()
        out, err = self.run('--timeout', '60s', 'blacklist', 'check', '--resolver', '127.0.0.1:%d' % free_port(socket.SOCK_DGRAM), '--catalogue',
                            self.windows(self.catalogue), '--list', ZONES[0], '--address', '192.0.2.9', code=3)
        print('  # a dead resolver took %.1f s' % (time.monotonic() - begin))
        require('LISTED' not in out, out + err)

    def keys(self):
        keys = self.work / 'Schlüssel.keys'
        keys.write_text('a.test geheim\n')
        os.chmod(keys, 0o644)
        _, err = self.check('--address', '192.0.2.9', '--keys', self.windows(keys), code=4)
        require('others than its owner may read' in err and 'icacls' in err, err)

    # With one

    def add(self, name='Zürich-Почта', **other):
        files = {'--address': self.address, '--ca': self.windows(self.mine / 'ca.pem'), '--cert': self.windows(self.mine / 'admin.pem'),
                 '--key': self.windows(self.mine / 'admin.key'), **other}
        return self.run('context', 'add', name, *(word for pair in files.items() for word in pair))

    def context(self):
        _, err = self.add()
        require('Zürich-Почта' in err, err)
        require('Zürich-Почта' in self.config.read_text(encoding='utf-8'), 'the file lacks the name')
        out, _ = self.run('-o', 'json', 'context', 'list')
        (one,) = json.loads(out)
        require(one['name'] == 'Zürich-Почта' and one['key'].endswith('Schlüssel Ключ\\admin.key'), out)

    def again(self):
        self.add(name='zweiter')
        self.add(name='zweiter')
        out, _ = self.run('-o', 'json', 'context', 'list')
        require([one['name'] for one in json.loads(out)] == ['Zürich-Почта', 'zweiter'], out)
        leftovers = [one.name for one in self.config.parent.iterdir() if one != self.config]
        require(not leftovers, 'left over: %s' % leftovers)

    def hosts(self):
        out, _ = self.run('-o', 'json', 'host', 'list')
        require(json.loads(out).get('hosts', []) == [], out)
        self.run('host', 'list')

    def token(self):
        out, _ = self.run('token', 'create', '--label', 'role=edge', '--life', '10m')
        require(len(out.strip()) > 40 and '\n' not in out.strip(), out)
        out, _ = self.run('-o', 'json', 'token', 'list')
        (one,) = json.loads(out)['tokens']
        require(one['labels'] == {'role': 'edge'}, out)
        out, _ = self.run('token', 'list')
        require('role=edge' in out and out.count('T') > 1, out)

    def labels(self):
        """What is not ASCII comes whole through the arguments, the wire, and the controller's answer."""
        done = subprocess.run([self.options.wine, self.options.exe, 'token', 'create', '--label', 'ort=Düsseldorf', '--label', 'город=Москва'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, timeout=60, check=False)
        err = done.stderr.decode('utf-8')
        if done.returncode == 0:
            out, _ = self.run('-o', 'json', 'token', 'list')
            require('Düsseldorf' in out and 'Москва' in out, out)
        else:  # A controller that wants ASCII says so with our words in it.
            require('Düsseldorf' in err or 'город' in err or 'Москва' in err, err)

    def incidents(self):
        out, _ = self.run('-o', 'json', 'incident', 'list')
        json.loads(out)
        self.run('incident', 'list')

    def unknown_host(self):
        _, err = self.run('host', 'show', 'почта-ü', code=1)
        require('почта-ü' in err, err)

    def other_ca(self):
        other = self.work / 'other'
        subprocess.run([self.options.controller, 'init', '--dir', str(other), '--trust-domain', 'other.example', '--address', '127.0.0.1:1',
                        '--listen', '127.0.0.1:1', '--enrolment-listen', '127.0.0.1:2', '--https-listen', 'none'], check=True, stdout=subprocess.DEVNULL)
        self.add(name='fremd', **{'--ca': self.windows(other / 'ca.pem'), '--cert': self.windows(other / 'admin.pem'),
                                  '--key': self.windows(other / 'admin.key')})
        _, err = self.run('--context', 'fremd', '--timeout', '20s', 'host', 'list', code=1)
        require('does not answer' in err, err)

    def reader_gone(self):
        """A reader that closes early is no error of ours."""
        child = subprocess.Popen([self.options.wine, self.options.exe, 'run', 'contain', '--help'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, env=self.environment)
        child.stdout.close()
        err = child.stderr.read().decode('utf-8')
        child.wait(60)
        require('could not be written' not in err and child.returncode == 0, 'exit %d: %s' % (child.returncode, err))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--exe', default=os.environ.get('MAILQUENCH_EXE'))
    parser.add_argument('--controller', default=os.environ.get('MAILQUENCH_CONTROLLER'))
    parser.add_argument('--wine', default=os.environ.get('WINE', 'wine'))
    options = parser.parse_args()
    if not options.exe or not options.controller:
        parser.error('--exe and --controller are needed')
    options.exe, options.controller = os.path.abspath(options.exe), os.path.abspath(options.controller)
    work = pathlib.Path(tempfile.mkdtemp(prefix='mq-cli-'))
    smoke = Smoke(options, work)
    try:
        smoke.case('help', smoke.help)
        smoke.case('completion', smoke.completion)
        smoke.case('a mistyped command', smoke.mistyped)
        smoke.case('no context yet, and where it is looked for', smoke.no_context)
        smoke.case('a reader that closes early', smoke.reader_gone)
        if shutil.which('rbldnsd', path='/usr/sbin:/usr/bin'):
            smoke.start_lists()
            smoke.case('blacklist check: listed', smoke.listed)
            smoke.case('blacklist check: not listed', smoke.not_listed)
            smoke.case('blacklist check: json', smoke.lists_in_json)
            smoke.case('blacklist check: answers over TCP alone', smoke.over_tcp)
            smoke.case('blacklist check: a resolver that is not there', smoke.nobody_answers)
            smoke.case('blacklist check: keys that others may read', smoke.keys)
        else:
            smoke.failed += 1
            print('not ok - rbldnsd is not installed')
        smoke.start_controller()
        smoke.case('context add, in umlauts and Cyrillic', smoke.context)
        smoke.case('context add again leaves nothing behind', smoke.again)
        smoke.case('host list over mTLS', smoke.hosts)
        smoke.case('token create and list', smoke.token)
        smoke.case('labels that are not ASCII', smoke.labels)
        smoke.case('incident list', smoke.incidents)
        smoke.case('an unknown host', smoke.unknown_host)
        smoke.case('a certificate of another CA', smoke.other_ca)
    finally:
        smoke.end()
        shutil.rmtree(work, ignore_errors=True)
    return 1 if smoke.failed else 0


if __name__ == '__main__':
    sys.exit(main())
