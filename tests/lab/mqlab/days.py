"""Bad days, each by name: runs one, says how it went, and goes on with the next."""
import glob
import os
import traceback

failed = []  # Names.
_logs = []   # Their folder.


def keep_logs(folder):
    """Where the logs are that are shown of a day that went badly."""
    _logs[:] = [folder]


def show_logs(most=25):
    """The ends of the logs, since the folder goes with the run."""
    for path in sorted(path for folder in _logs for path in glob.glob(os.path.join(folder, '*.log'))):
        with open(path, encoding='utf-8', errors='replace') as file:
            print('-- %s' % os.path.basename(path), *file.read().splitlines()[-most:], sep='\n| ', flush=True)


def bad_day(name):
    """Runs the function at once; prints 'ok - NAME' or 'not ok - NAME: why'."""
    def run(function):
        try:
            function()
            print('ok - ' + name, flush=True)
        except Exception as problem:  # The next day must come, whatever this one brought.
            if not isinstance(problem, AssertionError):
                traceback.print_exc()
            failed.append(name)
            print('not ok - %s: %s' % (name, ' '.join(str(problem).split())[:300]), flush=True)
            show_logs()
    return run
