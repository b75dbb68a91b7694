"""Tests as lines: each prints 'ok - NAME' or 'not ok - NAME: why', as tests/run counts them."""
import re
import sys
import traceback

failed = []
chosen = None  # Names in which this regular expression is found, alone.


class Wrong(Exception):
    """One sentence: what is not as it should be."""


def require(condition, sentence):
    if not condition:
        raise Wrong(sentence)


def day(name):
    """Runs the function at once and says how it went."""
    def run(function):
        if chosen is not None and not re.search(chosen, name):
            return
        try:
            function()
            print('ok - ' + name, flush=True)
        except Exception as problem:  # The next day must come, whatever this one brought.
            if not isinstance(problem, Wrong):
                traceback.print_exc(file=sys.stdout)
            failed.append(name)
            print('not ok - %s: %s' % (name, ' '.join(str(problem).split())[:400]), flush=True)
    return run
