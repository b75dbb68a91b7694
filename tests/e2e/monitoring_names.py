#!/usr/bin/env python3
"""Reads what deploy/prometheus ships, for monitoring_files.sh. Exit 1 where something is amiss, with a line for each.

  expressions DASHBOARD.json      prints its expressions as a file of recording rules, Grafana's variables filled in
  metrics FILE...                 each metric they name is in the table of the documents (standard input) or recorded by a rule
  tested RULES.yml TESTS.yml      each alert is expected at least once
  described RULES.yml             each alert is in the table of the documents (standard input) with its severity and its time, and no other
  answered RULES.yml OWN.h DOCUMENT ESCALATION...
                                  each alert that the rules of a file match (of a document: its first example) is one of RULES.yml or of
                                  the own watch, with each label that they use and the values that they want
  commands PROGRAM FILE...        each `mailquench NOUN VERB` in them is a command of the program
"""
import json
import re
import subprocess
import sys
import textwrap

import yaml

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


def own_alerts(header, document):
    """{name: labels} of the own watch: names from its source, labels from the table of the documents. None: those of the host too."""
    with open(header, encoding='utf-8') as file:
        names = set(re.findall(r'constexpr char k\w+\[\] = "(Mailquench\w+)"', file.read()))
    with open(document, encoding='utf-8') as file:
        rows = re.findall(r'^\| `(Mailquench\w+)` \| [^|]+ \|([^|]*)\|$', file.read(), re.M)
    found = {}
    for name, others in rows:
        labels = {label: None for label in re.findall(r'`(\w+)`', others)}
        if 'no labels of the host' in others or 'incident_id' in labels:
            found[name] = dict(labels, alertname=name, severity=None, **({} if 'incident_id' in labels else {'host': None}))
        else:
            found[name] = None
    if set(found) != names or len(names) != 6:
        sys.exit('the own watch has %s, and the documents %s' % (sorted(names), sorted(found)))
    return found


def alerts_of(rules):
    """{name: {label: value, or None where it has many}} of a file of Prometheus' rules."""
    with open(rules, encoding='utf-8') as file:
        groups = yaml.safe_load(file)['groups']
    found = {}
    for rule in (rule for group in groups for rule in group['rules'] if 'alert' in rule):
        by = re.search(r'\bby \(([^)]*)\)', rule['expr'])
        labels = [one.strip() for one in by[1].split(',')] if by else ['host'] if 'mailquench_host_' in rule['expr'] else []
        found[rule['alert']] = dict({label: None for label in labels}, alertname=rule['alert'], **rule['labels'])
    return found


def rules_in(name):
    with open(name, encoding='utf-8') as file:
        text = file.read()
    if name.endswith('.md'):
        text = textwrap.dedent(re.search(r'^    rules:\n(?:    .*\n)+', text, re.M)[0])
    return yaml.safe_load(text)['rules']


def misses(rule, alert, labels):
    """What a rule wants of an alert that it has not."""
    matchers = [re.fullmatch(r'(\w+)\s*(=~|!=|!~|=)\s*"?(.*?)"?', one).groups() for one in rule['match']]
    used = {label for label, _, _ in matchers} | set(re.findall(r'\$\{(\w+)\}', json.dumps(rule)))
    used |= {rule['hosts']['label']} if 'label' in rule.get('hosts', {}) else set()
    bad = ["uses the label '%s', which %s has not" % (label, alert) for label in sorted(used - set(labels))]
    for label, how, value in matchers:
        have = labels.get(label)
        if have is not None and bool(re.fullmatch(value if '~' in how else re.escape(value), have)) == ('!' in how):
            bad.append('wants %s%s%s, and %s has %s' % (label, how, value, alert, have))
    return bad


def answered(rules, header, document, names):
    own, others = own_alerts(header, document), alerts_of(rules)
    bad = []
    for name in names:
        for rule in rules_in(name):
            wanted = re.search(r'\balertname=~?"([^"]*)"', ' '.join(rule['match']))
            for alert in wanted[1].split('|') if wanted else ['(any)']:
                # One of both may be of two sources, of which the rule means one. Each host has labels of its own.
                found = [known[alert] for known in (own, others) if alert in known]
                if not found:
                    bad.append("%s: rule %s wants an alert '%s', and there is none" % (name, rule['name'], alert))
                elif None not in found:
                    least = min((misses(rule, alert, labels) for labels in found), key=len)
                    bad += ['%s: rule %s %s' % (name, rule['name'], one) for one in least]
    for one in bad:
        print(one)
    return bad


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
    elif what == 'answered':
        sys.exit(bool(answered(*rest[:3], rest[3:])))
    elif what == 'commands':
        sys.exit(bool(commands(rest[0], rest[1:])))
    else:
        sys.exit(__doc__)
