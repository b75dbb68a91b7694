"""Bench `swap`: the whole queue set aside, beside the two ways in which operators delete it."""
import json
import shutil
import subprocess
import time

from benchlib import BUILD, count_files, fill, make_queue, median, note, report, require, sh

ROUNDS = {1000: 5, 10000: 5, 100000: 2, 1000000: 1}
SWAPS = 3  # in each half of a round: before one peer and before the other


def limited(argv):
    """Milliseconds that a command takes, None when it does not end within a minute."""
    start = time.monotonic()
    try:
        sh(*argv, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    return (time.monotonic() - start) * 1000


def postfix_config(folder, queue):
    folder.mkdir()
    shutil.copy('/etc/postfix/master.cf', folder)
    (folder / 'main.cf').write_text(
        'compatibility_level = 3.6\nqueue_directory = %s\ndata_directory = %s\nmail_owner = postfix\nsetgid_group = postdrop\n'
        % (queue, folder), encoding='utf-8')


def one_size(work, count):
    queue, config = work / ('queue-%d' % count), work / ('config-%d' % count)
    queue.mkdir(mode=0o755)
    make_queue(queue)
    postfix_config(config, queue)
    peers = {'postsuper -d ALL': ['postsuper', '-c', config, '-d', 'ALL'],
             'find -delete': ['find', queue / 'deferred', '-type', 'f', '-delete']}
    swaps, calls, times = [], [], {peer: [] for peer in peers}
    for number in range(ROUNDS[count]):
        for peer, argv in peers.items():
            fill(queue, count)
            ours = json.loads(sh(BUILD / 'tests' / 'swap_bench', queue, count, SWAPS))
            swaps += ours['swap_ms']
            calls += ours['call_ms']
            took = limited(argv)
            if took is not None:
                require(count_files(queue / 'deferred') == 0, peer + ' left files')
                times[peer].append(took)
        note('swap: %d files, round %d of %d' % (count, number + 1, ROUNDS[count]))
    shutil.rmtree(queue)
    for peer in peers:
        took = median(times[peer]) if len(times[peer]) == ROUNDS[count] else None
        report('swap, %d files' % count, median(swaps), 'ms', peer, took, '<= 5 ms', median(swaps) <= 5)
    for peer in peers:
        took = median(times[peer]) if len(times[peer]) == ROUNDS[count] else None
        report('swap, %d files: the whole call' % count, median(calls), 'ms', peer, took)
    return median(swaps)


def run(work, full):
    medians = [one_size(work, count) for count in ROUNDS if full or count <= 100000]
    flat = max(medians) / max(min(medians), 0.001)
    report('swap, largest over smallest median', flat, 'x', bar='flat: <= 3x', holds=flat <= 3)
