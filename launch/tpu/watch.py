"""Watching a run: a slice that is preempted or fails is deleted and asked for again, and the run goes on."""

import time

from gcloud import LaunchError, Request, Slice, Unreached, is_coming, is_lost, say
from job import Job, own_error, states_of

LONGEST_PAUSE = 900  # seconds
CALM = 10  # looks at a running run after which former failures are forgotten
UNEVEN = 10  # looks at a run that has ended on some workers only; JAX ends the others within 5 minutes
SILENT = 3  # looks in a row at which ssh fails, until the slice is given up


class Patience:
    """Pauses that double with every failure in a row, up to a number of them."""

    def __init__(self, first: float, most: int):
        self._first, self._most, self.failures = first, most, 0

    def failed(self, what: str) -> None:
        """Says so and waits. Raises LaunchError after too many failures in a row."""
        self.failures += 1
        if self.failures > self._most:
            raise LaunchError(f"{what.rstrip('.')}; given up after {self._most} tries in a row.", code=1)
        pause = min(self._first * 2 ** (self.failures - 1), LONGEST_PAUSE)
        say(f"{what.rstrip('.')}; next try in {pause:g} s ({self.failures} of {self._most}).")
        time.sleep(pause)


class Watch:
    """Sees a job through to its end on slices that come and go."""

    def __init__(self, pod: Slice, request: Request, job: Job, *, poll: float, retries: int):
        self._pod, self._request, self._job, self._poll = pod, request, job, poll
        self._patience = Patience(poll, retries)
        self._calm = self._uneven = self._silent = 0
        self._told = self._doomed = ""
        self._granted = self._begun = False

    def to_the_end(self) -> None:
        """Returns when the run has finished. Raises LaunchError when it cannot."""
        while True:
            try:
                if self._look():
                    return
            except Unreached as error:
                self._silent += 1
                if self._silent >= SILENT:
                    self._doomed = f"The workers of {self._pod.name} did not answer {SILENT} times"
                self._patience.failed(str(error))
            except LaunchError as error:
                if not error.passing:
                    raise
                self._patience.failed(str(error))

    def _look(self) -> bool:
        """Looks once and does what is due; whether the run has finished."""
        state = self._pod.state()
        self._tell(f"{self._pod.name} is {state}.")
        if self._doomed or is_lost(state):
            why = self._doomed or f"{self._pod.name} is {state}"
            say(f"{why}: deleting it, and asking for another.")
            self._pod.delete()
            self._doomed, self._calm, self._uneven, self._silent = "", 0, 0, 0
            self._patience.failed(why)
        elif state == "ABSENT":
            self._create()
        elif is_coming(state):
            time.sleep(self._poll)
        else:
            return self._look_at_run()
        return False

    def _create(self) -> None:
        try:
            self._pod.create(self._request)
        except LaunchError as error:
            # Google may count a slice that is gone for a while yet: what was granted once is asked for again.
            error.passing |= self._granted
            raise
        self._granted = True

    def _look_at_run(self) -> bool:
        states = states_of(self._pod, self._job)
        self._silent = 0
        if self._pod.dry:
            self._job.start_on(self._pod)
            return True
        ended = {host: state for host, state in states.items() if state.isdigit()}
        if "2" in ended.values() and not self._begun:
            self._start()  # an error of before this watch, which may have been put right since
        elif "2" in ended.values():
            host = next(host for host, state in ended.items() if state == "2")
            raise LaunchError(own_error(self._pod) or f"The run ended with code 2 on {host}: see 'log'.")
        elif all(state == "0" for state in states.values()):
            return True
        elif all(state == "none" for state in states.values()):
            self._start()
        elif all(state == "running" for state in states.values()):
            self._calm += 1
            self._begun = self._granted = True
            if self._calm >= CALM:
                self._patience.failures = 0
            self._tell(f"The run is going on on {len(states)} workers.")
            time.sleep(self._poll)
        elif len(ended) == len(states):
            codes = ", ".join(f"{code} on {host}" for host, code in ended.items() if code != "0")
            self._patience.failed(f"The run ended with code {codes}")
            self._start()
        else:
            self._uneven += 1
            if self._uneven > UNEVEN:
                odd = ", ".join(f"{host}: {state}" for host, state in states.items() if state != "running")
                self._doomed = f"The run is going on on some workers only ({odd})"
            time.sleep(self._poll)
        return False

    def _start(self) -> None:
        say(f"Starting the run on {self._pod.name}; it goes on from its latest checkpoint, if it has one.")
        self._job.start_on(self._pod)
        self._calm = self._uneven = 0
        self._begun = self._granted = True

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            say(text)
