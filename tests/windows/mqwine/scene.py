"""A Linux controller on loopback and Windows hosts under Wine: what the tests of the Windows agent play on."""
import json
import os
import signal
import socket
import subprocess
import time

from .wine import WineError

SERVICE = 'MailquenchAgent'
STATE = r'C:\ProgramData\mailquench-agent'


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def find(build, name):
    for folder, _, files in os.walk(build):
        if name in files:
            return os.path.join(folder, name)
    raise WineError('the build in %s has no %s' % (build, name))


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise WineError('waited %d s in vain for %s' % (seconds, what))
        time.sleep(0.2)


class Controller:
    def __init__(self, build, folder):
        self.program, self.cli_program = find(build, 'mailquench-controller'), find(build, 'mailquench')
        self.folder, self.home = folder, os.path.join(folder, 'controller')
        self.port, self.enrolment_port = free_port(), free_port()
        self.process = None
        self.env = dict(os.environ, MAILQUENCH_CONFIG=os.path.join(folder, 'contexts.yaml'))
        os.makedirs(folder, exist_ok=True)
        self._quietly(self.program, 'init', '--dir', self.home, '--trust-domain', 'lab.test', '--address', self.address,
                      '--https-listen', 'none')
        path = os.path.join(self.home, 'controller.yaml')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        text = text.replace('0.0.0.0:7443', self.address).replace('0.0.0.0:7444', '127.0.0.1:%d' % self.enrolment_port)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        self.cli('context', 'add', 'lab', '--address', self.address, '--ca', self.home + '/ca.pem', '--cert',
                 self.home + '/admin.pem', '--key', self.home + '/admin.key', '--trust-domain', 'lab.test')
        self.cli('context', 'use', 'lab')

    @property
    def address(self):
        return '127.0.0.1:%d' % self.port

    @property
    def enrolment_address(self):
        return '127.0.0.1:%d' % self.enrolment_port

    def _quietly(self, *command):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)

    def start(self):
        log = os.path.join(self.folder, 'controller.log')
        with open(log, 'wb') as file:
            self.process = subprocess.Popen([self.program, 'serve', '--config', self.home + '/controller.yaml'],
                                            stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        wait_for(lambda: 'ready' in open(log, encoding='utf-8').read(), 20, 'the controller to be ready')

    def end(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def call(self, *arguments, timeout=300):
        return subprocess.run([self.cli_program] + list(arguments), env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=timeout)

    def cli(self, *arguments, timeout=300):
        done = self.call(*arguments, timeout=timeout)
        if done.returncode != 0:
            raise WineError('mailquench %s ended with %d: %s' % (' '.join(arguments), done.returncode, done.stderr.strip()[-500:]))
        return done.stdout

    def ask(self, *arguments, timeout=300):
        return json.loads(self.cli('-o', 'json', *arguments, timeout=timeout))

    def online(self):
        return {host['name']: bool(host.get('online')) for host in self.ask('host', 'list').get('hosts', [])}

    def run(self, *arguments, accept=(0,)):
        """Starts a run as an operator does; gives the finished run as JSON."""
        before = {run['runId'] for run in self.ask('run', 'list').get('runs', [])}
        done = self.call(*arguments)
        if done.returncode not in accept:
            raise WineError('mailquench %s ended with %d: %s' % (' '.join(arguments), done.returncode,
                                                                 (done.stderr + done.stdout).strip()[-600:]))
        made = [run['runId'] for run in self.ask('run', 'list').get('runs', []) if run['runId'] not in before]
        if not made:
            raise WineError('mailquench %s made no run and ended with %d: %s' % (
                ' '.join(arguments), done.returncode, (done.stderr + done.stdout).strip()[-600:]))
        return [self.ask('run', 'show', run) for run in made]


class WindowsHost:
    """The agent as a service, and the simulated SMTP service, in one Wine prefix."""

    def __init__(self, wine, build, name):
        self.wine, self.name = wine, name
        self.sim_folder = wine.drive('sim')
        for folder in (wine.drive('Program Files', 'Mailquench'), self.sim_folder):
            os.makedirs(folder, exist_ok=True)
        self.agent = self._place(build, 'mailquench-agent.exe')
        self.sim = self._place(build, 'smtpsvc_sim.exe')

    def _place(self, build, program):
        target = self.wine.drive('Program Files', 'Mailquench', program)
        with open(find(build, program), 'rb') as source, open(target, 'wb') as file:
            file.write(source.read())
        return 'C:\\Program Files\\Mailquench\\' + program

    # ---- the simulated SMTP service

    def add_virtual_server(self, number='1', port=None, opened=True, address='127.0.0.1', domain='local.test'):
        port = port or free_port()
        self.wine.must(self.sim, 'prepare', 'C:\\sim', 'C:\\mailroot\\vsi %s' % number, address, str(port),
                       '%s.lab.test' % self.name, domain, number, 'open' if opened else 'shut')
        return '%s:%d' % (address, port)

    def install_sim(self, **options):
        with open(os.path.join(self.sim_folder, 'simulation.json'), 'w', encoding='utf-8') as file:
            json.dump(options, file)
        self.wine.must(self.sim, 'install', 'C:\\sim')

    def stops(self, how):
        """How the service stops from now on: '', 'slow N', 'silent N' or 'never'."""
        with open(os.path.join(self.sim_folder, 'stop.txt'), 'w', encoding='utf-8') as file:
            file.write(how)

    def folder(self, name, number='1'):
        return self.wine.drive('mailroot', 'vsi ' + number, name)

    def files(self, name, number='1'):
        return sorted(os.listdir(self.folder(name, number)))

    # ---- the agent

    def configure(self, text):
        os.makedirs(self.wine.drive('ProgramData', 'mailquench-agent'), exist_ok=True)
        with open(self.wine.drive('ProgramData', 'mailquench-agent', 'agent.yaml'), 'w', encoding='utf-8') as file:
            file.write(text)

    def enrol(self, controller, *labels):
        """`controller`, here and below: a Controller, or what has its folder, cli(), address and enrolment_address."""
        token = os.path.join(controller.folder, 'token-' + self.name)
        with open(token, 'w', encoding='utf-8') as file:
            file.write(controller.cli('token', 'create', *[part for label in labels for part in ('--label', label)]))
        self.wine.must(self.agent, 'enrol', '--controller', controller.enrolment_address, '--token-file',
                       self.wine.path(token), '--name', self.name)
        os.unlink(token)

    def install_agent(self, controller):
        self.wine.must(self.agent, 'service', 'install', '--controller', controller.address)
        self.wine.must(self.agent, 'service', 'start')
        self.wine.wait_service(SERVICE, 'RUNNING')

    def do(self, operation, arguments=None, command=None, fault=None, state='C:\\local', within=None):
        """Break-glass in a state folder of its own. (exit code, report)"""
        words = [self.agent, 'do', operation, '--state-dir', state, '--json', json.dumps(arguments or {})]
        if command:
            words += ['--command-id', command]
        if within:
            words += ['--timeout', within]
        if fault:
            self.wine.env['MAILQUENCH_FAULT'] = fault + '=kill'
        try:
            done = self.wine.run(*words, timeout=180)
        finally:
            self.wine.env.pop('MAILQUENCH_FAULT', None)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, {'stderr': done.stderr[-400:]}
