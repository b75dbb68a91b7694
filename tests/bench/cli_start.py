"""Bench `cli-start`: how long `mailquench` takes for what needs no controller, beside another program of the machine."""
import os
import subprocess
import time

from benchlib import BUILD, median, note, report, require

BAR = 20
TIMES = 20
PEER = ['openssl', 'version']
OURS = {'--help': ['--help'], 'run --help': ['run', '--help'], 'completion of `run con`': ['__complete', 'run', 'con']}


def once(argv, environment):
    """Milliseconds from fork to end, and of the processor. The output goes where a shell would take it from: a pipe."""
    begin, before = time.perf_counter(), os.times()
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment, check=False)
    wall, after = time.perf_counter() - begin, os.times()
    require(done.returncode == 0 and done.stdout, '"%s" ended with %d and %d bytes' % (' '.join(argv), done.returncode, len(done.stdout)))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall * 1000, cpu * 1000


def run(work, _full):
    # Nobody's contexts are read, and none are found.
    environment = dict(os.environ, HOME=str(work), XDG_CONFIG_HOME=str(work))
    argvs = {name: [str(BUILD / 'cli' / 'mailquench')] + words for name, words in OURS.items()}
    argvs['peer'] = PEER
    taken = {name: [] for name in argvs}
    for argv in argvs.values():  # The files are in memory, as they are at the second key press.
        once(argv, environment)
    for _ in range(TIMES):
        for name, argv in argvs.items():
            taken[name].append(once(argv, environment))
    peer = median([wall for wall, _ in taken['peer']])
    note('cli-start: load of the machine %.1f on %d cores' % (os.getloadavg()[0], os.cpu_count()))
    for name in OURS:
        walls = [wall for wall, _ in taken[name]]
        note('cli-start: %s: fastest %.1f ms, slowest %.1f ms, %.1f ms of processor on average' % (
            name, min(walls), max(walls), sum(cpu for _, cpu in taken[name]) / TIMES))
        report('cli-start, ' + name, median(walls), 'ms', peer='`%s`' % ' '.join(PEER), peer_value=peer,
               bar='<= %d ms' % BAR, holds=median(walls) <= BAR)
