#!/bin/bash
# The steps of `contain` by hand with Postfix's own tools, as an operator's script would do them on the host.
#   contain_peer.sh   exit 0: contained and port 25 refuses to relay; 1: not
# Mail goes on hold, because that loses none. Prints the seconds of stop and start, "stop 0.12", "start 0.34".
set -eu
now() { echo "${EPOCHREALTIME/,/.}"; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }

began=$(now)
postfix stop 2>/dev/null
echo "stop $(since "$began")"

postsuper -h ALL 2>/dev/null

config=$(postconf -h config_directory)
cp -p "$config/main.cf" "$config/main.cf.before"
cp -p "$config/master.cf" "$config/master.cf.before"
postconf -e 'mynetworks =' 'smtpd_relay_restrictions = reject_unauth_destination' 'smtpd_sasl_auth_enable = no' \
  'internal_mail_filter_classes = bounce' "header_checks = regexp:$config/ndr_hold"
printf '%s\n' '/^Content-Type:[[:space:]]*multipart\/report;.*report-type="?delivery-status/ HOLD' >"$config/ndr_hold"
# The submission listener has its own settings, which win over main.cf.
postconf -P 'submission/inet/smtpd_relay_restrictions=reject_unauth_destination' 'submission/inet/smtpd_sasl_auth_enable=no'

began=$(now)
postfix start 2>/dev/null
echo "start $(since "$began")"

# One dialogue: does port 25 still take mail for a stranger's domain?
exec 3<>/dev/tcp/127.0.0.1/25
answer() {
  local line
  while IFS= read -r -t 20 line <&3; do
    case $line in ???-*) ;; *) break ;; esac
  done
  printf '%s\n' "${line%$'\r'}"
}
ask() { printf '%s\r\n' "$1" >&3 && answer; }
greeting=$(answer)
hello=$(ask 'EHLO probe.invalid')
sender=$(ask 'MAIL FROM:<probe@probe.invalid>')
verdict=$(ask 'RCPT TO:<probe@elsewhere.invalid>')
ask QUIT >/dev/null
case "$greeting/$hello/$sender/$verdict" in
  220*/250*/250*/5*) ;;
  *) echo "port 25 answered: $greeting / $hello / $sender / $verdict" >&2 && exit 1 ;;
esac
