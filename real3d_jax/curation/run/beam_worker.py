"""A process of Beam's local runner that is silent unless something is wrong, and ends when its parent does."""

import logging
import os
import signal
import sys
import threading
import time


def main() -> None:
    """Runs Beam's worker; the argument is the parent's number, and the environment says where the runner is reached."""
    parent = int(sys.argv.pop(1))
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from apache_beam.runners.worker import sdk_worker_main  # warns when it is imported

    sdk_worker_main.main(sys.argv)


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone: what it is at will be done again."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
