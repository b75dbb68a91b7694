"""Prometheus and Alertmanager in the lab, with the files that are shipped, made faster; and who takes notices."""
import hashlib
import hmac
import json
import os
import shutil
import urllib.request

from stage import ROOT, require

PROMETHEUS, ALERTMANAGER, HOOK = 9090, 9093, 9099

RULES = '''# What may follow an alert, in the lab. docs/escalation.md has every key.
rules:
  - name: queue-flood
    match: ['alertname="LabQueueFlood"']
    hosts: {label: host}
    action: start
    run: {playbook: contain}
    title: the queue of ${host} floods
    cooldown: 10m
    verify: 5m
  - name: lost-agent
    match: ['alertname="MailquenchAgentLost"']
    hosts: {label: host}
    action: record
budget: {runs: 4, hosts: 4, per: 1h}
keep_accepting: [{group: role, at_least: 1}]
approval: {expires: 30m, other_person: true}
alertmanagers:
  - {name: main, url: 'http://%(core)s:9093', sources: [alertmanager], resolved_after: 15s}
notifications:
  channels:
    - {name: pager, webhook: {url: 'http://%(core)s:9099/', secret_file: %(secret)s}}
  first_retry: 1s
'''

ALERTS = '''groups:
  - name: lab
    interval: 1s
    rules:
      - alert: LabQueueFlood
        expr: mailquench_host_queue_messages > %(above)d
        for: 2s
        labels: {severity: critical}
        annotations: {summary: 'the queue of {{ $labels.host }} has {{ $value }} messages'}
'''

PROMETHEUS_YML = '''global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [lab.rules.yml, mailquench.rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['%(core)s:9093']}]}]}
scrape_configs:
  - job_name: mailquench
    scheme: https
    authorization: {credentials_file: metrics.token}
    tls_config: {ca_file: ca.pem}
    static_configs: [{targets: ['%(core)s:7445']}]
'''

ALERTMANAGER_YML = '''route:
  receiver: mailquench
  group_by: [alertname]
  group_wait: 2s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: mailquench
    webhook_configs:
      - url: https://%(core)s:7445/v1/alerts
        send_resolved: true
        http_config:
          authorization: {credentials_file: %(folder)s/alertmanager.token}
          tls_config: {ca_file: %(folder)s/ca.pem}
'''


class Monitoring:
    def __init__(self, stage):
        self.stage = stage
        self.core = stage.lab['names'].core_ip
        self.folder = os.path.join(stage.folder, 'monitoring')
        os.makedirs(self.folder)
        self.secret = os.urandom(16).hex()
        self.write('hook.secret', self.secret)
        self.values = {'core': self.core, 'folder': self.folder, 'secret': self.path('hook.secret')}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(self.path(name), 0o600)

    def prepare(self, above):
        """Writes the rules of the controller, and all that Prometheus and Alertmanager read."""
        with open(os.path.join(self.stage.folder, 'controller/escalation.yaml'), 'w', encoding='utf-8') as file:
            file.write(RULES % self.values)
        shutil.copy(os.path.join(self.stage.folder, 'controller/ca.pem'), self.path('ca.pem'))
        shutil.copy(os.path.join(ROOT, 'deploy/prometheus/mailquench.rules.yml'), self.folder)
        self.write('lab.rules.yml', ALERTS % {'above': above})
        self.write('prometheus.yml', PROMETHEUS_YML % self.values)
        self.write('alertmanager.yml', ALERTMANAGER_YML % self.values)

    def start(self):
        stage = self.stage
        stage.run_on('core', 'promtool', 'check', 'config', self.path('prometheus.yml'))
        stage.run_on('core', 'amtool', 'check-config', self.path('alertmanager.yml'))
        stage.start_on('core', 'hook.log', 'python3', os.path.join(ROOT, 'tests/lab/mqlab/hook.py'), self.core, str(HOOK),
                       self.path('hook'))
        stage.start_on('core', 'alertmanager.log', 'prometheus-alertmanager', '--config.file=' + self.path('alertmanager.yml'),
                       '--storage.path=' + self.path('alertmanager'), '--web.listen-address=%s:%d' % (self.core, ALERTMANAGER),
                       '--cluster.listen-address=')
        stage.start_on('core', 'prometheus.log', 'prometheus', '--config.file=' + self.path('prometheus.yml'), '--rules.alert.resend-delay=3s',
                       '--storage.tsdb.path=' + self.path('tsdb'), '--web.listen-address=%s:%d' % (self.core, PROMETHEUS))
        stage.wait(lambda: self.get(PROMETHEUS, '/-/ready') is not None, 60, 'Prometheus to be ready')
        stage.wait(lambda: self.get(ALERTMANAGER, '/-/ready') is not None, 60, 'Alertmanager to be ready')
        stage.wait(lambda: self.query('up{job="mailquench"}') == 1, 60, 'Prometheus to read /metrics')

    def get(self, port, path):
        """The body, or None."""
        try:
            return self.stage.run_on('core', 'curl', '-sf', '-m', '5', 'http://%s:%d%s' % (self.core, port, path))
        except Exception:  # Not there yet.
            return None

    def query(self, expression):
        text = self.get(PROMETHEUS, '/api/v1/query?query=' + urllib.request.quote(expression))
        results = json.loads(text)['data']['result'] if text else []
        return float(results[0]['value'][1]) if results else None

    def silences(self):
        return json.loads(self.get(ALERTMANAGER, '/api/v2/silences') or '[]')

    def alerts(self):
        return json.loads(self.get(ALERTMANAGER, '/api/v2/alerts') or '[]')

    def notices(self):
        """Those that the hook took, each with a signature that is right."""
        taken = []
        if not os.path.exists(self.path('hook/notices.jsonl')):
            return taken
        with open(self.path('hook/notices.jsonl'), encoding='utf-8') as file:
            for line in file:
                one = json.loads(line)
                mac = hmac.new(self.secret.encode(), (one['timestamp'] + '.' + one['body']).encode(), hashlib.sha256)
                require(one['signature'] == 'v1=' + mac.hexdigest(), 'a notice has a signature that is wrong')
                taken.append(json.loads(one['body']))
        return taken
