"""A simulated Exchange server in one Wine prefix, and the agent as a service beside it."""
import json
import os
import shutil
import socket
import subprocess

from . import scene
from .wine import WineError

TRANSPORT, FRONT_END = 'MSExchangeTransport', 'MSExchangeFrontEndTransport'
SETUP = r'HKLM\SOFTWARE\Microsoft\ExchangeServer\v15\Setup'
EDGE = r'HKLM\SOFTWARE\Microsoft\ExchangeServer\v15\EdgeTransportRole'
EVERYBODY = {'User': 'NT AUTHORITY\\ANONYMOUS LOGON', 'ExtendedRights': ['ms-Exch-SMTP-Accept-Any-Recipient'], 'Deny': False,
             'IsInherited': False}


def stand_in(build):
    """(the tool for this system, the folder that goes where Windows has its PowerShell), made by tests/exchange_sim/build."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
    out = os.path.join(build, 'exchange_sim')
    for wine in ([], ['--wine']):
        done = subprocess.run([os.path.join(root, 'tests/exchange_sim/build'), out] + wine, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=900)
        if done.returncode != 0:
            raise WineError('the stand-in of Exchange did not build: %s' % done.stdout.strip()[-500:])
    return os.path.join(out, 'linux', 'powershell'), os.path.join(out, 'win-x64')


def make_world(tool, folder, domain, servers, smart_host='', mailbox=None):
    """`servers`: words of the tool's --server."""
    words = [tool, 'world', folder, '--domain', domain, '--mailbox', '%s:secret' % (mailbox or 'anna@' + domain)]
    if smart_host:
        words += ['--smart-host', smart_host]
    for server in servers:
        words += ['--server', server]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=60)
    if done.returncode != 0:
        raise WineError('no world was made: %s' % done.stdout.strip()[-400:])


def _flatten(place, value, out):
    """Members of lists go by their names; entries of permission by user and right, in whatever order they stand."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in ('WhenChanged', 'WhenChangedUTC'):
                _flatten('%s/%s' % (place, key), one, out)
    elif place.endswith('/Permissions'):
        for entry in value:
            for right in entry['ExtendedRights']:
                out['%s/%s/%s' % (place, entry['User'], right)] = [entry.get('Deny'), entry.get('IsInherited')]
    elif isinstance(value, list) and all(isinstance(one, dict) and 'Name' in one for one in value):
        for one in value:
            _flatten('%s/%s' % (place, one['Name']), one, out)
    else:
        out[place] = value


def differing(before, now):
    """The places in which two of World.settings() differ."""
    return sorted(place for place in before.keys() | now.keys() if before.get(place) != now.get(place))


def difference(before, now):
    """The same in words; "" where they are the same."""
    places = differing(before, now)
    return '; '.join('%s was %s and is %s' % (place, before.get(place), now.get(place)) for place in places[:8])


class World:
    def __init__(self, folder):
        self.folder = folder

    def read(self):
        with open(os.path.join(self.folder, 'organisation.json'), encoding='utf-8') as file:
            return json.load(file)

    def change(self, work):
        """Before anything runs: without the lock."""
        organisation = self.read()
        work(organisation)
        with open(os.path.join(self.folder, 'organisation.json'), 'w', encoding='utf-8') as file:
            json.dump(organisation, file, indent=1)

    def open_relay(self, server):
        """Everybody may send to everybody through its first connector at port 25."""
        def work(organisation):
            for connector in organisation['servers'][server]['receive_connectors']:
                if connector['Name'].startswith('Default Frontend') or organisation['servers'][server]['role'] == 'Edge':
                    connector.setdefault('Permissions', []).append(dict(EVERYBODY))
                    connector['PermissionGroups'] += ', Custom'  # So Exchange says that somebody made an entry by hand.
        self.change(work)

    def settings(self, server):
        """What an operation may touch, of one server and of its organisation: {place: value}."""
        organisation, out = self.read(), {}
        _flatten('', {name: organisation['servers'][server][name] for name in ('receive_connectors', 'transport_service')}, out)
        _flatten('', {name: organisation[name] for name in ('remote_domains', 'transport_config', 'transport_rules',
                                                            'accepted_domains')}, out)
        return out

    def below(self, server, *parts):
        return os.path.join(self.folder, 'servers', server, *parts)

    def options(self, server, **values):
        """How its transport behaves: sim/transport-options.json."""
        with open(self.below(server, 'sim', 'transport-options.json'), 'w', encoding='utf-8') as file:
            json.dump(values, file)

    def faults(self, server, *faults):
        with open(self.below(server, 'sim', 'faults.json'), 'w', encoding='utf-8') as file:
            json.dump(list(faults), file)

    def calls(self, server):
        try:
            with open(self.below(server, 'sim', 'calls.jsonl'), encoding='utf-8') as file:
                return [json.loads(line) for line in file if line.strip()]
        except FileNotFoundError:
            return []

    def ask(self, server, request, enter=None):
        """Its transport, over the control connection."""
        with open(self.below(server, 'sim', 'transport.json'), encoding='utf-8') as file:
            host, port = json.load(file)['control'].rsplit(':', 1)
        if enter is not None:
            code = ('import socket,sys\nc=socket.create_connection((sys.argv[1],int(sys.argv[2])),30)\n'
                    'c.sendall(sys.argv[3].encode()+b"\\n")\nprint(c.makefile().readline())')
            out = subprocess.run(enter + ['python3', '-c', code, host, port, json.dumps(request)], stdout=subprocess.PIPE, check=True,
                                 timeout=60, stdin=subprocess.DEVNULL).stdout
            return json.loads(out)
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(json.dumps(request).encode() + b'\n')
            return json.loads(connection.makefile().readline())

    def queued(self, server, enter=None):
        """Messages in its queues, without the copies that it keeps for others."""
        return sum(queue['MessageCount'] for queue in self.ask(server, {'do': 'queues'}, enter)['queues']
                   if queue['DeliveryType'] != 'ShadowRedundancy')


class ExchangeHost(scene.WindowsHost):
    """`world` knows the server under the name that this computer has."""

    def __init__(self, wine, build, name, world, server, shell_folder, edge=False, version=(15, 2, 1544, 4)):
        super().__init__(wine, build, name)
        self.world, self.server, self.edge = world, server, edge
        self.services = [TRANSPORT] if edge else [TRANSPORT, FRONT_END]
        self.transport_program = self._place(build, 'exchange_transport_sim.exe')
        self._place_shell(shell_folder)
        self._register(version)

    def _place_shell(self, shell_folder):
        target = self.wine.drive('windows', 'system32', 'WindowsPowerShell', 'v1.0')
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(shell_folder, target)
        with open(os.path.join(target, 'exchange-sim.json'), 'w', encoding='utf-8') as file:
            json.dump({'world': self.wine.path(self.world.folder), 'server': self.server}, file)

    def _register(self, version):
        install = self.wine.path(self.world.below(self.server)) + '\\'
        self.wine.must('reg', 'add', SETUP, '/v', 'MsiInstallPath', '/t', 'REG_SZ', '/d', install, '/f')
        for name, number in zip(('MsiProductMajor', 'MsiProductMinor', 'MsiBuildMajor', 'MsiBuildMinor'), version):
            self.wine.must('reg', 'add', SETUP, '/v', name, '/t', 'REG_DWORD', '/d', str(number), '/f')
        if self.edge:
            self.wine.must('reg', 'add', EDGE, '/f')

    def install_transport(self):
        for name in self.services:
            self.wine.must(self.transport_program, 'install', name, self.wine.path(self.world.folder), self.server,
                           'frontend' if name == FRONT_END else 'transport')

    def start_transport(self):
        for name in self.services:
            if self.wine.service_state(name) != 'RUNNING':
                self.wine.run('net', 'start', name)
            self.wine.wait_service(name, 'RUNNING')

    def stop_transport(self):
        for name in reversed(self.services):
            if self.wine.service_state(name) != 'STOPPED':
                self.wine.run('net', 'stop', name)
            self.wine.wait_service(name, 'STOPPED')

    def queue_files(self):
        return sorted(os.listdir(self.world.below(self.server, 'TransportRoles', 'data', 'Queue')))
