"""Run the reading commands that standard input asks for, side by side, over one connection.

A question is a line of JSON, its number and the command's words. An answer is such a line, too: the
number, the exit status, how many bytes the command printed and how many it complained; then these
bytes. The end of the questions ends it at once.
"""

import json
import os
import subprocess
import sys
import threading
from typing import List, Tuple

NOT_FOUND, NOT_RUN, KILLED = 127, 126, 128


def run(words: List[str]) -> Tuple[int, bytes, bytes]:
    """Status, output and complaints of a command, the status as a shell has it."""
    try:
        child = subprocess.Popen(
            [os.fsencode(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        return NOT_FOUND, b"", str(error).encode()
    except (OSError, ValueError) as error:
        return NOT_RUN, b"", str(error).encode()
    printed, said = child.communicate()
    status = child.returncode
    return (KILLED - status if status < 0 else status), printed, said


def answer(number: int, words: List[str], turn: threading.Lock) -> None:
    """Run one command and tell what came of it."""
    status, printed, said = run(words)
    head = json.dumps([number, status, len(printed), len(said)]).encode()
    with turn:
        sys.stdout.buffer.write(head + b"\n" + printed + said)
        sys.stdout.buffer.flush()


def main() -> None:
    """Answer until nobody asks any more."""
    turn = threading.Lock()
    for line in sys.stdin.buffer:
        number, words = json.loads(line.decode())
        threading.Thread(target=answer, args=(number, words, turn), daemon=True).start()
    # Whoever asked is gone: nobody waits for what still runs.
    os._exit(0)


if __name__ == "__main__":
    main()
