"""Plans one attack over all hosts and runs its clients where they belong."""
import json
import os
import subprocess
import sys
import time

from .names import LabError
from .postfix import ACCOUNTS, DOMAIN

HERE = os.path.dirname(os.path.abspath(__file__))
SPAM_SESSIONS = 8   # a host
VALID_SESSIONS = 2  # a host and kind of client


def split(total, parts):
    """`total` as `parts` whole numbers that differ by at most one."""
    return [total // parts + (1 if n < total % parts else 0) for n in range(parts)]


def plan_attack(lab, spam, valid):
    """Returns {node: sessions}. Spam comes from outside through alice's account, and on the open
    relay without any; valid mail comes from bob outside and from the trusted clients inside."""
    names, hosts = lab['names'], lab['hosts']
    outside = 'outside' if lab['vantage'] else 'core'
    binds = names.outside_ips if lab['vantage'] else names.trusted_ips
    plans = {'core': [], outside: []}

    def add(node, bind, host, port, account, kind, messages, pause=0.0):
        if messages:
            plans[node].append({
                'host': host['name'], 'ip': host['ip'], 'port': port, 'bind': bind,
                'account': '%s@%s' % (account, DOMAIN) if account else None,
                'password': ACCOUNTS.get(account), 'kind': kind, 'messages': messages,
                'pause': pause})

    spam_parts, valid_parts = split(spam, len(hosts)), split(valid, len(hosts))
    for host, spam_here, valid_here in zip(hosts, spam_parts, valid_parts):
        for n, messages in enumerate(split(spam_here, SPAM_SESSIONS)):
            through_relay = 'open' in host['roles'] and n % 2 == 0
            add(outside, binds[n % len(binds)], host, 25 if through_relay or n % 2 else 587,
                None if through_relay else 'alice', 'spam', messages)
        from_bob, from_trusted = split(valid_here, 2)
        for messages in split(from_bob, VALID_SESSIONS):
            add(outside, binds[-1], host, 587, 'bob', 'valid', messages, 0.02)
        for n, messages in enumerate(split(from_trusted, VALID_SESSIONS)):
            port = 2526 if 'multi' in host['roles'] and n else 25
            add('core', names.trusted_ips[n], host, port, None, 'valid', messages, 0.02)
    return plans


def plan_relay(lab, host, spam, valid, senders):
    """The same through one open relay without accounts, from outside; the valid mail is that of `senders`."""
    binds = lab['names'].outside_ips
    plan = [{'host': host['name'], 'ip': host['ip'], 'port': 25, 'bind': binds[n % len(binds)], 'kind': 'spam',
             'messages': messages} for n, messages in enumerate(split(spam, SPAM_SESSIONS)) if messages]
    plan += [{'host': host['name'], 'ip': host['ip'], 'port': 25, 'bind': binds[-1], 'kind': 'valid', 'messages': messages,
              'sender': sender, 'pause': 0.02} for sender, messages in zip(senders, split(valid, len(senders))) if messages]
    return {'outside': plan}


def run_attack(lab, spam, valid):
    return run_plan(lab, plan_attack(lab, spam, valid), spam, valid)


def run_plan(lab, plan, spam, valid):
    """Runs the plan; returns the summed result. Raises when a single message was not taken."""
    start = time.monotonic()
    running = []
    for node, sessions in plan.items():
        process = subprocess.Popen(
            ['ip', 'netns', 'exec', lab['names'].netns(node), sys.executable,
             os.path.join(HERE, 'attack.py')],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(json.dumps(sessions))
        process.stdin.close()
        running.append(process)
    total = {'sent': {}, 'valid_ids': [], 'errors': []}
    for process in running:
        text = process.stdout.read()
        if process.wait() != 0:
            raise LabError('a client of the attack ended with %d' % process.returncode)
        part = json.loads(text)
        for key, count in part['sent'].items():
            total['sent'][key] = total['sent'].get(key, 0) + count
        total['valid_ids'] += part['valid_ids']
        total['errors'] += part['errors']
    total['seconds'] = round(time.monotonic() - start, 2)
    for kind, wanted in (('spam', spam), ('valid', valid)):
        total[kind] = sum(n for key, n in total['sent'].items() if key.endswith(' ' + kind))
        if total[kind] != wanted:
            raise LabError('only %d of %d %s messages were taken: %s' % (
                total[kind], wanted, kind, '; '.join(total['errors'][:3])))
    return total
