"""What more than one act does in a fire: probe, contain, watch, release, restore, close, report."""
import argparse
import collections
import html
import json
import os
import signal
import sys
import time

import settings
from stage import Stage, StepFailed, require, results, say, set_sink, sink_counts, succeeded

COMPLAINT = 'outbound spam, complaints from victim.test'


def parse(spam, valid, folders=('build', 'work', 'out')):
    """Options of an act; `spam` and `valid` are the defaults for its Postfix hosts."""
    parser = argparse.ArgumentParser()
    for name in folders:
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--spam', type=int, default=spam)
    parser.add_argument('--valid', type=int, default=valid)
    return parser.parse_args()


def chapter(text):
    say('\n' + '=' * 8 + ' ' + text)


def wait_online(stage, count):
    stage.wait(lambda: sum(1 for h in stage.ask_json('host', 'list').get('hosts', [])
                           if h.get('online')) == count, 60, '%d hosts to be online' % count)
    stage.operate('host', 'list')


def mail_hosts(stage):
    return stage.lab['hosts'] + stage.lab['windows']


def open_hosts(stage, runs):
    """Names of the mail hosts that relay for strangers, as the vantage saw it. Every listener must have
    got a verdict: an `unknown` is no proof."""
    verdicts = {}
    by_ip = {h['ip']: h['name'] for h in mail_hosts(stage)}
    for _, result in results(runs, 'relayProbe'):
        for listener in result.get('listeners', []):
            name = by_ip.get(listener['target'].rsplit(':', 1)[0])
            verdict = listener.get('verdict', 'RELAY_VERDICT_UNSPECIFIED')
            require(name and verdict in ('RELAY_VERDICT_OPEN', 'RELAY_VERDICT_CLOSED'),
                    'the probe of %s from outside ended with %s (%s)' % (
                        listener['target'], verdict, listener.get('reply', 'no reply')))
            verdicts[name] = verdicts.get(name, False) or verdict == 'RELAY_VERDICT_OPEN'
    require(len(verdicts) == len(by_ip), 'the probe answered for %d of %d hosts' % (
        len(verdicts), len(by_ip)))
    return sorted(name for name, is_open in verdicts.items() if is_open)


def probe(stage):
    """Asks every mail host from outside; gives the names of those that are open."""
    targets = []
    for host in mail_hosts(stage):
        roles = host.get('roles')  # A Windows host has none, and one port.
        ports = [25] if roles is None else [25, 587] + ([2526] if 'multi' in roles else [])
        targets += ['%s:%d' % (host['ip'], port) for port in ports]
    return open_hosts(stage, stage.operate('relay', 'probe', *targets, '-l', 'role=vantage',
                                           '--yes'))


def survey(stage, wanted, figures):
    """`wanted`: the hosts that are open relays by the lab's own word."""
    chapter('Survey: what is going on?')
    stage.operate('run', 'start', 'survey', '-l', 'role=edge', '--yes')
    found = probe(stage)
    figures['open before'] = len(found)
    require(sorted(found) == sorted(wanted), 'the open relays of the lab are %s, but the probe found %s' % (
        ', '.join(wanted), ', '.join(found) or 'none'))


def contain(stage, figures):
    """Returns the incident."""
    chapter('Contain: one command')
    stage.operate('run', 'contain', '-l', 'role=edge', '--reason', COMPLAINT, '--dry-run')
    runs = stage.operate('run', 'contain', '-l', 'role=edge', '--reason', COMPLAINT, '--yes')
    figures['contained'] = succeeded(runs)
    count = len(mail_hosts(stage))
    require(figures['contained'] == (count, count), '%d of %d hosts were contained' %
            figures['contained'])
    incidents = stage.ask_json('incident', 'list').get('incidents', [])
    require(len(incidents) == 1, '%d incidents are open, not one' % len(incidents))
    return incidents[0]['incidentId']


def watch(stage, incident):
    chapter('Is it quiet now?')
    runs = stage.operate('run', 'op', 'queue.watch', '-l', 'role=edge', '--incident', incident,
                         '--yes')
    verdicts = {host: r.get('verdict') for host, r in results(runs, 'queueWatch')}
    require(len(verdicts) == len(mail_hosts(stage)) and
            set(verdicts.values()) == {'WATCH_VERDICT_QUIET'},
            'not every host is quiet: %s' % verdicts)


def analyse(stage, incident, figures):
    """Returns {host: {kind of name, such as accounts or senders: Counter of messages}}."""
    chapter('Who was it?')
    runs = stage.operate('quarantine', 'analyse', '--incident', incident, '--yes')
    pictures, figures['set aside'] = {}, 0
    for host, result in results(runs, 'quarantineAnalyse'):
        figures['set aside'] += int(result.get('matching', 0))
        kinds = pictures.setdefault(host, collections.defaultdict(collections.Counter))
        for kind, counts in result.get('picture', {}).items():
            for count in counts if isinstance(counts, list) else ():
                if count.get('value') and count.get('messages'):
                    kinds[kind][count['value']] += int(count['messages'])
    return pictures


def worst_account(pictures, figures):
    accounts = sum((kinds['accounts'] for kinds in pictures.values()), collections.Counter())
    require(accounts, 'the analysis names no account')
    account, count = accounts.most_common(1)[0]
    say('the account behind most of it is %s: %d of %d messages' % (
        account, count, figures['set aside']))
    require(account.startswith('alice'), 'the stolen account is alice, but %s was named' % account)
    return account


def shut_the_cause(stage, incident, account, hosts, relays):
    """Blocks the account on the Postfix hosts, which the arguments `hosts` choose; names the open
    `relays` as causes too. Returns the places of the settings changed."""
    chapter('Shut the cause')
    stage.operate('incident', 'cause', 'add', incident, 'account', account)
    for relay in relays:
        stage.operate('incident', 'cause', 'add', incident, 'open_relay', relay)
    runs = stage.operate('sender', 'block', '--account', account, *hosts, '--incident',
                         incident, '--reason', 'password was stolen', '--yes')
    count = len(stage.lab['hosts'])
    require(succeeded(runs) == (count, count), 'the account was blocked on %d of %d hosts' %
            succeeded(runs))
    for cause in stage.ask_json('incident', 'show', incident).get('causes', []):
        if not cause.get('resolved'):
            how = ('blocked on all hosts' if cause['kind'] == 'account'
                   else 'the relay is locked; the open setting will be kept as fix')
            stage.operate('incident', 'cause', 'resolve', incident, cause['causeId'], '--how', how)
    return {settings.place_of(host, setting) for host, result in results(runs, 'senderBlock')
            for setting in result.get('settings', [])}


def release(stage, incident, valid_ids, whose, figures, whole_incident=True):
    """`whose`: filters of one release each, which together are all the valid mail; with the quarantines before them
    where it is not all of the incident's."""
    chapter('Give the valid mail back')
    set_sink(stage.folder, 'accept')
    stage.wait(lambda: sink_counts(stage.folder)['mode'] == 'accept', 10, 'the sink to accept')
    released = 0
    for who in whose:
        chosen = ['--incident', incident, *who] if whole_incident else who
        stage.operate('quarantine', 'release', *chosen, '--dry-run')
        runs = stage.operate('quarantine', 'release', *chosen, '--reason', 'valid mail', '--yes')
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


def restore(stage, incident, reason, copies, blocked, figures, earlier=()):
    """Returns the places that were kept as fix, as of settings.place_of(). `earlier`: runs that restored some hosts before."""
    chapter('Put the settings back; the open relay stays shut')
    choice = ['--keep-open-relay-as-fix', reason]
    stage.operate('run', 'restore', '--incident', incident, *choice, '--dry-run')
    runs = stage.operate('run', 'restore', '--incident', incident, *choice, '--yes')
    kept = set()
    for host, result in results([*earlier, *runs], 'restore'):
        require(not result.get('needsDecision'), '%s still wants a decision' % host)
        for one in result.get('settings', []):
            if one.get('state') == 'STATE_KEPT_AS_FIX':
                kept.add(settings.place_of(host, one['setting']))
    figures['kept'] = len(kept - blocked)  # A block is a new setting, not an old one that was kept.
    unexplained, identical = settings.compare(stage.lab, copies, kept | blocked)
    say('%d of %d configuration files are the same to the last byte; the others differ only in what '
        'was kept as fix or blocks the account' % (identical, len(copies)) if not unexplained else
        'settings that differ: %s' % unexplained)
    require(not unexplained, 'a setting is not what it was before: %s' % (unexplained[:3],))
    require(kept, 'the open relay should have been kept as fix, but nothing was')
    return kept


def close(stage, incident, summary):
    """Returns the incident as it is then."""
    chapter('Close')
    stage.operate('incident', 'close', incident, '--summary', summary)
    stage.operate('audit', 'verify')
    closed = stage.ask_json('incident', 'show', incident)
    require(closed.get('state') == 'INCIDENT_STATE_CLOSED', 'the incident is not closed')
    require(closed.get('timeToContain'), 'the incident has no time to contain')
    return closed


def common_lines(figures):
    return [
        'contained: %d/%d hosts' % figures['contained'],
        'set aside: %d messages' % figures['set aside'],
        'released: %d, arrived: %d' % (figures['released'], figures['arrived']),
        'settings: restored byte for byte, %d kept as fix' % figures['kept'],
        'relay probe: %d open before, %d during, %d after' % (
            figures['open before'], figures['open during'], figures['open after']),
    ]


def time_line(closed):
    return 'time to contain: %.1f s' % float(closed['timeToContain'].rstrip('s'))


def write_reports(stage, incident, out, lines, name='report'):
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
        path = os.path.join(out, '%s.%s' % (name, form))
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        say('report: ' + path)


def run_act(options, play):
    """Plays `play(stage, options)`, which returns its figures as lines; gives the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stage = None
    try:
        stage = Stage(options.build, options.work)
        lines = play(stage, options)
    except Exception as problem:  # Whatever it is, the act failed and says why in one sentence.
        if stage and stage.lab:
            for name in sorted(os.listdir(stage.folder)):
                if name.endswith('.log'):
                    with open(os.path.join(stage.folder, name), encoding='utf-8', errors='replace') as file:
                        say('-- end of %s\n%s' % (name, ''.join(file.readlines()[-8:]).rstrip()))
        # Last, since a summary of many tests shows the last line.
        say('\ndemo: FAILED: %s: %s' % (type(problem).__name__, problem))
        return 1
    chapter('Done')
    for line in lines:
        say(line)
    return 0
