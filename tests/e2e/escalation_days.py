#!/usr/bin/env python3
"""Bad days of escalation, with the real Alertmanager, on one host of the lab. Each prints 'ok - NAME' or 'not ok - NAME: why'.

  escalation_days.py --build FOLDER --work FOLDER
"""
import argparse
import collections
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'deploy/acts'))
import monitoring  # noqa: E402
from stage import Stage, require, say, world  # noqa: E402
from mqlab.days import bad_day, failed, keep_logs  # noqa: E402  (stage knows the way to the lab)

RULES = '''rules:
  - {name: flood, match: ['alertname="Flood"'], hosts: {label: host}, action: start, run: {operation: {queue.watch: {samples: 8, interval: 1s}}},
     cooldown: 1s, verify: 2m, max_hosts: 5}
  - {name: fleet, match: ['alertname="Fleet"'], hosts: {selector: 'role=edge'}, action: start, run: {playbook: contain}}
  - {name: note, match: ['alertname="Note"'], hosts: {label: host}, action: record}
budget: {runs: 100, hosts: 100, per: 1h}
keep_accepting: [{group: role, at_least: 1}]
alertmanagers:
  - {name: main, url: 'http://%(core)s:9093', sources: [alertmanager], limit: 2s, resolved_after: 15s}
notifications:
  channels:
    - {name: pager, webhook: {url: 'http://%(core)s:9099/', secret_file: %(secret)s}}
  first_retry: 1s
  last_retry: 2s
'''


class Program:
    """One that is killed and started again, by its id, in the core's namespace."""

    def __init__(self, stage, log, *command):
        self.stage, self.log, self.command, self.process = stage, os.path.join(stage.folder, log), command, None

    def start(self, ready=None):
        with open(self.log, 'ab') as file:
            start = file.tell()
            self.process = subprocess.Popen(world.enter(self.stage.lab, 'core') + list(self.command), stdin=subprocess.DEVNULL,
                                            stdout=file, stderr=file, start_new_session=True)
        if ready:
            def said():
                with open(self.log, encoding='utf-8', errors='replace') as file:
                    file.seek(start)
                    return ready in file.read()
            self.stage.wait(said, 30, '%s to be ready' % self.command[0])
        return self

    def end(self, how=signal.SIGKILL):
        os.kill(self.process.pid, how)
        self.process.wait()


def post(core, ca, token, body, timeout=20):
    """Returns the status. In the core's namespace, which this process has entered."""
    context = ssl.create_default_context(cafile=ca)
    connection = http.client.HTTPSConnection(core, 7445, context=context, timeout=timeout)
    try:
        connection.request('POST', '/v1/alerts', body if isinstance(body, bytes) else json.dumps(body).encode(),
                           {'Authorization': 'Bearer ' + token, 'Content-Type': 'application/json'})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, text
    finally:
        connection.close()


def document(name, host, number=0, status='firing', start=1700000000):
    return {'version': '4', 'groupKey': '{}:{alertname="%s"}' % name, 'status': status, 'receiver': 'mailquench',
            'truncatedAlerts': 0, 'alerts': [{
                'status': status, 'labels': {'alertname': name, 'host': host, 'n': str(number)}, 'annotations': {},
                'startsAt': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(start)), 'endsAt': '0001-01-01T00:00:00Z',
                'generatorURL': '', 'fingerprint': '%s-%s-%d' % (name, host, number)}]}


class Days:
    def __init__(self, options):
        self.stage = stage = Stage(options.build, options.work)
        stage.start_lab(2)
        keep_logs(stage.folder)
        self.core = stage.lab['names'].core_ip
        home = os.path.join(stage.folder, 'controller')
        stage.run_on('core', stage.controller, 'init', '--dir', home, '--trust-domain', 'lab.test', '--address', self.core + ':7443')
        with open(os.path.join(home, 'controller.yaml'), 'a', encoding='utf-8') as file:
            file.write('alertmanager_poll: 1s\n')
        self.watch = monitoring.Monitoring(stage)
        self.watch.prepare(100)
        with open(os.path.join(home, 'escalation.yaml'), 'w', encoding='utf-8') as file:
            file.write(RULES % self.watch.values)
        self.controller = Program(stage, 'controller.log', stage.controller, 'serve', '--config',
                                  os.path.join(home, 'controller.yaml')).start('ready')
        stage.run_on('core', 'env', 'MAILQUENCH_CONFIG=' + stage.env['MAILQUENCH_CONFIG'], stage.cli, 'context', 'add', 'lab',
                     '--address', self.core + ':7443', '--ca', home + '/ca.pem', '--cert', home + '/admin.pem',
                     '--key', home + '/admin.key', '--trust-domain', 'lab.test')
        stage.ask('context', 'use', 'lab')
        for host in stage.lab['hosts']:
            stage.enrol(host['name'], 'role=edge', settings='heartbeat_seconds: 1\n')
        stage.wait(lambda: sum(1 for h in stage.ask_json('host', 'list')['hosts'] if h.get('online')) == 2, 60, 'two hosts')
        stage.ask('escalation', 'source', 'add', 'alertmanager', '--kind', 'alertmanager',
                  '--token-file', self.watch.path('alertmanager.token'))
        with open(self.watch.path('alertmanager.token'), encoding='utf-8') as file:
            self.token = file.read().strip()
        self.ca = self.watch.path('ca.pem')
        self.hook = Program(stage, 'hook.log', sys.executable, os.path.join(ROOT, 'tests/lab/mqlab/hook.py'), self.core, '9099',
                            self.watch.path('hook')).start()
        self.alertmanager = Program(
            stage, 'alertmanager.log', 'prometheus-alertmanager', '--config.file=' + self.watch.path('alertmanager.yml'),
            '--storage.path=' + self.watch.path('alertmanager'), '--web.listen-address=%s:9093' % self.core, '--cluster.listen-address=')
        # From here on this process is in the core's namespace; the nodes of the lab are entered from there as well.
        with open('/run/netns/' + stage.lab['names'].netns('core'), encoding='utf-8') as file:
            os.setns(file.fileno(), os.CLONE_NEWNET) if hasattr(os, 'setns') else setns(file.fileno())

    def post(self, body, token=None):
        return post(self.core, self.ca, token or self.token, body)

    def history(self):
        return self.stage.ask_json('escalation', 'history', '--limit', '10000').get('alerts', [])

    def escalations(self, rule):
        return [one for one in self.stage.ask_json('escalation', 'list', '--all').get('escalations', []) if one.get('rule') == rule]


def setns(fd):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def inbox(days):
    @bad_day('alerts while the controller is killed: none is lost after a 2xx, none is done twice')
    def _():
        taken, stop = [], threading.Event()

        def send(sender):
            number = sender * 100000
            while not stop.is_set():
                number += 1
                while not stop.is_set():  # As Alertmanager does: until it was taken.
                    try:
                        status, _ = days.post(document('Note', 'mx1', number))
                    except OSError:
                        time.sleep(0.02)
                        continue
                    if status // 100 == 2:
                        taken.append('Note-mx1-%d' % number)
                        break
                    time.sleep(0.02)

        senders = [threading.Thread(target=send, args=(n,)) for n in range(1, 5)]
        for sender in senders:
            sender.start()
        for _ in range(4):
            time.sleep(1)
            days.controller.end()
            days.controller.start('ready')
        time.sleep(1)
        stop.set()
        for sender in senders:
            sender.join()
        require(len(taken) > 50, 'only %d alerts were taken' % len(taken))
        days.stage.wait(lambda: all(a.get('done') for a in days.history()), 30, 'the inbox to be empty')
        seen = collections.Counter(a['alert']['fingerprint'] for a in days.history())
        lost = [one for one in taken if one not in seen]
        require(not lost, '%d of %d were lost: %s' % (len(lost), len(taken), lost[:3]))
        require(max(seen.values()) == 1, 'an alert is there twice')
        require(len(days.escalations('note')) == 1, 'the flood became %d escalations' % len(days.escalations('note')))
        incidents = days.stage.ask_json('incident', 'list').get('incidents', [])
        require(len(incidents) == 1, 'the flood became %d incidents' % len(incidents))

    @bad_day('the same alert, as fast as it can be sent: one escalation, one run')
    def _():
        body, statuses = document('Flood', 'mx1'), []
        context = ssl.create_default_context(cafile=days.ca)

        def send():
            connection = http.client.HTTPSConnection(days.core, 7445, context=context, timeout=20)
            for _ in range(250):
                connection.request('POST', '/v1/alerts', json.dumps(body), {'Authorization': 'Bearer ' + days.token})
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            connection.close()

        start = time.monotonic()
        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        say('1000 requests in %.1f s' % (time.monotonic() - start))
        require(collections.Counter(statuses) == {202: 1000}, 'the answers were %s' % collections.Counter(statuses))
        days.stage.wait(lambda: days.escalations('flood') and days.escalations('flood')[0]['state'] == 'ESCALATION_STATE_VERIFYING',
                        30, 'its run to end')
        require(len(days.escalations('flood')) == 1, 'more than one escalation')
        require(len(days.escalations('flood')[0]['runIds']) == 1, 'more than one run')

    @bad_day('a rule that matches the whole fleet is held back, and says why')
    def _():
        status, text = days.post(document('Fleet', 'mx1'))
        require(status == 202, '%d %s' % (status, text))
        days.stage.wait(lambda: days.escalations('fleet'), 20, 'a decision')
        one = days.escalations('fleet')[0]
        require(one['state'] == 'ESCALATION_STATE_PROPOSED', one['state'])
        require(any('accept' in r for r in one['reasons']), 'no reason names mail that is taken in: %s' % one['reasons'])
        days.post(document('Fleet', 'mx1', status='resolved'))
        days.stage.wait(lambda: days.escalations('fleet')[0]['state'] == 'ESCALATION_STATE_CANCELLED', 20, 'its end')

    @bad_day('a wrong token is told nothing; a body that is no document changes nothing')
    def _():
        before = len(days.history())
        status, text = days.post(document('Note', 'mx2'), 'mqs.alertmanager.' + 'A' * 43)
        require(status == 401 and b'token' not in text and len(text) < 200, '%d %s' % (status, text))
        for body in (b'', b'{', b'[]', b'{"version":"4","alerts":[{"status":5}]}', b'\xff\xfe', b'[' * 100000):
            status, text = days.post(body)
            require(status == 400, '%r: %d %s' % (body[:20], status, text))
        require(len(days.history()) == before, 'something was kept')


def out(days):
    @bad_day('a webhook that answers 500: told later, once it is well, with the same id')
    def _():
        with open(days.watch.path('hook/status'), 'w', encoding='utf-8') as file:
            file.write('500')
        days.stage.ask('escalation', 'pause', '--reason', 'a day for the pager')  # Of which people are told.

        def tried(status):
            path = days.watch.path('hook/notices.jsonl')
            lines = [json.loads(line) for line in open(path, encoding='utf-8')] if os.path.exists(path) else []
            return [line for line in lines if line['status'] == status]

        days.stage.wait(lambda: len(tried(500)) >= 2, 30, 'two tries')
        days.controller.end()
        days.controller.start('ready')
        os.unlink(days.watch.path('hook/status'))
        require(days.stage.ask_json('escalation', 'rules', 'show').get('paused'), 'the pause did not outlive the controller')
        wanted = {line['id'] for line in tried(500)}
        days.stage.wait(lambda: wanted <= {line['id'] for line in tried(204)}, 30, 'the delivery')
        days.stage.wait(lambda: not days.stage.ask_json('notification', 'list', '--undelivered').get('notices'), 30, 'an empty outbox')
        days.stage.ask('escalation', 'resume', '--yes')

    @bad_day('Alertmanager is away while a silence is to be lifted: it is lifted when it is back')
    def _():
        days.alertmanager.start()
        days.stage.wait(lambda: days.watch.get(9093, '/-/ready') is not None, 30, 'Alertmanager')
        amtool = ['amtool', '--alertmanager.url=http://%s:9093' % days.core]
        days.stage.run_on('core', *amtool, 'alert', 'add', 'Flood', 'host=mx2', 'n=away')
        days.stage.wait(lambda: len(days.escalations('flood')) == 2, 30, 'the call of Alertmanager')

        def one():
            return days.escalations('flood')[0]  # The newest.

        days.stage.wait(lambda: one().get('silence', {}).get('state') == 'STATE_SET', 30, 'a silence')
        days.alertmanager.end(signal.SIGTERM)  # It writes its silences down then.
        days.stage.wait(lambda: one()['silence']['state'] == 'STATE_LIFTING' and one()['silence'].get('error'), 60,
                        'a lift that fails')
        days.alertmanager.start()
        days.stage.wait(lambda: days.watch.get(9093, '/-/ready') is not None, 30, 'Alertmanager')
        days.stage.wait(lambda: one()['silence']['state'] == 'STATE_LIFTED', 90, 'the silence to be lifted')
        require(days.watch.silences(), 'Alertmanager has forgotten the silence: nothing was shown')
        require(not [s for s in days.watch.silences() if s['status']['state'] == 'active'], 'a silence is still there')


def main():
    parser = argparse.ArgumentParser()
    for name in ('build', 'work'):
        parser.add_argument('--' + name, required=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    days = Days(parser.parse_args())
    inbox(days)
    out(days)
    return 1 if failed else 0


sys.exit(main())
