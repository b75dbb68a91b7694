#!/usr/bin/env python3
"""Bad days of a host of the SMTP service, under Wine; the agent's work is asked for on the host itself."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from mqwine import days  # noqa: E402
from mqwine.days import day, require  # noqa: E402
from mqwine.play import Play, messages_below, parse, plant, relays  # noqa: E402


def bad_days(play):
    host = play.host

    def contain(accept=(0,), **fields):
        return play.host.do('contain', dict({'reason': 'a test'}, **fields))

    def reset(opened=True):
        """A stopped service with empty folders, settings as at first, a state folder of its own."""
        play.stop_smtp()
        shutil.rmtree(play.wine.drive('local'), ignore_errors=True)
        shutil.rmtree(play.wine.drive('mailroot'), ignore_errors=True)
        os.unlink(os.path.join(host.sim_folder, 'metabase.json'))
        play.target = host.add_virtual_server(port=int(play.target.rsplit(':', 1)[1]), opened=opened)
        play.deliver(False)

    @day('a slow stop is waited for and told')
    def _():
        reset()
        play.start_smtp()
        host.stops('slow 7')
        start = time.monotonic()
        done = play.wine.run(host.agent, 'do', 'contain', '--state-dir', 'C:\\local', '--json', '{"reason": "slow"}', timeout=180)
        require(done.returncode == 0, 'it ended with %d: %s' % (done.returncode, done.stderr[-300:]))
        require(time.monotonic() - start >= 7, 'it was not waited for')
        require('stop' in done.stderr and ' s' in done.stderr, 'nothing was told meanwhile: %s' % done.stderr[-300:])

    @day('a service that never ends: nothing is swept, a person is called')
    def _():
        reset()
        plant(host.folder('Queue'), 10)
        play.start_smtp()
        host.stops('never')
        try:
            done = play.wine.run(host.agent, 'do', 'contain', '--state-dir', 'C:\\local', '--json', '{"reason": "never"}', '--timeout', '8',
                                 timeout=180)
            report = json.loads(done.stdout)
            require(report['outcome'] in ('OUTCOME_TIMED_OUT', 'OUTCOME_FAILED'), 'it ended with %s' % report['outcome'])
            require(len(host.files('Queue')) == 10, 'the queue was touched')
            require(os.path.exists(play.wine.drive('local', 'alarm')), 'no alarm was raised')
        finally:
            # Wine's service manager sees the end of a process only when it is spoken to.
            play.wine.power_cut()

    @day('a service that comes back by itself is not swept under its feet')
    def _():
        reset()
        plant(host.folder('Queue'), 10)
        play.start_smtp()
        ended = threading.Event()

        def somebody():
            for _ in range(20):  # Not without a pause: Wine's service manager does not bear that.
                if ended.wait(0.7):
                    return
                play.wine.run('net', 'start', 'SMTPSVC')
        other = threading.Thread(target=somebody)
        other.start()
        try:
            code, report = contain()
        finally:
            ended.set()
            other.join()
        if code == 0:  # Sometimes the race is won: then everything must be as after any contain.
            require(not relays(play.target), 'succeeded, but the relay is open')
        else:
            require('SERVICE_CAME_BACK' in json.dumps(report), 'it says: %s' % json.dumps(report)[:400])
        require(messages_below(play.wine.drive('mailroot')) == 10, 'messages were lost or doubled')

    @day('Badmail holds 1,000,000 files: the contain does not wait for a count of them')
    def _():
        reset()
        folder = host.folder('Badmail')
        for number in range(1000000):
            os.close(os.open('%s/%x.BAD' % (folder, number), os.O_CREAT | os.O_WRONLY))
        plant(host.folder('Queue'), 10)
        start = time.monotonic()
        code, report = contain()
        took = time.monotonic() - start
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Badmail') == [] and host.files('Queue') == [], 'not all was set aside')
        swap = float(report['result']['contain']['quarantine'].get('swapTime', '0s').rstrip('s'))
        require(swap < 2, 'the swap alone took %.2f s' % swap)
        print('# contain of a stopped service with a Badmail of 1,000,000 files: %.1f s, swap %.1f ms' % (took, swap * 1000))
        shutil.rmtree(play.wine.drive('mailroot'))
        os.makedirs(play.wine.drive('mailroot'))

    @day('100,000 queued messages are set aside by one rename')
    def _():
        reset()
        plant(host.folder('Queue'), 100000)
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Queue') == [], 'not all was set aside')
        swap = float(report['result']['contain']['quarantine'].get('swapTime', '0s').rstrip('s'))
        print('# swap of 100,000 files under Wine: %.1f ms' % (swap * 1000))
        require(swap < 2, 'the swap took %.2f s' % swap)
        require(messages_below(play.wine.drive('mailroot')) == 100000, 'messages are missing')

    @day('a link in the queue that leads outside is not followed')
    def _():
        reset()
        outside = play.wine.drive('outside')
        os.makedirs(outside, exist_ok=True)
        plant(outside, 3, sender='outsider@else.test')
        plant(host.folder('Queue'), 5)
        os.symlink(outside, os.path.join(host.folder('Queue'), 'leads-out'))
        code, survey = host.do('queue.survey')
        require(code == 0 and 'outsider' not in json.dumps(survey), 'the survey followed it: %s' % json.dumps(survey)[:300])
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        quarantine = report['result']['contain']['quarantine']['quarantines'][0]['quarantineId']
        code, discarded = host.do('quarantine.discard', {'quarantineId': quarantine})
        require(messages_below(outside) == 3, 'what lies outside was touched')
        require(code == 0, 'the discard ended with %d: %s' % (code, json.dumps(discarded)[:400]))

    @day('a full volume: nothing is moved, and it says so')
    def _():
        reset()
        play.stop_smtp()
        root = play.wine.drive('mailroot')
        shutil.rmtree(root)
        os.makedirs(root)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'mailquench-test', root], check=True)
        try:
            os.unlink(os.path.join(host.sim_folder, 'metabase.json'))
            play.target = host.add_virtual_server(port=int(play.target.rsplit(':', 1)[1]))
            plant(host.folder('Queue'), 20)
            try:
                with open(os.path.join(root, 'filler'), 'wb') as file:
                    while True:
                        file.write(b'x' * 4096)
                        file.flush()
            except OSError:
                pass
            code, report = contain()
            require(code != 0, 'it says that it was done')
            require(len(host.files('Queue')) == 20, 'the queue was touched')
            require(messages_below(root) == 20, 'messages were lost')
            os.unlink(os.path.join(root, 'filler'))
            code, report = contain()
            require(code == 0, 'with room it still ends with %d: %s' % (code, json.dumps(report)[:300]))
            require(messages_below(root) == 20, 'messages were lost')
        finally:
            subprocess.run(['umount', '-l', root], check=False)

    @day('two virtual servers that share a folder are swept once')
    def _():
        reset()
        host.add_virtual_server(number='2')
        path = os.path.join(host.sim_folder, 'metabase.json')
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        for name in ('QueueDirectory', 'BadMailDirectory'):
            data['keys']['2'][name] = data['keys']['1'][name]
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(data, file)
        plant(host.folder('Queue'), 10)
        code, report = contain()
        require(code == 0, 'it ended with %d: %s' % (code, json.dumps(report)[:400]))
        require(host.files('Queue') == [], 'the queue is not empty')
        require(messages_below(play.wine.drive('mailroot')) == 10, 'messages were lost or doubled')

    @day('killed at each fault point of a contain, and asked again')
    def _():
        points = play.wine.must(host.agent, 'fault-points').split()
        require(len(points) > 20, 'there are only %d fault points' % len(points))
        hit = []
        for point in points:
            if not point.split('.')[0] in ('contain', 'smtpsvc', 'files', 'journal', 'quarantine', 'settings', 'service'):
                continue
            reset()
            plant(host.folder('Queue'), 7)
            play.start_smtp()
            code, _ = host.do('contain', {'reason': 'a test'}, command='c1', fault=point)
            if code == 0:
                continue  # It is not on this way.
            hit.append(point)
            code, report = host.do('contain', {'reason': 'a test'}, command='c1')
            require(code == 0, 'after %s it ended with %d: %s' % (point, code, json.dumps(report)[:400]))
            require(messages_below(play.wine.drive('mailroot')) == 7, 'after %s messages were lost or doubled' % point)
            require(host.files('Queue') == [], 'after %s the queue is not empty' % point)
            require(play.wine.service_state('SMTPSVC') == 'RUNNING', 'after %s the service does not run' % point)
            require(not relays(play.target), 'after %s the relay is open' % point)
        print('# killed at %d points: %s' % (len(hit), ' '.join(hit)))
        require(len(hit) >= 10, 'only %d points were on the way' % len(hit))


def main():
    play = Play(parse(__doc__))
    try:
        play.set_up()
        bad_days(play)
    finally:
        play.end()
    return 1 if days.failed else 0


if __name__ == '__main__':
    sys.exit(main())
