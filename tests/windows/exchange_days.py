#!/usr/bin/env python3
"""The Windows agent on a simulated Exchange server under Wine: the main job over a Linux controller, then the bad days."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from mqwine import days, exchange, scene, sink, wine  # noqa: E402
from mqwine.days import day, require  # noqa: E402
from mqwine.play import GOOD, parse, relays, report_of, send  # noqa: E402

DOMAIN = 'contoso.test'


class Play:
    def __init__(self, options):
        self.options = options
        self.sink = sink.Sink()
        self.wine = wine.Wine(options.work, DOTNET_EnableWriteXorExecute='0')
        self.controller = self.host = None

    def set_up(self):
        tool, shell = exchange.stand_in(self.options.build)
        self.wine.make({'DOTNET_EnableWriteXorExecute': '0'})
        self.wine.allow_dotnet()
        self.server = self.wine.run('cmd', '/c', 'echo', '%COMPUTERNAME%').stdout.strip()
        require(self.server not in ('', '%COMPUTERNAME%'), 'Wine does not say what this computer is called')
        folder = os.path.join(self.options.work, 'world')
        install = self.wine.path(os.path.join(folder, 'servers', self.server)) + '\\'
        self.offset = scene.free_port() - 25
        exchange.make_world(tool, folder, DOMAIN,
                            ['%s,EX2019,Mailbox,address=127.0.0.1,ports=25+%d,install=%s' % (self.server, self.offset, install)])
        self.world = exchange.World(folder)
        self.world.open_relay(self.server)
        self.world.options(self.server, pickup_every_ms=200, retry_every_ms=500)
        self.host = exchange.ExchangeHost(self.wine, self.options.windows, 'ex1', self.world, self.server, shell)
        self.target = '127.0.0.1:%d' % (25 + self.offset)
        self.host.install_transport()
        self.host.start_transport()

    def connect(self):
        self.controller = scene.Controller(self.options.build, self.options.work)
        self.controller.start()
        self.host.configure('heartbeat_seconds: 2\n')
        self.host.enrol(self.controller, 'role=exchange')
        self.host.install_agent(self.controller)
        scene.wait_for(lambda: self.controller.online().get('ex1'), 90, 'the agent to be online')

    def deliver(self, on):
        """Whether there is a way out."""
        def work(organisation):
            for connector in organisation['send_connectors']:
                connector['SmartHosts'] = ['127.0.0.1:%d' % self.sink.port] if on else []
                connector['DNSRoutingEnabled'] = not on
        self.world.change(work)

    def running(self):
        return all(self.wine.service_state(name) == 'RUNNING' for name in self.host.services)

    def end(self):
        if days.failed and self.host is not None:
            log = self.wine.drive('ProgramData', 'mailquench-agent', 'agent.log')
            if os.path.exists(log):
                with open(log, encoding='utf-8', errors='replace') as file:
                    print('-- end of agent.log\n' + ''.join(file.readlines()[-25:]))
            for call in self.world.calls(self.server)[-12:]:
                print('-- call', json.dumps(call)[:300])
        self.wine.end()
        if self.controller is not None:
            self.controller.end()


def the_main_job(play):
    controller, host, world = play.controller, play.host, play.world

    @day('the agent finds the installation in the registry, the server in the directory, and says what it shares')
    def _():
        shown = json.dumps(controller.ask('host', 'show', 'ex1'))
        require('exchange' in shown, 'the host does not say that it is an Exchange server: %s' % shown[:600])
        require('Contoso' in shown, 'the host does not name its organisation: %s' % shown[:600])

    @day('one command: the database is set aside, the relay closed, notifications silenced, the services back')
    def _():
        require(relays(play.target), 'the relay should be open at first')
        play.before = world.settings(play.server)
        send(play.target, 'spam@evil.test', 30)
        scene.wait_for(lambda: world.queued(play.server) >= 30, 30, 'the mail to be queued')
        database = world.ask(play.server, {'do': 'database'})['id']
        runs = controller.run('run', 'contain', '-l', 'role=exchange', '--reason', 'spam', '--yes')
        for run in runs:
            for one in run['hosts']:
                require(one['outcome'] in GOOD, 'the contain ended with %s: %s' % (one['outcome'], json.dumps(one['steps'])[:1500]))
        require(play.running(), 'the services do not run')
        require(not relays(play.target), 'the relay is still open')
        require(world.ask(play.server, {'do': 'database'})['id'] != database, 'the queue database is the old one')
        require(world.queued(play.server) == 0, '%d messages are queued' % world.queued(play.server))
        domains = world.read()['remote_domains']
        require(not any(one['NDREnabled'] for one in domains), 'notifications are not silenced: %s' % json.dumps(domains))
        active = [state for state in world.read()['servers'][play.server]['components'].get('RecoveryActionsEnabled', {}).values()]
        require('Inactive' not in active, 'Managed Availability is still held off')
        play.incident = controller.ask('incident', 'list')['incidents'][0]['incidentId']

    @day('a restore gives every setting back; what opened the relay is decided by a person')
    def _():
        for cause in controller.ask('incident', 'show', play.incident).get('causes', []):
            if not cause.get('resolved'):
                controller.cli('incident', 'cause', 'resolve', play.incident, cause['causeId'], '--how', 'a test')
        runs = controller.run('run', 'restore', '--incident', play.incident, '--yes', accept=(0, 1, 2, 3))
        report, _ = report_of([dict(run, hosts=[dict(host, steps=host['steps'][:1]) for host in run['hosts']]) for run in runs])
        settings = report['result']['restore']['settings']
        asks = [one['setting']['key'] for one in settings if one['state'] == 'STATE_NEEDS_DECISION']
        require(asks, 'no setting of the open relay was left to a person: %s' % json.dumps(settings)[:800])
        decisions = [word for key in asks for word in ('--put-back', 'ex1:%s=a test' % key)]
        runs = controller.run('run', 'restore', '--incident', play.incident, *decisions, '--yes', accept=(0, 1, 2, 3))
        differs = exchange.difference(play.before, world.settings(play.server))
        require(not differs, 'the settings are not what they were: ' + differs)


def bad_days(play):
    host, world = play.host, play.world

    def contain(command, fault=None, **more):
        return host.do('contain', dict(reason='a test', **more), command=command, fault=fault)

    @day('an agent that is killed at each step of a contain completes it when it is asked again')
    def _():
        points = ['contain.stop.after', 'contain.sweep.after', 'contain.lock.after', 'contain.silence.after', 'contain.start.after']
        for number, point in enumerate(points):
            command = '00000000-0000-4000-8000-%012d' % (100 + number)
            before = world.settings(play.server)
            contain(command, fault=point)
            code, report = contain(command)
            require(code == 0, 'after a kill at %s it ended with %d: %s' % (point, code, json.dumps(report)[:800]))
            require(play.running() and not relays(play.target), 'after a kill at %s: runs %s' % (point, play.running()))
            code, report = host.do('restore', {'decisions': []})
            settings = report['result']['restore'].get('settings', [])
            decisions = [{'instance': play.server, 'key': one['setting']['key'], 'choice': 'RESTORE_CHOICE_PUT_BACK', 'reason': 'a test'}
                         for one in settings if one['state'] == 'STATE_NEEDS_DECISION']
            if decisions:
                host.do('restore', {'decisions': decisions})
            differs = exchange.difference(before, world.settings(play.server))
            require(not differs, 'after a kill at %s and a restore: %s' % (point, differs))

    @day('a PowerShell that dies in the middle of a lock: the lock is completed or put back, and said')
    def _():
        before = world.settings(play.server)
        world.faults(play.server, {'cmdlet': 'Set-ReceiveConnector', 'nth': 1, 'do': 'die'})
        code, report = host.do('relay.lock', {'mode': 'RELAY_MODE_CLOSED'}, command='00000000-0000-4000-8000-000000000200')
        world.faults(play.server)
        if code == 0:
            require(not relays(play.target), 'it says that it locked, and the relay is open')
        else:
            differs = exchange.difference(before, world.settings(play.server))
            require(not differs, 'it failed (%s), and something is changed: %s' % (json.dumps(report)[:300], differs))

    @day('the host reboots between the stop and the sweep: the same incident goes on from there')
    def _():
        incident = '00000000-0000-4000-8000-00000000beef'
        for number in range(5):  # From a mailbox: no connector sees it.
            world.ask(play.server, {'do': 'submit', 'from': 'anna@' + DOMAIN, 'to': ['x@elsewhere.test'],
                                    'eml': 'From: <anna@%s>\r\nSubject: %d\r\n\r\ntext\r\n' % (DOMAIN, number)})
        code, report = contain('00000000-0000-4000-8000-000000000401', incidentId=incident, until='CONTAIN_UNTIL_STOPPED')
        require(code == 0 and not play.running(), 'the first part ended with %d: %s' % (code, json.dumps(report)[:600]))
        play.wine.power_cut()
        code, report = contain('00000000-0000-4000-8000-000000000402', incidentId=incident, until='CONTAIN_UNTIL_SWEPT')
        require(code == 0, 'the second part ended with %d: %s' % (code, json.dumps(report)[:600]))
        code, report = contain('00000000-0000-4000-8000-000000000403', incidentId=incident)
        require(code == 0 and play.running(), 'the last part ended with %d: %s' % (code, json.dumps(report)[:600]))
        require(report['result']['contain']['quarantine']['quarantines'], 'it names no quarantine')
        require(not relays(play.target), 'the relay is open')

    @day('a PowerShell that hangs holds up no stop, and none is left behind')
    def _():
        world.faults(play.server, {'cmdlet': 'Get-Queue', 'nth': 0, 'do': 'hang'})
        try:
            code, report = host.do('service.stop', {}, command='00000000-0000-4000-8000-000000000500')
        finally:
            world.faults(play.server)
        require(code == 0 and not play.running(), 'the stop ended with %d: %s' % (code, json.dumps(report)[:600]))
        code, report = host.do('service.start', {}, command='00000000-0000-4000-8000-000000000501')
        require(code == 0 and play.running(), 'the start ended with %d: %s' % (code, json.dumps(report)[:600]))
        play.wine.must('net', 'stop', scene.SERVICE)
        play.wine.wait_service(scene.SERVICE, 'STOPPED')
        scene.wait_for(lambda: not play.wine.pids('powershell.exe'), 20, 'the last PowerShell to end')
        play.wine.must('net', 'start', scene.SERVICE)

    @day('a service that does not end is not swept')
    def _():
        world.options(play.server, pickup_every_ms=200, retry_every_ms=500, stop_never=True)
        files = host.queue_files()
        code, report = host.do('contain', {'reason': 'a test'}, command='00000000-0000-4000-8000-000000000300', within='20')
        world.options(play.server, pickup_every_ms=200, retry_every_ms=500)
        require(code != 0, 'a stop that never ends ended well: %s' % json.dumps(report)[:400])
        require(host.queue_files() == files, 'the queue was touched')


def main():
    play = Play(parse(__doc__))
    try:
        play.set_up()
        play.connect()
        the_main_job(play)
        bad_days(play)
    finally:
        play.end()
    return 1 if days.failed else 0


if __name__ == '__main__':
    began = time.monotonic()
    code = main()
    print('%.0f s' % (time.monotonic() - began))
    sys.exit(code)
