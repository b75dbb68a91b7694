"""Process 1 of one lab host: makes /etc, /var, /run and /proc its own, then reaps orphans.

Runs after unshare of mount, uts, pid and ipc: pid1.py HOSTFOLDER HOSTNAME READYFILE
"""
import os
import signal
import subprocess
import sys


def main():
    folder, hostname, ready = sys.argv[1:4]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for command in (['mount', '--make-rprivate', '/'],
                    ['mount', '--bind', folder + '/etc', '/etc'],
                    ['mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/run'],
                    ['mount', '--bind', folder + '/var', '/var'],
                    ['mount', '-t', 'proc', 'proc', '/proc'],
                    ['hostname', hostname]):
        subprocess.run(command, check=True)
    os.mkdir('/run/lock')
    handle = os.open(ready, os.O_CREAT | os.O_WRONLY, 0o644)
    os.close(handle)
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, 1.0)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


main()
