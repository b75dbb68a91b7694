#!/bin/bash
# deploy/setup against a made-up dpkg and apt: it refuses to replace another mail server, installs
# without recommended packages, starts no daemon, and asks apt nothing when all is there.
set -u
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
work=$(mktemp -d /tmp/mailquench-setup-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
fail() { echo "test_setup: $*"; exit 1; }
[ "$(id -u)" = 0 ] || { echo 'deploy/setup installs only as root'; exit 77; }

mkdir "$work/bin"
cat >"$work/bin/dpkg-query" <<END
#!/bin/bash
# \$2 is the format: with Provides the whole list is wanted, else the packages named after it.
case \$2 in
  *Provides*) cat "$work/mta" 2>/dev/null; exit 0 ;;
esac
shift 2
for package in "\$@"; do
  grep -qxF -- "\$package" "$work/installed" && echo "ii |\$package"
done
exit 1
END
cat >"$work/bin/apt-get" <<END
#!/bin/bash
echo "\$*" >>"$work/apt"
/usr/sbin/policy-rc.d
echo "\$?" >>"$work/policy"
case " \$* " in *' install '*) printf '%s\n' "\$@" >>"$work/installed" ;; esac
END
chmod +x "$work/bin/"*
: >"$work/installed"
policy_before=$(ls -l /usr/sbin/policy-rc.d 2>&1)
setup() { PATH=$work/bin:$PATH "$root/deploy/setup" "$@" >"$work/out" 2>&1; }

echo 'ii |exim4-daemon-light|mail-transport-agent' >"$work/mta"
setup lab && fail 'another mail server would have been replaced'
grep -q exim4-daemon-light "$work/out" || fail 'the refusal does not name the other mail server'
[ ! -e "$work/apt" ] || fail 'apt was called in spite of the refusal'

MAILQUENCH_REPLACE_MTA=1 setup lab || fail "the permission to replace was not heard: $(cat "$work/out")"
grep -q -- '--no-install-recommends.* postfix' "$work/apt" || fail "apt was called as: $(cat "$work/apt")"
[ "$(sort -u "$work/policy" 2>/dev/null)" = 101 ] || fail 'daemons were allowed to start'

rm "$work/apt"
setup lab || fail 'the second call failed'
[ ! -e "$work/apt" ] || fail 'apt was called although all is installed'
setup monitoring || fail "the set monitoring was not installed: $(cat "$work/out")"
grep -q -- '--no-install-recommends.* prometheus-alertmanager' "$work/apt" || fail "apt was called as: $(cat "$work/apt")"
[ "$(sort -u "$work/policy")" = 101 ] || fail 'Prometheus was allowed to start'
setup nonsense && fail 'an unknown set was let in'
[ "$(ls -l /usr/sbin/policy-rc.d 2>&1)" = "$policy_before" ] || fail 'policy-rc.d is not as before'
echo 'test_setup: all as expected'
