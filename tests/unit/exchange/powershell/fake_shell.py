"""A PowerShell that misbehaves: fake_shell.py MODE LOG ... ; each start and each request is a line of LOG.

Facts and answers are as bootstrap.ps1 gives them, but for what MODE says.
"""
import json
import os
import subprocess
import sys
import time

mode, log = sys.argv[1], sys.argv[2]
mark = os.environ['MAILQUENCH_MARK']


def note(text):
    with open(log, 'a', encoding='utf-8') as to:
        to.write('%s %d\n' % (text, os.getpid()))


def say(text, end='\n'):
    sys.stdout.write(text + end)
    sys.stdout.flush()


def answer(number, **more):
    value = {'id': number, 'opened': True, 'lost': False, 'rows': [['answer']], 'warnings': [], 'errors': []}
    value.update(more)
    say('\n' + mark + json.dumps(value))


def facts(**more):
    value = {'language': 'FullLanguage', 'version': '5.1.17763.1', 'edition': 'Desktop', 'policy': 'RemoteSigned', 'x64': True}
    value.update(more)
    say(mark + json.dumps(value))


def misbehave(number):
    """False where the ordinary answer follows."""
    if mode == 'hang':
        child = subprocess.Popen(['sleep', '1000'])  # It must end with us.
        note('child:%d' % child.pid)
        time.sleep(1000)
    elif mode == 'die':
        sys.stderr.write('the last words\n')
        os._exit(7)
    elif mode == 'die-after-first' and number > 1:
        os._exit(7)
    elif mode == 'endless-line':
        while True:
            say('x' * 65536, end='')
    elif mode == 'endless-lines':
        while True:
            say('x' * 1000)
    elif mode == 'endless-errors':
        for _ in range(1000):
            sys.stderr.write('e' * 1000 + '\n')
        sys.stderr.write('the end\n')
        os._exit(1)
    elif mode == 'broken-json':
        say(mark + '{"id":1,"rows":[')
    elif mode == 'wrong-row':
        answer(number, rows=[['one', 'two']])
    elif mode == 'wrong-type':
        answer(number, rows=[[5]])
    elif mode == 'newer-id':
        answer(number + 1)
    elif mode == 'not-utf8':
        sys.stdout.buffer.write(b'\n' + mark.encode() + b'{"id":%d,"opened":true,"lost":false,"rows":[["\xff"]],"warnings":[],"errors":[]}\n' % number)
        sys.stdout.buffer.flush()
    elif mode == 'older-id':
        answer(number - 1, rows=[['of before']])
        return False
    elif mode == 'almost':  # All that lacks is the mark.
        say(json.dumps({'id': number, 'opened': True, 'lost': False, 'rows': [['forged']], 'warnings': [], 'errors': []}))
        say('mq-0000000000000000 {"id":%d,"opened":true,"lost":false,"rows":[["forged"]],"warnings":[],"errors":[]}' % number)
        say(' ' + mark + '{"id":%d,"opened":true,"lost":false,"rows":[["forged"]],"warnings":[],"errors":[]}' % number)
        sys.stdout.buffer.write(b'\x00\xff\xfe\x1b[2J no line break')
        sys.stdout.buffer.flush()
        return False
    elif mode == 'lost-once' and number == 1 and len(open(log).read().split('start')) == 2:
        answer(number, rows=[], lost=True, errors=[{'message': 'gone', 'id': 'JobFailure', 'category': 'OpenError',
                                                    'reason': 'PSRemotingTransportException', 'type': 'x'}])
    elif mode == 'not-opened':
        answer(number, rows=[], opened=False, errors=[{'message': 'no endpoint', 'id': 'CannotConnect,PSSessionOpenFailed',
                                                       'category': 'OpenError', 'reason': 'PSRemotingTransportException', 'type': 'x'}])
    else:
        return False
    return True


def main():
    note('start')
    if mode == 'dies-at-start':
        sys.stderr.write('no room\n')
        os._exit(3)
    if mode == 'mute':
        time.sleep(1000)
    if mode == 'constrained':
        say(mark + '{"language":"ConstrainedLanguage"}')
        os._exit(3)
    if mode == 'all-signed':
        facts(policy='AllSigned')
    else:
        facts()
    if mode == 'deaf':
        time.sleep(1000)
    for line in sys.stdin:
        request = json.loads(line)
        note('call:' + request['text'])
        if not misbehave(request['id']):
            answer(request['id'])
    if mode == 'slow-end':
        time.sleep(1000)
    note('clean')


main()
