"""Act `exchange`: two Exchange Mailbox servers of one DAG and an Edge server in one fire with Postfix hosts.

  exchange.py --build FOLDER --windows FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]

--build: the Linux programs; --windows: the Windows ones of deploy/windows/build --debug.
"""
import json
import os
import sys
import time

import settings
import steps
from stage import ROOT, attack, require, results, say, succeeded, world
from steps import chapter
from windows import ControllerOfStage, wine_version

sys.path.insert(0, os.path.join(ROOT, 'tests/windows'))
from mqlab import campaign  # noqa: E402  (stage set the path)
from mqwine import exchange, scene, wine  # noqa: E402

DOMAIN = 'lab.test'
STOLEN = 'anna@' + DOMAIN
OPEN_RELAY_REASON = 'an entry of permission let the whole world relay'
HEARTBEAT = '00:00:01'
WHAT_IT_IS = '''ex1, ex2, edge1: Exchange there is a SIMULATION of ours (none can be had here): its transport and its queue database
      are programs of the tests. The PowerShell that the agent talks to is the real engine with the documented cmdlets.
      The agent is the real Windows program, a test build, run as a service under Wine %s.
      Nothing here is a proof for a real Exchange.'''


class Server:
    """One host of the lab: Wine, the simulated transport as services, and the agent as a service."""

    def __init__(self, stage, programs, lab_host):
        self.stage, self.programs, self.lab_host = stage, programs, lab_host
        self.name, self.server = lab_host['name'], lab_host['name'].upper()
        self.enter = world.enter(stage.lab, self.name)
        self.wine = wine.Wine(os.path.join(stage.folder, self.name), enter=self.enter, DOTNET_EnableWriteXorExecute='0')

    def start(self, there, shell):
        edge = self.name.startswith('edge')
        self.world = there
        self.wine.make({'DOTNET_EnableWriteXorExecute': '0'})
        self.wine.allow_dotnet()
        self.host = exchange.ExchangeHost(self.wine, self.programs, self.name, there, self.server, shell, edge=edge)
        there.options(self.server, pickup_every_ms=200, retry_every_ms=1000, control_address=self.lab_host['ip'])
        self.host.install_transport()
        self.host.start_transport()
        controller = ControllerOfStage(self.stage)
        self.host.configure('heartbeat_seconds: 2\n')
        self.host.enrol(controller, 'role=edge', 'site=lab')
        self.host.install_agent(controller)

    def ask(self, request):
        return self.world.ask(self.server, request, self.enter)

    def queued(self):
        return self.world.queued(self.server, self.enter)

    def copies(self):
        """Messages that it keeps for others."""
        return sum(queue['MessageCount'] for queue in self.ask({'do': 'queues'})['queues']
                   if queue['DeliveryType'] == 'ShadowRedundancy')

    def resubmitted(self):
        with open(self.world.below(self.server, 'sim', 'transport.json'), encoding='utf-8') as file:
            return json.load(file).get('resubmitted', 0)

    def submit(self, subject, number):
        """From the stolen mailbox, past all receive connectors."""
        text = 'From: <%s>\r\nTo: <x@victim.test>\r\nSubject: %s\r\nMessage-ID: <%s-%d@client.test>\r\n\r\ntext\r\n' % (
            STOLEN, subject, subject.split()[0], number)
        done = self.ask({'do': 'submit', 'from': STOLEN, 'to': ['x@victim.test'], 'eml': text})
        require(done.get('ok'), '%s did not take a message of a mailbox: %s' % (self.name, done))
        return '<%s-%d@client.test>' % (subject.split()[0], number)

    def tell_log(self):
        path = self.wine.drive('ProgramData', 'mailquench-agent', 'agent.log')
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as file:
                say('-- end of the log of %s\n%s' % (self.name, ''.join(file.readlines()[-15:]).rstrip()))


def make_worlds(stage, servers, tool):
    """The organisation of the Mailbox servers, and the Edge server's own."""
    names = stage.lab['names']
    out = {}
    for kind in ('organisation', 'edge'):
        chosen = [one for one in servers if one.name.startswith('edge') == (kind == 'edge')]
        folder = os.path.join(stage.folder, 'world-' + kind)
        exchange.make_world(tool, folder, DOMAIN, [
            '%s,EX2019,%s,%saddress=%s,install=%s' % (
                one.server, 'Edge' if kind == 'edge' else 'Mailbox', '' if kind == 'edge' else 'dag=DAG1,', one.lab_host['ip'],
                one.wine.path(os.path.join(folder, 'servers', one.server)) + '\\') for one in chosen],
            smart_host='%s:%d' % (names.sink_ip, names.sink_port), mailbox=STOLEN)
        there = exchange.World(folder)
        there.change(lambda organisation: organisation['transport_config'].update(ShadowHeartbeatFrequency=HEARTBEAT))
        for one in chosen:
            out[one.name] = there
    for name in ('ex1', 'edge1'):
        out[name].open_relay(name.upper())
    return out


def set_up(stage, servers, shell, worlds):
    stage.start_controller('blacklists:\n  scheduled: false\n')
    for one in servers:
        one.start(worlds[one.name], shell)
    for host in stage.lab['hosts']:
        stage.enrol(host['name'], 'role=edge', 'site=lab')
    stage.enrol('outside', 'role=vantage')
    steps.wait_online(stage, len(servers) + len(stage.lab['hosts']) + 1)
    for one in servers:
        # Its first look at Exchange may take longer than its first hello waits.
        stage.wait(lambda one=one: 'exchange' in stage.ask('host', 'show', one.name), 120,
                   '%s to be told to be an Exchange host' % one.name)
    say(stage.ask('host', 'show', 'ex1'))


def be_attacked(stage, servers, options):
    """Returns the message ids of the valid mail on Postfix, and how many messages there were."""
    chapter('The attack: a stolen account, an open Postfix, and two open Exchange servers')
    done = attack(stage.lab, options.spam, options.valid)
    total = options.spam + options.valid
    say('%d spam and %d valid messages were taken by the Postfix hosts in %s s' % (done['spam'], done['valid'], done['seconds']))
    for one in servers:
        if one.name == 'ex2':
            continue
        spam = options.spam // 4
        there = campaign.run_plan(stage.lab, campaign.plan_relay(stage.lab, one.lab_host, spam, 0, ()), spam, 0)
        total += spam
        stage.wait(lambda one=one, spam=spam: one.queued() >= spam, 60, '%s to queue its mail' % one.name)
        say('%d spam messages were taken by %s over SMTP in %s s; %d are queued there' % (
            there['spam'], one.name, there['seconds'], one.queued()))
    ex2 = next(one for one in servers if one.name == 'ex2')
    stage.wait(lambda: ex2.copies() > 0, 30, 'ex2 to keep copies of what ex1 queues')
    say('ex2 keeps copies of %d of them (shadow redundancy): whoever empties ex1 alone is handed the spam back from there' % ex2.copies())
    return set(done['valid_ids']), total


def nothing_came_back(servers):
    """Longer than the heartbeat after which a holder of copies would send them again."""
    time.sleep(6)
    for one in servers:
        require(one.resubmitted() == 0, '%s has sent %d messages again' % (one.name, one.resubmitted()))
        require(one.queued() == 0, '%d messages are queued on %s' % (one.queued(), one.name))
    say('after 6 heartbeats: no server has sent anything again, all queues of Exchange are empty')


def second_fire(stage, incident, ex2):
    """A stolen mailbox: only its mail is set aside, the rest flows. Returns the ids of its valid mail."""
    chapter('A second, smaller fire: a stolen mailbox, which no receive connector sees')
    for number in range(12):
        ex2.submit('WIN now %d' % number, number)
    valid = {ex2.submit('Report %d' % number, number) for number in range(3)}
    stage.wait(lambda: ex2.queued() == 15, 30, 'the mail of the mailbox to be queued')
    chosen = ['queue.quarantine', '--hosts', 'ex2', '--incident', incident, '--sender', STOLEN, '--reason', 'a stolen mailbox']
    stage.operate('run', 'op', *chosen, '--dry-run')
    runs = stage.operate('run', 'op', *chosen, '--yes')
    taken = [q for _, result in results(runs, 'queueQuarantine') for q in result.get('quarantines', [])]
    require([int(q['messages']) for q in taken] == [15], 'set aside from ex2: %s' % taken)
    require(ex2.queued() == 0, '%d messages are still queued on ex2' % ex2.queued())
    runs = stage.operate('sender', 'block', '--account', STOLEN, '--hosts', 'ex1,ex2', '--incident', incident, '--reason',
                         'password was stolen', '--yes')
    require(succeeded(runs) == (2, 2), 'the block ended well on %d of %d hosts' % succeeded(runs))
    rules = ex2.world.read()['transport_rules']
    require(len(rules) == 1, 'there are %d transport rules, not one for the organisation' % len(rules))
    return taken[0]['quarantineId'], valid


def do_duties(stage, incident):
    """What a person owes beside the settings."""
    duties = [o for o in stage.ask_json('incident', 'show', incident).get('obligations', [])
              if o.get('duty') and o.get('state') == 'STATE_OUTSTANDING']
    require(duties, 'nobody was told to reset the password of %s' % STOLEN)
    for duty in duties:
        stage.operate('incident', 'done', incident, duty['obligationId'], '--how', 'password reset, sessions ended')


def explained_by(key, before, now):
    """The places of a directory that differ because the entry of permission of this key was kept away as fix."""
    kind, _, rest = key.partition(':')
    name, found, entry = rest.partition('/permission:')
    if kind != 'connector' or not found:
        return set()
    groups = '/receive_connectors/%s/PermissionGroups' % name
    places = {'/receive_connectors/%s/Permissions/%s' % (name, entry)}
    # Exchange says Custom where somebody made an entry by hand.
    return places | ({groups} if before[groups] == now[groups] + ', Custom' else set())


def compare_worlds(servers, before, kept):
    for one in servers:
        now = one.world.settings(one.server)
        differs = exchange.difference(before[one.name], now)
        keys = [key for host, _, key in kept if host == one.name]
        explained = set().union(*(explained_by(key, before[one.name], now) for key in keys))
        left = set(exchange.differing(before[one.name], now)) - explained
        require(not left, 'the settings of %s are not what they were: %s; %s' % (one.name, ', '.join(sorted(left)), differs))
        say('%s: %s' % (one.name, 'every setting is what it was' if not differs else
                        'what was kept as fix: %s; in the directory: %s' % (', '.join(keys), differs)))


def tell_the_story(stage, servers, options):
    figures = {}
    ex2 = next(one for one in servers if one.name == 'ex2')
    valid_ids, total = be_attacked(stage, servers, options)
    copies = settings.take_copies(stage.lab)
    before = {one.name: one.world.settings(one.server) for one in servers}
    steps.survey(stage, ['mx1', 'ex1', 'edge1'], figures)
    incident = steps.contain(stage, figures)
    nothing_came_back(servers)
    steps.watch(stage, incident)
    figures['open during'] = len(steps.probe(stage))
    pictures = steps.analyse(stage, incident, figures)
    account = steps.worst_account({name: kinds for name, kinds in pictures.items() if name.startswith('mx')}, figures)
    names = ','.join(host['name'] for host in stage.lab['hosts'])
    quarantine, more = second_fire(stage, incident, ex2)
    blocked = steps.shut_the_cause(stage, incident, account, ['--hosts', names], ['mx1', 'ex1', 'edge1'])
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    of_postfix = [q['quarantine']['quarantineId'] for q in stage.ask_json('quarantine', 'list', '--incident', incident)['quarantines']
                  if q['hostName'].startswith('mx')]
    do_duties(stage, incident)
    # What is released goes past the transport rules, of which the block is one: its account sends again first.
    stage.operate('sender', 'unblock', '--account', STOLEN, '--hosts', 'ex1,ex2', '--incident', incident, '--reason',
                  'password was reset', '--yes')
    steps.release(stage, incident, valid_ids | more, [
        of_postfix + ['--account', 'bob@lab.test'], of_postfix + trusted, [quarantine, '--subject', 'Report']], figures,
        whole_incident=False)
    kept = steps.restore(stage, incident, OPEN_RELAY_REASON, copies, blocked, figures)
    compare_worlds(servers, before, kept)
    figures['open after'] = len(steps.probe(stage))
    closed = steps.close(stage, incident, 'a stolen account, a stolen mailbox and three open relays')
    lines = steps.common_lines(figures) + [
        steps.time_line(closed), 'sent again by holders of copies: 0',
        'ex1, ex2, edge1: a simulated Exchange, the real agent as a test build, the real PowerShell engine, Wine %s' %
        wine_version(servers[0])]
    steps.write_reports(stage, incident, options.out, lines, 'report-exchange')
    require(figures['set aside'] >= total, 'of %d messages only %d were set aside' % (total, figures['set aside']))
    require(figures['open during'] == 0 and figures['open after'] == 0, 'a relay is open')
    return lines


def play(stage, options):
    reason = wine.available()
    require(reason is None, reason)
    chapter('The fleet: 2 Postfix hosts, 2 Exchange Mailbox servers in a DAG, an Edge server, a vantage outside, a controller')
    tool, shell = exchange.stand_in(options.build)
    stage.start_lab(2, windows=['ex1', 'ex2', 'edge1'])
    servers = [Server(stage, options.windows, host) for host in stage.lab['windows']]
    try:
        say(WHAT_IT_IS % wine_version(servers[0]))
        set_up(stage, servers, shell, make_worlds(stage, servers, tool))
        return tell_the_story(stage, servers, options)
    except Exception:
        for one in servers:
            one.tell_log()
        raise
    finally:
        for one in servers:
            one.wine.end()


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(2000, 50, ('build', 'windows', 'work', 'out')), play))
