"""Act `escalation`: monitoring calls. Prometheus sees two queues flood, Alertmanager calls, a rule contains them; a person gives back.

  escalation.py --build FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]
"""
import os
import sys
import time

import settings
import steps
from monitoring import Monitoring
from stage import attack, require, say
from steps import chapter

OPEN_RELAY_REASON = 'mynetworks let the whole world relay'
FAST = 'heartbeat_seconds: 1\n'


def set_up(stage, options):
    chapter('The fleet: 3 mail hosts, a controller; Prometheus and Alertmanager watch it')
    stage.start_lab(3)
    stage.start_controller('alertmanager_poll: 1s\n')
    monitoring = Monitoring(stage)
    for host in stage.lab['hosts']:
        stage.enrol(host['name'], 'role=edge', 'site=lab', settings=FAST)
    stage.enrol('outside', 'role=vantage')
    steps.wait_online(stage, 4)
    chapter('Wiring: a token for each, rules, what may happen without a person')
    monitoring.prepare(options.spam // 6)
    for source in ('alertmanager', 'metrics'):
        stage.operate('escalation', 'source', 'add', source, '--kind', source,
                      '--token-file', monitoring.path(source + '.token'))
    rules = os.path.join(stage.folder, 'controller/escalation.yaml')
    stage.operate('escalation', 'rules', 'lint', rules)
    stage.operate('escalation', 'rules', 'reload')
    monitoring.start()
    stage.operate('notification', 'test')
    return monitoring


def flood(stage, options):
    chapter('The attack, on two of the three hosts')
    two = dict(stage.lab, hosts=stage.lab['hosts'][:2])
    done = attack(two, options.spam, options.valid)
    say('%d spam and %d valid messages were taken by mx1 and mx2 in %s s' % (done['spam'], done['valid'], done['seconds']))
    return set(done['valid_ids'])


def escalations(stage):
    return stage.ask_json('escalation', 'list', '--all').get('escalations', [])


def of_rule(stage):
    return [one for one in escalations(stage) if one.get('rule') == 'queue-flood']


def watch(stage, monitoring, figures):
    """Nobody types a command here. Returns the incident."""
    chapter('Nobody types anything now')
    start = time.monotonic()
    seen = {'silenced': False}

    def say_new(lines=set()):  # noqa: B006  (what was said already, for as long as the act lasts)
        for one in of_rule(stage):
            for entry in one.get('timeline', []):
                text = '%5.1f s  %s: %s' % (time.monotonic() - start, one['escalationId'][:8], entry['text'])
                key = one['escalationId'] + entry['text']
                if key not in lines:
                    lines.add(key)
                    say(text)

    def contained():
        say_new()
        active = [s for s in monitoring.silences() if s['status']['state'] == 'active']
        if active and not seen['silenced']:
            seen['silenced'] = True
            say('%5.1f s  Alertmanager has the silence %s: %s' % (time.monotonic() - start, active[0]['id'][:8], ', '.join(
                '%s%s%s' % (m['name'], '=~' if m['isRegex'] else '=', m['value']) for m in active[0]['matchers'])))
        hosts = {h['name'] for one in of_rule(stage) for h in one.get('hosts', [])}
        return {'mx1', 'mx2'} <= hosts and all(
            one['state'] == 'ESCALATION_STATE_RESOLVED' for one in of_rule(stage))

    stage.wait(contained, 180, 'both hosts to be contained and their alerts to resolve')
    say_new()
    figures['alone'] = time.monotonic() - start
    figures['escalations'] = len(of_rule(stage))
    require(seen['silenced'], 'Alertmanager never had a silence of ours')
    stage.wait(lambda: not [s for s in monitoring.silences() if s['status']['state'] == 'active'], 30,
               'the silence to be lifted')
    say('the silence is lifted; Alertmanager has %d alerts of ours' % len(
        [a for a in monitoring.alerts() if a['labels'].get('alertname') == 'LabQueueFlood']))
    incidents = stage.ask_json('incident', 'list').get('incidents', [])
    require(len(incidents) == 1, '%d incidents are open, not one' % len(incidents))
    for one in of_rule(stage):
        require(one['silence']['state'] == 'STATE_LIFTED', 'a silence is %s' % one['silence']['state'])
        require(one.get('requestedBy') == 'rule:queue-flood' and not one.get('approvedBy'), 'a person was needed')
    return incidents[0]['incidentId']


def told(stage, monitoring):
    chapter('What people were told')
    stage.wait(lambda: any(n['kind'] == 'resolved' for n in monitoring.notices()), 30, 'the notice of the end')
    stage.operate('notification', 'list')
    taken = monitoring.notices()
    kinds = [n['kind'] for n in taken]
    for kind in ('test', 'incident-opened', 'run-started', 'contained', 'resolved'):
        require(kind in kinds, 'nobody was told of %s: %s' % (kind, kinds))
    require(len({n['id'] for n in taken}) == len(taken), 'a notice came twice although it was taken')
    last = [n for n in taken if n['kind'] == 'resolved'][-1]
    say('the last one asks a person: %s' % last['next'])
    stage.operate('escalation', 'show', of_rule(stage)[0]['escalationId'])
    stage.operate('escalation', 'history', '--limit', '10')
    return len(taken)


def play(stage, options):
    figures = {}
    monitoring = set_up(stage, options)
    copies = settings.take_copies(stage.lab)
    figures['open before'] = len(steps.probe(stage))
    valid_ids = flood(stage, options)
    incident = watch(stage, monitoring, figures)
    stage.seen_runs.update(run for one in of_rule(stage) for run in one['runIds'])  # Nobody typed those.
    figures['open during'] = len(steps.probe(stage))
    figures['told'] = told(stage, monitoring)
    runs = [stage.ask_json('run', 'show', run) for one in of_rule(stage) for run in one['runIds']]
    contained = {h['name'] for r in runs for h in r['hosts'] if h['outcome'] == 'OUTCOME_SUCCEEDED'}
    figures['contained'] = (len(contained), 2)
    require(contained == {'mx1', 'mx2'}, 'contained were %s' % sorted(contained))

    chapter('The rest is a person\'s')
    account = steps.worst_account(steps.analyse(stage, incident, figures), figures)
    blocked = steps.shut_the_cause(stage, incident, account, ['-l', 'role=edge'], ['mx1'])
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    steps.release(stage, incident, valid_ids, [['--account', 'bob@lab.test'], trusted], figures)
    steps.restore(stage, incident, OPEN_RELAY_REASON, copies, blocked, figures)
    figures['open after'] = len(steps.probe(stage))
    closed = steps.close(stage, incident, 'stolen account and open relay')
    lines = steps.common_lines(figures) + [
        steps.time_line(closed),
        'without a person: %.0f s from the end of the attack to the resolved alert, %d escalation(s) in 1 incident' % (
            figures['alone'], figures['escalations']),
        'notices taken by the pager: %d' % figures['told'],
    ]
    steps.write_reports(stage, incident, options.out, lines, 'report-escalation')
    require(figures['open during'] == 0 and figures['open after'] == 0, 'a relay is open')
    return lines


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(6000, 60), play))
