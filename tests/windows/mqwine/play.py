"""One Windows host under Wine with the simulated SMTP service, and what a test does to it and asks of it."""
import argparse
import contextlib
import json
import os
import shutil
import smtplib
import sqlite3
import time

from . import days, scene, sink, wine

GOOD = ('OUTCOME_SUCCEEDED', 'OUTCOME_UNCHANGED')


def parse(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--build', required=True, help='the Linux build')
    parser.add_argument('--windows', required=True, help='the Windows build, with fault points')
    parser.add_argument('--work', required=True, help='a folder of its own')
    parser.add_argument('--only', help='a regular expression: the days in whose names it is found')
    options = parser.parse_args()
    days.chosen = options.only
    return options


def send(target, sender, count, recipient='victim@elsewhere.test'):
    """Through SMTP, as a client does. How many were taken."""
    host, port = target.rsplit(':', 1)
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        for number in range(count):
            client.sendmail(sender, [recipient], 'From: %s\r\nTo: %s\r\nSubject: %s %d\r\nMessage-ID: <%s-%d-%d@test>\r\n\r\ntext\r\n'
                            % (sender, recipient, sender, number, sender.replace('@', '-'), number, time.monotonic_ns()))
    return count


def plant(folder, count, sender='spam@evil.test', first=0):
    """Queue files without a dialogue."""
    for number in range(first, first + count):
        with open(os.path.join(folder, 'NTFS_%016x.EML' % number), 'wb') as file:
            file.write(b'x-sender: %s\r\nx-receiver: victim@elsewhere.test\r\nFrom: a\r\nSubject: planted\r\n\r\ntext\r\n' % sender.encode())


def relays(target):
    host, port = target.rsplit(':', 1)
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.ehlo('stranger.test')
        client.mail('a@b.test')
        return client.rcpt('c@d.test')[0] == 250


def messages_below(folder):
    return sum(name.upper().endswith('.EML') for _, _, names in os.walk(folder) for name in names)


def report_of(runs, host=None):
    """The last step's report of the run's one host."""
    for run in runs:
        for one in run.get('hosts', []):
            if host is None or one['name'] == host:
                return one['steps'][-1].get('report', {}), one
    raise days.Wrong('the run has no host: %s' % json.dumps(runs)[:300])


def metabase(host):
    with open(os.path.join(host.sim_folder, 'metabase.json'), encoding='utf-8') as file:
        keys = json.load(file)['keys']
    for settings in keys.values():  # What it does, not how it is set.
        settings.pop('ServerState', None)
        settings.pop('ServerCommand', None)
    return keys


def content(path):
    with open(path, 'rb') as file:
        return file.read()


class Play:
    def __init__(self, options):
        self.options = options
        self.sink = sink.Sink()
        self.controller = self.host = None
        self.wine = wine.Wine(options.work)

    def set_up(self):
        """The host with its SMTP service, which is stopped; no agent of its own runs."""
        self.wine.make({'MAILQUENCH_METABASE': r'C:\sim\metabase.json'})
        self.host = scene.WindowsHost(self.wine, self.options.windows, 'win1')
        self.target = self.host.add_virtual_server()
        self.deliver(False)
        self.host.wine.must(self.host.sim, 'install', 'C:\\sim')

    def connect(self):
        """A controller, and the agent as a service that is enrolled there and online."""
        self.controller = scene.Controller(self.options.build, self.options.work)
        self.controller.start()
        self.start_smtp()
        self.host.configure('heartbeat_seconds: 2\n')
        self.host.enrol(self.controller, 'role=smtp')
        self.host.install_agent(self.controller)
        self.wait_online()

    def agent_program(self):
        return self.wine.drive('Program Files', 'Mailquench', 'mailquench-agent.exe')

    def leases(self):
        """The commands whose leases the agent's journal holds: read from a copy, since Wine's locks are its own."""
        copy = os.path.join(self.options.work, 'journal-copy')
        shutil.rmtree(copy, ignore_errors=True)
        os.makedirs(copy)
        folder = self.wine.drive('ProgramData', 'mailquench-agent')
        for name in os.listdir(folder):
            if name in ('journal.db', 'journal.db-wal'):
                shutil.copy(os.path.join(folder, name), copy)
        with contextlib.closing(sqlite3.connect(os.path.join(copy, 'journal.db'))) as journal:
            return [command for (command,) in journal.execute('SELECT command_id FROM leases')]

    def tell_logs(self):
        log = self.wine.drive('ProgramData', 'mailquench-agent', 'agent.log')
        if os.path.exists(log):
            with open(log, encoding='utf-8', errors='replace') as file:
                print('-- end of agent.log\n' + ''.join(file.readlines()[-25:]))

    def wait_online(self, seconds=40):
        scene.wait_for(lambda: self.controller.online().get('win1'), seconds, 'the agent to be online')

    def deliver(self, on):
        """Read by the simulation at its next start."""
        with open(os.path.join(self.host.sim_folder, 'simulation.json'), 'w', encoding='utf-8') as file:
            json.dump({'deliver_to': '127.0.0.1:%d' % self.sink.port if on else '', 'accounts': {'bob': 'secret'}}, file)

    def start_smtp(self):
        if self.wine.service_state('SMTPSVC') != 'RUNNING':
            self.wine.run('net', 'start', 'SMTPSVC')
        self.wine.wait_service('SMTPSVC', 'RUNNING')

    def stop_smtp(self):
        self.host.stops('')
        if self.wine.service_state('SMTPSVC') != 'STOPPED':
            self.wine.run('net', 'stop', 'SMTPSVC')
        self.wine.wait_service('SMTPSVC', 'STOPPED')

    def operate(self, *arguments, accept=(0,)):
        return self.controller.run('run', 'op', *arguments, '-l', 'role=smtp', '--yes', accept=accept)

    def end(self):
        if days.failed and self.host is not None:
            self.tell_logs()
        self.wine.end()
        if self.controller is not None:
            self.controller.end()
