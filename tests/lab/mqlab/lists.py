"""Blacklists of a lab: rbldnsd serves them under their real names, unbound stands before it with the
configuration that Mailquench ships, a small web server takes removals from the listed host itself.

All of it lives in the lab's core: rbldnsd on the sink's address, port 53, unbound on the core's own.
What is here asks and tells nobody outside.
"""
import os
import subprocess
import sys
import time

from . import world
from .names import LabError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
ZEN, S5H, PSBL, SPAMCOP, DBL = ('zen.spamhaus.org', 'all.s5h.net', 'psbl.surriel.com', 'bl.spamcop.net',
                                'dbl.spamhaus.org')
REMOVAL_PORT = 8053
HEAD = '$SOA 60 ns.lists.lab.test hostmaster.lists.lab.test 1 600 300 86400 60\n$NS 60 ns.lists.lab.test\n'
WELL = {
    ZEN: ('ip4set', ':127.0.0.4:https://check.spamhaus.org/query/ip/$\n127.0.0.2 :127.0.0.2:test\n'),
    S5H: ('ip4set', ':127.0.0.2:spam from $\n127.0.0.2\n'),
    PSBL: ('ip4set', ':127.0.0.2:listed in PSBL\n127.0.0.2\n'),
    SPAMCOP: ('ip4set', ':127.0.0.2:Blocked - see https://www.spamcop.net/bl.shtml?$\n127.0.0.2\n'),
    DBL: ('dnset', ':127.0.1.2:https://check.spamhaus.org/query/domain/$\ndbltest.com\ntest\n'),
}


class Lists:
    def __init__(self, lab):
        self.lab, self.names = lab, lab['names']
        self.folder = os.path.join(lab['folder'], 'lists')
        self.listed = {zone: set() for zone in WELL}
        self.wild = set()

    def start(self):
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        for zone in WELL:
            self._write(zone)
        address = self.names.sink_ip
        self._spawn('rbldnsd', '/usr/sbin/rbldnsd', '-n', '-u', 'rbldns:rbldns', '-c', '1', '-w', self.folder,
                    '-b', address + '/53', *['%s:%s:%s' % (zone, kind, zone) for zone, (kind, _) in WELL.items()])
        self._spawn('removal', sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), 'removal.py'),
                    address, str(REMOVAL_PORT), os.path.join(self.folder, S5H))
        path = os.path.join(self.folder, 'unbound.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(self._unbound())
        self._spawn('unbound', '/usr/sbin/unbound', '-d', '-c', path)
        world.wait_for(lambda: self._answers('2.0.0.127.' + ZEN), 20, 'the lists to answer through unbound')

    def resolver(self):
        return self.names.core_ip

    def removal_url(self):
        return 'http://%s:%d/content/rblremove' % (self.names.sink_ip, REMOVAL_PORT)

    def add(self, zone, *addresses):
        self.listed[zone].update(addresses)
        self._write(zone)

    def remove(self, zone, *addresses):
        self.listed[zone].difference_update(addresses)
        self._write(zone)

    def make_wild(self, zone):
        """The list lists everybody, as one does whose domain has expired."""
        self.wild.add(zone)
        self._write(zone)

    def seen(self, zone, address):
        """Whether unbound gives the list's present word on this address."""
        name = '.'.join(reversed(address.split('.'))) + '.' + zone
        return bool(self._dig(name)) == (address in self.listed[zone])

    def own_file(self, zones):
        """Text of an own list file in which only the lab's lists are on; `zones`: all that exist."""
        return 'disable:\n' + ''.join('  - %s\n' % zone for zone in zones if zone not in WELL)

    # ---- inside

    def _write(self, zone):
        text = HEAD + WELL[zone][1] + ''.join(sorted(one + '\n' for one in self.listed[zone]))
        if zone in self.wild:
            text += '0.0.0.0/1\n128.0.0.0/1\n'
        path = os.path.join(self.folder, zone)
        with open(path + '.new', 'w', encoding='utf-8') as file:
            file.write(text)
        os.rename(path + '.new', path)  # rbldnsd looks once a second.

    def _spawn(self, name, *command):
        with open(os.path.join(self.folder, name + '.log'), 'wb') as log:
            subprocess.Popen(['ip', 'netns', 'exec', self.names.netns('core')] + list(command),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def _dig(self, name):
        done = subprocess.run(['ip', 'netns', 'exec', self.names.netns('core'), 'dig', '+short', '+time=1', '+tries=1',
                               '@' + self.names.core_ip, name, 'A'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def _answers(self, name):
        for program in ('rbldnsd', 'unbound'):
            if not os.path.exists('/usr/sbin/' + program):
                raise LabError('%s is not installed: deploy/setup dns' % program)
        return bool(self._dig(name))

    def _unbound(self):
        names = self.names
        lines = ['include: "%s"' % os.path.join(ROOT, 'deploy/unbound/mailquench.conf'), 'server:',
                 '    interface: %s' % names.core_ip, '    access-control: %s.0/24 allow' % names.net,
                 '    access-control: %s.0/24 allow' % names.outside_net,
                 # A lab has no way to the root servers, so neither its key.
                 '    module-config: "iterator"', '    chroot: ""', '    username: ""', '    use-syslog: no',
                 '    directory: "%s"' % self.folder, '    pidfile: "%s/unbound.pid"' % self.folder,
                 # What the acts wait for must not wait for a cache.
                 '    cache-max-ttl: 1', '    cache-max-negative-ttl: 1',
                 '    local-data: "ns.lists.lab.test. 60 A %s"' % names.sink_ip]
        for host in self.lab['hosts']:
            lines += ['    local-data: "%s.lab.test. 60 A %s"' % (host['name'], host['ip']),
                      '    local-data-ptr: "%s 60 %s.lab.test"' % (host['ip'], host['name'])]
        for zone in WELL:
            lines += ['stub-zone:', '    name: "%s"' % zone, '    stub-addr: %s' % names.sink_ip]
        return '\n'.join(lines) + '\n'
