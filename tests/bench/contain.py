"""Bench `contain`: one host with 20,000 messages, beside the same steps as a shell script with Postfix's own tools."""
import os
import time

from benchlib import count_files, median, note, report, require
from labhost import lab_host

MESSAGES = 20000
ROUNDS = 5


def seconds(text):
    return float(text.rstrip('s'))


def ours(host):
    """Milliseconds: (own time, Postfix' stop and start, the whole)."""
    result, took, _ = host.do('contain', {'reason': 'bench'})
    require(count_files(host.queue / 'deferred') == 0, 'contain set not all mail aside')
    host.give_back(MESSAGES)
    return [1000 * t for t in (seconds(result['ownTime']), seconds(result['stopTime']) + seconds(result['startTime']), took)]


def theirs(host):
    """Milliseconds: (Postfix' stop and start, the whole)."""
    script = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'contain_peer.sh')
    start = time.monotonic()
    out = host.run('bash', script)
    took = time.monotonic() - start
    require(count_files(host.queue / 'hold') == MESSAGES, 'the script set not all mail aside')
    host.stop()
    host.run('postsuper', '-H', 'ALL')
    for name in ('main.cf', 'master.cf'):
        host.run('mv', '/etc/postfix/%s.before' % name, '/etc/postfix/' + name)
    host.run('rm', '/etc/postfix/ndr_hold')
    later = time.time() + 86400
    for folder, _, files in os.walk(host.queue / 'deferred'):
        for name in files:  # postsuper asks for a delivery at once; that would keep Postfix busy.
            os.utime(os.path.join(folder, name), (later, later))
    host.check_back(MESSAGES)
    return [1000 * sum(float(line.split()[1]) for line in out.splitlines()), 1000 * took]


def run(work, _full):
    own, cycle, whole, their_cycle, their_whole = [], [], [], [], []
    with lab_host(work) as host:
        host.fill(MESSAGES)
        require(host.listed() == MESSAGES, 'Postfix sees %d of %d messages' % (host.listed(), MESSAGES))
        for number in range(ROUNDS):
            for values, into in ((ours(host), (own, cycle, whole)), (theirs(host), (their_cycle, their_whole))):
                for value, kept in zip(values, into):
                    kept.append(value)
            note('contain: round %d of %d: own %.0f ms, Postfix %.0f ms, whole %.0f ms; the script: Postfix %.0f ms, whole %.0f ms' % (
                number + 1, ROUNDS, own[-1], cycle[-1], whole[-1], their_cycle[-1], their_whole[-1]))
        require(host.listed() == MESSAGES, 'Postfix sees %d of %d messages in the end' % (host.listed(), MESSAGES))
    peer = 'script with postsuper -h'
    beyond = [a - b for a, b in zip(their_whole, their_cycle)]
    report("contain, own time beyond Postfix' stop and start", median(own), 'ms', peer, median(beyond), '<= 250 ms', median(own) <= 250)
    report("contain, Postfix' stop and start", median(cycle), 'ms', peer, median(their_cycle))
    report('contain, whole', median(whole), 'ms', peer, median(their_whole))
