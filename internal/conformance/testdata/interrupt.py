"""Ctrl-C, for the clients in Python."""
import threading


def interrupted(cancel, answer):
    """Gives the answer. Cancels every second: one that comes before its statement cancels nothing."""
    over = threading.Event()

    def press():
        while not over.wait(1):
            cancel()

    thread = threading.Thread(target=press)
    thread.start()
    got = answer()
    over.set()
    thread.join()
    return got
