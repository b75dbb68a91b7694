"""Bench `swap`: the whole queue set aside, beside the two ways in which operators delete it."""
import json
import shutil
import subprocess
import time

from benchlib import BUILD, count_files, fill, make_queue, median, note, report, require, sh

ROUNDS = {1000: (5, 3), 10000: (3, 3), 100000: (1, 5), 1000000: (1, 5)}  # rounds; swaps before each peer's turn
MINUTE = 60


def limited(argv):
    """Milliseconds that a command takes, None when it does not end within a minute."""
    start = time.monotonic()
    try:
        sh(*argv, timeout=MINUTE)
    except subprocess.TimeoutExpired:
        return None
    return (time.monotonic() - start) * 1000


def postfix_config(folder, queue):
    folder.mkdir()
    shutil.copy('/etc/postfix/master.cf', folder)
    (folder / 'main.cf').write_text(
        'compatibility_level = 3.6\nqueue_directory = %s\ndata_directory = %s\nmail_owner = postfix\nsetgid_group = postdrop\n'
        % (queue, folder), encoding='utf-8')


def one_size(work, count, hopeless):
    """The median swap. Peers that do not end within a minute, here or surely with ten times as many files, go into `hopeless`."""
    queue, config = work / ('queue-%d' % count), work / ('config-%d' % count)
    queue.mkdir(mode=0o755)
    make_queue(queue)
    postfix_config(config, queue)
    peers = {'postsuper -d ALL': ['postsuper', '-c', config, '-d', 'ALL'],
             'find -delete': ['find', queue / 'deferred', '-type', 'f', '-delete']}
    swaps, calls, times = [], [], {peer: [] for peer in peers}
    rounds, turns = ROUNDS[count]
    for number in range(rounds):
        for peer, argv in peers.items():
            if count_files(queue / 'deferred') < count:
                fill(queue, count)
            ours = json.loads(sh(BUILD / 'tests' / 'swap_bench', queue, count, turns))
            swaps += ours['swap_ms']
            calls += ours['call_ms']
            if peer in hopeless:
                continue
            took = limited(argv)
            if took is None:
                hopeless.add(peer)
                continue
            require(count_files(queue / 'deferred') == 0, peer + ' left files')
            times[peer].append(took)
        note('swap: %d files, round %d of %d' % (count, number + 1, rounds))
    shutil.rmtree(queue)
    took = {peer: median(times[peer]) if peer not in hopeless else None for peer in peers}
    for peer in peers:
        report('swap, %d files' % count, median(swaps), 'ms', peer, took[peer], '<= 5 ms', median(swaps) <= 5)
    for peer in peers:
        report('swap, %d files: the whole call' % count, median(calls), 'ms', peer, took[peer])
    hopeless.update(peer for peer in peers if (took[peer] or 0) * 10 > 2 * MINUTE * 1000)
    return median(swaps)


def run(work, full):
    hopeless = set()
    medians = [one_size(work, count, hopeless) for count in ROUNDS if full or count <= 100000]
    flat = max(medians) / max(min(medians), 0.001)
    report('swap, largest over smallest median', flat, 'x', bar='flat: <= 3x', holds=flat <= 3)
