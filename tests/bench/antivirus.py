"""Bench `antivirus`: a quarantine of 20,000 Postfix messages scanned, beside clamdscan on the same messages as .eml files."""
import binascii
import json
import os
import pathlib
import signal
import subprocess
import time

from benchlib import BUILD, fill, make_queue, median, note, report, require, sh
from swap import postfix_config

MESSAGES = 20000
ROUNDS = 5
BAR = 0.6
INFECTED = 20
EICAR = ('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EIC', 'AR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*')  # In halves: no scanner takes this file for it.


def start_clamd(work):
    """A clamd of our own with one signature. Returns (its process, its configuration)."""
    for name in ('db', 'tmp'):
        (work / name).mkdir()
    (work / 'db' / 'test.ndb').write_text('Eicar-Test:0:*:%s\n' % binascii.hexlify(''.join(EICAR).encode()).decode(), encoding='ascii')
    config = work / 'clamd.conf'
    config.write_text('LocalSocket %s\nPidFile %s\nDatabaseDirectory %s\nTemporaryDirectory %s\nForeground yes\nUser root\nSelfCheck 0\n'
                      'AlertExceedsMax yes\n' % (work / 'clamd.sock', work / 'clamd.pid', work / 'db', work / 'tmp'), encoding='utf-8')
    clamd = subprocess.Popen(['clamd', '-c', str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while subprocess.run(['clamdscan', '--config-file=%s' % config, '--ping', '1:1'], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, check=False).returncode != 0:
        require(time.monotonic() < until and clamd.poll() is None, 'clamd did not start')
        time.sleep(0.05)
    return clamd, config


def message_of(queue_file):
    """The RFC 5322 bytes of a queue file as fill() writes them."""
    data, at, out, content = queue_file.read_bytes(), 0, [], False
    while at < len(data):
        kind, at, size, shift = data[at:at + 1], at + 1, 0, 0
        while True:
            size |= (data[at] & 0x7f) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                break
        if content and kind == b'X':
            break
        if content and kind == b'N':
            out.append(data[at:at + size])
        content = content or kind == b'M'
        at += size
    return b'\n'.join(out) + b'\n'


def infect(queue):
    """Some messages carry what is to be found: as long as what it replaces, so that the queue file stays whole."""
    done = 0
    for folder, _, names in sorted(os.walk(queue / 'deferred')):
        for name in sorted(names)[:2]:
            path = pathlib.Path(folder) / name
            path.write_bytes(path.read_bytes().replace(b'x' * 68, ''.join(EICAR).encode(), 1))
            done += 1
            if done == INFECTED:
                return


def run(work, _full):
    queue, config, state, mail = work / 'queue', work / 'config', work / 'state', work / 'eml'
    queue.mkdir(mode=0o755)
    make_queue(queue)
    postfix_config(config, queue)
    fill(queue, MESSAGES)
    infect(queue)
    mail.mkdir()
    for folder, _, names in os.walk(queue / 'deferred'):
        for name in names:
            (mail / (name + '.eml')).write_bytes(message_of(pathlib.Path(folder) / name))
    clamd, clamd_config = start_clamd(work)
    try:
        state.mkdir(mode=0o700)
        (state / 'agent.yaml').write_text('mail_system: postfix\npostfix_config_directories: [%s]\nclamav: {clamd_config: %s}\n'
                                          % (config, clamd_config), encoding='utf-8')

        def do(operation, arguments):
            start = time.monotonic()
            out = sh(BUILD / 'agent' / 'mailquench-agent', 'do', operation, '--state-dir', state, '--json', json.dumps(arguments))
            took = time.monotonic() - start
            return next(iter(json.loads(out)['result'].values())), took

        swept, _ = do('queue.quarantine', {})
        quarantine = swept['quarantines'][0]['quarantineId']
        ours, theirs = [], []
        for number in range(ROUNDS):
            result, took = do('quarantine.scan', {'quarantineId': quarantine, 'again': True})
            require(int(result['scanned']) == MESSAGES and int(result['infected']) == INFECTED,
                    'the scan read %s messages and found %s' % (result['scanned'], result['infected']))
            ours.append(took)
            start = time.monotonic()
            peer = subprocess.run(['clamdscan', '--config-file=%s' % clamd_config, '--multiscan', '--fdpass', '--infected', str(mail)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
            theirs.append(time.monotonic() - start)
            require(peer.returncode == 1 and peer.stdout.count(' FOUND') == INFECTED, 'clamdscan found something else')
            note('antivirus: round %d of %d: ours %.2f s, clamdscan %.2f s' % (number + 1, ROUNDS, ours[-1], theirs[-1]))
    finally:
        clamd.send_signal(signal.SIGKILL)
        clamd.wait()
    ratio = median(theirs) / median(ours)
    report('antivirus, a quarantine of 20,000 messages scanned', median(ours), 's', 'clamdscan --multiscan --fdpass', median(theirs),
           '>= 0.6x', ratio >= BAR)
