"""One Wine prefix of a test's own: made, used and ended without touching any other."""
import os
import shutil
import signal
import subprocess
import tempfile
import time


class WineError(Exception):
    """One sentence: what could not be done under Wine."""


def available():
    """None, or why nothing can be run."""
    if not shutil.which('wine'):
        return 'wine is not installed (deploy/setup wine)'
    return None


class Wine:
    """`enter`: the command that runs another one where the prefix is to live (a network namespace). All processes of a
    prefix hang on one server, which ends with it. `environment`: beside this process' own."""

    def __init__(self, folder, enter=(), **environment):
        self.prefix = os.path.join(os.path.abspath(folder), 'wine')
        self.temp = self.prefix + '-tmp'  # Its server leaves a folder behind wherever TMPDIR is.
        self.enter = list(enter)
        # Nothing of the desktop, no offer to install what is not packaged, no chatter.
        self.env = {name: value for name, value in os.environ.items() if name not in ('DISPLAY', 'WINEARCH')}
        self.env.update(WINEPREFIX=self.prefix, WINEDEBUG='-all', TMPDIR=self.temp,
                        WINEDLLOVERRIDES='winemenubuilder.exe=d;mscoree=;mshtml=', **environment)

    def make(self, environment=None):
        """`environment`: variables of all programs and services of the prefix."""
        for folder in (self.prefix, self.temp):
            os.makedirs(folder, exist_ok=True)
        done = self.run('wineboot', '-i', timeout=300)
        if not os.path.isdir(self.drive('windows')):
            raise WineError('wineboot made no prefix: %s' % (done.stdout + done.stderr)[-300:])
        for name, value in (environment or {}).items():
            self.env[name] = value
            self.must('reg', 'add', r'HKLM\System\CurrentControlSet\Control\Session Manager\Environment', '/v', name, '/t',
                      'REG_SZ', '/d', value, '/f')
        # The service manager reads that when it starts; and a new prefix may have two of it: the one of wineboot,
        # and the one that each first program brings.
        self.power_cut()
        return self

    def allow_dotnet(self):
        """Programs that bring .NET along are run: without that they find none of their own files."""
        self.env['WINEDLLOVERRIDES'] = 'winemenubuilder.exe=d;mshtml='
        self.power_cut()

    def power_cut(self):
        """All programs end at once; what starts with Windows is started again."""
        for _ in range(3):
            self._server('-k')
            self._server('-w')
            # A server that stays spares each program two seconds, and keeps the services when the last program has ended.
            self._server('-p')
            self.run('cmd', '/c', 'exit', '0')
            if len(self.pids('services.exe')) == 1:  # Two would answer in turn, each with services of its own.
                return
        raise WineError('the prefix has %d service managers, not one' % len(self.pids('services.exe')))

    def _server(self, flag):
        subprocess.run(self.enter + ['wineserver', flag], env=self.env, check=False, timeout=60, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        """Ends all that runs in the prefix; nothing outside it."""
        self._server('-k')
        deadline = time.monotonic() + 20
        while self.pids():
            if time.monotonic() > deadline:
                raise WineError('processes %s of the prefix do not end' % self.pids())
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)
        for folder in (self.prefix, self.temp):
            shutil.rmtree(folder, ignore_errors=True)

    def pids(self, program=None):
        """Ids, as this system counts them, of the processes of this prefix; of `program` alone where it is named."""
        mark, found = ('WINEPREFIX=' + self.prefix).encode(), []
        for entry in os.listdir('/proc'):
            if not entry.isdigit():
                continue
            try:
                with open('/proc/%s/environ' % entry, 'rb') as file:
                    if mark not in file.read().split(b'\0'):
                        continue
                with open('/proc/%s/cmdline' % entry, 'rb') as file:
                    words = file.read().split(b'\0')
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
            if program is None or program.encode() in words[0].replace(b'\\', b'/').split(b'/')[-1]:
                found.append(int(entry))
        return [pid for pid in found if pid != os.getpid()]

    def resident(self, program):
        """Resident memory of the largest process of `program`, in MB, as this system counts it."""
        sizes = []
        for pid in self.pids(program):
            with open('/proc/%d/status' % pid, encoding='utf-8') as file:
                sizes += [int(line.split()[1]) / 1024 for line in file if line.startswith('VmRSS')]
        return max(sizes, default=0)

    # ---- paths

    def drive(self, *parts):
        """Below C:, as this system names it."""
        return os.path.join(self.prefix, 'drive_c', *parts)

    def path(self, path):
        """As Windows names it."""
        path = os.path.abspath(path)
        root = os.path.join(self.prefix, 'drive_c')
        if path == root or path.startswith(root + '/'):
            return 'C:' + (path[len(root):] or '/').replace('/', '\\')
        return 'Z:' + path.replace('/', '\\')

    # ---- programs

    def run(self, *arguments, timeout=120, stdin=''):
        """The finished process, with its texts."""
        # Into files: the prefix' own processes inherit what they are given, and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(self.enter + ['wine'] + list(arguments), env=self.env, stdin=subprocess.PIPE,
                                       stdout=out, stderr=err)
            try:
                process.stdin.write(stdin.encode())
                process.stdin.close()
                code = process.wait(timeout)
            except BrokenPipeError:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired as problem:
                process.kill()
                raise WineError('"%s" did not end within %d s' % (' '.join(arguments), timeout)) from problem
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode('utf-8', 'replace').replace('\r\n', '\n'))
        return subprocess.CompletedProcess(arguments, code, *texts)

    def must(self, *arguments, timeout=120):
        done = self.run(*arguments, timeout=timeout)
        if done.returncode != 0:
            raise WineError('"%s" ended with %d: %s' % (' '.join(arguments), done.returncode,
                                                        (done.stdout + done.stderr).strip()[-600:]))
        return done.stdout

    def start(self, log, *arguments, env=None):
        """A program that goes on; its output goes into `log`."""
        with open(log, 'ab') as file:
            return subprocess.Popen(self.enter + ['wine'] + list(arguments), env=dict(self.env, **(env or {})),
                                    stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)

    # ---- services

    def service_state(self, name):
        """RUNNING, STOPPED, START_PENDING and so on; None where there is no such service."""
        for line in self.run('sc', 'query', name).stdout.splitlines():
            words = line.replace(':', ' ').split()
            if 'STATE' in words[:1] and len(words) > 1:
                return words[-1]
        return None

    def wait_service(self, name, state, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            now = self.service_state(name)
            if now == state:
                return
            if time.monotonic() > deadline:
                raise WineError('service %s is %s after %d s, not %s' % (name, now, seconds, state))
            time.sleep(0.2)
