"""Bench `agent-size`: the memory of a real agent, idle and after it surveyed and set aside a large queue."""
import contextlib
import sys
import time

from benchlib import note, report, require
from labhost import NAME, lab_host

BAR = 25 * 1024
ENROLLED = '/var/lib/mailquench/agent'


def pid_of_agent(host):
    pids = host.run('sh', '-c', 'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null | '
                    'grep -q "[m]ailquench-agent run --state-dir %s" && basename $p; done; true' % ENROLLED).split()
    require(len(pids) == 1, '%d agents run where one should' % len(pids))
    return pids[0]


def memory(host, pid, kind):
    """KB: VmRSS now, VmHWM the most it ever was."""
    for line in host.run('cat', '/proc/%s/status' % pid).splitlines():
        if line.startswith(kind + ':'):
            return int(line.split()[1])
    raise AssertionError('no ' + kind)


def size(name, kilobytes):
    report('agent-size, ' + name, kilobytes / 1024, 'MB', bar='<= 25 MB', holds=kilobytes <= BAR)


def run(work, full):
    count = 1000000 if full else 100000
    with lab_host(work) as host:
        stage = host.stage
        with contextlib.redirect_stdout(sys.stderr):
            stage.start_controller()
            stage.enrol(NAME, 'role=edge')
        stage.wait(lambda: any(h.get('online') for h in stage.ask_json('host', 'list').get('hosts', [])), 30, 'the agent')
        time.sleep(5)
        pid = pid_of_agent(host)
        note('agent-size: idle: %d KB own memory, %d KB mapped files' % (memory(host, pid, 'RssAnon'), memory(host, pid, 'RssFile')))
        size('`run`, idle and connected', memory(host, pid, 'VmRSS'))
        host.fill(count)
        note('agent-size: %d files are there' % count)
        result, _, peak = host.do('queue.survey')
        seen = sum(int(q.get('messages', 0)) for i in result['instances'] for q in i.get('queues', []))
        require(seen == count, 'the survey saw %d of %d messages' % (seen, count))
        size('`do queue.survey` of %d files, peak' % count, peak)
        _, _, peak = host.do('contain', {'reason': 'bench'})
        size('`do contain` of %d files, peak' % count, peak)
        host.give_back(count)
        for operation in ('queue.survey', 'contain'):
            stage.ask('run', 'op', operation, '--hosts', NAME, '--yes')
            note('agent-size: %s through the controller is done' % operation)
        note('agent-size: of the running agent %d KB are its own memory, %d KB are mapped files (programs and libraries)' % (
            memory(host, pid, 'RssAnon'), memory(host, pid, 'RssFile')))
        size('`run`, after survey and contain of %d files' % count, memory(host, pid, 'VmRSS'))
        size('`run`, its peak with %d files' % count, memory(host, pid, 'VmHWM'))
