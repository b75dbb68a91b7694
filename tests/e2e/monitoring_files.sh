#!/bin/bash
# What deploy/prometheus ships, taken by the real promtool and amtool: configurations, rules and their unit tests, the
# dashboard's expressions. That no name of a metric or of a command is made up.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${MAILQUENCH_BUILD:-$root/build/debug}
for program in promtool amtool; do
  command -v "$program" >/dev/null || { echo "$program is not installed (deploy/setup monitoring)"; exit 77; }
done
work=$(mktemp -d /tmp/mailquench-monitoring.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
check() {  # name command...: it succeeds
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok - $name"
  else
    echo "not ok - $name: $(tr '\n' ' ' <<<"${said:-failed}" | head -c 600)"
    failed=1
  fi
}
refuses() { ! "$@"; }

# The secrets that an installation puts beside them.
cp -r "$root/deploy/prometheus" "$work/shipped"
cd "$work/shipped" || exit 1
touch mailquench-metrics.token mailquench-alerts.token mailquench-ca.pem
python3 "$root/tests/e2e/monitoring_names.py" expressions grafana/mailquench.json >"$work/dashboard.rules.yml"
python3 "$root/tests/e2e/monitoring_names.py" expressions <(echo '{"panels": [{"title": "x", "targets": [{"expr": "sum("}]}]}') \
  >"$work/broken.rules.yml"
metrics=$(cat "$root"/docs/escalation.md 2>/dev/null)

check 'promtool takes prometheus.yml' promtool check config prometheus.yml
check 'promtool takes the rules' promtool check rules mailquench.rules.yml
check 'every alert fires when it should and does not when it should not' promtool test rules mailquench.rules_test.yml
check 'every alert has a test in which it fires' python3 "$root/tests/e2e/monitoring_names.py" tested mailquench.rules.yml mailquench.rules_test.yml
check 'the documents have every alert with its severity and its time' \
  python3 "$root/tests/e2e/monitoring_names.py" described mailquench.rules.yml <<<"$metrics"
check 'amtool takes alertmanager.yml' amtool check-config alertmanager.yml
check 'what can be acted on goes to the controller, and to people too' bash -c '
  [ "$(amtool config routes test --config.file=alertmanager.yml alertname=MailQueueFlood escalate=true)" = mailquench,people ] &&
  [ "$(amtool config routes test --config.file=alertmanager.yml alertname=MailquenchControllerDown)" = people ]'
check 'promtool parses every expression of the dashboard' promtool check rules "$work/dashboard.rules.yml"
check 'and sees one that is broken' refuses promtool check rules "$work/broken.rules.yml"
check 'rules and dashboard name metrics that are documented, which are those that are there' \
  python3 "$root/tests/e2e/monitoring_names.py" metrics mailquench.rules.yml grafana/mailquench.json <<<"$metrics"
check 'and a made-up one is seen' refuses \
  python3 "$root/tests/e2e/monitoring_names.py" metrics mailquench.rules.yml <<<"${metrics//mailquench_host_alarm/mailquench_x}"
own=$root/controller/escalation/own_signals.h document=$root/docs/escalation.md
check 'what the shipped rules and the first example of the documents answer is sent, with the labels that they use' \
  python3 "$root/tests/e2e/monitoring_names.py" answered mailquench.rules.yml "$own" "$document" "$root/deploy/escalation/escalation.yaml" "$document"
for wrong in 's/MailQueueFlood/MailQueueFlod/' 's/label: host}/label: instance}/' 's/critical|page/info/' 's/MailquenchListed/MailListed/'; do
  sed "$wrong" "$root/deploy/escalation/escalation.yaml" >"$work/wrong.yaml"
  check "and one that is not is seen ($wrong)" refuses \
    python3 "$root/tests/e2e/monitoring_names.py" answered mailquench.rules.yml "$own" "$document" "$work/wrong.yaml"
done
if [ -x "$build/cli/mailquench" ]; then
  check 'the commands that they tell a person are there' python3 "$root/tests/e2e/monitoring_names.py" commands "$build/cli/mailquench" \
    mailquench.rules.yml prometheus.yml alertmanager.yml
fi
exit $failed
