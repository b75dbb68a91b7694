"""Compares Postfix's configuration with the copies taken before the attack."""
import os

FILES = ('main.cf', 'master.cf')


def _etc(lab, host):
    return os.path.join(lab['folder'], host['name'], 'etc')


def take_copies(lab):
    """{(host, instance folder, file): bytes} of every instance of every host."""
    copies = {}
    for host in lab['hosts']:
        etc = _etc(lab, host)
        for instance in sorted(os.listdir(etc)):
            for name in FILES if instance.startswith('postfix') else ():
                path = os.path.join(etc, instance, name)
                if os.path.isfile(path):
                    with open(path, 'rb') as file:
                        copies[host['name'], instance, name] = file.read()
    return copies


def entries(data, name):
    """The logical lines of a file as {key: bytes}; comments and blank lines under their number."""
    found, key = {}, None
    for number, line in enumerate(data.splitlines(keepends=True)):
        if line[:1] in b' \t' and line.strip() and key is not None:
            found[key] += line
            continue
        if line.lstrip().startswith(b'#') or not line.strip():
            found['comment %d' % len([k for k in found if k.startswith('comment')])] = line
            continue
        if name == 'main.cf':
            key = 'main.cf:' + line.split(b'=')[0].strip().decode()
        else:
            words = line.decode().split()
            key = 'master.cf:' + '/'.join(words[:2])
        if key in found:
            key += ' again in line %d' % number
        found[key] = line
    return found


def differing_keys(before, after, name):
    """Keys whose bytes differ; empty for equal files. Never empty for files that differ."""
    if before == after:
        return set()
    old, new = entries(before, name), entries(after, name)
    keys = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    return keys or {name + ':(order)'}


def place_of(host, setting):
    """(host, instance folder, key) of a Setting as the JSON output has it."""
    instance = setting.get('instance') or '-'
    return host, 'postfix' if instance == '-' else instance, setting['key']


def compare(lab, copies, allowed):
    """[(host, instance, file, key)] of differences that `allowed`, places as of place_of(), does
    not explain, and how many files are the same to the last byte."""
    now = take_copies(lab)
    unexplained, identical = [], 0
    for place in sorted(copies.keys() | now.keys()):
        before, after = copies.get(place), now.get(place)
        if before is None or after is None:
            unexplained.append(place + ('(the file itself)',))
            continue
        keys = differing_keys(before, after, place[2])
        identical += not keys
        unexplained += [place + (key,) for key in sorted(keys)
                        if (place[0], place[1], key) not in allowed]
    return unexplained, identical
