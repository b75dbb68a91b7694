"""Act `antivirus`: who is protected, what is in the mail that was set aside, and what stands in the way of giving it back. ClamAV in the lab.

  antivirus.py --build FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]

mx1 has a clamd whose signatures are new, mx2 one whose signatures are ten days old, mx3 none. The signatures are the lab's own, for
one thing alone: EICAR's test file.
"""
import base64
import binascii
import os
import subprocess
import sys
import time

import settings
import steps
from stage import attack, require, results, say, world
from steps import chapter

EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EIC' + 'AR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'  # In halves: no scanner takes this file for it.
EICAR_ID = '<eicar.1@client.test>'
OPEN_RELAY_REASON = 'mynetworks let the whole world relay'
OLD = 10 * 86400
UPLOAD = '/var/upload'
CLAMD_CONF = '''LocalSocket %(folder)s/clamd.sock
PidFile %(folder)s/clamd.pid
DatabaseDirectory %(folder)s/db
TemporaryDirectory %(folder)s/tmp
Foreground yes
User root
SelfCheck 0
AlertExceedsMax yes
'''
FRESHCLAM_CONF = '''DatabaseDirectory %(folder)s/db
DatabaseOwner root
DatabaseCustomURL file://%(folder)s/mirror/newer.ndb
PrivateMirror http://127.0.0.1:9
ExcludeDatabase main
ExcludeDatabase daily
ExcludeDatabase bytecode
DNSDatabaseInfo no
ConnectTimeout 2
MaxAttempts 1
UpdateLogFile %(folder)s/freshclam.log
NotifyClamd %(folder)s/clamd.conf
'''
# Sends what stands on its standard input as bob does, on the node where it runs.
SEND = '''import smtplib, sys
with smtplib.SMTP(sys.argv[1], 587, local_hostname='client.test', timeout=60, source_address=(sys.argv[2], 0)) as smtp:
    smtp.login('bob@lab.test', sys.argv[3])
    smtp.sendmail('bob@lab.test', ['orders@partner.test'], sys.stdin.buffer.read())
'''


class Scanner:
    """A clamd of one host of the lab."""

    def __init__(self, stage, host):
        self.stage, self.host = stage, host
        self.folder = os.path.join(stage.folder, 'clamav-' + host)

    def start(self, age=0):
        for name in ('db', 'tmp', 'mirror'):
            os.makedirs(os.path.join(self.folder, name))
        line = 'Eicar-Test:0:*:%s\n' % binascii.hexlify(EICAR.encode()).decode()
        signatures = self.write('db/lab.ndb', line)
        os.utime(signatures, (time.time() - age,) * 2)
        self.write('mirror/newer.ndb', line.replace('Eicar-Test', 'Eicar-Newer'))
        self.write('clamd.conf', CLAMD_CONF % {'folder': self.folder})
        self.write('freshclam.conf', FRESHCLAM_CONF % {'folder': self.folder})
        self.stage.start_on(self.host, 'clamd-%s.log' % self.host, '/usr/sbin/clamd', '-c', self.path('clamd.conf'))
        self.stage.wait(lambda: os.path.exists(self.path('clamd.sock')), 60, 'clamd of %s to listen' % self.host)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='ascii') as file:
            file.write(text)
        return self.path(name)

    def settings(self):
        return 'clamav: {clamd_config: %s, freshclam_config: %s}\nscan_roots: [%s]\n' % (
            self.path('clamd.conf'), self.path('freshclam.conf'), UPLOAD)


def posture(stage):
    """{name: state}, after it was shown."""
    stage.operate('antivirus', 'posture')
    return {row['name']: row['state'].removeprefix('POSTURE_STATE_')
            for row in stage.ask_json('antivirus', 'posture')['rows']}


def set_up(stage):
    chapter('Three mail hosts: a ClamAV that is new, one that is stale, and a host that has none')
    stage.start_lab(3)
    stage.start_controller('antivirus_signature_age: 48h\nblacklists:\n  scheduled: false\n')
    scanners = {name: Scanner(stage, name) for name in ('mx1', 'mx2')}
    scanners['mx1'].start()
    scanners['mx2'].start(OLD)
    for host in stage.lab['hosts']:
        scanner = scanners.get(host['name'])
        # The machine under the lab has ClamAV, and so has each of its hosts: mx3 leaves it out.
        stage.enrol(host['name'], 'role=edge', 'site=lab', settings=scanner.settings() if scanner else 'clamav: off\n')
    stage.enrol('outside', 'role=vantage', settings='clamav: off\n')
    steps.wait_online(stage, 4)


def send_eicar(stage):
    """As a good customer would send it whose machine is infected: base64, within a valid mail of bob."""
    text = ('From: <bob@lab.test>\r\nTo: <orders@partner.test>\r\nSubject: Invoice 4711\r\nMessage-ID: %s\r\n'
            'X-Lab-Kind: valid\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="part"\r\n\r\n'
            '--part\r\nContent-Type: text/plain\r\n\r\nSee what is attached.\r\n'
            '--part\r\nContent-Type: application/octet-stream; name="invoice.com"\r\nContent-Transfer-Encoding: base64\r\n'
            'Content-Disposition: attachment; filename="invoice.com"\r\n\r\n%s\r\n--part--\r\n' % (
                EICAR_ID, base64.b64encode(EICAR.encode()).decode()))
    host, names = stage.lab['hosts'][0], stage.lab['names']
    done = subprocess.run(world.enter(stage.lab, 'outside') + [
        sys.executable, '-c', SEND, host['ip'], names.outside_ips[-1], 'bobs-secret'], input=text.encode(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=90)
    require(done.returncode == 0, 'the message with the test file was not taken: %s' % done.stdout.decode()[-300:])


def who_is_protected(stage):
    chapter('Who is protected? The inventory says who there should be')
    table = os.path.join(stage.folder, 'machines.csv')
    with open(table, 'w', encoding='utf-8') as file:
        file.write('name,kind,site\nmx1,server,lab\nmx2,server,lab\nmx3,server,lab\noutside,server,lab\nws-accounts,workstation,lab\n')
    stage.operate('antivirus', 'import', table)
    stage.operate('antivirus', 'status', '-l', 'role=edge', '--yes')
    states = posture(stage)
    wanted = {'mx1': 'UP_TO_DATE', 'mx2': 'STALE', 'mx3': 'ABSENT', 'ws-accounts': 'NOT_ENROLLED', 'outside': 'UNKNOWN'}
    require(states == wanted, 'the table should say %s, and says %s' % (wanted, states))


def scan_quarantines(stage, incident, total, figures):
    chapter('What is in the mail that was set aside?')
    stage.operate('run', 'op', 'quarantine.list', '-l', 'role=edge', '--incident', incident, '--yes')
    held = [one for one in stage.ask_json('quarantine', 'list', '--incident', incident)['quarantines']
            if one['hostName'] in ('mx1', 'mx2')]
    ids = [one['quarantine']['quarantineId'] for one in held]
    runs = stage.operate('quarantine', 'scan', *ids, '--yes')
    scans = [result for _, result in results(runs, 'quarantineScan')]
    scanned, infected = (sum(int(s.get(key, 0)) for s in scans) for key in ('scanned', 'infected'))
    require(infected == 1, '%d of %d messages that were read carry something, not one' % (infected, scanned))
    require(not any(int(s.get('notScanned', 0)) for s in scans), 'some messages could not be read')
    require(0 < scanned < total, '%d messages were read' % scanned)  # Those of mx3 are not among them.
    stage.operate('quarantine', 'list', '--incident', incident)
    known = [one['quarantine'] for one in stage.ask_json('quarantine', 'list', '--incident', incident)['quarantines']]
    require(sum(int(one.get('infected', 0)) for one in known) == 1 and sum('scanTime' in one for one in known) == len(ids),
            'the list of quarantines does not say what was found')
    figures['scanned'], figures['found'] = scanned, infected


def an_infected_host(stage, incident):
    chapter('The hosts themselves: a find is a duty of the incident')
    stage.run_on('mx1', 'sh', '-c', 'mkdir -p "$1" && printf %s "$2" >"$1/invoice.com"', 'sh', UPLOAD, EICAR)
    stage.operate('antivirus', 'scan', '--hosts', 'mx1', '--path', UPLOAD, '--incident', incident, '--yes', accept=(0, 1))
    require(posture(stage)['mx1'] == 'INFECTED', 'mx1 should be infected')
    owed = [one['duty'] for one in stage.ask_json('incident', 'show', incident).get('obligations', []) if one.get('duty')]
    require(any('invoice.com' in duty for duty in owed), 'nobody owes the infected host: %s' % owed)
    say('owed: %s' % '; '.join(owed))
    say('somebody takes the file away')
    stage.run_on('mx1', 'rm', UPLOAD + '/invoice.com')
    stage.operate('antivirus', 'scan', '--hosts', 'mx1', '--path', UPLOAD, '--incident', incident, '--yes')
    require(posture(stage)['mx1'] == 'UP_TO_DATE', 'mx1 should be well again')


def a_stale_host(stage, incident):
    chapter('A stale host keeps its own settings from being put back, and nobody else\'s')
    stage.operate('run', 'restore', '--incident', incident, '--keep-open-relay-as-fix', OPEN_RELAY_REASON, '--dry-run')
    runs = stage.operate('run', 'restore', '--incident', incident, '--keep-open-relay-as-fix', OPEN_RELAY_REASON, '--yes', accept=(2,))
    restored = {host for host, _ in results(runs, 'restore')}
    require(restored == {'mx1', 'mx3'}, 'the hosts beside the stale one should be restored, and these were: %s' % sorted(restored))
    chapter('antivirus-sweep: newest signatures, and a quick scan')
    stage.operate('run', 'start', 'antivirus-sweep', '--hosts', 'mx2', '--incident', incident, '--yes')
    require(posture(stage)['mx2'] == 'UP_TO_DATE', 'mx2 should have new signatures')
    return runs


def play(stage, options):
    figures = {}
    set_up(stage)
    who_is_protected(stage)
    chapter('The attack, and among the valid mail one that carries something')
    done = attack(stage.lab, options.spam, options.valid)
    send_eicar(stage)
    copies = settings.take_copies(stage.lab)
    incident = steps.contain(stage, figures)
    steps.watch(stage, incident)
    account = steps.worst_account(steps.analyse(stage, incident, figures), figures)
    blocked = steps.shut_the_cause(stage, incident, account, ['-l', 'role=edge'], ['mx1'])
    scan_quarantines(stage, incident, options.spam + options.valid + 1, figures)
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    # steps.release sees that all valid mail arrives, once, and nothing else: not the message with the test file.
    steps.release(stage, incident, set(done['valid_ids']), [['--account', 'bob@lab.test'], trusted], figures)
    an_infected_host(stage, incident)
    earlier = a_stale_host(stage, incident)
    steps.restore(stage, incident, OPEN_RELAY_REASON, copies, blocked, figures, earlier)
    chapter('Close')
    stage.operate('incident', 'close', incident, '--summary', 'stolen account; one infected message kept out')
    stage.operate('audit', 'verify')
    lines = ['set aside: %d messages, read by the antivirus: %d, found: %d' % (
        figures['set aside'], figures['scanned'], figures['found']),
        'released: %d, arrived: %d; the message with the test file is still in quarantine' % (figures['released'], figures['arrived']),
        'posture: one stale host (mended), one without antivirus, one machine that is not enrolled']
    steps.write_reports(stage, incident, options.out, lines, 'report-antivirus')
    return lines


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(3000, 60), play))
