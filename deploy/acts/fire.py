"""Act `fire`: three hosts send spam; the operator puts the fire out and gives everything back.

  fire.py --build FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]
"""
import argparse
import collections
import html
import json
import os
import signal
import sys
import time

import blacklists
import settings
from stage import (Stage, StepFailed, attack, require, results, say, set_sink, sink_counts,
                   succeeded)

OPEN_RELAY_REASON = 'mynetworks let the whole world relay'
COMPLAINT = 'outbound spam, complaints from victim.test'


def parse():
    parser = argparse.ArgumentParser()
    for name in ('build', 'work', 'out'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--spam', type=int, default=20000)
    parser.add_argument('--valid', type=int, default=200)
    return parser.parse_args()


def chapter(text):
    say('\n' + '=' * 8 + ' ' + text)


def set_up(stage, options):
    chapter('The fleet: 3 mail hosts, a vantage outside, a controller')
    stage.start_lab(3)
    served, lines = blacklists.prepare(stage)
    stage.start_controller(lines)
    for host in stage.lab['hosts']:
        stage.enrol(host['name'], 'role=edge', 'site=lab', settings=blacklists.agent_settings(stage))
    stage.enrol('outside', 'role=vantage')
    stage.wait(lambda: sum(1 for h in stage.ask_json('host', 'list').get('hosts', [])
                           if h.get('online')) == 4, 60, '4 hosts to be online')
    stage.operate('host', 'list')
    chapter('The attack: a stolen account and an open relay; valid mail among it')
    done = attack(stage.lab, options.spam, options.valid)
    say('%d spam and %d valid messages were taken by the three hosts in %s s' % (
        done['spam'], done['valid'], done['seconds']))
    return set(done['valid_ids']), served


def open_hosts(stage, runs):
    """How many mail hosts relay for strangers, as the vantage saw it. Every listener must have got
    a verdict: an `unknown` is no proof."""
    verdicts = {}
    by_ip = {h['ip']: h['name'] for h in stage.lab['hosts']}
    for _, result in results(runs, 'relayProbe'):
        for listener in result.get('listeners', []):
            name = by_ip.get(listener['target'].rsplit(':', 1)[0])
            verdict = listener.get('verdict', 'RELAY_VERDICT_UNSPECIFIED')
            require(name and verdict in ('RELAY_VERDICT_OPEN', 'RELAY_VERDICT_CLOSED'),
                    'the probe of %s from outside ended with %s (%s)' % (
                        listener['target'], verdict, listener.get('reply', 'no reply')))
            verdicts[name] = verdicts.get(name, False) or verdict == 'RELAY_VERDICT_OPEN'
    require(len(verdicts) == 3, 'the probe answered for %d of 3 hosts' % len(verdicts))
    return sum(verdicts.values())


def probe(stage):
    targets = []
    for host in stage.lab['hosts']:
        ports = [25, 587] + ([2526] if 'multi' in host['roles'] else [])
        targets += ['%s:%d' % (host['ip'], port) for port in ports]
    return open_hosts(stage, stage.operate('relay', 'probe', *targets, '-l', 'role=vantage',
                                           '--yes'))


def contain(stage, figures):
    chapter('Survey: what is going on?')
    stage.operate('run', 'start', 'survey', '-l', 'role=edge', '--yes')
    figures['open before'] = probe(stage)
    require(figures['open before'] >= 1, 'the lab has an open relay, but the probe found none')
    chapter('Contain: one command')
    stage.operate('run', 'contain', '-l', 'role=edge', '--reason', COMPLAINT, '--dry-run')
    runs = stage.operate('run', 'contain', '-l', 'role=edge', '--reason', COMPLAINT, '--yes')
    figures['contained'] = succeeded(runs)
    require(figures['contained'] == (3, 3), '%d of %d hosts were contained' % figures['contained'])
    incidents = stage.ask_json('incident', 'list').get('incidents', [])
    require(len(incidents) == 1, '%d incidents are open, not one' % len(incidents))
    return incidents[0]['incidentId']


def watch(stage, incident):
    chapter('Is it quiet now?')
    runs = stage.operate('run', 'op', 'queue.watch', '-l', 'role=edge', '--incident', incident,
                         '--yes')
    verdicts = {host: r.get('verdict') for host, r in results(runs, 'queueWatch')}
    require(len(verdicts) == 3 and set(verdicts.values()) == {'WATCH_VERDICT_QUIET'},
            'not every host is quiet: %s' % verdicts)


def analyse(stage, incident, figures):
    """Returns the account that most of the mail came through."""
    chapter('Who was it?')
    runs = stage.operate('quarantine', 'analyse', '--incident', incident, '--yes')
    accounts, messages = collections.Counter(), 0
    for _, result in results(runs, 'quarantineAnalyse'):
        messages += int(result.get('matching', 0))
        for count in result.get('picture', {}).get('accounts', []):
            if count.get('value'):
                accounts[count['value']] += int(count['messages'])
    require(accounts, 'the analysis names no account')
    figures['set aside'] = messages
    account, count = accounts.most_common(1)[0]
    say('the account behind most of it is %s: %d of %d messages' % (account, count, messages))
    require(account.startswith('alice'), 'the stolen account is alice, but %s was named' % account)
    return account


def shut_the_cause(stage, incident, account):
    """Blocks the account everywhere; returns the places of the settings changed."""
    chapter('Shut the cause')
    stage.operate('incident', 'cause', 'add', incident, 'account', account)
    stage.operate('incident', 'cause', 'add', incident, 'open_relay', 'mx1')
    runs = stage.operate('sender', 'block', '--account', account, '-l', 'role=edge', '--incident',
                         incident, '--reason', 'password was stolen', '--yes')
    require(succeeded(runs) == (3, 3), 'the account was blocked on %d of %d hosts' %
            succeeded(runs))
    for cause in stage.ask_json('incident', 'show', incident).get('causes', []):
        if not cause.get('resolved'):
            how = ('blocked on all hosts' if cause['kind'] == 'account'
                   else 'the relay is locked; the open setting will be kept as fix')
            stage.operate('incident', 'cause', 'resolve', incident, cause['causeId'], '--how', how)
    return {settings.place_of(host, setting) for host, result in results(runs, 'senderBlock')
            for setting in result.get('settings', [])}


def release(stage, incident, valid_ids, figures):
    chapter('Give the valid mail back')
    set_sink(stage.folder, 'accept')
    stage.wait(lambda: sink_counts(stage.folder)['mode'] == 'accept', 10, 'the sink to accept')
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    released = 0
    for who in (['--account', 'bob@lab.test'], trusted):
        stage.operate('quarantine', 'release', '--incident', incident, *who, '--dry-run')
        runs = stage.operate('quarantine', 'release', '--incident', incident, *who, '--reason',
                             'valid mail', '--yes')
        released += sum(int(r.get('released', 0)) for _, r in results(runs, 'quarantineRelease'))
    figures['released'] = released

    def arrived():
        with open(os.path.join(stage.folder, 'sink/accepted.jsonl'), encoding='utf-8') as file:
            return [json.loads(line) for line in file]
    try:
        stage.wait(lambda: len(arrived()) >= len(valid_ids), 90, 'the valid mail to arrive')
    except StepFailed as problem:
        say('%s; %d messages are there' % (problem, len(arrived())))
    time.sleep(2)  # What comes too much comes now.
    messages = arrived()
    figures['arrived'] = len(messages)
    say('in the sink: %d messages' % len(messages))
    ids = [m['message_id'] for m in messages]
    require(len(set(ids)) == len(ids), 'a message arrived more than once')
    require(set(ids) == valid_ids, '%d messages are missing in the sink and %d do not belong there'
            % (len(valid_ids - set(ids)), len(set(ids) - valid_ids)))
    require(released == len(valid_ids), '%d were released, %d are valid' % (
        released, len(valid_ids)))


def restore(stage, incident, copies, blocked, figures):
    chapter('Put the settings back; the open relay stays shut')
    choice = ['--keep-open-relay-as-fix', OPEN_RELAY_REASON]
    stage.operate('run', 'restore', '--incident', incident, *choice, '--dry-run')
    runs = stage.operate('run', 'restore', '--incident', incident, *choice, '--yes')
    kept, allowed = set(), set(blocked)
    for host, result in results(runs, 'restore'):
        require(not result.get('needsDecision'), '%s still wants a decision' % host)
        for one in result.get('settings', []):
            if one.get('state') == 'STATE_KEPT_AS_FIX':
                kept.add(settings.place_of(host, one['setting']))
    allowed |= kept
    figures['kept'] = len(kept - blocked)  # A block is a new setting, not an old one that was kept.
    unexplained, identical = settings.compare(stage.lab, copies, allowed)
    say('%d of %d configuration files are the same to the last byte; the others differ only in what '
        'was kept as fix or blocks the account' % (identical, len(copies)) if not unexplained else
        'settings that differ: %s' % unexplained)
    require(not unexplained, 'a setting is not what it was before: %s' % (unexplained[:3],))
    require(kept, 'the open relay should have been kept as fix, but nothing was')


def write_reports(stage, incident, out, lines):
    os.makedirs(out, exist_ok=True)
    for form in ('md', 'html'):
        text = stage.ask('incident', 'report', incident, '--format', form)
        require(len(text) > 200, 'the %s report is empty' % form)
        if form == 'md':
            text = text.rstrip() + '\n\n## Figures\n\n' + ''.join('- %s\n' % l for l in lines)
        else:
            listed = ''.join('<li>%s</li>' % html.escape(l) for l in lines)
            body, end, rest = text.rpartition('</body>')
            require(end, 'the HTML report has no end')
            text = '%s<h2>Figures</h2><ul>%s</ul>%s%s' % (body, listed, end, rest)
        path = os.path.join(out, 'report.' + form)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        say('report: ' + path)


def play(stage, options):
    figures = {}
    valid_ids, served = set_up(stage, options)
    chapter('Where are we listed?')
    blacklists.find(stage, served, figures)
    copies = settings.take_copies(stage.lab)
    incident = contain(stage, figures)
    watch(stage, incident)
    account = analyse(stage, incident, figures)
    figures['open during'] = probe(stage)
    blocked = shut_the_cause(stage, incident, account)
    release(stage, incident, valid_ids, figures)
    restore(stage, incident, copies, blocked, figures)
    figures['open after'] = probe(stage)
    chapter('Off the lists')
    blacklists.leave(stage, served, incident, figures)
    chapter('Close')
    stage.operate('incident', 'close', incident, '--summary', 'stolen account and open relay')
    stage.operate('audit', 'verify')
    closed = stage.ask_json('incident', 'show', incident)
    require(closed.get('state') == 'INCIDENT_STATE_CLOSED', 'the incident is not closed')
    require(closed.get('timeToContain'), 'the incident has no time to contain')
    lines = [
        'contained: %d/%d hosts' % figures['contained'],
        'set aside: %d messages' % figures['set aside'],
        'released: %d, arrived: %d' % (figures['released'], figures['arrived']),
        'settings: restored byte for byte, %d kept as fix' % figures['kept'],
        'relay probe: %d open before, %d during, %d after' % (
            figures['open before'], figures['open during'], figures['open after']),
        'blacklists: listed on %d, 1 sick list left out, cleared %.0f s after the requests' % (
            figures['listed'], figures['cleared']),
        'time to contain: %s' % closed['timeToContain'].replace('s', ' s'),
    ]
    write_reports(stage, incident, options.out, lines)
    require(figures['set aside'] >= options.spam + options.valid,
            'only %d messages were set aside' % figures['set aside'])
    require(figures['open during'] == 0 and figures['open after'] == 0, 'a relay is open')
    return lines


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse()
    stage = None
    try:
        stage = Stage(options.build, options.work)
        lines = play(stage, options)
    except Exception as problem:  # Whatever it is, the act failed and says why in one sentence.
        say('\ndemo: FAILED: %s: %s' % (type(problem).__name__, problem))
        if stage and stage.lab:
            for name in sorted(os.listdir(stage.folder)):
                if name.endswith('.log'):
                    with open(os.path.join(stage.folder, name), encoding='utf-8') as file:
                        say('-- end of %s\n%s' % (name, ''.join(file.readlines()[-8:]).rstrip()))
        return 1
    chapter('Done')
    for line in lines:
        say(line)
    return 0


if __name__ == '__main__':
    sys.exit(main())
