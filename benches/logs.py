#!/usr/bin/env python3
"""What a job costs that writes 50,000 lines a second: runs qdeck in a pseudo-terminal of 140x40 while the job writes, and prints figures.

    benches/logs.py [--rate 50000] [--seconds 20] -- target/release/qdeck

rate     lines a second that the job really wrote        frames   frames a second that reached the terminal
key      ms from a key press to its effect on screen: median and 99th percentile (help is opened and closed)
cpu      percent of one core, the program alone          rss      MB resident at the end, and the growth since a third of the time
end      the last line on screen is the last one written, and the lines above it have no gap
Only Python's standard library is used. Jobs and settings live in a folder of their own.
"""
import argparse, fcntl, os, pty, re, select, shutil, struct, subprocess, sys, tempfile, termios, time

WRITER = """#!/bin/sh
exec python3 -u - <<'END'
import sys, time
rate, seconds = %d, %d
out, begun, n = sys.stdout, time.monotonic(), 0
while n < rate * seconds:
    due = min(int((time.monotonic() - begun) * rate), rate * seconds)
    if due > n:
        out.write("".join("line %%012d of a job that writes as fast as it can, 64 bytes\\n" %% i for i in range(n, due)))
        out.flush()
        n = due
    time.sleep(0.01)
out.write("rate %%.0f\\n" %% (n / (time.monotonic() - begun)))
END
"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rate", type=int, default=50_000)
    p.add_argument("--seconds", type=int, default=20)
    p.add_argument("argv", nargs=argparse.REMAINDER)
    a = p.parse_args()
    argv = a.argv[1:] if a.argv[:1] == ["--"] else a.argv
    home = tempfile.mkdtemp(prefix="qdeck-logs-")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "AWS_", "SLURM_"))}
    env.update(HOME=home, TERM="xterm-256color", AWS_EC2_METADATA_DISABLED="true")
    # A machine without a scheduler of its own: the embedded runner runs the job.
    programs = os.path.join(home, "bin")
    os.mkdir(programs)
    schedulers = ("squeue", "sbatch", "scontrol", "sinfo", "scancel", "sacct", "qsub", "qstat", "pbsnodes", "qhost")
    for name in os.listdir("/usr/bin"):
        if name not in schedulers and name != "python3":
            os.symlink(f"/usr/bin/{name}", os.path.join(programs, name))
    os.symlink(sys.executable, os.path.join(programs, "python3"))
    env["PATH"] = programs
    script = os.path.join(home, "writer.sh")
    open(script, "w").write(WRITER % (a.rate, a.seconds))
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        os.chdir(home)
        os.execvpe(argv[0], argv + ["--cluster", "local"], env)
    text, chunks = b"", []

    def read(seconds):
        nonlocal text
        ready, _, _ = select.select([fd], [], [], seconds)
        if not ready:
            return b""
        try:
            got = os.read(fd, 1 << 16)
        except OSError:
            return b""
        chunks.append(time.monotonic())
        text = (text + got)[-200_000:]
        return got

    def settle(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            read(max(0, end - time.monotonic()))

    def until(want, seconds):
        end, seen = time.monotonic() + seconds, b""
        while time.monotonic() < end:
            seen += read(0.05)
            # Unchanged cells, blanks above all, are not sent again.
            if want.replace(b" ", b"") in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]| ", b"", seen):
                return True
        return False

    ticks = lambda: sum(int(x) for x in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    rss = lambda: int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024
    try:
        settle(1.5)
        subprocess.run(argv + ["--cluster", "local", "submit", script], env=env, cwd=home, check=True, stdout=subprocess.DEVNULL)
        if not until(b"of a job that writes", 10):
            sys.exit("the job's output never came on screen")
        os.write(fd, b"4")
        settle(a.seconds / 3 - 1)
        first_rss, before, begun = rss(), ticks(), time.monotonic()
        chunks.clear()
        settle(a.seconds / 3 - 1)
        spent = time.monotonic() - begun
        frames = 1 + sum(b - a > 0.004 for a, b in zip(chunks, chunks[1:]))
        cpu = (ticks() - before) / os.sysconf("SC_CLK_TCK") / spent * 100
        taken = []
        end = time.monotonic() + a.seconds / 4
        while time.monotonic() < end:
            for key, want in ((b"?", b"Everywhere"), (b"\x1b", b"of a job that writes")):
                sent = time.monotonic()
                os.write(fd, key)
                if not until(want, 2):
                    sys.exit(f"{key} had no effect")
                taken.append((time.monotonic() - sent) * 1000)
                settle(0.07)
        taken = sorted(taken[::2])
        settle(a.seconds / 3 + 4)
        os.write(fd, b"\x0c")
        text = b""
        settle(1.0)
        shown = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b" ", text)
        numbers = [int(n) for n in re.findall(rb"line (\d{12}) of", shown)]
        wrote = re.search(rb"rate (\d+)", shown)
        good = bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[-1] == a.rate * a.seconds - 1
        print(f"rate   {wrote.group(1).decode() if wrote else '?'} lines/s")
        print(f"frames {frames / spent:.0f} /s")
        print(f"key    median {taken[len(taken) // 2]:.1f} ms, p99 {taken[min(len(taken) - 1, int(len(taken) * 0.99))]:.1f} ms ({len(taken)} presses)")
        print(f"cpu    {cpu:.0f} %")
        print(f"rss    {rss():.0f} MB ({rss() - first_rss:+.0f})")
        print(f"end    {'whole' if good else 'NOT WHOLE: ' + str(numbers)}")
        os.write(fd, b"q")
        settle(0.5)
        if not good:
            sys.exit(1)
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
