#!/usr/bin/env python3
"""What qdeck costs, seen from outside: runs it in a pseudo-terminal of 140x40 and prints figures.

    benches/terminal.py [--seconds 60] [--rows TEXT] [--keys 40] [--sdiag] -- target/release/qdeck demo --jobs 100000

first    ms from start to the first frame           rows   ms until TEXT is on screen
key      ms from a key press to the first byte of its effect: median and 99th percentile of --keys presses of j and k
idle     bytes written to the terminal in --seconds without a key
cpu      percent of one core in those seconds, with children     rss   MB resident, the program alone
quit     ms from q to the end                                     rpc   slurmctld calls a minute (--sdiag: needs sdiag and SLURM_CONF)
Only Python's standard library is used.
"""
import argparse, fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios, time


def ticks(pid):
    """User and system time of a process and its waited-for children, in clock ticks."""
    try:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(int(x) for x in fields[11:15])


def children(pid):
    out = []
    for task in os.listdir(f"/proc/{pid}/task") if os.path.exists(f"/proc/{pid}/task") else []:
        try:
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                out += [int(child)] + children(int(child))
        except OSError:
            pass
    return out


def rpcs():
    text = subprocess.run(["sdiag"], capture_output=True, text=True).stdout
    part = text.split("Remote Procedure Call statistics by message type")[-1].split("Remote Procedure Call statistics by user")[0]
    return sum(int(n) for name, n in re.findall(r"^\s*(REQUEST_\w+).*?count:(\d+)", part, re.M) if name != "REQUEST_STATS_INFO"
               and not name.startswith("MESSAGE"))


class Terminal:
    def __init__(self, argv):
        self.start = time.monotonic()
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color")
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
            os.execvp(argv[0], argv)

    def read(self, seconds):
        """Everything that comes within `seconds` of silence at the most; the time of the first byte."""
        first, end = None, time.monotonic() + seconds
        got = b""
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                break
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                break
            if not data:
                break
            first = first or time.monotonic()
            got += data
        self.text += got
        return first, got

    def until(self, want, seconds):
        end = time.monotonic() + seconds
        seen = b""
        while time.monotonic() < end:
            _, got = self.read(0.005)
            seen += got
            if want in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen):
                return (time.monotonic() - self.start) * 1000
        return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--rows", default="")
    p.add_argument("--keys", type=int, default=40)
    p.add_argument("--type", default="", help="keys to type before anything is measured but the start")
    p.add_argument("--settle", type=float, default=8)
    p.add_argument("--sdiag", action="store_true")
    p.add_argument("argv", nargs=argparse.REMAINDER)
    a = p.parse_args()
    argv = a.argv[1:] if a.argv[:1] == ["--"] else a.argv
    t = Terminal(argv)
    first = None
    while first is None:
        first, got = t.read(0.02)
    figures = {"first": f"{(first - t.start) * 1000:.0f} ms"}
    if a.rows:
        at = t.until(a.rows.encode(), 20)
        figures["rows"] = f"{at:.0f} ms" if at else "never"
    if a.type:
        os.write(t.fd, a.type.encode())
    t.read(0.1)
    deadline = time.monotonic() + a.settle
    while time.monotonic() < deadline:
        t.read(0.2)
    taken = []
    for n in range(a.keys):
        t.read(0.001)
        os.write(t.fd, b"j" if n % 2 == 0 else b"k")
        sent = time.monotonic()
        ready, _, _ = select.select([t.fd], [], [], 2)
        taken.append((time.monotonic() - sent) * 1000)
        t.read(0.23)
    taken.sort()
    if taken:
        figures["key"] = f"median {taken[len(taken) // 2]:.1f} ms, p99 {taken[int(len(taken) * 0.99) - 1 if len(taken) < 100 else int(len(taken) * 0.99)]:.1f} ms"
    family = lambda: [t.pid] + children(t.pid)
    before_rpc = rpcs() if a.sdiag else 0
    before, idle, end = sum(map(ticks, family())), 0, time.monotonic() + a.seconds
    began = time.monotonic()
    while time.monotonic() < end:
        idle += len(t.read(min(0.5, max(0, end - time.monotonic())))[1])
    spent = time.monotonic() - began
    used = sum(map(ticks, family())) - before
    figures["idle"] = f"{idle * 60 / spent:.0f} B/min"
    figures["cpu"] = f"{used / os.sysconf('SC_CLK_TCK') / spent * 100:.2f} %"
    if a.sdiag:
        figures["rpc"] = f"{(rpcs() - before_rpc) * 60 / spent:.0f} /min"
    rss = re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{t.pid}/status").read())
    figures["rss"] = f"{int(rss.group(1)) / 1024:.0f} MB"
    os.write(t.fd, b"q")
    sent = time.monotonic()
    while time.monotonic() < sent + 5:
        t.read(0.005)
        if os.waitpid(t.pid, os.WNOHANG)[0]:
            break
    figures["quit"] = f"{(time.monotonic() - sent) * 1000:.0f} ms"
    for name, figure in figures.items():
        print(f"{name:<6} {figure}")


main()
