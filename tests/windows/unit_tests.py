#!/usr/bin/env python3
"""Runs GoogleTest programs under Wine, a line a test: unit_tests.py --windows FOLDER --work FOLDER"""
import argparse
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from mqwine import scene, wine  # noqa: E402

PROGRAMS = ('os_test', 'agent_os_test', 'mail_contract_smtpsvc')


def main():
    parser = argparse.ArgumentParser()
    for name in ('windows', 'work'):
        parser.add_argument('--' + name, required=True)
    options = parser.parse_args()
    prefix = wine.Wine(options.work).make()
    failed = False
    try:
        os.makedirs(prefix.drive('tests'))
        for name in PROGRAMS + ('smtpsvc_sim', 'child_play'):  # One place: a test finds its helpers beside it.
            shutil.copy(scene.find(options.windows, name + '.exe'), prefix.drive('tests', name + '.exe'))
        for name in PROGRAMS:
            done = prefix.run('C:\\tests\\%s.exe' % name, '--gtest_color=no', timeout=600)
            passed = re.findall(r'^\[       OK \] (\S+)', done.stdout, re.M)
            skipped = re.findall(r'^\[  SKIPPED \] (\S+) \(', done.stdout, re.M)
            wrong = re.findall(r'^\[  FAILED  \] (\S+) \(', done.stdout, re.M)
            for test in passed:
                print('ok - %s/%s' % (name, test))
            for test in skipped:  # Wine has all that a test may miss elsewhere: links, and a service manager.
                print('not ok - %s/%s: it skipped itself' % (name, test))
            for test in wrong:
                at = done.stdout.index('[ RUN      ] ' + test)
                print(done.stdout[at:done.stdout.index('[  FAILED  ] ' + test, at)])
                print('not ok - %s/%s: see above' % (name, test))
            # A program that died names no failed test.
            if done.returncode != 0 and not wrong or not passed:
                print('not ok - %s: it ended with %d after %d tests: %s' % (
                    name, done.returncode, len(passed), ' '.join((done.stdout + done.stderr)[-300:].split())))
                failed = True
            failed = failed or bool(wrong or skipped)
    finally:
        prefix.end()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
