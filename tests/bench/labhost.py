"""One lab host with one real Postfix instance, an open relay, for the benches that need a mail server."""
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import time

from benchlib import BUILD, ROOT, count_files, fill, require, sh

sys.path.insert(0, str(ROOT / 'deploy' / 'acts'))
from stage import Stage, world  # noqa: E402  (the path comes first)

NAME = 'mx1'
LOCAL = '/var/lib/mailquench/local'
# Prints [exit code, peak RSS in KB, stdout, stderr] of a command. A process of its own: the peak of a child
# is never below the size of the process that started it, and this one is smaller than the bench.
PEAK = ('import json,resource,subprocess,sys;d=subprocess.run(sys.argv[1:],capture_output=True,text=True,stdin=subprocess.DEVNULL);'
        'print(json.dumps([d.returncode,resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,d.stdout,d.stderr]))')


class LabHost:
    def __init__(self, stage):
        self.stage = stage
        self.agent = str(BUILD / 'agent' / 'mailquench-agent')
        self.queue = pathlib.Path(stage.folder) / NAME / 'var/spool/postfix'
        self.settings = self.read_settings()

    def run(self, *command, timeout=300):
        return sh(*world.enter(self.stage.lab, NAME), *command, timeout=timeout)

    def read_settings(self):
        return [self.run('cat', '/etc/postfix/' + name) for name in ('main.cf', 'master.cf')]

    def do(self, operation, arguments=None):
        """Break-glass. Returns (result, seconds in all, peak RSS in KB)."""
        argv = [self.agent, 'do', operation, '--state-dir', LOCAL, '--json', json.dumps(arguments or {})]
        start = time.monotonic()
        code, peak, out, err = json.loads(self.run('python3', '-I', '-S', '-c', PEAK, *argv))
        took = time.monotonic() - start
        require(code == 0, '%s ended with %d: %s' % (operation, code, (err + out)[-600:]))
        return next(iter(json.loads(out)['result'].values())), took, peak

    def fill(self, count):
        """Postfix then sees `count` messages in its deferred queue, and runs."""
        self.stop()
        fill(self.queue, count)
        self.start()

    def stop(self):
        if subprocess.run([*world.enter(self.stage.lab, NAME), 'postfix', 'status'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0:
            self.run('postfix', 'stop')

    def start(self):
        self.run('postfix', 'start')
        time.sleep(2)  # The checks that `postfix start` leaves in the background, and the queue manager's first scan.

    def listed(self):
        return self.run('postqueue', '-j').count('\n')

    def give_back(self, count):
        """Undoes a contain: settings by `restore` (the open relay too), the files by a rename while Postfix is stopped."""
        result, _, _ = self.do('restore')
        waiting = [s['setting'] for s in result.get('settings', []) if s['state'] == 'STATE_NEEDS_DECISION']
        if waiting:
            self.do('restore', {'decisions': [dict(instance=s['instance'], key=s['key'], choice='RESTORE_CHOICE_PUT_BACK',
                                                   reason='bench') for s in waiting]})
        self.stop()
        for quarantine in (self.queue / '.quarantine').iterdir():
            if quarantine.is_dir() and count_files(quarantine / 'deferred'):
                require(count_files(self.queue / 'deferred') == 0, 'mail came in during the bench')
                shutil.rmtree(self.queue / 'deferred')
                (quarantine / 'deferred').rename(self.queue / 'deferred')
                shutil.rmtree(quarantine)
        self.check_back(count)

    def check_back(self, count):
        """All is as it was before the round; starts Postfix."""
        require(self.read_settings() == self.settings, 'the settings are not back byte for byte')
        require(count_files(self.queue / 'deferred') == count, 'the queue is not back')
        self.start()


@contextlib.contextmanager
def lab_host(work):
    """Always taken down, whatever happens. The second host has the roles that would give the first more instances."""
    stage = Stage(BUILD, str(work))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            stage.start_lab(2)
        sh(*world.enter(stage.lab, 'mx2'), 'postmulti', '-p', 'stop')
        if not str(ROOT).startswith('/tmp/'):  # An agent that is killed with the lab then leaves nothing in this machine's /tmp.
            sh(*world.enter(stage.lab, NAME), 'mount', '--bind', '/var/tmp', '/tmp')
        yield LabHost(stage)
    finally:
        world.down(stage.folder)
