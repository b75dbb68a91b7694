"""Brings a lab up and takes it down again."""
import json
import os
import signal
import subprocess
import sys
import time

from . import names as naming
from . import postfix
from .names import LabError, sh

HERE = os.path.dirname(os.path.abspath(__file__))
QUEUES = ('maildrop', 'incoming', 'active', 'deferred', 'hold')


def roles_of(index, hosts):
    """The first host is an open relay, the second has two instances, the third a filter's door; a
    smaller lab's last host takes the roles that are left."""
    return sorted(role for role, host in (('open', 1), ('multi', 2), ('filter', 3))
                  if min(host, hosts) == index)


def start_network(names, hosts, vantage):
    core = names.netns('core')
    sh('ip', 'netns', 'add', core)
    lines = ['link set lo up', 'link add br0 type bridge', 'link set br0 up']
    lines += ['addr add %s/24 dev br0' % ip
              for ip in [names.core_ip, names.sink_ip] + names.trusted_ips]
    for host in hosts:
        sh('ip', 'netns', 'add', names.netns(host['name']))
        lines += ['link add %s type veth peer name eth0 netns %s' % (
            names.veth(host['name']), names.netns(host['name'])),
            'link set %s master br0 up' % names.veth(host['name'])]
    if vantage:
        sh('ip', 'netns', 'add', names.netns('outside'))
        lines += ['link add out0 type veth peer name eth0 netns %s' % names.netns('outside'),
                  'addr add %s.1/24 dev out0' % names.outside_net, 'link set out0 up']
    sh('ip', '-n', core, '-batch', '-', input='\n'.join(lines) + '\n')
    # Forwarding is a setting of the core's own namespace; the machine's is not touched.
    sh('ip', 'netns', 'exec', core, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward')
    ends = [(h['name'], [h['ip']], names.core_ip) for h in hosts]
    if vantage:
        ends.append(('outside', names.outside_ips, names.outside_net + '.1'))
    for node, addresses, gateway in ends:
        batch = ['link set lo up', 'link set eth0 up']
        batch += ['addr add %s/24 dev eth0' % ip for ip in addresses]
        batch += ['route add default via %s' % gateway]
        sh('ip', '-n', names.netns(node), '-batch', '-', input='\n'.join(batch) + '\n')


def start_host(names, folder, name):
    """Starts process 1 of the host and returns its id as seen from here."""
    ready = os.path.join(folder, 'ready')
    with open(os.path.join(folder, 'pid1.log'), 'wb') as log:
        outer = subprocess.Popen(
            ['ip', 'netns', 'exec', names.netns(name), 'unshare', '--mount', '--uts', '--pid',
             '--ipc', '--fork', '--kill-child', sys.executable, os.path.join(HERE, 'pid1.py'),
             folder, name, ready],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 20
    while not os.path.exists(ready):
        if outer.poll() is not None or time.monotonic() > deadline:
            with open(os.path.join(folder, 'pid1.log'), encoding='utf-8') as log:
                raise LabError('host %s did not start: %s' % (name, log.read()[-400:]))
        time.sleep(0.01)
    with open('/proc/%d/task/%d/children' % (outer.pid, outer.pid), encoding='utf-8') as file:
        return int(file.read().split()[0])


def inside(pid1):
    return ['nsenter', '-t', str(pid1), '-m', '-u', '-i', '-n', '-p', '--']


def enter(lab, node):
    """The command that runs another one on `node`: a host's name, core or outside."""
    names = lab['names']
    for host in lab['hosts'] + lab['windows']:
        if host['name'] == node:
            return inside(host['pid1'])
    if node == 'core':
        return ['ip', 'netns', 'exec', names.netns(node)]
    if node == 'outside' and lab['vantage']:
        return inside(lab['outside_pid1'])
    raise LabError('no node %s in this lab; it has %s' % (node, ', '.join(
        ['core'] + (['outside'] if lab['vantage'] else []) +
        [h['name'] for h in lab['hosts'] + lab['windows']])))


def start_sink(names, folder):
    sink = os.path.join(folder, 'sink')
    os.makedirs(sink)
    set_mode(folder, 'defer')
    with open(os.path.join(sink, 'log'), 'wb') as log:
        subprocess.Popen(['ip', 'netns', 'exec', names.netns('core'), sys.executable,
                          os.path.join(HERE, 'sink.py'), names.sink_ip, str(names.sink_port), sink],
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    wait_for(lambda: os.path.exists(os.path.join(sink, 'counts.json')), 20, 'the sink to listen')


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError('waited %d s in vain for %s' % (seconds, what))
        time.sleep(0.05)


def set_mode(folder, mode):
    path = os.path.join(folder, 'sink/mode')
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(mode + '\n')
    os.rename(path + '.new', path)


def sink_counts(folder):
    with open(os.path.join(folder, 'sink/counts.json'), encoding='utf-8') as file:
        return json.load(file)


def up(folder, hosts, vantage, windows=()):
    """Brings the lab up; on a failure takes down what was there already. `windows`: names of hosts without a mail
    system, in which Wine is to run."""
    postfix.require()
    if naming.claimed_by(folder) is not None:
        raise LabError('there is a lab in %s already; take it down first' % folder)
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise LabError('%s is not empty; give the lab a folder of its own' % folder)
    os.chmod(folder, 0o755)
    names = naming.claim(folder)
    lab = {'names': names, 'vantage': vantage, 'folder': folder, 'hosts': [
        {'name': 'mx%d' % n, 'ip': names.host_ip(n), 'roles': roles_of(n, hosts)}
        for n in range(1, hosts + 1)], 'windows': [
            {'name': name, 'ip': names.host_ip(101 + n)} for n, name in enumerate(windows)]}
    try:
        start_network(names, lab['hosts'] + lab['windows'], vantage)
        start_sink(names, folder)
        sasldb = postfix.make_sasldb(folder)
        hosts_file = '127.0.0.1 localhost\n%s core.lab.test core\n' % names.core_ip + ''.join(
            '%s %s.lab.test %s\n' % (h['ip'], h['name'], h['name']) for h in lab['hosts'] + lab['windows'])
        for host in lab['hosts']:
            place = os.path.join(folder, host['name'])
            os.makedirs(place)
            postfix.prepare(place, host['name'], names, host['roles'], sasldb, hosts_file)
            host['pid1'] = start_host(names, place, host['name'])
            if 'multi' in host['roles']:
                postfix.add_instance(enter(lab, host['name']), place, names, host['name'])
            sh(*enter(lab, host['name']), 'postfix', 'start', stdin=subprocess.DEVNULL)
        for host in lab['windows']:
            place = os.path.join(folder, host['name'])
            os.makedirs(place)
            postfix.prepare_bare(place, host['name'], hosts_file)
            host['pid1'] = start_host(names, place, host['name'])
        if vantage:
            # A whole host of its own, so that no agent there ever sees this machine's mail system.
            place = os.path.join(folder, 'outside')
            os.makedirs(place)
            postfix.prepare_bare(place, 'outside', hosts_file)
            lab['outside_pid1'] = start_host(names, place, 'outside')
        save(lab)
    except BaseException:
        down(folder, keep=True)
        raise
    return lab


def save(lab):
    with open(os.path.join(lab['folder'], 'lab.json'), 'w', encoding='utf-8') as file:
        json.dump(dict(lab, names=lab['names'].number), file, indent=1)


def load(folder):
    try:
        with open(os.path.join(folder, 'lab.json'), encoding='utf-8') as file:
            lab = json.load(file)
    except FileNotFoundError:
        raise LabError('there is no lab in %s; "lab up" makes one' % folder) from None
    lab['names'] = naming.Names(lab['names'])
    return lab


def queue_counts(lab):
    """{host: {instance: {queue: files}}}, read from the queue folders."""
    counts = {}
    for host in lab['hosts']:
        spool = os.path.join(lab['folder'], host['name'], 'var/spool')
        counts[host['name']] = {}
        for instance in sorted(os.listdir(spool)):
            if instance.startswith('postfix'):
                counts[host['name']][instance] = {
                    q: sum(len(f) for _, _, f in os.walk(os.path.join(spool, instance, q)))
                    for q in QUEUES}
    return counts


def down(folder, keep=False):
    """Ends every process of the lab by its id and removes its namespaces, whatever state it is in.
    `keep` leaves the folder. Returns False when there was no lab."""
    names = naming.claimed_by(folder)
    if names is not None:
        deadline = time.monotonic() + 20
        spaces = naming.namespaces(names.number)
        while True:
            pids = [int(p) for space in spaces for p in sh('ip', 'netns', 'pids', space).split()]
            if not pids:
                break
            if time.monotonic() > deadline:
                raise LabError('processes %s of the lab do not end' % pids)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        for space in spaces:
            sh('ip', 'netns', 'del', space)
        naming.release_claim(names)
    if not keep and os.path.isdir(folder) and (
            names is not None or os.path.exists(os.path.join(folder, 'lab.json'))):
        sh('rm', '-rf', '--', folder)
    return names is not None
