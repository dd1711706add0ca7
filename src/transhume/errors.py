"""What can go wrong, each kind with its exit code.

TranshumeError
├── SettingsError       the settings or the layout can't be used
├── EnvironmentLacks    not root, or a program is missing here
├── Unreachable         a machine can't be reached, or isn't the one that was confirmed
├── Declined            a question was answered with no, or couldn't be asked
├── Blocked             a check says that the move must not begin
├── Differs             source and target aren't equal
├── StepFailed          a step stopped; what was done is in the journal
├── Busy                another run holds the move
├── JournalRefused      the journal belongs to another move, or can't be read
├── NoReturn            going back would lose what happened on the target
└── Interrupted         Ctrl-C, a closed terminal, a polite kill
"""

from __future__ import annotations


class TranshumeError(Exception):
    """One thing that went wrong: what and where, whether anything is lost, and the remedy.

    `what` is one sentence that names the thing and the place. `state` says what that means for
    the two machines, `remedy` what to type or do next; both may be empty.
    """

    exit_code = 1
    meaning = "an error inside transhume: please report it with the journal"

    def __init__(self, what: str, *, state: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.remedy = remedy


class SettingsError(TranshumeError):
    """A key is unknown, a value has the wrong type or lies outside what is allowed."""

    exit_code = 3
    meaning = "the settings or the layout can't be used; nothing was touched"


class EnvironmentLacks(TranshumeError):
    """transhume isn't run as root, or a program that it needs is missing on this machine."""

    exit_code = 4
    meaning = "not root, or a program is missing on this machine; nothing was touched"


class Unreachable(TranshumeError):
    """ssh, PostgreSQL or the core of a machine doesn't answer, or its host key is another one."""

    exit_code = 5
    meaning = "a machine can't be reached, or isn't the one that was confirmed"


class Declined(TranshumeError):
    """A question was answered with no, or there was no terminal to ask it on."""

    exit_code = 6
    meaning = "a question was answered with no, or there was no terminal to ask it on"


class Blocked(TranshumeError):
    """At least one check blocks the move, or couldn't be made."""

    exit_code = 10
    meaning = "at least one check blocks the move or couldn't be made"


class Differs(TranshumeError):
    """The proof found a difference, or something that couldn't be compared."""

    exit_code = 11
    meaning = "source and target aren't equal, or something couldn't be compared"


class StepFailed(TranshumeError):
    """A command of a step failed, or its effect didn't come about."""

    exit_code = 12
    meaning = "a step stopped; run the same command again to go on, or roll back"


class Busy(TranshumeError):
    """Another transhume holds this machine's move."""

    exit_code = 13
    meaning = "another run holds the move"


class JournalRefused(TranshumeError):
    """The journal is of another move or version, damaged, or missing where one is needed."""

    exit_code = 14
    meaning = "the journal is of another move, damaged, or missing where one is needed"


class NoReturn(TranshumeError):
    """The point of no return has been passed: going back would lose what came since."""

    exit_code = 15
    meaning = "the point of no return was passed: going back would lose what came since"


class Interrupted(TranshumeError):
    """Somebody stopped the run: Ctrl-C, a closed terminal, a polite kill."""

    exit_code = 130
    meaning = "stopped by Ctrl-C, a closed terminal or a polite kill; nothing is lost"


NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What Python says of an answer that has another form than the one that was asked for."""

USAGE = 2
"""Exit code for a command line that can't be understood: the shell's own convention."""
