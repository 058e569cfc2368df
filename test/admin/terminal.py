"""Plays keys on a pseudo-terminal: each argument pair is what to wait for and what to type then.

Prints everything that appeared; its exit status is the program's."""
import os, pty, select, sys, time

command = sys.argv[1:sys.argv.index("--")]
steps = sys.argv[sys.argv.index("--") + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen, mark = b"", 0


def read(timeout):
    global seen
    ready, _, _ = select.select([terminal], [], [], timeout)
    if not ready:
        return True
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        return False
    seen += chunk
    return bool(chunk)


end = time.time() + 120
for wait, keys in zip(steps[::2], steps[1::2]):
    while wait.encode() not in seen[mark:]:
        if time.time() > end or not read(0.2):
            sys.stdout.buffer.write(seen)
            sys.exit("waited in vain for %r" % wait)
    mark = seen.index(wait.encode(), mark) + len(wait.encode())
    os.write(terminal, keys.encode().decode("unicode_escape").encode())
while read(5):
    if time.time() > end:
        break
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
