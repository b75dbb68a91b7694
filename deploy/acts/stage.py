"""What every act of the demo needs: the lab, a controller, enrolled agents and the operator."""
import json
import os
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests/lab'))
from mqlab import campaign, lists, world  # noqa: E402  (the path comes first)


class StepFailed(Exception):
    """One sentence: which step did not do what it should."""


def require(condition, sentence):
    if not condition:
        raise StepFailed(sentence)


def say(text=''):
    print(text, flush=True)


def find_program(build, name):
    for folder, _, files in os.walk(build):
        path = os.path.join(folder, name)
        if name in files and os.access(path, os.X_OK):
            return path
    raise StepFailed('the build has no program %s' % name)


class Stage:
    def __init__(self, build, work):
        self.folder = os.path.join(work, 'lab')
        self.cli = find_program(build, 'mailquench')
        self.agent = find_program(build, 'mailquench-agent')
        self.controller = find_program(build, 'mailquench-controller')
        self.lab = None
        self.seen_runs = set()
        self.transcript = []

    # ---- setting up

    def start_lab(self, hosts, windows=()):
        self.lab = world.up(self.folder, hosts, True, windows)
        self.env = dict(os.environ, MAILQUENCH_CONFIG=os.path.join(self.folder, 'contexts.yaml'))

    def run_on(self, node, *command):
        done = subprocess.run(world.enter(self.lab, node) + list(command), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=120)
        require(done.returncode == 0, '"%s" on %s ended with %d: %s' % (
            ' '.join(command), node, done.returncode, done.stdout.strip()[-500:]))
        return done.stdout

    def start_on(self, node, log, *command):
        path = os.path.join(self.folder, log)
        with open(path, 'wb') as file:
            subprocess.Popen(world.enter(self.lab, node) + list(command), stdin=subprocess.DEVNULL,
                             stdout=file, stderr=file, start_new_session=True)
        return path

    def start_controller(self, settings=''):
        """`settings`: lines for its configuration beside those that `init` writes."""
        core, home = self.lab['names'].core_ip, os.path.join(self.folder, 'controller')
        say(self.run_on('core', self.controller, 'init', '--dir', home, '--trust-domain',
                        'lab.test', '--address', core + ':7443').strip())
        with open(os.path.join(home, 'controller.yaml'), 'a', encoding='utf-8') as file:
            file.write(settings)
        log = self.start_on('core', 'controller.log', self.controller, 'serve', '--config',
                            os.path.join(home, 'controller.yaml'))
        self.wait(lambda: 'ready' in open(log, encoding='utf-8').read(), 20,
                  'the controller to be ready; its log: ' + log)
        self.run_on('core', 'env', 'MAILQUENCH_CONFIG=' + self.env['MAILQUENCH_CONFIG'], self.cli,
                    'context', 'add', 'lab', '--address', core + ':7443',
                    '--ca', home + '/ca.pem', '--cert', home + '/admin.pem',
                    '--key', home + '/admin.key', '--trust-domain', 'lab.test')
        self.ask('context', 'use', 'lab')

    def enrol(self, node, *labels, settings=''):
        core, state = self.lab['names'].core_ip, '/var/lib/mailquench/agent'
        arguments = [part for label in labels for part in ('--label', label)]
        token = os.path.join(self.folder, 'token-' + node)
        with open(token, 'w', encoding='utf-8') as file:
            os.chmod(token, 0o600)
            file.write(self.ask('token', 'create', *arguments))
        self.run_on(node, self.agent, 'enrol', '--controller', core + ':7444', '--token-file',
                    token, '--state-dir', state)
        os.unlink(token)
        if settings:
            self.run_on(node, 'sh', '-c', 'printf %s "$1" >>"$2/agent.yaml"', 'sh', settings, state)
        self.start_on(node, 'agent-%s.log' % node, self.agent, 'run', '--state-dir', state,
                      '--controller', core + ':7443')

    def wait(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            require(time.monotonic() < deadline, 'waited %d s in vain for %s' % (seconds, what))
            time.sleep(0.2)

    # ---- the operator

    def _call(self, arguments):
        return subprocess.run(world.enter(self.lab, 'core') + [self.cli] + list(arguments),
                              env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=300)

    def ask(self, *arguments):
        """A quiet question; returns stdout."""
        done = self._call(arguments)
        require(done.returncode == 0, 'mailquench %s ended with %d: %s' % (
            shlex.join(arguments), done.returncode, done.stderr.strip()))
        return done.stdout

    def ask_here(self, *arguments):
        """A question that needs no controller, as JSON."""
        done = subprocess.run([self.cli, '-o', 'json'] + list(arguments), text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
        require(done.returncode == 0, 'mailquench %s ended with %d: %s' % (
            shlex.join(arguments), done.returncode, done.stderr.strip()))
        return json.loads(done.stdout)

    def ask_json(self, *arguments):
        return json.loads(self.ask('-o', 'json', *arguments))

    def operate(self, *arguments, accept=(0,)):
        """What the operator types, shown with its output. Returns the runs that it made."""
        say('\n$ mailquench ' + shlex.join(arguments))
        start = time.monotonic()
        done = self._call(arguments)
        text = (done.stderr + done.stdout).rstrip()
        if text:
            say(text)
        say('(%.1f s, exit %d)' % (time.monotonic() - start, done.returncode))
        self.transcript.append((shlex.join(arguments), text, done.returncode))
        require(done.returncode in accept, 'mailquench %s ended with %d' % (
            shlex.join(arguments), done.returncode))
        made = [run for run in self.ask_json('run', 'list').get('runs', [])
                if run['runId'] not in self.seen_runs]
        self.seen_runs.update(run['runId'] for run in made)
        return [self.ask_json('run', 'show', run['runId']) for run in made]


def results(runs, kind):
    """(host, result) of every step of `runs` that answered with `kind`, such as quarantineRelease."""
    for run in runs:
        for host in run.get('hosts', []):
            for step in host.get('steps', []):
                result = step.get('report', {}).get('result', {}).get(kind)
                if result is not None:
                    yield host['name'], result


def succeeded(runs):
    """(hosts whose outcome is good, hosts in all)"""
    hosts = [host for run in runs for host in run.get('hosts', [])]
    good = [h for h in hosts if h.get('outcome') in ('OUTCOME_SUCCEEDED', 'OUTCOME_UNCHANGED')]
    return len(good), len(hosts)


attack = campaign.run_attack
set_sink = world.set_mode
sink_counts = world.sink_counts
