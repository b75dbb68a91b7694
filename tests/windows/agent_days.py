#!/usr/bin/env python3
"""The Windows agent under Wine, with a Linux controller and a simulated SMTP service.

  agent_days.py --build FOLDER --windows FOLDER --work FOLDER [--only REGEX] [--full]

--build: the Linux build; --windows: the Windows one, with fault points; --full: a Badmail of 1,000,000 files.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from mqwine import days, scene, sink, wine  # noqa: E402
from mqwine.days import day, require  # noqa: E402

GOOD = ('OUTCOME_SUCCEEDED', 'OUTCOME_UNCHANGED')


def parse():
    parser = argparse.ArgumentParser()
    for name in ('build', 'windows', 'work'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--only', help='a regular expression')
    parser.add_argument('--full', action='store_true')
    return parser.parse_args()


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
        self.controller = scene.Controller(options.build, options.work)
        self.wine = wine.Wine(options.work)

    def set_up(self):
        self.controller.start()
        self.wine.make({'MAILQUENCH_METABASE': r'C:\sim\metabase.json'})
        self.host = scene.WindowsHost(self.wine, self.options.windows, 'win1')
        self.target = self.host.add_virtual_server()
        self.deliver(False)
        self.host.wine.must(self.host.sim, 'install', 'C:\\sim')
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


def the_main_job(play):
    host, controller = play.host, play.controller

    @day('the agent is a service, enrolled, and connected over mutual TLS')
    def _():
        shown = controller.ask('host', 'show', 'win1')
        require('smtpsvc' in json.dumps(shown), 'the host does not say that it is one of the SMTP service: %s' % json.dumps(shown)[:400])
        require(play.wine.service_state(scene.SERVICE) == 'RUNNING', 'the service does not run')

    @day('one command: the queue is set aside, the relay closed, the service back')
    def _():
        require(relays(play.target), 'the relay should be open at first')
        play.before = metabase(host)
        send(play.target, 'spam@evil.test', 40)
        send(play.target, 'good@local.test', 5)
        runs = controller.run('run', 'contain', '-l', 'role=smtp', '--reason', 'spam', '--yes')
        report, one = report_of(runs)
        require(one['outcome'] in GOOD, 'the contain ended with %s: %s' % (one['outcome'], json.dumps(report.get('error'))))
        require(not relays(play.target), 'the relay is still open')
        require(play.wine.service_state('SMTPSVC') == 'RUNNING', 'the service does not run')
        require(host.files('Queue') == [], 'the queue is not empty: %s' % host.files('Queue')[:3])
        incidents = controller.ask('incident', 'list').get('incidents', [])
        require(len(incidents) == 1, 'there are %d incidents' % len(incidents))
        play.incident = incidents[0]['incidentId']

    @day('who it was is read out of what was set aside')
    def _():
        runs = controller.run('quarantine', 'analyse', '--incident', play.incident, '--yes')
        picture = json.dumps(runs)
        require('spam@evil.test' in picture, 'the sender is not named: %s' % picture[:400])

    @day('valid mail goes back into the queue and arrives, once')
    def _():
        play.deliver(True)
        runs = controller.run('quarantine', 'release', '--incident', play.incident, '--sender', 'good@local.test', '--reason',
                              'valid', '--yes')
        report, one = report_of(runs)
        require(one['outcome'] in GOOD, 'the release ended with %s: %s' % (one['outcome'], json.dumps(report.get('error'))))
        require(int(report['result']['quarantineRelease'].get('released', 0)) == 5, 'released: %s' % json.dumps(report['result']))
        scene.wait_for(lambda: len(play.sink.messages) >= 5, 30, 'the mail to arrive')
        time.sleep(1)
        require(len(play.sink.messages) == 5, '%d messages arrived, not 5' % len(play.sink.messages))
        require({sender for sender, _ in play.sink.messages} == {'good@local.test'}, 'others arrived')
        require(play.wine.service_state('SMTPSVC') == 'RUNNING', 'the service does not run after the release')

    @day('notifications are set aside by the watch, where the platform has no switch')
    def _():
        play.stop_smtp()
        play.deliver(False)
        play.start_smtp()
        plant(host.folder('Queue'), 3, sender='', first=900000)
        runs = play.operate('queue.watch', '--set', 'samples=3', '--incident', play.incident)
        report, one = report_of(runs)
        require(one['outcome'] in GOOD, 'the watch ended with %s: %s' % (one['outcome'], json.dumps(report.get('error'))))
        require(host.files('Queue') == [], 'null-sender mail is still queued: %s' % host.files('Queue'))

    @day('a restore gives every setting back, byte for byte; what opened the relay is decided by a person')
    def _():
        for cause in controller.ask('incident', 'show', play.incident).get('causes', []):
            if not cause.get('resolved'):
                controller.cli('incident', 'cause', 'resolve', play.incident, cause['causeId'], '--how', 'a test')
        runs = controller.run('run', 'restore', '--incident', play.incident, '--put-back', 'win1:metabase:1/RelayIpList=a test', '--yes',
                              accept=(0, 1, 2, 3))
        report, one = report_of(runs)
        require(one['outcome'] in GOOD, 'the restore ended with %s: %s' % (one['outcome'], json.dumps(report)[:600]))
        require(metabase(host) == play.before, 'settings differ: %s / %s' % (metabase(host), play.before))
        require(relays(play.target), 'the relay is not what it was')


def the_size(play):
    """Beside the least that a gRPC service of Windows can be, in the same prefix. Told here; what is far over the bar of 1.3 fails."""
    host, controller = play.host, play.controller

    @day('the idle agent is not much larger than a bare gRPC service')
    def _():
        shutil.copy(scene.find(play.options.windows, 'skeleton.exe'), play.wine.drive('skeleton.exe'))
        pems = [os.path.join(controller.home, name) for name in ('ca.pem', 'admin.pem', 'admin.key')]
        play.wine.must('sc', 'create', 'Skeleton', 'binPath=', ' '.join(
            ['C:\\skeleton.exe', controller.address, *map(play.wine.path, pems), 'C:\\skeleton.log']))
        play.wine.must('sc', 'start', 'Skeleton')
        log = play.wine.drive('skeleton.log')
        scene.wait_for(lambda: os.path.exists(log) and 'connected' in open(log, encoding='utf-8').read(), 30,
                       'the bare service to be connected')
        time.sleep(3)
        theirs, ours = play.wine.resident('skeleton'), play.wine.resident('mailquench-agent')
        play.wine.run('sc', 'stop', 'Skeleton')
        print('# agent %.1f MB, bare gRPC service %.1f MB under the same Wine: %.2f times' % (ours, theirs, ours / theirs))
        require(ours <= 1.5 * theirs, 'it has %.1f MB, %.2f times the %.1f MB of the bare one' % (ours, ours / theirs, theirs))


def the_link(play):
    host, controller = play.host, play.controller

    @day('the controller is killed and started again: the agent comes back by itself')
    def _():
        controller.end(signal.SIGKILL)
        time.sleep(1)
        controller.start()
        play.wait_online(60)

    @day('a power cut: the agent is back with Windows, and knows what it did')
    def _():
        play.wine.power_cut()
        play.wait_online(90)
        play.start_smtp()
        runs = play.operate('quarantine.list')
        report, one = report_of(runs)
        require(one['outcome'] in GOOD and report['result']['quarantineList'].get('quarantines'), 'it lists: %s' % json.dumps(report))

    @day('an upgrade in the middle of a lease keeps the lease')
    def _():
        runs = play.operate('service.stop', '--set', 'lease=40s', '--reason', 'a test')
        report, one = report_of(runs)
        require(one['outcome'] in GOOD, 'the stop ended with %s' % one['outcome'])
        fresh = play.wine.drive('fresh.exe')
        shutil.copy(scene.find(play.options.windows, 'mailquench-agent.exe'), fresh)
        with open(fresh, 'ab') as file:
            file.write(b'another build')
        controller.end()  # The lease is for the controller that is gone: nothing may come in between.
        controller.start()
        done = play.wine.run(host.agent, 'service', 'upgrade', '--from', 'C:\\fresh.exe', '--within', '60', timeout=180)
        require(done.returncode == 0, 'the upgrade ended with %d: %s' % (done.returncode, done.stderr[-300:]))
        play.wait_online()
        require(content(play.agent_program()) == content(fresh), 'the program in place is not the new one')
        require(report['commandId'] in play.leases(), 'the lease is forgotten: %s' % play.leases())
        require(play.wine.service_state('SMTPSVC') == 'STOPPED', 'the service was started in the middle of its lease')
        controller.end()
        play.wine.wait_service('SMTPSVC', 'RUNNING', 120)  # At its end the agent locks and starts by itself.
        require(not relays(play.target), 'started, but not locked')
        controller.start()
        play.wait_online(60)

    @day('an upgrade that does not reach the controller goes back to the old version')
    def _():
        controller.end()
        old = content(play.agent_program())
        with open(play.wine.drive('worse.exe'), 'wb') as file, open(play.wine.drive('fresh.exe'), 'rb') as source:
            file.write(source.read() + b'worse')
        done = play.wine.run(host.agent, 'service', 'upgrade', '--from', 'C:\\worse.exe', '--within', '6', timeout=180)
        require(done.returncode == 2, 'it ended with %d, not as one that went back: %s' % (done.returncode, done.stderr[-300:]))
        require(content(play.agent_program()) == old, 'the old version is not back')
        require(play.wine.service_state(scene.SERVICE) == 'RUNNING', 'the old version does not run')
        controller.start()
        play.wait_online(60)


def bad_days(play):
    host, options = play.host, play.options
    full = 1000000 if options.full else 200000

    def contain(accept=(0,), **fields):
        return play.host.do('contain', dict({'reason': 'a test'}, **fields))

    def reset(opened=True):
        """A stopped service with empty folders, settings as at first, a state folder of its own."""
        play.stop_smtp()
        shutil.rmtree(play.wine.drive('local'), ignore_errors=True)
        shutil.rmtree(play.wine.drive('mailroot'), ignore_errors=True)
        os.unlink(os.path.join(host.sim_folder, 'metabase.json'))
        play.target = host.add_virtual_server(port=int(play.target.rsplit(':', 1)[1]), opened=opened)
        play.deliver(False)

    @day('a slow stop is waited for and told')
    def _():
        reset()
        play.start_smtp()
        host.stops('slow 7')
        start = time.monotonic()
        done = play.wine.run(host.agent, 'do', 'contain', '--state-dir', 'C:\\local', '--json', '{"reason": "slow"}', timeout=180)
        require(done.returncode == 0, 'it ended with %d: %s' % (done.returncode, done.stderr[-300:]))
        require(time.monotonic() - start >= 7, 'it was not waited for')
        require('stop' in done.stderr and ' s' in done.stderr, 'nothing was told meanwhile: %s' % done.stderr[-300:])

    @day('a service that never ends: nothing is swept, a person is called')
    def _():
        reset()
        plant(host.folder('Queue'), 10)
        play.start_smtp()
        host.stops('never')
        try:
            done = play.wine.run(host.agent, 'do', 'contain', '--state-dir', 'C:\\local', '--json', '{"reason": "never"}', '--timeout', '8',
                                 timeout=180)
            report = json.loads(done.stdout)
            require(report['outcome'] in ('OUTCOME_TIMED_OUT', 'OUTCOME_FAILED'), 'it ended with %s' % report['outcome'])
            require(len(host.files('Queue')) == 10, 'the queue was touched')
            require(os.path.exists(play.wine.drive('local', 'alarm')), 'no alarm was raised')
        finally:
            # Wine's service manager sees the end of a process only when it is spoken to; and the agent starts with Windows.
            play.wine.power_cut()
            play.wine.run(host.agent, 'service', 'stop', timeout=120)

    @day('a service that comes back by itself is not swept under its feet')
    def _():
        reset()
        plant(host.folder('Queue'), 10)
        play.start_smtp()
        ended = threading.Event()

        def somebody():
            for _ in range(20):  # Not without a pause: Wine's service manager does not bear that.
                if ended.wait(0.7):
                    return
                play.wine.run('net', 'start', 'SMTPSVC')
        other = threading.Thread(target=somebody)
        other.start()
        try:
            code, report = contain()
        finally:
            ended.set()
            other.join()
        if code == 0:  # Sometimes the race is won: then everything must be as after any contain.
            require(not relays(play.target), 'succeeded, but the relay is open')
        else:
            require('SERVICE_CAME_BACK' in json.dumps(report), 'it says: %s' % json.dumps(report)[:400])
        require(messages_below(play.wine.drive('mailroot')) == 10, 'messages were lost or doubled')

    @day('Badmail holds %d files: the contain does not wait for a count of them' % full)
    def _():
        reset()
        folder = host.folder('Badmail')
        for number in range(full):
            os.close(os.open('%s/%x.BAD' % (folder, number), os.O_CREAT | os.O_WRONLY))
        plant(host.folder('Queue'), 10)
        start = time.monotonic()
        code, report = contain()
        took = time.monotonic() - start
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Badmail') == [] and host.files('Queue') == [], 'not all was set aside')
        swap = float(report['result']['contain']['quarantine'].get('swapTime', '0s').rstrip('s'))
        require(swap < 2, 'the swap alone took %.2f s' % swap)
        print('# contain of a stopped service with a Badmail of %d files: %.1f s, swap %.1f ms' % (full, took, swap * 1000))
        shutil.rmtree(play.wine.drive('mailroot'))
        os.makedirs(play.wine.drive('mailroot'))

    @day('100,000 queued messages are set aside by one rename')
    def _():
        reset()
        plant(host.folder('Queue'), 100000)
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Queue') == [], 'not all was set aside')
        swap = float(report['result']['contain']['quarantine'].get('swapTime', '0s').rstrip('s'))
        print('# swap of 100,000 files under Wine: %.1f ms' % (swap * 1000))
        require(swap < 2, 'the swap took %.2f s' % swap)
        require(messages_below(play.wine.drive('mailroot')) == 100000, 'messages are missing')

    @day('a link in the queue that leads outside is not followed')
    def _():
        reset()
        outside = play.wine.drive('outside')
        os.makedirs(outside, exist_ok=True)
        plant(outside, 3, sender='outsider@else.test')
        plant(host.folder('Queue'), 5)
        os.symlink(outside, os.path.join(host.folder('Queue'), 'leads-out'))
        code, survey = host.do('queue.survey')
        require(code == 0 and 'outsider' not in json.dumps(survey), 'the survey followed it: %s' % json.dumps(survey)[:300])
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        quarantine = report['result']['contain']['quarantine']['quarantines'][0]['quarantineId']
        code, discarded = host.do('quarantine.discard', {'quarantineId': quarantine})
        require(messages_below(outside) == 3, 'what lies outside was touched')
        require(code == 0, 'the discard ended with %d: %s' % (code, json.dumps(discarded)[:400]))

    @day('a full volume: nothing is moved, and it says so')
    def _():
        reset()
        play.stop_smtp()
        root = play.wine.drive('mailroot')
        shutil.rmtree(root)
        os.makedirs(root)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'mailquench-test', root], check=True)
        try:
            os.unlink(os.path.join(host.sim_folder, 'metabase.json'))
            play.target = host.add_virtual_server(port=int(play.target.rsplit(':', 1)[1]))
            plant(host.folder('Queue'), 20)
            try:
                with open(os.path.join(root, 'filler'), 'wb') as file:
                    while True:
                        file.write(b'x' * 4096)
                        file.flush()
            except OSError:
                pass
            code, report = contain()
            require(code != 0, 'it says that it was done')
            require(len(host.files('Queue')) == 20, 'the queue was touched')
            require(messages_below(root) == 20, 'messages were lost')
            os.unlink(os.path.join(root, 'filler'))
            code, report = contain()
            require(code == 0, 'with room it still ends with %d: %s' % (code, json.dumps(report)[:300]))
            require(messages_below(root) == 20, 'messages were lost')
        finally:
            subprocess.run(['umount', '-l', root], check=False)

    @day('two virtual servers that share a folder are swept once')
    def _():
        reset()
        host.add_virtual_server(number='2')
        path = os.path.join(host.sim_folder, 'metabase.json')
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        for name in ('QueueDirectory', 'BadMailDirectory'):
            data['keys']['2'][name] = data['keys']['1'][name]
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(data, file)
        plant(host.folder('Queue'), 10)
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Queue') == [], 'the queue is not empty')
        require(messages_below(play.wine.drive('mailroot')) == 10, 'messages were lost or doubled')

    @day('killed at each fault point of a contain, and asked again')
    def _():
        points = play.wine.must(host.agent, 'fault-points').split()
        require(len(points) > 20, 'there are only %d fault points' % len(points))
        hit = []
        for point in points:
            if not point.split('.')[0] in ('contain', 'smtpsvc', 'files', 'journal', 'quarantine', 'settings', 'service'):
                continue
            reset()
            plant(host.folder('Queue'), 7)
            play.start_smtp()
            code, _ = host.do('contain', {'reason': 'a test'}, command='c1', fault=point)
            if code == 0:
                continue  # It is not on this way.
            hit.append(point)
            code, report = host.do('contain', {'reason': 'a test'}, command='c1')
            require(code == 0, 'after %s it ended with %d: %s' % (point, code, json.dumps(report)[:400]))
            require(messages_below(play.wine.drive('mailroot')) == 7, 'after %s messages were lost or doubled' % point)
            require(host.files('Queue') == [], 'after %s the queue is not empty' % point)
            require(play.wine.service_state('SMTPSVC') == 'RUNNING', 'after %s the service does not run' % point)
            require(not relays(play.target), 'after %s the relay is open' % point)
        print('# killed at %d points: %s' % (len(hit), ' '.join(hit)))
        require(len(hit) >= 10, 'only %d points were on the way' % len(hit))


def main():
    options = parse()
    days.chosen = options.only
    play = None
    try:
        play = Play(options)
        play.set_up()
        the_size(play)
        the_main_job(play)
        the_link(play)
        play.wine.run(play.host.agent, 'service', 'stop', timeout=120)
        bad_days(play)
    finally:
        if play is not None:
            if days.failed:
                play.tell_logs()
            play.wine.end()
            play.controller.end()
    return 1 if days.failed else 0


if __name__ == '__main__':
    sys.exit(main())
