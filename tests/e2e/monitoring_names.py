#!/usr/bin/env python3
"""Reads what deploy/prometheus ships, for monitoring_files.sh. Exit 1 where something is amiss, with a line for each.

  expressions DASHBOARD.json      prints its expressions as a file of recording rules, Grafana's variables filled in
  metrics FILE...                 each metric they name is in the table of the documents (standard input) or recorded by a rule
  tested RULES.yml TESTS.yml      each alert is expected at least once
  described RULES.yml             each alert is in the table of the documents (standard input) with its severity and its time, and no other
  commands PROGRAM FILE...        each `mailquench NOUN VERB` in them is a command of the program
"""
import json
import re
import subprocess
import sys

METRIC = re.compile(r'\b((?:mailquench|process)_[a-z0-9_]+|[a-z_]+:mailquench_[a-z0-9_]+:[a-z0-9_]+)\b(?!\s*=)')
ROW = re.compile(r'^\| `((?:mailquench|process)_[a-z0-9_]+)` \| (\w+) \|', re.M)
COMMAND = re.compile(r'mailquench((?: [a-z]+)+)')


def expressions(name):
    with open(name, encoding='utf-8') as file:
        panels = json.load(file)['panels']
    print('groups:\n- name: dashboard\n  rules:')
    number = 0
    for panel in panels:
        if panel.get('type') != 'row' and not panel['targets']:
            sys.exit("the panel '%s' shows nothing" % panel['title'])
        for target in panel.get('targets', []):
            expr = target['expr'].replace('$__rate_interval', '5m').replace('$host', '.*')
            number += 1
            print('  - record: panel_%d\n    expr: %s' % (number, json.dumps(expr)))


def read(name):
    """The expressions and records of a file, without comments and without what is told to people."""
    with open(name, encoding='utf-8') as file:
        text = file.read()
    if name.endswith('.json'):
        found = []
        for panel in json.loads(text)['panels']:
            found += [target['expr'] for target in panel.get('targets', [])]
        found += re.findall(r'"definition": "([^"]*)"', text)
        return '\n'.join(found)
    keep = [line for line in text.split('\n') if not re.match(r'\s*(#|summary:|next:|- (name|alert):)', line)]
    return '\n'.join(keep)


def metrics(names):
    table = dict(ROW.findall(sys.stdin.read()))
    if len(table) < 30:
        sys.exit('only %d rows of metrics in the documents' % len(table))
    known = set(table)
    for name, kind in table.items():
        if kind == 'histogram':
            known.update(name + end for end in ('_bucket', '_sum', '_count'))
    texts = [read(name) for name in names]
    known.update(re.findall(r'record: (\S+)', '\n'.join(texts)))
    bad = sorted({one for text in texts for one in METRIC.findall(text)} - known)
    for one in bad:
        print("no metric is called '%s'" % one)
    return bad


def tested(rules, tests):
    with open(rules, encoding='utf-8') as file:
        alerts = re.findall(r'- alert: (\w+)', file.read())
    with open(tests, encoding='utf-8') as file:
        expected = re.findall(r'alertname: (\w+)\n\s+exp_alerts:', file.read())
    bad = sorted(set(alerts) ^ set(expected))
    for one in bad:
        print("'%s' is an alert or is tested, and not both" % one)
    return bad or not alerts


def described(rules):
    with open(rules, encoding='utf-8') as file:
        text = file.read()
    alerts = set()
    for block in re.split(r'\n      - ', text):
        name = re.match(r'alert: (\w+)', block)
        if name:
            wait = re.search(r'for: (\d+)([mh])', block)
            alerts.add((name[1], re.search(r'severity: (\w+)', block)[1],
                        '%s %s' % (wait[1], {'m': 'min', 'h': 'h'}[wait[2]]) if wait else 'at once'))
    table = set(re.findall(r'^\| `(Mail\w+)` \| (\w+) \| ([^|]+?) \|', sys.stdin.read(), re.M))
    for one in sorted(alerts ^ table):
        print('%s (%s, %s) is in %s alone' % (*one, 'the rules' if one in alerts else 'the documents'))
    return alerts != table or not alerts


def commands(program, names):
    """A word that follows a command and is none is the sentence going on."""
    bad, seen = [], set()
    for name in names:
        with open(name, encoding='utf-8') as file:
            for words in COMMAND.findall(file.read()):
                seen.add(tuple(words.split()[:2]))
    for words in sorted(seen):
        said = subprocess.run([program, *words, '--help'], capture_output=True, text=True, check=False)
        if len(words) < 2 or said.returncode != 0:
            print("'mailquench %s' is no command" % ' '.join(words))
            bad.append(words)
    return bad or not seen


if __name__ == '__main__':
    what, rest = sys.argv[1], sys.argv[2:]
    if what == 'expressions':
        expressions(rest[0])
    elif what == 'metrics':
        sys.exit(bool(metrics(rest)))
    elif what == 'tested':
        sys.exit(bool(tested(*rest)))
    elif what == 'described':
        sys.exit(bool(described(*rest)))
    elif what == 'commands':
        sys.exit(bool(commands(rest[0], rest[1:])))
    else:
        sys.exit(__doc__)
