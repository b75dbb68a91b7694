"""Names and addresses of one lab, all derived from its number, so that labs do not collide."""
import errno
import os
import random
import subprocess

MARKERS = '/run/mailquench-lab'  # one file a lab: its name is the number, its text the folder
LAST = 120


class LabError(Exception):
    """One sentence for whoever runs the lab."""


def sh(*command, **options):
    """Runs a command to its end; raises LabError with its last words when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise LabError('"%s" ended with %d: %s' % (' '.join(command), done.returncode,
                                                   done.stdout.strip()[-400:]))
    return done.stdout


class Names:
    """Everything that is called or addressed in lab `number`."""

    def __init__(self, number):
        self.number = number
        self.net = '10.77.%d' % number             # hosts, core, sink and trusted clients
        self.outside_net = '10.77.%d' % (number + 128)  # outside every trusted range
        self.core_ip = self.net + '.1'
        self.sink_ip = self.net + '.2'
        self.sink_port = 2525
        self.trusted_ips = [self.net + '.%d' % n for n in (200, 201)]
        self.outside_ips = [self.outside_net + '.%d' % n for n in range(2, 8)]

    def netns(self, node):
        return 'mq%d-%s' % (self.number, node)

    def veth(self, node):
        return 'mq%dv-%s' % (self.number, node)

    def host_ip(self, index):
        return self.net + '.%d' % (10 + index)


def namespaces(number=None):
    """The existing namespaces of lab `number`, or of all labs."""
    prefix = 'mq' if number is None else 'mq%d-' % number
    try:
        return sorted(n for n in os.listdir('/run/netns') if n.startswith(prefix) and '-' in n)
    except FileNotFoundError:
        return []


def _read(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def claim(folder):
    """Takes a free number for the lab in `folder`. Creating the marker is what decides."""
    os.makedirs(MARKERS, exist_ok=True)
    numbers = list(range(1, LAST + 1))
    random.shuffle(numbers)
    for number in numbers:
        marker = os.path.join(MARKERS, str(number))
        owner = _read(marker)
        if owner is not None and not os.path.isdir(owner) and not namespaces(number):
            os.unlink(marker)  # its lab is gone altogether
        try:
            handle = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except OSError as error:
            if error.errno == errno.EEXIST:
                continue
            raise
        with os.fdopen(handle, 'w') as file:
            file.write(folder)
        return Names(number)
    raise LabError('all %d lab numbers are taken; see the files in %s' % (LAST, MARKERS))


def claimed_by(folder):
    """The Names of the lab in `folder`, or None when there is none."""
    try:
        entries = os.listdir(MARKERS)
    except FileNotFoundError:
        return None
    for entry in entries:
        if entry.isdigit() and _read(os.path.join(MARKERS, entry)) == folder:
            return Names(int(entry))
    return None


def release_claim(names):
    try:
        os.unlink(os.path.join(MARKERS, str(names.number)))
    except FileNotFoundError:
        pass
