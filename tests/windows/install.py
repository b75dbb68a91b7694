#!/usr/bin/env python3
"""deploy/windows/{install,upgrade,uninstall}.cmd under Wine's cmd, with a real controller.

  install.py --build FOLDER --windows FOLDER --work FOLDER

--build: the Linux build; --windows: the Windows one. What Wine cannot show: rights (its icacls.exe does nothing) and
a Windows that refuses.
"""
import argparse
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from mqwine import days, scene, wine  # noqa: E402
from mqwine.days import day, require  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..'))
PATH_OF_LINK = b'/mailquench.v1.AgentLink/'
HOST = 'win1'


def parse():
    parser = argparse.ArgumentParser()
    for name in ('build', 'windows', 'work'):
        parser.add_argument('--' + name, required=True)
    return parser.parse_args()


def content(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


class Play:
    """A package as administrators get it: the scripts and the program in one folder, whose name has what names have."""

    def __init__(self, options):
        self.controller = scene.Controller(options.build, options.work)
        self.wine = wine.Wine(options.work)
        self.windows = options.windows
        self.program = content(scene.find(options.windows, 'mailquench-agent.exe'))

    def set_up(self):
        self.controller.start()
        self.wine.make({'MAILQUENCH_METABASE': r'C:\sim\metabase.json'})
        self.install_sim()
        self.package = self.wine.drive('R&D (new)')
        os.makedirs(self.package)
        for name in ('install.cmd', 'upgrade.cmd', 'uninstall.cmd'):
            shutil.copy(os.path.join(ROOT, 'deploy', 'windows', name), self.package)
        self.put('mailquench-agent.exe', self.program)
        self.folder = self.wine.drive('Program Files', 'Mailquench')
        self.state = self.wine.drive('ProgramData', 'mailquench-agent')
        self.installed = os.path.join(self.folder, 'mailquench-agent.exe')

    def install_sim(self):
        """A server whose settings a lock changes, and a restore puts back without asking."""
        os.makedirs(self.wine.drive('sim'))
        shutil.copy(scene.find(self.windows, 'smtpsvc_sim.exe'), self.wine.drive('sim'))
        write(self.wine.drive('sim', 'simulation.json'), b'{}')
        sim = 'C:\\sim\\smtpsvc_sim.exe'
        self.wine.must(sim, 'prepare', 'C:\\sim', 'C:\\mailroot\\vsi 1', '127.0.0.1', str(scene.free_port()), 'win1.lab.test',
                       'local.test', '1', 'shut')
        self.wine.must(sim, 'install', 'C:\\sim')
        self.wine.must('net', 'start', 'SMTPSVC')

    def do(self, operation, arguments='{}'):
        self.wine.must(self.wine.path(self.installed), 'do', operation, '--json', arguments)

    def put(self, name, data):
        """Into the package. Its name for Windows."""
        write(os.path.join(self.package, name), data)
        return self.wine.path(os.path.join(self.package, name))

    def script(self, name, *words, timeout=180):
        # From a file, as an administrator would type it: "cmd /c" has rules of its own for quotes.
        line = ' '.join('"%s"' % word for word in (self.wine.path(os.path.join(self.package, name + '.cmd')),) + words)
        write(self.wine.drive('typed.cmd'), ('@%s\r\n' % line).encode())
        done = self.wine.run('cmd', '/c', 'C:\\typed.cmd', timeout=timeout)
        done.both = done.stdout + done.stderr
        return done

    def install(self, *words, to=None):
        return self.script('install', to or '127.0.0.1', *words, '/port:%d' % self.controller.port,
                           '/enrol-port:%d' % self.controller.enrolment_port, '/within:30')

    def token(self, text=None):
        return self.put('token one.txt', (text or self.controller.cli('token', 'create')).encode())

    def has_token(self):
        return os.path.exists(os.path.join(self.package, 'token one.txt'))

    def identity(self):
        return content(os.path.join(self.state, 'identity.yaml'))

    def state_of_service(self):
        return self.wine.service_state(scene.SERVICE)

    def online(self):
        """Of that name there may also be one that was evicted."""
        return any(host['name'] == HOST and host.get('online') for host in self.controller.ask('host', 'list').get('hosts', []))

    def wait_online(self, wanted=True):
        scene.wait_for(lambda: self.online() == wanted, 40, 'the host to be %s' % ('online' if wanted else 'offline'))


def expect(done, code, *texts):
    require(done.returncode == code, 'it ended with %d, not %d: %s' % (done.returncode, code, done.both[-400:]))
    for text in texts:
        require(text in done.both, 'it does not say "%s": %s' % (text, done.both[-400:]))


def nothing_there(play):
    require(play.state_of_service() is None, 'there is a service')
    require(not os.path.exists(play.folder), 'there is %s' % os.listdir(play.folder) if os.path.exists(play.folder) else '')


def first_days(play):
    @day('the scripts have the line ends that cmd.exe wants, and ASCII alone')
    def _():
        for name in ('install', 'upgrade', 'uninstall'):
            text = content(os.path.join(play.package, name + '.cmd'))
            require(text.count(b'\n') == text.count(b'\r\n') and text.isascii(), name + '.cmd has not')

    @day('usage on /? and on wrong words; nothing is changed')
    def _():
        for name, words in (('install', ()), ('install', ('/nonsense',)), ('install', ('a', 'b', 'c', 'd')), ('install', ('a', '/port:x')),
                            ('install', ('a', '/within:08')), ('install', ('a', '/within:100000')),
                            ('upgrade', ('a', 'b')), ('upgrade', ('/within:1x',)), ('uninstall', ('/everything',))):
            expect(play.script(name, *words), 1, name + '.cmd ')
        for name in ('install', 'upgrade', 'uninstall'):
            expect(play.script(name, '/?'), 0, 'Ends with 0')
        expect(play.script('upgrade'), 1, 'there is no service')
        expect(play.script('uninstall'), 0, 'it is not installed')
        nothing_there(play)

    @day('no token, a wrong one, a program that does not run: said, and nothing is installed')
    def _():
        expect(play.install(), 1, 'a token file is needed')
        expect(play.install('C:\\no such'), 1, 'is not there')
        nothing_there(play)
        token = play.token('mq1.wrong')
        expect(play.install(token, HOST), 1, 'was not enrolled', 'nothing is installed')
        right = play.controller.cli('token', 'create').strip()
        token = play.token(right[:-4] + ('AAAA' if right[-4:] != 'AAAA' else 'BBBB'))
        expect(play.install(token, HOST), 1, 'was not enrolled', 'nothing is installed')
        require(play.has_token(), 'the token file is gone')
        nothing_there(play)
        play.put('mailquench-agent.exe', play.program[:4096])
        expect(play.install(token, HOST), 1, 'does not run on this Windows')
        nothing_there(play)
        play.put('mailquench-agent.exe', play.program)

    @day('installed from a fresh folder: ends with 0 when the host is online, and the token is gone')
    def _():
        expect(play.install(play.token(), HOST), 0, 'reached its controller')
        play.wait_online()
        require(not play.has_token(), 'the token file is still there')
        require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        require(os.listdir(play.folder) == ['mailquench-agent.exe'], 'beside the program there is %s' % os.listdir(play.folder))

    @day('a second run changes nothing and says so; one for another controller is refused')
    def _():
        before, pids = play.identity(), play.wine.pids('mailquench-agent')
        expect(play.install(play.token(), HOST), 0, 'nothing was changed', 'was left')
        require(play.has_token(), 'a token that was not used is gone')
        expect(play.install(to='elsewhere.test'), 1, 'for another controller')
        require(play.identity() == before and play.wine.pids('mailquench-agent') == pids, 'it was changed')


def upgrades(play):
    newer = play.program + b'newer'

    @day('an upgrade to another program')
    def _():
        expect(play.script('upgrade', play.put('newer.exe', newer), '/within:30'), 0, 'reached the controller')
        require(content(play.installed) == newer, 'the new program is not in place')
        require(content(play.installed + '.previous') == play.program, 'the program before was not kept')
        play.wait_online()

    @day('a file that is no agent is refused; nothing is changed')
    def _():
        pids = play.wine.pids('mailquench-agent')
        expect(play.script('upgrade', 'C:\\windows\\system32\\whoami.exe', '/within:5'), 1, 'nothing was changed')
        expect(play.script('upgrade', 'C:\\no such.exe'), 1, 'is not there')
        require(content(play.installed) == newer and play.wine.pids('mailquench-agent') == pids, 'it was changed')

    @day('a version that does not reach the controller: the old one is back, and the host online')
    def _():
        require(play.program.count(PATH_OF_LINK) > 0, 'the program does not name its link; the test is too old')
        mute = play.put('mute.exe', play.program.replace(PATH_OF_LINK, PATH_OF_LINK.replace(b'Link', b'Lin_')))
        expect(play.script('upgrade', mute, '/within:6'), 2, 'one before is back')
        require(content(play.installed) == newer, 'the old program is not back')
        require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        play.wait_online()

    @day('an upgrade while the controller cannot be reached: the old program is back and runs')
    def _():
        play.controller.end()
        try:
            expect(play.script('upgrade', '/within:5'), 2, 'one before is back')
            require(content(play.installed) == newer, 'the old program is not back')
            require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        finally:
            play.controller.start()
        play.wait_online()


def last_days(play):
    @day('uninstalled: program and service are gone, identity and journal stay')
    def _():
        play.kept = play.identity()
        write(os.path.join(play.state, 'upgrade'), b'forward\n')
        expect(play.script('uninstall'), 0, 'was kept')
        nothing_there(play)
        require(play.identity() == play.kept and os.path.exists(os.path.join(play.state, 'journal.db')), 'the state is not whole')
        require(not os.path.exists(os.path.join(play.state, 'upgrade')), 'the next upgrade would be misled')
        play.wait_online(False)

    @day('installed again: the same identity, and no token is needed; what was broken off is completed')
    def _():
        os.makedirs(play.folder)
        write(play.installed, b'half')
        write(play.installed + '.copying', b'half')
        expect(play.install(), 0, 'reached its controller')
        require(play.identity() == play.kept and content(play.installed) == play.program, 'it is another one')
        play.wait_online()
        play.wine.must(play.wine.path(play.installed), 'service', 'stop')
        expect(play.install(), 0, 'reached its controller')
        play.wait_online()

    @day('/again: a host that was evicted gets a new identity with a new token, and not with a wrong one')
    def _():
        play.controller.cli('host', 'evict', HOST, '--yes')
        expect(play.install(play.token('mq1.wrong'), HOST, '/again'), 1, 'was not enrolled', 'left as it was')
        require(play.identity() == play.kept and play.state_of_service() == 'RUNNING', 'it was changed')
        expect(play.install(play.token(), HOST, '/again'), 0, 'reached its controller')
        require(play.identity() != play.kept, 'it is the old identity')
        play.wait_online()

    @day('an uninstall is refused while Exchange is held, also without a journal, and loses no note of it')
    def _():
        # As after a crash between the agent's stop of Exchange and its start.
        note, journal = (os.path.join(play.state, name) for name in ('exchange-recovery', 'journal.db'))
        write(note, b'{}')
        expect(play.script('uninstall'), 1, 'Managed Availability', 'nothing was changed')
        require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        play.wine.must(play.wine.path(play.installed), 'service', 'stop')
        os.rename(journal, journal + '.lost')
        expect(play.script('uninstall', '/purge'), 1, 'Managed Availability', 'nothing was changed')
        require(content(note) == b'{}' and play.state_of_service() is not None, 'it was changed')
        os.rename(journal + '.lost', journal)
        os.remove(note)
        write(os.path.join(play.state, 'exchange-isolation'), b'{}')
        expect(play.script('uninstall'), 1, 'cut off', 'nothing was changed')
        os.remove(os.path.join(play.state, 'exchange-isolation'))
        expect(play.install(), 0, 'reached its controller')

    @day('an uninstall is refused while a lock stands, and done once it was put back')
    def _():
        play.do('contain', '{"reason": "a test"}')
        expect(play.script('uninstall'), 1, 'changed: ', 'by contain', 'nothing was changed')
        require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        play.do('restore')
        expect(play.script('uninstall'), 0, 'was kept')
        nothing_there(play)

    @day('an uninstall is refused under a lease; /force goes on, and /purge leaves nothing')
    def _():
        expect(play.install(), 0, 'reached its controller')
        play.do('service.stop')
        expect(play.script('uninstall', '/purge'), 1, 'under a lease', 'nothing was changed')
        require(play.state_of_service() == 'RUNNING', 'the service is %s' % play.state_of_service())
        expect(play.script('uninstall', '/purge', '/force'), 0, 'are gone')
        nothing_there(play)
        require(not os.path.exists(play.state), 'there is still %s' % play.state)
        expect(play.script('uninstall', '/purge'), 0, 'it is not installed')


def main():
    options = parse()
    play = None
    try:
        play = Play(options)
        play.set_up()
        first_days(play)
        upgrades(play)
        last_days(play)
    finally:
        if play is not None:
            play.wine.end()
            play.controller.end()
    return 1 if days.failed else 0


if __name__ == '__main__':
    sys.exit(main())
