#!/usr/bin/env python3
"""Bad days on real Postfix servers in the lab. Each prints 'ok - NAME' or 'not ok - NAME: why'.

  bad_days.py --build FOLDER --work FOLDER [--only kills,settings,volume,fleet]
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'deploy/acts'))
from stage import Stage, attack, require, world  # noqa: E402
from mqlab.days import bad_day, failed, keep_logs  # noqa: E402  (stage knows the way to the lab)

QUEUES = ('incoming', 'active', 'deferred', 'hold', 'maildrop')
LOCAL = '/var/lib/mailquench/local'
ENROLLED = '/var/lib/mailquench/agent'


class Host:
    def __init__(self, stage, name):
        self.stage, self.name = stage, name

    def run(self, *command, env=()):
        return subprocess.run(world.enter(self.stage.lab, self.name) + ['env', *env, *command], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)

    def do(self, operation, arguments=None, command=None, fault=None, state=LOCAL):
        """Break-glass. Returns (exit code, report)."""
        argv = [self.stage.agent, 'do', operation, '--state-dir', state, '--json', json.dumps(arguments or {})]
        if command:
            argv += ['--command-id', command]
        done = self.run(*argv, env=['MAILQUENCH_FAULT=%s=kill' % fault] if fault else [])
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {'stderr': done.stderr[-400:]}

    def read(self, path):
        done = self.run('cat', path)
        require(done.returncode == 0, 'no %s on %s' % (path, self.name))
        return done.stdout

    def settings(self):
        return [self.read('/etc/postfix/' + name) for name in ('main.cf', 'master.cf')]

    def running(self):
        return self.run('postfix', 'status').returncode == 0

    def messages(self):
        """The ids of all complete messages, wherever they are; one that is there twice is there twice."""
        found = self.run('sh', '-c', "cd /var/spool/postfix && find %s .quarantine -type f -perm 0700 "
                         "-not -path '*/defer/*' -not -path '*/bounce/*' 2>/dev/null" % ' '.join(QUEUES))
        return sorted(os.path.basename(line) for line in found.stdout.splitlines())

    def kill_agent(self, state=ENROLLED):
        """kill -9, by id: the processes of this host whose arguments name its agent."""
        pids = self.run('sh', '-c', 'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null | '
                        'grep -q "[m]ailquench-agent run --state-dir %s" && basename $p; done' % state).stdout.split()
        for pid in pids:
            self.run('kill', '-9', pid)
        return len(pids)


HOLD_A_SESSION = """
import socket, time
held = socket.create_connection(('127.0.0.1', 25), 20)
print(held.recv(200).decode(), flush=True)
time.sleep(60)
"""


def kept(report):
    return report.get('result', {}).get('restore', {})


def give_back(host, state=LOCAL):
    """Back to how it was: settings restored (the hole is put back, this is a lab), all quarantines released."""
    code, report = host.do('restore', state=state)
    waiting = [s['setting'] for s in kept(report).get('settings', []) if s['state'] == 'STATE_NEEDS_DECISION']
    if waiting:
        decisions = [dict(instance=s['instance'], key=s['key'], choice='RESTORE_CHOICE_PUT_BACK', reason='lab') for s in waiting]
        code, report = host.do('restore', {'decisions': decisions}, state=state)
    assert code == 0, 'restore ended with %d: %s' % (code, report)
    code, report = host.do('quarantine.list', state=state)
    for quarantine in report.get('result', {}).get('quarantineList', {}).get('quarantines', []):
        code, report = host.do('quarantine.release', {'quarantineId': quarantine['quarantineId']}, state=state)
        assert code == 0, 'release ended with %d: %s' % (code, report)


def on_one_host(stage):
    host = Host(stage, 'mx1')
    before, settings = host.messages(), host.settings()
    assert len(before) == len(set(before)) > 20, 'the attack left %d messages' % len(before)
    points = host.run(stage.agent, 'fault-points').stdout.split()
    assert len(points) > 20, 'a build without fault points'
    ways = {'contain': [], 'restore': [], 'release': []}

    def same(what):
        # The listing is no snapshot: what the queue manager moves meanwhile may be seen in both places, or in none. What is
        # really lost or doubled stays so.
        for _ in range(10):
            now = host.messages()
            if now == before:
                break
            time.sleep(1)
        assert now == before, '%s: %d of %d messages, lost %s, doubled or new %s' % (
            what, len(now), len(before), sorted(set(before) - set(now))[:3], [m for m in now if now.count(m) > 1 or m not in before][:3])

    def contain_killed_at(point):
        @bad_day('contain killed at %s' % point)
        def _():
            command = 'c-' + uuid.uuid4().hex
            code, _ = host.do('contain', command=command, fault=point)
            if code not in (137, -9):
                assert code == 0, 'contain was not killed, but ended with %d' % code
            else:
                ways['contain'].append(point)
                same('after the kill')
                code, report = host.do('contain', command=command)
                assert code == 0, 'the repeat ended with %d: %s' % (code, report)
            assert host.running(), 'Postfix does not run'
            assert host.settings() != settings, 'nothing is locked'
            same('after the repeat')
            give_back(host)
            assert host.settings() == settings, 'the settings are not what they were, byte for byte'
            same('after the release')

    for point in points:
        if point.split('.')[0] in ('contain', 'journal', 'files', 'settings') or point.startswith('quarantine.swap'):
            contain_killed_at(point)

    @bad_day('restore killed at each point of its way')
    def _():
        for point in (p for p in points if p.split('.')[0] in ('journal', 'files', 'settings')):
            assert host.do('contain')[0] == 0
            locked = host.settings()
            command = 'r-' + uuid.uuid4().hex
            decisions = {'decisions': [dict(key='main.cf:mynetworks', choice='RESTORE_CHOICE_PUT_BACK', reason='lab')]}
            code, _ = host.do('restore', decisions, command=command, fault=point)
            if code in (137, -9):
                ways['restore'].append(point)
                code, report = host.do('restore', decisions, command=command)
                assert code == 0, '%s: the repeat ended with %d: %s' % (point, code, report)
            assert host.settings() != locked, point + ': nothing was restored'
            give_back(host)
            assert host.settings() == settings, point + ': not byte for byte'
            assert host.running()
            same(point)

    @bad_day('release killed at each point of its way')
    def _():
        for point in (p for p in points if p.startswith('quarantine.release')):
            code, report = host.do('contain')
            assert code == 0
            quarantine = report['result']['contain']['quarantine']['quarantines'][0]['quarantineId']
            command = 'q-' + uuid.uuid4().hex
            code, _ = host.do('quarantine.release', {'quarantineId': quarantine}, command=command, fault=point)
            if code in (137, -9):
                ways['release'].append(point)
                same(point + ', after the kill')
                code, report = host.do('quarantine.release', {'quarantineId': quarantine}, command=command)
                assert code == 0, '%s: the repeat ended with %d: %s' % (point, code, report)
                released = int(report['result']['quarantineRelease']['released'])
                assert released == len(before), '%s: %d of %d released' % (point, released, len(before))
            give_back(host)
            same(point)

    @bad_day('the kills were on the way of each operation')
    def _():
        assert len(ways['contain']) >= 14 and len(ways['restore']) >= 5 and len(ways['release']) >= 3, ways


def broken_settings(stage):
    host = Host(stage, 'mx2')
    for name, line in (
            ('a fault that postconf takes silently', 'smtpd_sender_restrictions = reject_unknwon_sender_domain'),
            ('a fault that smtpd -S refuses', 'smtpd_recipient_limit = many'),
            ('a fault that only a dialogue shows', 'smtpd_recipient_restrictions = check_client_access texthash:/etc/postfix/missing, permit')):
        @bad_day('lock on a main.cf with %s: rolled back, nothing changed' % name)
        def _():
            clean = host.read('/etc/postfix/main.cf')
            try:
                assert host.run('sh', '-c', 'printf "%%s\\n" "%s" >>/etc/postfix/main.cf' % line).returncode == 0
                broken = host.settings()
                code, report = host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED', 'instances': ['-']})
                assert code == 2, 'the lock ended with %d: %s' % (code, report)
                assert host.settings() == broken, 'the files changed'
                assert host.run('find', '/etc/postfix', '-name', '*.mailquench-tmp').stdout == '', 'a temporary is left'
            finally:
                host.run('sh', '-c', 'cat >/etc/postfix/main.cf <<"EOF"\n%sEOF' % clean)
                host.run('postfix', 'reload')

    @bad_day('killed while a session that a change ends keeps Postfix stopped: the repeat starts it')
    def _():
        held = subprocess.Popen(world.enter(stage.lab, 'mx2') + ['python3', '-c', HOLD_A_SESSION], stdout=subprocess.PIPE, text=True)
        try:
            assert held.stdout.readline().startswith('220'), 'no session'
            command = 'k-' + uuid.uuid4().hex
            code, _ = host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED'}, command=command, fault='settings.apply.restart')
            assert code in (137, -9), 'the restart was not on the way: %d' % code
            assert not host.running(), 'it was to be killed while Postfix is stopped'
            code, report = host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED'}, command=command)
            assert code == 0, report
            assert host.running(), 'Postfix was left stopped'
        finally:
            held.kill()
            held.wait()
        give_back(host)

    @bad_day('restore of a setting that somebody changed since: nothing overwritten')
    def _():
        assert host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED'})[0] == 0
        host.run('postconf', '-e', 'smtpd_relay_restrictions=reject')
        code, report = host.do('restore')
        assert code == 0 and kept(report)['needsDecision'] == 1, report
        assert host.run('postconf', '-h', 'smtpd_relay_restrictions').stdout.strip() == 'reject'
        code, report = host.do('restore', {'decisions': [dict(instance='-', key='main.cf:smtpd_relay_restrictions',
                                                              choice='RESTORE_CHOICE_PUT_BACK', reason='test')]})
        assert code == 0 and not kept(report).get('needsDecision'), report


    @bad_day('a notification while they are silenced: held and counted, neither sent nor lost, also after the restore')
    def _():
        def notifications():
            code, report = host.do('queue.survey')
            assert code == 0, report
            return sum(int(i.get('heldNotifications', 0)) for i in report['result']['queueSurvey']['instances'])

        def undeliverable():  # To nobody here, from a stranger: Postfix tells the stranger so.
            sent = host.run('sh', '-c', 'echo hello | sendmail -f stranger@victim1.test no-such-user@localhost')
            assert sent.returncode == 0, sent.stderr

        first = notifications()
        assert host.do('ndr.silence')[0] == 0
        undeliverable()
        stage.wait(lambda: notifications() == first + 1, 30, 'the notification to be held')
        give_back(host)
        time.sleep(2)
        assert notifications() == first + 1, 'it went out, or was lost, at the restore'
        host.run('postsuper', '-d', 'ALL', 'hold')


def mount_volume(host, state):
    host.run('sh', '-c', 'mkdir -p /srv/volume %s; mountpoint -q /srv/volume || mount -t tmpfs -o size=64m,mode=700 none /srv/volume' % state)


def allow_volume(host, state):
    host.run('sh', '-c', 'echo "quarantine_roots: [/srv/volume]" >>%s/agent.yaml' % state)


def other_volume(stage):
    host = Host(stage, 'mx3')
    points = [p for p in host.run(stage.agent, 'fault-points').stdout.split() if p.startswith(('quarantine.move.', 'quarantine.return.'))]
    on_the_way = []

    def everywhere():
        # By Message-ID: a message that was copied has another inode, so that Postfix gives it another queue id at its next start.
        found = host.run('sh', '-c', "cd /var/spool/postfix && find %s .quarantine /srv/volume -type f -perm 0700 -not -path '*/defer/*' "
                         "-not -path '*/bounce/*' -exec sh -c 'grep -aio \"message-id: <[^>]*>\" $0 | head -1' {} ';'" % ' '.join(QUEUES))
        return sorted(found.stdout.splitlines())

    def move(quarantine, directory, command=None, fault=None):
        return host.do('quarantine.move', {'quarantineId': quarantine, 'directory': directory}, command=command, fault=fault)

    def sweep():
        code, report = host.do('contain')
        assert code == 0, report
        return report['result']['contain']['quarantine']['quarantines'][0]['quarantineId']

    before = everywhere()
    assert len(before) == len(set(before)) > 10, 'the attack left %d messages' % len(before)
    mount_volume(host, LOCAL)

    @bad_day('a move to a folder that the host does not list: refused')
    def _():
        code, report = move(sweep(), '/srv/volume')
        assert code == 4 and 'quarantine_roots' in report['error']['message'], (code, report)
        allow_volume(host, LOCAL)
        give_back(host)

    @bad_day('a move to another volume, and a release from it, killed at each point of their way')
    def _():
        for point in points:
            quarantine = sweep()
            for operation, arguments in (('quarantine.move', {'quarantineId': quarantine, 'directory': '/srv/volume'}),
                                         ('quarantine.release', {'quarantineId': quarantine})):
                command = 'm-' + uuid.uuid4().hex
                code, _ = host.do(operation, arguments, command=command, fault=point)
                if code in (137, -9):
                    on_the_way.append(point)
                    code, report = host.do(operation, arguments, command=command)
                    assert code == 0, '%s: the repeat ended with %d: %s' % (point, code, report)
                if operation == 'quarantine.move':
                    assert everywhere() == before, '%s: %d of %d messages' % (point, len(everywhere()), len(before))
                    assert not host.run('sh', '-c', 'find /var/spool/postfix/.quarantine/%s -mindepth 1 ! -name manifest.json' % quarantine).stdout
            give_back(host)
            for _ in range(10):  # What the queue manager moves meanwhile may be seen in both places, or in none.
                if everywhere() == before:
                    break
                time.sleep(1)
            assert everywhere() == before, '%s, after the release: %d of %d messages' % (point, len(everywhere()), len(before))
        assert len(on_the_way) >= 9, on_the_way

    @bad_day('a volume that is too small: the dry run and the move refuse, nothing is moved; with room it goes, and comes home')
    def _():
        quarantine = sweep()
        host.run('dd', 'if=/dev/zero', 'of=/srv/volume/others', 'bs=1k', 'count=65520')
        code, report = move(quarantine, '/srv/volume')
        assert code == 2 and 'are free' in report['error']['message'], (code, report)
        assert everywhere() == before
        host.run('rm', '/srv/volume/others')
        for directory in ('/srv/volume', 'home'):
            code, report = move(quarantine, directory)
            assert code == 0, report
            assert everywhere() == before
        give_back(host)


def fleet(stage):
    hosts = {name: Host(stage, name) for name in ('mx1', 'mx2', 'mx3')}
    stage.start_controller()
    mount_volume(hosts['mx3'], ENROLLED)
    allow_volume(hosts['mx3'], ENROLLED)
    narrow = hosts['mx2'].run('postconf', '-h', 'mynetworks').stdout.strip()
    hosts['mx2'].run('postconf', '-e', 'mynetworks=0.0.0.0/0')
    hosts['mx2'].run('postfix', 'reload')
    for name in hosts:
        stage.enrol(name, 'role=edge')
    stage.enrol('outside', 'role=vantage')
    stage.wait(lambda: sum(h.get('online', False) for h in stage.ask_json('host', 'list').get('hosts', [])) == 4, 30, 'the agents')

    def last_run():
        return stage.ask_json('run', 'show', stage.ask_json('run', 'list')['runs'][0]['runId'])

    @bad_day('a mistyped selector: exit 7, nothing done')
    def _():
        for selector in ('rol=edge', 'role=egde'):
            done = stage._call(['run', 'start', 'survey', '-l', selector, '--yes'])
            assert done.returncode == 7, 'exit %d: %s' % (done.returncode, done.stderr)
        assert not stage.ask_json('run', 'list').get('runs'), 'a run was made'

    @bad_day('output that cannot be written to its end: said, exit 1; a reader that has enough is no failure')
    def _():
        for program, what in ((stage.cli, '--help'), (stage.cli, 'man run'), (stage.agent, '--help'), (stage.agent, 'man')):
            for where, code in (('>/dev/full', 1), ('| head -c1 >/dev/null', 0)):
                done = subprocess.run(world.enter(stage.lab, 'core') + ['bash', '-o', 'pipefail', '-c', '"$0" %s %s' % (what, where), program],
                                      env=stage.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
                assert done.returncode == code, '%s: exit %d with %s' % (what, done.returncode, where)
                assert ('could not be written' in done.stderr) == bool(code), done.stderr

    @bad_day('a host that trusts the world: its lock is proved from outside')
    def _():
        done = stage._call(['run', 'start', 'lockdown', '--hosts', 'mx2', '--reason', 'test', '--yes'])
        assert done.returncode == 0, done.stderr
        seen = [l for s in last_run()['hosts'][0]['steps'] for l in s.get('report', {}).get('result', {}).get('relayProbe', {}).get('listeners', [])
                if l.get('outside')]
        assert seen and all(l['verdict'] == 'RELAY_VERDICT_CLOSED' for l in seen), seen
        give_back(hosts['mx2'], ENROLLED)
        hosts['mx2'].run('postconf', '-e', 'mynetworks=' + narrow)
        hosts['mx2'].run('postfix', 'reload')

    @bad_day('contain --leave-stopped: contained, stopped, and no lease starts it')
    def _():
        done = stage._call(['run', 'contain', '--hosts', 'mx3', '--leave-stopped', '--reason', 'test', '--yes'])
        assert done.returncode == 0, done.stderr
        assert not hosts['mx3'].running()
        done = stage._call(['run', 'op', 'service.start', '--hosts', 'mx3', '--yes'])
        assert done.returncode == 0, done.stderr
        assert hosts['mx3'].running()
        give_back(hosts['mx3'], ENROLLED)

    @bad_day('the first host of the first wave fails: exactly one host was touched')
    def _():
        clean = {n: h.settings() for n, h in hosts.items()}
        hosts['mx1'].run('sh', '-c', 'echo "smtpd_recipient_limit = many" >>/etc/postfix/main.cf')
        try:
            done = stage._call(['run', 'start', 'lockdown', '-l', 'role=edge', '--reason', 'test', '--yes'])
            run = stage.ask_json('run', 'list')['runs'][0]
            touched = [h['name'] for h in stage.ask_json('run', 'show', run['runId'])['hosts']
                       if any(s.get('sent') for s in h.get('steps', []))]
            assert touched == ['mx1'], 'touched: %s, exit %d' % (touched, done.returncode)
            assert done.returncode in (2, 5), 'exit %d' % done.returncode
            assert [hosts[n].settings() == clean[n] for n in ('mx2', 'mx3')] == [True, True]
        finally:
            hosts['mx1'].run('sed', '-i', '/^smtpd_recipient_limit = many$/d', '/etc/postfix/main.cf')

    @bad_day('a quarantine that is moved by the command line is listed where it is, and comes home')
    def _():
        done = stage._call(['run', 'op', 'queue.quarantine', '--hosts', 'mx3', '--reason', 'test', '--yes'])
        assert done.returncode == 0, done.stderr
        def known():
            return max((q['quarantine'] for q in stage.ask_json('quarantine', 'list')['quarantines']), key=lambda q: q['createTime'])
        held = known()
        for directory, place in (('/srv/volume', '/srv/volume/' + held['quarantineId']), ('home', held['directory'])):
            done = stage._call(['quarantine', 'move', held['quarantineId'], directory, '--dry-run'])
            assert done.returncode == 0 and 'bytes are free' in done.stdout, done.stdout + done.stderr
            done = stage._call(['quarantine', 'move', held['quarantineId'], directory, '--reason', 'test', '--yes'])
            assert done.returncode == 0, done.stderr
            assert known()['directory'] == place
        done = stage._call(['quarantine', 'move', held['quarantineId'], '/srv/other', '--reason', 'test', '--yes'])
        assert done.returncode == 2, 'exit %d: %s' % (done.returncode, done.stderr)
        done = stage._call(['quarantine', 'release', held['quarantineId'], '--reason', 'test', '--yes'])
        assert done.returncode == 0, done.stderr

    @bad_day('a locked setting that somebody changes: the host says drift, and no more once it is right again')
    def _():
        def state():
            return [h for h in stage.ask_json('host', 'list')['hosts'] if h['name'] == 'mx2'][0].get('heartbeat', {}).get('drifted', [])
        host = hosts['mx2']
        assert host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED'}, state=ENROLLED)[0] == 0
        locked = host.run('postconf', '-h', 'smtpd_relay_restrictions').stdout.strip()
        host.run('postconf', '-e', 'smtpd_relay_restrictions=permit_mynetworks, reject')
        stage.wait(lambda: state() == ['- main.cf:smtpd_relay_restrictions'], 120, 'the drift to be told')
        host.run('postconf', '-e', 'smtpd_relay_restrictions=' + locked)
        stage.wait(lambda: not state(), 120, 'the drift to be over')
        code, report = host.do('restore', {'decisions': [dict(instance='-', key='main.cf:smtpd_relay_restrictions',
                                                              choice='RESTORE_CHOICE_PUT_BACK', reason='test')]}, state=ENROLLED)
        assert code == 0, report

    @bad_day('an offline host neither blocks nor vanishes: exit 3')
    def _():
        assert hosts['mx3'].kill_agent() == 1, 'the agent was not found'
        stage.wait(lambda: not [h for h in stage.ask_json('host', 'list')['hosts'] if h['name'] == 'mx3'][0].get('online'), 20, 'mx3 to be gone')
        done = stage._call(['-o', 'json', 'run', 'op', 'queue.survey', '-l', 'role=edge', '--yes'])
        assert done.returncode == 3, 'exit %d: %s' % (done.returncode, done.stderr)
        run = stage.ask_json('run', 'list')['runs'][0]
        outcomes = {h['name']: h['outcome'] for h in stage.ask_json('run', 'show', run['runId'])['hosts']}
        assert outcomes == {'mx1': 'OUTCOME_SUCCEEDED', 'mx2': 'OUTCOME_SUCCEEDED', 'mx3': 'OUTCOME_UNREACHABLE'}, outcomes

    @bad_day('the controller is gone when a lease ends: sweep and lock are finished, then the service starts')
    def _():
        host = hosts['mx2']
        before = host.messages()
        done = stage._call(['run', 'op', 'service.stop', '--hosts', 'mx2', '--set', 'lease=10s', '--set', 'sweep.reason=lease', '--yes'])
        assert done.returncode == 0, done.stderr
        assert not host.running()
        pids = subprocess.run(['ip', 'netns', 'pids', stage.lab['names'].netns('core')], stdout=subprocess.PIPE, text=True).stdout.split()
        for pid in pids:
            with open('/proc/%s/cmdline' % pid, encoding='utf-8') as file:
                if 'mailquench-controller' in file.read():
                    os.kill(int(pid), signal.SIGKILL)
        stage.wait(host.running, 40, 'the service to start')
        assert host.run('postconf', '-h', 'smtpd_relay_restrictions').stdout.strip() == 'reject_unauth_destination'
        assert host.messages() == before, 'messages were lost or doubled'
        assert not host.run('sh', '-c', 'find /var/spool/postfix/deferred -type f').stdout, 'the queue was not swept'

    @bad_day('a lease ends, but the lock cannot be verified: the host stays stopped and alarms')
    def _():
        host = hosts['mx1']
        code, report = host.do('service.stop', {'lease': '10s'}, state=ENROLLED)
        assert code == 0, report
        host.run('sh', '-c', 'echo "smtpd_recipient_limit = many" >>/etc/postfix/main.cf')
        stage.wait(lambda: host.run('test', '-s', ENROLLED + '/alarm').returncode == 0, 40, 'the alarm')
        time.sleep(2)
        assert not host.running(), 'it was started'


PARTS = {'kills': on_one_host, 'settings': broken_settings, 'volume': other_volume, 'fleet': fleet}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--work', required=True)
    parser.add_argument('--only', default='kills,settings,volume,fleet')
    options = parser.parse_args()
    stage = Stage(options.build, options.work)
    keep_logs(stage.folder)
    stage.start_lab(3)
    attack(stage.lab, 60, 30)
    time.sleep(3)  # The queue manager's first round.
    for part in options.only.split(','):
        PARTS[part](stage)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
