"""Act `windows`: a host with the SMTP service of Windows is one of the fleet, beside Postfix hosts.

  windows.py --build FOLDER --windows FOLDER --work FOLDER --out FOLDER [--spam N] [--valid N]

--build: the Linux programs; --windows: the Windows ones of deploy/windows/build --debug. The Windows host gets half as
much spam as the Postfix hosts together, and as much valid mail as both have.
"""
import json
import os
import sys

import settings
import steps
from stage import ROOT, attack, require, say, world
from steps import chapter

sys.path.insert(0, os.path.join(ROOT, 'tests/windows'))
from mqlab import campaign  # noqa: E402  (stage set the path)
from mqwine import scene, wine  # noqa: E402

OPEN_RELAY_REASON = 'its addresses let the whole world relay'
WIN_SENDERS = ('dave@lab.test', 'erin@lab.test')
VOLATILE = ('ServerState', 'ServerCommand')  # What a virtual server does, not how it is set.
WHAT_IT_IS = '''win1: the SMTP service there is a SIMULATION of ours (IIS 6.0 SMTP cannot be had here; its metabase is a file).
      The agent is the real Windows program, mailquench-agent.exe, a test build (the release knows no metabase in a
      file), run as a service under Wine %s. Nothing here is a proof for a real Windows.'''


class ControllerOfStage:
    """The stage's controller as mqwine.scene wants one."""

    def __init__(self, stage):
        core = stage.lab['names'].core_ip
        self.folder, self.cli = stage.folder, stage.ask
        self.address, self.enrolment_address = core + ':7443', core + ':7444'


class Windows:
    """The lab's win1: Wine, the simulated service and the agent as a service."""

    def __init__(self, stage, programs):
        self.lab_host = stage.lab['windows'][0]
        self.name = self.lab_host['name']
        self.stage, self.programs = stage, programs
        self.wine = wine.Wine(os.path.join(stage.folder, self.name), enter=world.enter(stage.lab, self.name))

    def start(self):
        self.wine.make({'MAILQUENCH_METABASE': r'C:\sim\metabase.json'})
        self.host = scene.WindowsHost(self.wine, self.programs, self.name)
        self.host.add_virtual_server(address=self.lab_host['ip'], port=25, domain='%s.lab.test' % self.name)
        names = self.stage.lab['names']
        self.host.install_sim(deliver_to='%s:%d' % (names.sink_ip, names.sink_port), deliver_every_ms=1000)
        self.wine.run('net', 'start', 'SMTPSVC')
        self.wine.wait_service('SMTPSVC', 'RUNNING')
        controller = ControllerOfStage(self.stage)
        self.host.configure('heartbeat_seconds: 2\n')
        self.host.enrol(controller, 'role=edge', 'site=lab')
        self.host.install_agent(controller)

    def metabase(self):
        """{(key, property): value as it stands in the file} but for what the service itself writes."""
        with open(os.path.join(self.host.sim_folder, 'metabase.json'), encoding='utf-8') as file:
            keys = json.load(file)['keys']
        return {(key, name): json.dumps(value, sort_keys=True) for key, values in keys.items()
                for name, value in values.items() if name not in VOLATILE}

    def files_queued(self):
        return len(self.host.files('Queue'))

    def tell_log(self):
        path = self.wine.drive('ProgramData', 'mailquench-agent', 'agent.log')
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as file:
                say('-- end of the log of %s\n%s' % (self.name, ''.join(file.readlines()[-15:]).rstrip()))


def wine_version(windows):
    return windows.wine.run('--version').stdout.strip().replace('wine-', '') or 'of unknown version'


def set_up(stage, windows):
    stage.start_controller('blacklists:\n  scheduled: false\n')  # The act fire has the lists.
    windows.start()
    for host in stage.lab['hosts']:
        stage.enrol(host['name'], 'role=edge', 'site=lab')
    stage.enrol('outside', 'role=vantage')
    steps.wait_online(stage, 4)
    shown = stage.ask_json('host', 'show', windows.name)
    require('smtpsvc' in json.dumps(shown), '%s should be a host of the SMTP service: %s' % (
        windows.name, json.dumps(shown)[:300]))


def be_attacked(stage, windows, options):
    """Returns the message ids of the valid mail, and how many messages there were."""
    chapter('The attack: a stolen account and two open relays; valid mail among it')
    done = attack(stage.lab, options.spam, options.valid)
    say('%d spam and %d valid messages were taken by the two Postfix hosts in %s s' % (
        done['spam'], done['valid'], done['seconds']))
    spam, valid = options.spam // 2, options.valid
    there = campaign.run_plan(stage.lab, campaign.plan_relay(stage.lab, windows.lab_host, spam, valid, WIN_SENDERS),
                              spam, valid)
    say('%d spam and %d valid messages were taken by %s over SMTP in %s s; %d files are in its Queue folder' % (
        there['spam'], there['valid'], windows.name, there['seconds'], windows.files_queued()))
    require(windows.files_queued() == spam + valid, 'the Queue folder of %s should hold %d files' % (
        windows.name, spam + valid))
    return set(done['valid_ids'] + there['valid_ids']), options.spam + options.valid + spam + valid


def name_senders(windows, pictures):
    """On the relay nobody logs in: its senders are what tells."""
    senders = pictures.get(windows.name, {}).get('senders')
    require(senders, 'the analysis names no sender on %s' % windows.name)
    say('on %s it was %s; valid mail among it is from %s' % (
        windows.name, ', '.join('%s (%d)' % one for one in senders.most_common(5)), ' and '.join(WIN_SENDERS)))
    require(senders.most_common(1)[0][0].endswith('@evil.test'), 'the spam of %s is from evil.test, but %s was named' % (
        windows.name, senders.most_common(1)))


def compare_metabase(windows, before, kept):
    """Every value but those kept as fix must be what it was; those must be another."""
    now = windows.metabase()
    allowed = {key.removeprefix('metabase:') for host, _, key in kept if host == windows.name}
    require(allowed, 'the open relay of %s should have been kept as fix, but nothing was' % windows.name)
    places = {place for place in before.keys() | now.keys() if before.get(place) != now.get(place)}
    differ = {'/'.join(place) for place in places}
    require(differ == allowed, 'of the metabase of %s %s differ, and %s were kept as fix' % (
        windows.name, sorted(differ), sorted(allowed)))
    say('%d values of the metabase of %s are the same to the last byte; kept as fix: %s' % (
        len(before.keys() - places), windows.name, ', '.join(sorted(allowed))))


def tell_the_story(stage, windows, options):
    figures = {}
    valid_ids, total = be_attacked(stage, windows, options)
    copies, metabase = settings.take_copies(stage.lab), windows.metabase()
    steps.survey(stage, ['mx1', windows.name], figures)
    incident = steps.contain(stage, figures)
    require(windows.files_queued() == 0, 'the Queue folder of %s is not empty' % windows.name)
    steps.watch(stage, incident)
    figures['open during'] = len(steps.probe(stage))
    pictures = steps.analyse(stage, incident, figures)
    name_senders(windows, pictures)
    account = steps.worst_account(pictures, figures)
    # The SMTP service knows no list of accounts; nobody logged in there.
    names = ','.join(host['name'] for host in stage.lab['hosts'])
    blocked = steps.shut_the_cause(stage, incident, account, ['--hosts', names], ['mx1', windows.name])
    trusted = [a for ip in stage.lab['names'].trusted_ips for a in ('--client', ip)]
    of_windows = [a for sender in WIN_SENDERS for a in ('--sender', sender)]
    steps.release(stage, incident, valid_ids, [['--account', 'bob@lab.test'], trusted, of_windows], figures)
    kept = steps.restore(stage, incident, OPEN_RELAY_REASON, copies, blocked, figures)
    compare_metabase(windows, metabase, kept)
    figures['open after'] = len(steps.probe(stage))
    closed = steps.close(stage, incident, 'stolen account and two open relays')
    lines = steps.common_lines(figures) + [
        steps.time_line(closed),
        '%s: a simulated SMTP service, the real agent as a test build, Wine %s' % (windows.name, wine_version(windows))]
    steps.write_reports(stage, incident, options.out, lines, 'report-windows')
    require(figures['set aside'] >= total, 'only %d of %d messages were set aside' % (figures['set aside'], total))
    require(figures['open during'] == 0 and figures['open after'] == 0, 'a relay is open')
    return lines


def play(stage, options):
    reason = wine.available()
    require(reason is None, reason)
    chapter('The fleet: 2 Postfix hosts, 1 Windows host, a vantage outside, a controller')
    stage.start_lab(2, windows=['win1'])
    windows = Windows(stage, options.windows)
    try:
        say(WHAT_IT_IS % wine_version(windows))
        set_up(stage, windows)
        return tell_the_story(stage, windows, options)
    except Exception:
        windows.tell_log()
        raise
    finally:
        windows.wine.end()


if __name__ == '__main__':
    sys.exit(steps.run_act(steps.parse(4000, 50, ('build', 'windows', 'work', 'out')), play))
