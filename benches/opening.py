#!/usr/bin/env python3
"""What it takes to see the end of a large log: qdeck, and lnav where it is installed, on the same file, in terminals of 140x40.

    benches/opening.py [--gb 10] [--dir /tmp] -- target/release/qdeck

qdeck    ms from the key that opens the file (in the file picker) to its last line on screen, peak MB resident
lnav     ms from its start to the file's last line on screen, peak MB resident
wc -l    ms to count the file's lines
Only Python's standard library is used. The file is written first, and taken away.
"""
import argparse, fcntl, os, pty, re, select, shutil, struct, subprocess, sys, tempfile, termios, time

LAST = b"the very last line of it"


class Terminal:
    def __init__(self, argv, folder):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "AWS_", "SLURM_"))}
        env.update(HOME=folder, TERM="xterm-256color", AWS_EC2_METADATA_DISABLED="true")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)

    def until(self, want, seconds):
        """Milliseconds until the text is on screen."""
        begun, seen = time.monotonic(), b""
        while time.monotonic() - begun < seconds:
            if select.select([self.fd], [], [], 0.02)[0]:
                seen = (seen + os.read(self.fd, 1 << 16))[-400_000:]
            if want.replace(b" ", b"") in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]| ", b"", seen):
                return (time.monotonic() - begun) * 1000
        self.end()
        sys.exit(f"{want.decode()} never came on screen")

    def keys(self, keys):
        os.write(self.fd, keys)

    def peak(self):
        return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{self.pid}/status").read()).group(1)) / 1024

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--gb", type=float, default=10)
    p.add_argument("--dir", default=tempfile.gettempdir())
    p.add_argument("argv", nargs=argparse.REMAINDER)
    a = p.parse_args()
    argv = a.argv[1:] if a.argv[:1] == ["--"] else a.argv
    argv[0] = shutil.which(argv[0]) or argv[0]
    argv[0] = os.path.abspath(argv[0])
    folder = tempfile.mkdtemp(prefix="qdeck-opening-", dir=a.dir)
    path = os.path.join(folder, "large.log")
    try:
        lines = b"".join(b"2026-11-25T14:%02d:%02d step %09d loss 0.%06d\n" % (n // 60 % 60, n % 60, n, n) for n in range(200_000))
        with open(path, "wb") as file:
            for _ in range(int(a.gb * 1e9) // len(lines)):
                file.write(lines)
            file.write(LAST + b"\n")
        print(f"file   {os.path.getsize(path) / 1e9:.1f} GB")
        term = Terminal(argv + ["--cluster", "local"], folder)
        term.until(b"this machine", 10)
        time.sleep(0.5)
        term.keys(b"n")
        term.until(b"large.log", 10)
        term.keys(b"/large")
        time.sleep(0.5)
        term.keys(b"\r")
        time.sleep(0.5)
        term.keys(b"o")
        print(f"qdeck  {term.until(LAST, 30):.0f} ms, {term.peak():.0f} MB")
        term.end()
        if shutil.which("lnav"):
            term = Terminal(["lnav", path], folder)
            took = term.until(LAST, 600)
            print(f"lnav   {took:.0f} ms, {term.peak():.0f} MB")
            term.end()
        begun = time.monotonic()
        subprocess.run(["wc", "-l", path], check=True, stdout=subprocess.DEVNULL)
        print(f"wc -l  {(time.monotonic() - begun) * 1000:.0f} ms")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
