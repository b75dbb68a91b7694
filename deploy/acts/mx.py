"""Act `mx`: an MX switch watched to its end on two name servers, one of them lagging, and rolled back. BIND, Knot and unbound in the lab.

  mx.py --build FOLDER --work FOLDER --out FOLDER
"""
import os
import subprocess
import sys
import time

import steps
from stage import require, say
from steps import chapter

PRIMARY, SECONDARY, RESOLVER = '127.0.0.1', '127.0.0.2', '127.0.0.3'  # BIND serves what an interface has.
TTL = 5


class Names:
    """Primary, secondary and resolver in the lab's core."""

    def __init__(self, stage):
        self.stage = stage
        self.folder = os.path.join(stage.folder, 'names')
        self.old, self.new = (host['ip'] for host in stage.lab['hosts'][:2])
        self.reverse = '.'.join(reversed(self.new.split('.')[:3])) + '.in-addr.arpa'

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def prepare(self):
        for name in ('', 'knot', 'db'):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        key = subprocess.run(['/usr/sbin/tsig-keygen', '-a', 'hmac-sha256', 'mailquench.lab'], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        self.write('key', key)
        os.chmod(self.path('key'), 0o600)
        head = '$TTL 300\n@ SOA ns1.example.test. hostmaster.example.test. 1 86400 86400 864000 %d\n' % TTL
        head += '@ NS ns1.example.test.\n@ NS ns2.example.test.\n'
        self.write('example.test', head + 'ns1 A %s\nns2 A %s\n@ MX 10 mail\nmail %d A %s\n@ %d TXT "v=spf1 ip4:%s -all"\n' % (
            PRIMARY, SECONDARY, TTL, self.old, TTL, self.old))
        self.write(self.reverse, head)
        zones = ('example.test', self.reverse)
        # The secondary is not told of changes: it lags until somebody makes it ask.
        self.write('named.conf', 'options { directory "%s"; pid-file "named.pid"; session-keyfile "session.key"; '
                   'managed-keys-directory "%s"; listen-on { %s; }; listen-on-v6 { none; }; recursion no; '
                   'dnssec-validation no; notify no; allow-transfer { any; }; };\ncontrols { };\ninclude "%s";\n' % (
                       self.folder, self.folder, PRIMARY, self.path('key')) + ''.join(
                           'zone "%s" { type primary; file "%s"; update-policy { grant mailquench.lab zonesub ANY; }; };\n' % (z, z)
                           for z in zones))
        self.write('knot.conf', 'server:\n  rundir: %s\n  user: root:root\n  listen: %s@53\ndatabase:\n  storage: %s\n'
                   'remote:\n  - id: primary\n    address: %s@53\ntemplate:\n  - id: default\n    storage: %s\nzone:\n' % (
                       self.folder, SECONDARY, self.path('db'), PRIMARY, self.path('knot')) +
                   ''.join('  - domain: %s\n    master: primary\n' % z for z in zones))
        self.write('unbound.conf', 'server:\n  chroot: ""\n  username: ""\n  directory: "%s"\n  pidfile: ""\n  use-syslog: no\n'
                   '  interface: %s\n  do-not-query-localhost: no\n  do-ip6: no\n  module-config: "iterator"\n'
                   '  local-zone: "test." nodefault\n  local-zone: "10.in-addr.arpa." nodefault\n' % (self.folder, RESOLVER) +
                   'remote-control:\n  control-enable: no\n' +
                   ''.join('stub-zone:\n  name: "%s"\n  stub-addr: %s\n  stub-addr: %s\n' % (z, PRIMARY, SECONDARY) for z in zones))

    def start(self):
        self.stage.start_on('core', 'named.log', '/usr/sbin/named', '-f', '-n', '1', '-c', self.path('named.conf'))
        self.wait(PRIMARY)
        self.stage.start_on('core', 'knotd.log', '/usr/sbin/knotd', '-c', self.path('knot.conf'))
        self.wait(SECONDARY)
        self.stage.start_on('core', 'unbound.log', '/usr/sbin/unbound', '-d', '-c', self.path('unbound.conf'))
        self.wait(RESOLVER)

    def wait(self, server):
        self.stage.wait(lambda: self.has(server) == self.old, 20, '%s to have mail.example.test' % server)

    def has(self, server):
        return self.stage.run_on('core', 'sh', '-c', 'dig @%s mail.example.test A +short +time=1 +tries=1 || true' % server).strip()

    def transfer(self):
        self.stage.run_on('core', '/usr/sbin/knotc', '-c', self.path('knot.conf'), 'zone-retransfer')

    def settings(self):
        lines = 'dns:\n  resolvers: [%s]\n  watch_resolvers: [%s]\n  look_every: 1s\n  lag_patience: 3s\n  zones:\n' % (
            RESOLVER, RESOLVER)
        for zone in ('example.test', self.reverse):
            lines += '    - zone: %s\n      primary: %s\n      key_file: %s\n' % (zone, PRIMARY, self.path('key'))
        return lines


def switch_of(stage, switch):
    return stage.ask_json('mx', 'watch', switch, '--once')


# What the lab cannot have, by name; every other check has to pass.
NOT_IN_THE_LAB = {
    'attack': 'a rehearsal: no host is under attack, so that nothing was contained',
    'listed:': 'the lab reaches no blacklist that knows its addresses',
}


def waive_what_the_lab_lacks(stage, planned):
    for check in planned['checks']:
        name = check['checkId']
        if check['state'] in ('CHECK_STATE_PASSED', 'CHECK_STATE_SKIPPED'):
            continue
        reasons = [reason for start, reason in NOT_IN_THE_LAB.items() if name.startswith(start)]
        require(reasons, 'the check %s is %s: %s' % (name, check['state'], check.get('found', '')))
        stage.operate('mx', 'waive', planned['switchId'], name, '--reason', reasons[0], '--yes')


def lags(stage, switch):
    """The secondary is a check of its own by now."""
    return any(c['checkId'].startswith('server:') and c['state'] == 'CHECK_STATE_FAILED' for c in switch_of(stage, switch)['checks'])


def play(stage, options):
    chapter('Two mail hosts, a vantage outside, a controller, and three servers of DNS: primary, secondary, resolver')
    stage.start_lab(2)
    names = Names(stage)
    names.prepare()
    names.start()
    stage.start_controller(names.settings())
    # The controller is in the network that the lab's hosts relay for: one outside asks instead.
    stage.enrol('outside', 'role=vantage')
    steps.wait_online(stage, 1)
    stage.operate('mx', 'show', 'example.test')

    chapter('Whether mail may come and go by the new address, before anything is planned')
    stage.operate('mx', 'preflight', names.new, '--domain', 'example.test', '--helo', 'mail.example.test', '--inbound',
                  '--vantage', 'outside', accept=(0, 2, 3))

    chapter('The plan: nothing is changed yet')
    incident = stage.ask_json('incident', 'open', 'listed address')['incidentId']
    stage.operate('mx', 'plan', '--domain', 'example.test', '--from', names.old, '--to', names.new, '--ttl', str(TTL),
                  '--incident', incident, '--vantage', 'outside', '--reason', 'the old one is listed')
    planned = stage.ask_json('mx', 'list')['switches'][0]
    switch = planned['switchId']
    stage.operate('mx', 'switch', switch, '--yes', '--detach', accept=(5,))  # The checks hold it up.
    waive_what_the_lab_lacks(stage, switch_of(stage, switch))

    chapter('The switch, and a secondary that lags')
    start = time.monotonic()
    stage.operate('mx', 'switch', switch, '--yes', '--detach')
    stage.wait(lambda: lags(stage, switch), 60, 'the lagging secondary to be named')
    stage.operate('mx', 'watch', switch, '--once', '-o', 'wide')
    require(names.has(PRIMARY) == names.new and names.has(SECONDARY) == names.old, 'the secondary does not lag')
    say('somebody lets the secondary transfer the zones')
    names.transfer()
    stage.operate('mx', 'watch', switch)
    taken = time.monotonic() - start
    done = switch_of(stage, switch)
    require(done['state'] == 'SWITCH_STATE_DONE', 'the switch is %s' % done['state'])
    require(names.has(PRIMARY) == names.has(SECONDARY) == names.has(RESOLVER) == names.new, 'somebody has another address')
    owed = [o['duty'] for o in stage.ask_json('incident', 'show', incident)['obligations']]
    require(any(names.old in duty for duty in owed), 'nobody owes the old address: %s' % owed)
    say('owed: %s' % '; '.join(owed))

    chapter('And back')
    stage.operate('mx', 'revert', switch, '--reason', 'it was a rehearsal', '--yes', '--detach')
    stage.wait(lambda: names.has(PRIMARY) == names.old, 30, 'the primary to have the old address')
    names.transfer()
    stage.operate('mx', 'watch', switch)
    require(names.has(SECONDARY) == names.old, 'the secondary was left behind')
    require(switch_of(stage, switch)['state'] == 'SWITCH_STATE_REVERTED', 'it is not reverted')
    stage.operate('incident', 'close', incident, '--summary', 'a rehearsal')
    lines = ['%d records changed and put back; %.0f s from the start to the end of the old TTL, a lagging secondary included' % (
        len(done['records']), taken)]
    steps.write_reports(stage, incident, options.out, lines, 'report-mx')
    return lines


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(0, 0), play))
