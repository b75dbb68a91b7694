"""The part of an act that is about blacklists: listed, one list that is ill, the way off, cleared."""
import os
import time

from stage import lists, require, results, say, succeeded

LISTED_ON = (lists.ZEN, lists.S5H)
SICK = lists.PSBL


def prepare(stage):
    """Before the controller starts: the lists, and what it is told of them. Returns both."""
    served = lists.Lists(stage.lab)
    # From the beginning: one that falls ill is believed until its next test, some seconds later.
    served.wild.add(SICK)
    served.start()
    zones = [one['zone'] for one in stage.ask_here('blacklist', 'lists', '--from-here')['lists']]
    path = os.path.join(stage.folder, 'blacklists.yaml')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(served.own_file(zones))
    settings = ['blacklists:', '  resolvers: [%s]' % served.resolver(), '  lists: ' + path,
                '  private_addresses: true', '  quiet: 3s', '  attacked: 2s', '  listed: 2s', '  health: 3s',
                '  sick: 3s', '  clean_spacing: 1s']
    return served, '\n'.join(settings) + '\n'


def agent_settings(stage):
    """What an agent's own configuration must allow, so that it may ask the lab's list."""
    return 'delist_hosts: ["%s:%d"]\ndelist_private_targets: true\n' % (
        stage.lab['names'].sink_ip, lists.REMOVAL_PORT)


def listings(stage, *more):
    return stage.ask_json('delist', 'list', *more).get('listings', [])


def find(stage, served, figures):
    addresses = [host['ip'] for host in stage.lab['hosts']]
    for zone in LISTED_ON:
        served.add(zone, *addresses)
    stage.wait(lambda: all(served.seen(zone, ip) for zone in LISTED_ON for ip in addresses), 20,
               'the lists to list the attacked hosts')
    stage.operate('blacklist', 'check', '-l', 'role=edge', accept=(2,))
    stage.wait(lambda: len(listings(stage)) >= 2 * len(addresses), 60, 'every listing to be found')
    operators = {one['listOperator'] for one in listings(stage)}
    require(len(operators) == 2, 'the hosts are listed on %s, not on two lists' % sorted(operators))
    sick = [one['zone'] for one in stage.ask_json('blacklist', 'status').get('sick', [])]
    require(sick == [SICK], 'the list that lists everybody should have been left out, but %s was' % sick)
    figures['listed'] = len(operators)
    say('listed on %d lists (%s); %s lists everybody: it is not believed and left out' % (
        len(operators), ', '.join(sorted(operators)), SICK))


def one_of(stage, operator):
    found = [one for one in listings(stage) if one['listOperator'] == operator]
    require(found, 'there is no open listing of %s' % operator)
    return found


def leave(stage, served, incident, figures):
    addresses = [host['ip'] for host in stage.lab['hosts']]
    stage.wait(lambda: all(one['state'] in ('LISTING_STATE_READY', 'LISTING_STATE_WAITING')
                           for one in listings(stage)), 30, 'every listing to be ready for a request')
    status = stage.ask_json('blacklist', 'status')
    seen = {one['subject'] for one in status['subjects'] if one.get('confirmed')}
    require(set(addresses) <= seen, 'the probes from outside should have confirmed %s, but they confirmed %s' % (
        addresses, sorted(seen)))
    stage.operate('delist', 'list', '--incident', incident)
    first = one_of(stage, 'Spamhaus')[0]
    stage.operate('delist', 'show', first['listingId'], '--evidence')
    begun = time.monotonic()
    # S5H wants to be asked by the listed host itself; only an agent can do that.
    runs = stage.operate('run', 'op', 'delist.fetch', '-l', 'role=edge', '--set', 'url=' + served.removal_url(),
                         '--incident', incident, '--yes')
    require(succeeded(runs) == (3, 3), 'the list was asked from %d of %d hosts' % succeeded(runs))
    bodies = [result.get('body', '') for _, result in results(runs, 'delistFetch')]
    require(all('was removed' in body for body in bodies), 'the list answered: %s' % bodies)
    served.listed[lists.S5H].clear()
    for one in one_of(stage, 'S5H'):
        stage.ask('delist', 'request', one['listingId'], '--how', 'asked from the host')
    for one in one_of(stage, 'Spamhaus'):
        stage.operate('delist', 'request', one['listingId'], '--how', 'form at check.spamhaus.org')
    served.remove(lists.ZEN, *addresses)  # What the operator of the list does with the request.
    stage.wait(lambda: not listings(stage), 90, 'every listing to be cleared')
    figures['cleared'] = time.monotonic() - begun
    stage.operate('delist', 'list', '--all')
    runs = stage.operate('run', 'op', 'blacklist.clear', '-l', 'role=edge', '--incident', incident, '--yes')
    require(succeeded(runs) == (3, 3), '%d of %d hosts are proved clear' % succeeded(runs))
    say('cleared: no address of the fleet is listed any more, by the word of each list and of its own name servers')
