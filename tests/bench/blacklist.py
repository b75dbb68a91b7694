"""Bench `blacklist`: tens of thousands of DNSBL questions, beside dnsperf, adnshost and c-ares alone; then over a path that loses."""
import json
import os
import pathlib
import re
import subprocess
import time

from benchlib import BUILD, ROOT, median, note, number, report, require, sh

ZONES = 60
SMALL, LARGE = 500, 2000  # Addresses; half of them are on every list.
ROUNDS = 5
AT_ONCE = 100     # What adnshost is given: it has no limit of its own, and loses what the server's socket does not hold.
MEMORY = 16667    # Addresses: 1,000,020 questions.
ADNS_ADDRESS = '127.77.0.1'  # adns knows port 53 only.


def address(i):
    return '%d.%d.%d' % (i >> 16, i >> 8 & 255, i & 255)


def question(i, zone):
    return '%d.%d.%d.10.l%d.test' % (i & 255, i >> 8 & 255, i >> 16, zone)


def write_files(work):
    (work / 'list').write_text(':127.0.0.2:Listed\n' + ''.join('10.%s\n' % address(i) for i in range(0, MEMORY, 2)), encoding='utf-8')
    for count in (SMALL, LARGE):
        (work / ('questions-%d' % count)).write_text(
            ''.join('%s A\n' % question(i, z) for i in range(count) for z in range(ZONES)), encoding='utf-8')


def free_port():
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def start_server(work, port):
    zones = ['l%d.test:ip4set:list' % z for z in range(ZONES)]
    with open(work / 'rbldnsd.log', 'wb') as log:
        server = subprocess.Popen(
            ['/usr/sbin/rbldnsd', '-n', '-u', 'rbldns:rbldns', '-w', str(work), '-b', '127.0.0.1/%d' % port,
             '-b', ADNS_ADDRESS + '/53'] + zones, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    for _ in range(100):
        time.sleep(0.05)
        if b'started' in (work / 'rbldnsd.log').read_bytes():
            return server
        require(server.poll() is None, 'rbldnsd did not start: ' + (work / 'rbldnsd.log').read_text(errors='replace')[-300:])
    server.terminate()
    server.wait()
    raise RuntimeError('rbldnsd did not start in 5 s')


def ours(*arguments):
    """The runs that blacklist_bench prints. No wrong answer, none lost."""
    runs = [json.loads(line) for line in sh(BUILD / 'tests' / 'blacklist_bench', *arguments).splitlines()]
    for one in runs:
        one['rate'] = one['questions'] / one['seconds']
        if '--cares' not in arguments:
            require(one['right'] == one['questions'], 'wrong or lost answers: %s' % one)
    return runs


def dnsperf(work, port, count):
    out = sh('dnsperf', '-s', '127.0.0.1', '-p', port, '-d', work / ('questions-%d' % count), '-t', '2', '-q', '100')
    lost = int(re.search(r'Queries lost:\s+(\d+)', out).group(1))
    return float(re.search(r'Queries per second:\s+([\d.]+)', out).group(1)), lost


def adnshost(work):
    names = (work / ('questions-%d' % SMALL)).read_text(encoding='utf-8').replace(' A\n', '\n').splitlines(keepends=True)
    answered = 0
    start = time.monotonic()
    with subprocess.Popen(['adnshost', '-ta', '-a', '-f', '--config', 'nameserver ' + ADNS_ADDRESS], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as peer:
        for at in range(0, len(names), AT_ONCE):
            peer.stdin.write(''.join(names[at:at + AT_ONCE]))
            peer.stdin.flush()
            for _ in names[at:at + AT_ONCE]:
                words = peer.stdout.readline().split()  # Number, records, kind and number of the status, its name.
                answered += words[4] in ('ok', 'nxdomain')
                for _ in range(int(words[1])):
                    peer.stdout.readline()
        peer.stdin.close()
    return answered / (time.monotonic() - start), len(names) - answered


def lossless(work, port):
    rates = {name: [] for name in ('small', 'large', 'cares', 'dnsperf small', 'dnsperf large', 'adns')}
    lost = {'dnsperf': 0, 'adns': 0, 'cares': 0}
    for turn in range(ROUNDS):
        rates['small'].append(ours(port, SMALL)[0]['rate'])
        rate, missing = dnsperf(work, port, SMALL)
        rates['dnsperf small'].append(rate)
        lost['dnsperf'] += missing
        cares = ours('--cares', port, SMALL)[0]
        rates['cares'].append(cares['rate'])
        lost['cares'] += cares['lost']
        rates['large'].append(ours(port, LARGE)[0]['rate'])
        rate, missing = dnsperf(work, port, LARGE)
        rates['dnsperf large'].append(rate)
        lost['dnsperf'] += missing
        rate, missing = adnshost(work)
        rates['adns'].append(rate)
        lost['adns'] += missing
        note('blacklist: round %d of %d; load %.1f' % (turn + 1, ROUNDS, os.getloadavg()[0]))
    for size, count in (('small', SMALL), ('large', LARGE)):
        mine, peer = median(rates[size]), median(rates['dnsperf ' + size])
        report('blacklist, %d questions' % (count * ZONES), mine / 1000, '1000/s', 'dnsperf (lost %d)' % lost['dnsperf'], peer / 1000,
               "dnsperf's rate, none lost or wrong", mine >= peer)
    report('blacklist, %d questions' % (SMALL * ZONES), median(rates['small']) / 1000, '1000/s',
           'c-ares alone, 80 at once (lost %d)' % lost['cares'], median(rates['cares']) / 1000)
    report('blacklist, %d questions' % (SMALL * ZONES), median(rates['small']) / 1000, '1000/s',
           'adnshost, %d at once (lost %d)' % (AT_ONCE, lost['adns']), median(rates['adns']) / 1000)


def lossy(port, full):
    shares = ('0', '0.01', '0.1')
    small = None
    for count in (SMALL, LARGE):
        seconds = {share: [] for share in shares}
        small = small or seconds
        for turn in range(ROUNDS):
            for share in shares:
                seconds[share].append(ours('--lose', share, port, count)[0]['seconds'])
            note('blacklist: %d questions over a path that loses, round %d of %d' % (count * ZONES, turn + 1, ROUNDS))
        for share in shares[1:]:
            slower = median(seconds[share]) / median(seconds['0'])
            report('blacklist, %d questions, %.0f %% lost each way' % (count * ZONES, float(share) * 100), median(seconds[share]), 's',
                   'ours without loss (we take %s times as long)' % number(slower), median(seconds['0']), 'none lost or wrong', True)
    for share in shares[1:] if full else ['0.01']:  # Once: with 10 % it takes minutes.
        alone = ours('--cares', '--lose', share, port, SMALL)[0]
        note('blacklist: c-ares alone, %.0f %% lost each way: %.1f s' % (float(share) * 100, alone['seconds']))
        report('blacklist, %d questions, %.0f %% lost each way' % (SMALL * ZONES, float(share) * 100), median(small[share]), 's',
               'c-ares alone (lost %d), one run' % alone['lost'], alone['seconds'])


def memory(port):
    first, second = ours(port, SMALL, MEMORY)
    report('blacklist, resident after %d questions' % second['questions'], second['rss_kb'] / 1024, 'MB',
           'after %d' % first['questions'], first['rss_kb'] / 1024, 'flat: <= 1.1x', second['rss_kb'] <= 1.1 * first['rss_kb'])


def run(work, full):
    sh(ROOT / 'deploy' / 'setup', 'dns')
    work = pathlib.Path(work)
    write_files(work)
    port = free_port()
    server = start_server(work, port)
    try:
        lossless(work, port)
        lossy(port, full)
        memory(port)
    finally:
        server.terminate()
        server.wait()
