"""The same as program.cc, with greenlets that call the library by ctypes and switch in its callbacks."""
import ctypes
import random
import sys
import threading

from greenlet import getcurrent, greenlet

# The patch calls back into the library by name.
library = ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
library.value.restype = ctypes.c_long
library.run.restype = ctypes.c_long
library.run.argtypes = [CALLBACK, ctypes.c_void_p]

failures = []
running = False
threads = []


def run(function):
    """One call of the library, which calls back."""
    callback = CALLBACK(lambda _: function())
    version = library.run(callback, None)
    if version not in (1, 2):
        failures.append(f"a call saw two versions: {version}")
    return version


def give_way():
    getcurrent().parent.switch()


def nested(depth):
    give_way()
    if depth > 0:
        run(lambda: nested(depth - 1))
        give_way()


def work(calls):
    for i in range(calls):
        run(lambda: nested(i % 3))
        give_way()


class Worker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.alive = []

    def resume(self, one):
        # To whoever makes it go on, it comes back: also when that is another one than began it.
        one.parent = getcurrent()
        one.switch()
        if one.dead:
            self.alive.remove(one)

    def step(self):
        if not self.alive or (len(self.alive) < 4 and self.random.randrange(4) == 0):
            calls = self.random.randint(1, 3)
            self.alive.append(greenlet(lambda: work(calls)))
        self.resume(self.random.choice(self.alive))

    def step_inside(self):
        for _ in range(self.random.randint(1, 3)):
            self.step()

    def round(self):
        for _ in range(40):
            if self.random.randrange(3) == 0:
                run(self.step_inside)
            else:
                self.step()
        while self.alive:
            self.resume(self.alive[-1])


def loop(seed, rounds):
    worker = Worker(seed)
    done = 0
    while running and (rounds is None or done < rounds):
        worker.round()
        done += 1


def start(count, rounds=None):
    global running
    running = True
    for seed in range(count):
        thread = threading.Thread(target=loop, args=(seed + 1, rounds))
        thread.start()
        threads.append(thread)


def join():
    for thread in threads:
        thread.join()
    threads.clear()
    return failures[0] if failures else "ok"


held = None
saw = []


def suspend():
    global held

    def body():
        saw[:] = [run(give_way)]
        saw.append(library.value())

    held = greenlet(body)
    held.switch()
    return "suspended"


def reply(words):
    global running
    what = " ".join(words)
    if words[:1] == ["rounds"]:
        start(int(words[2]), int(words[1]))
        return join()
    if words[:1] == ["start"]:
        start(int(words[1]))
        return "started"
    if what == "stop":
        running = False
        return join()
    if what == "suspend":
        return suspend()
    if what == "suspend inside":
        run(suspend)
        return "suspended"
    if what == "finish":
        held.parent = getcurrent()
        held.switch()
        return f"{saw[0]} then {saw[1]}"
    return str(library.value())


print("ready", flush=True)
for line in sys.stdin:
    print(reply(line.split()), flush=True)
