"""Bench `escalation`: from an alert to the first mutating command at an agent, and how many alerts are taken a second."""
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess

from benchlib import BUILD, median, note, report, require, sh

HOSTS = 1000
SAMPLES = 300
CONNECTIONS = 64   # What one address may hold; as many may wait for one commit.
SECONDS = 5
ROUNDS = 3
FLAT = 100000      # Alerts, between two looks at the memory.
RULES = """
rules:
  - name: flood
    match: ['alertname="Flood"']
    hosts: {label: instance}
    action: start
    run: {playbook: contain}
    max_hosts: 1000
    cooldown: 0s
budget: {runs: 100000, hosts: 100000, per: 1h}
keep_accepting: [{group: site, at_least: 1}]
"""


def percentile(values, share):
    return statistics.quantiles(values, n=1000, method='inclusive')[round(share * 1000) - 1]


def bench(*arguments, timeout=None):
    return sh(BUILD / 'tests' / 'escalation_bench', *arguments, timeout=timeout)


@contextlib.contextmanager
def serving(*arguments, log):
    """A process that says on which ports it is ready, and ends on SIGTERM."""
    with open(log, 'wb') as errors:
        server = subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=errors,
                                  stdin=subprocess.DEVNULL, text=True)
    try:
        line = server.stdout.readline()
        ports = dict(re.findall(r'(\w+)=(\d+)', line))
        require('https_port' in ports, '%s did not start: %s' % (arguments[0], log.read_text(errors='replace')[-300:]))
        yield server.pid, ports
        require(server.poll() is None, '%s ended in the middle: %s' % (arguments[0], log.read_text(errors='replace')[-300:]))
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def controller(folder):
    return serving(BUILD / 'controller' / 'mailquench-controller', 'serve', '--config', folder / 'controller.yaml',
                   log=folder / 'controller.log')


def yardstick(folder):
    return serving(BUILD / 'tests' / 'escalation_bench', 'yardstick', folder, log=folder / 'yardstick.log')


def resident_kb(pid):
    with open('/proc/%d/status' % pid, encoding='utf-8') as status:
        return int(re.search(r'VmRSS:\s+(\d+)', status.read()).group(1))


def latency(work):
    folder = work / 'fleet'
    bench('setup', folder, HOSTS)
    (folder / 'escalation.yaml').write_text(RULES, encoding='utf-8')
    with controller(folder) as (_, ours), yardstick(folder) as (_, peer):
        lines = bench('latency', folder, ours['port'], ours['https_port'], peer['port'], peer['https_port'], SAMPLES).splitlines()
    samples = [{name: nanos / 1e6 for name, nanos in json.loads(line).items()} for line in lines]
    require(len(samples) == SAMPLES, 'samples are missing')
    (work.parent / 'release' / 'escalation-samples.json').write_text(json.dumps(samples), encoding='utf-8')
    of = {name: [one[name] for one in samples] for name in samples[0]}
    bare = [one['echo'] + one['fsync'] for one in samples]
    for share, name in ((0.5, 'p50'), (0.95, 'p95'), (0.99, 'p99')):
        mine, peer = percentile(of['command'], share), percentile(bare, share)
        report('escalation, alert to command, %s, %d hosts' % (name, HOSTS), mine, 'ms', 'bare echo and three fsyncs, same run', peer,
               '<= 50 ms' if name == 'p99' else None, mine <= 50 if name == 'p99' else None)
    first = [one['answer'] for one in samples]
    report('escalation, alert to its 202, p50', median(first), 'ms', 'one fsync of three, p50', median(of['fsync']) / 3)
    for share, name in ((0.5, 'p50'), (0.99, 'p99')):
        report("escalation, agents' dry run of contain, %s" % name, percentile(of['dry_run'], share), 'ms', 'bare echo',
               percentile(of['echo'], share))


def intake(work):
    folder = work / 'intake'
    bench('setup', folder, 1)
    rates = {'ours': [], 'peer': []}
    sent = 0

    def load(port, seconds):
        nonlocal sent
        one = json.loads(bench('intake', folder, port, CONNECTIONS, seconds, sent))
        require(one['refused'] == 0, 'alerts were refused: %s' % one)
        sent += one['accepted'] + CONNECTIONS  # Never the same fingerprint again.
        return one['accepted'] / one['seconds'], one['accepted']

    with controller(folder) as (pid, ours), yardstick(folder) as (_, peer):
        taken = 0
        for turn in range(ROUNDS):
            rate, count = load(ours['https_port'], SECONDS)
            rates['ours'].append(rate)
            taken += count
            rates['peer'].append(load(peer['https_port'], SECONDS)[0])
            note('escalation: intake, round %d of %d; load %.1f' % (turn + 1, ROUNDS, os.getloadavg()[0]))
        mine, bare = median(rates['ours']), median(rates['peer'])
        report('escalation, alerts taken durably', mine / 1000, '1000/s', 'same HTTPS server without a store', bare / 1000,
               '>= 0.5x', mine >= 0.5 * bare)
        looks = []
        while len(looks) < 2:
            while taken < FLAT * (len(looks) + 1):
                taken += load(ours['https_port'], 2)[1]
            looks.append((taken, resident_kb(pid)))
            note('escalation: %d alerts taken, %d kB resident' % looks[-1])
        (before, first), (after, second) = looks
        report('escalation, resident after %d alerts' % after, second / 1024, 'MB', 'after %d' % before, first / 1024,
               'flat: <= 1.1x', second <= 1.1 * first)


def run(work, full):
    del full
    latency(work)
    intake(work)
