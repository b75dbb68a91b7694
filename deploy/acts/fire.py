"""Act `fire`: three hosts send spam; the operator puts the fire out and gives everything back.

  fire.py --build FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]
"""
import sys

import blacklists
import settings
import steps
from stage import attack, require, say
from steps import chapter

OPEN_RELAY_REASON = 'mynetworks let the whole world relay'


def set_up(stage, options):
    chapter('The fleet: 3 mail hosts, a vantage outside, a controller')
    stage.start_lab(3)
    served, lines = blacklists.prepare(stage)
    stage.start_controller(lines)
    for host in stage.lab['hosts']:
        stage.enrol(host['name'], 'role=edge', 'site=lab', settings=blacklists.agent_settings(stage))
    stage.enrol('outside', 'role=vantage')
    steps.wait_online(stage, 4)
    chapter('The attack: a stolen account and an open relay; valid mail among it')
    done = attack(stage.lab, options.spam, options.valid)
    say('%d spam and %d valid messages were taken by the three hosts in %s s' % (
        done['spam'], done['valid'], done['seconds']))
    return set(done['valid_ids']), served


def play(stage, options):
    figures = {}
    valid_ids, served = set_up(stage, options)
    chapter('Where are we listed?')
    blacklists.find(stage, served, figures)
    copies = settings.take_copies(stage.lab)
    steps.survey(stage, ['mx1'], figures)
    incident = steps.contain(stage, figures)
    steps.watch(stage, incident)
    account = steps.worst_account(steps.analyse(stage, incident, figures), figures)
    figures['open during'] = len(steps.probe(stage))
    blocked = steps.shut_the_cause(stage, incident, account, ['-l', 'role=edge'], ['mx1'])
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    steps.release(stage, incident, valid_ids, [['--account', 'bob@lab.test'], trusted], figures)
    steps.restore(stage, incident, OPEN_RELAY_REASON, copies, blocked, figures)
    figures['open after'] = len(steps.probe(stage))
    chapter('Off the lists')
    blacklists.leave(stage, served, incident, figures)
    closed = steps.close(stage, incident, 'stolen account and open relay')
    lines = steps.common_lines(figures) + [
        'blacklists: listed on %d, 1 sick list left out, cleared %.0f s after the requests' % (
            figures['listed'], figures['cleared']),
        steps.time_line(closed),
    ]
    steps.write_reports(stage, incident, options.out, lines)
    require(figures['set aside'] >= options.spam + options.valid,
            'only %d messages were set aside' % figures['set aside'])
    require(figures['open during'] == 0 and figures['open after'] == 0, 'a relay is open')
    return lines


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(20000, 200), play))
