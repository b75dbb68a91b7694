"""What the benches share: running programs, the results, and Postfix queue files by the thousand."""
import json
import os
import pathlib
import pwd
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build' / 'release'
OWN_QUEUES = ('incoming', 'active', 'deferred', 'defer', 'bounce', 'hold', 'corrupt', 'flush', 'saved', 'trace')
results = []


class BenchFailed(Exception):
    """One sentence: what did not do what a bench needs. No value is reported then."""


def require(condition, sentence):
    if not condition:
        raise BenchFailed(sentence)


def sh(*argv, timeout=None, **options):
    """The stdout of a command that ends well; its last words in the exception when it does not."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          text=True, check=False, timeout=timeout, **options)
    require(done.returncode == 0, '"%s" ended with %d: %s' % (
        ' '.join(str(a) for a in argv)[:200], done.returncode, (done.stderr or done.stdout).strip()[-400:]))
    return done.stdout


def build(*targets):
    sh(ROOT / 'deploy' / 'setup', 'build', 'lab')
    sh('cmake', '--preset', 'release', '-DMAILQUENCH_TESTS=ON', cwd=ROOT)  # The demo leaves them out.
    sh('cmake', '--build', '--preset', 'release', '--target', *targets, cwd=ROOT)


def note(text):
    print(text, file=sys.stderr, flush=True)


# ---- results

def report(name, value, unit, peer=None, peer_value=None, bar=None, holds=None):
    """`ratio` says how many times the peer's value is ours."""
    ratio = peer_value / value if peer_value and value else None
    results.append(dict(name=name, value=value, unit=unit, peer=peer, peer_value=peer_value, ratio=ratio, bar=bar, holds=holds))


def median(values):
    return statistics.median(values) if values else None


def number(value):
    return '-' if value is None else '%.3f' % value if value < 10 else '%.1f' % value


def write_results():
    (BUILD / 'bench-results.json').write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')


def print_table():
    rows = [('name', 'ours', 'unit', 'peer', 'peer value', 'ratio', 'bar', 'holds')]
    for r in results:
        ratio = '-' if r['ratio'] is None else ('%.0fx' if r['ratio'] >= 10 else '%.2fx') % r['ratio']
        rows.append((r['name'], number(r['value']), r['unit'], r['peer'] or '-', number(r['peer_value']), ratio,
                     r['bar'] or '-', {True: 'yes', False: 'NO', None: '-'}[r['holds']]))
    widths = [max(len(row[i]) for row in rows) for i in range(8)]
    for row in rows:
        print('  '.join(cell.rjust(width) if i in (1, 4, 5) else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


# ---- queue files

def record(kind, data):
    out, n = bytearray(kind), len(data)
    while n > 127:
        out.append(0x80 | (n & 0x7f))
        n >>= 7
    out.append(n)
    return bytes(out) + data


def template():
    """A complete queue file of about 1 KB as Postfix 3.7 writes it, with room for (sender number, message number, sender number)."""
    body = (record(b'N', b'From: spam0000@evil.test').replace(b'0000', b'%04d') +
            b''.join(record(b'N', line) for line in (b'Subject: offer', b'', b'x' * 600)))
    now = int(time.time())
    envelope = (record(b'T', b'%d 0' % now) + record(b'A', b'log_client_address=192.0.2.7') + record(b'A', b'sasl_username=alice') +
                record(b'S', b'spam0000@evil.test').replace(b'0000', b'%04d') +
                record(b'R', b'victim00000000@example.org').replace(b'00000000', b'%08d') + record(b'M', b''))
    # '%04d' is as long as the number that comes in its place, '%08d' 4 shorter.
    envelope_size, body_size = len(envelope) + 4, len(body)
    data_offset = 97 + envelope_size
    size = record(b'C', b'%15d %15d %15d %15d %15d %15d' % (body_size, data_offset, 1, 0, body_size, 0))
    require(len(size) == 97, 'the size record has another length than Postfix gives it')
    return size + envelope + body + record(b'X', b'') + record(b'E', b'')


def make_queue(root):
    """The folders that Postfix' programs want below a queue directory."""
    owner = pwd.getpwnam('postfix')
    for name in OWN_QUEUES + ('private', 'public', 'maildrop', 'pid'):
        path = root / name
        if not path.exists():
            path.mkdir(mode=0o700)
            os.chown(path, owner.pw_uid, 0)


def count_files(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def fill(root, count):
    """Makes the deferred queue of `root` hold `count` messages. They lie there as Postfix leaves them: named by time
    and inode, owned by `postfix`, on the disk; their next delivery is tomorrow, so that a running Postfix lets them lie."""
    owner = pwd.getpwnam('postfix')
    hashed = []
    for digit in '0123456789ABCDEF':
        path = root / 'deferred' / digit
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, owner.pw_uid, 0)
        hashed.append(str(path))
    text = template()
    later = time.time() + 86400
    for index in range(count - count_files(root / 'deferred')):
        digit = index % 16
        temporary = '%s/new' % hashed[digit]
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        os.write(fd, text % (index % 5000, index, index % 5000))
        os.fchown(fd, owner.pw_uid, owner.pw_gid)
        os.utime(fd, (later, later))
        inode = os.fstat(fd).st_ino
        os.close(fd)
        os.rename(temporary, '%s/%X%04X%X' % (hashed[digit], digit, index % 0x4240, inode))
    os.sync()
    require(count_files(root / 'deferred') == count, 'the deferred queue was not filled as wanted')
