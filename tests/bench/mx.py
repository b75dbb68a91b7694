"""Bench `mx`: a switch of 1,000 domains planned against a local BIND with 1,000 zones of their own, with signed questions, SPF and all
checks of DNS. Port 25 of the new address is given 50 ms, and no blacklist is asked: those are others' time."""
import json
import subprocess
import time

from benchlib import BUILD, median, note, report, require, sh

ZONES = 1000
ROUNDS = 5
BAR = 2.0


def free_port():
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def write_zones(work, port):
    key = work / 'key'
    key.write_text(sh('/usr/sbin/tsig-keygen', '-a', 'hmac-sha256', 'mq.test'), encoding='utf-8')
    key.chmod(0o600)
    head = '$TTL 300\n@ SOA ns1.servers.test. hostmaster 1 3600 600 86400 60\n@ NS ns1.servers.test.\n'
    (work / 'zone').mkdir()
    conf = ['options { directory "%s"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "%s"; '
            'listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify no; };'
            % (work, work, port), 'controls { };', 'include "%s";' % key,
            'zone "servers.test" { type primary; file "zone/servers.test"; };']
    (work / 'zone/servers.test').write_text(head + 'ns1 A 127.0.0.1\n', encoding='utf-8')
    names = ['d%d.test' % i for i in range(ZONES)] + ['2.0.192.in-addr.arpa']
    for name in names:
        body = '' if name.endswith('arpa') else '@ MX 10 mx\nmx A 192.0.2.1\n@ TXT "v=spf1 ip4:192.0.2.1 -all"\n'
        (work / 'zone' / name).write_text(head + body, encoding='utf-8')
        conf.append('zone "%s" { type primary; file "zone/%s"; update-policy { grant mq.test zonesub ANY; }; };' % (name, name))
    (work / 'named.conf').write_text('\n'.join(conf) + '\n', encoding='utf-8')
    return key


def start_named(work, port):
    with open(work / 'named.log', 'wb') as log:
        server = subprocess.Popen(['/usr/sbin/named', '-f', '-n', '2', '-c', str(work / 'named.conf')], stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL)
    for _ in range(300):
        time.sleep(0.1)
        require(server.poll() is None, 'named did not start: ' + (work / 'named.log').read_text(errors='replace')[-300:])
        done = subprocess.run(['/usr/bin/dig', '@127.0.0.1', '-p', str(port), 'd%d.test' % (ZONES - 1), 'MX', '+short', '+time=1',
                               '+tries=1'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if '10 mx.' in done.stdout:
            return server
    server.terminate()
    server.wait()
    raise RuntimeError('named did not serve its zones in 30 s')


def run(work, full):
    del full
    port = free_port()
    key = write_zones(work, port)
    server = start_named(work, port)
    try:
        bench = [BUILD / 'tests' / 'mx_bench', '127.0.0.1:%d' % port, key]
        rounds = [json.loads(line) for line in sh(*bench, work / 'plan.db', ZONES, ROUNDS).splitlines()]
        require(all(one['records'] == 2 * ZONES + 1 for one in rounds), 'a plan has %s records' % {r['records'] for r in rounds})
        seconds = [one['plan_ms'] / 1000 for one in rounds]
        note('plans of %d domains: %s s' % (ZONES, ', '.join('%.2f' % s for s in seconds)))
        report('mx: plan of 1,000 domains', median(seconds), 's', bar='<= %.0f s' % BAR, holds=median(seconds) <= BAR)
        sent = [json.loads(line) for line in sh(*bench, work / 'send.db', ZONES, 1, '--send').splitlines()][-1]
        report('mx: 2,001 records changed, one update each', sent['send_ms'] / 1000, 's')
    finally:
        server.terminate()
        server.wait()
