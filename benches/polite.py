#!/usr/bin/env python3
"""What looking at a queue costs a Slurm controller and the line to it: qdeck beside other programs, each alone on the same Slurm.

    sudo benches/polite.py [--jobs 10000] [--seconds 60] [--repeat 1] -- NAME=COMMAND [NAME=COMMAND ...]

starts a rig (tests/rig/up), submits that many held jobs, each a job of its own, and runs each COMMAND in a terminal of 140x40 for as long
as told, as the user whose jobs they are. For instance

    benches/polite.py -- qdeck=target/release/qdeck watch='watch -n2 squeue' turm='/tmp/venv/bin/turm' stui='/tmp/venv/bin/stui'

rpc      RPCs a minute that slurmctld counted (sdiag), those of the user alone    by type: the same in detail
ctl_ms   milliseconds a minute that slurmctld spent on them
sent     kB a minute that slurmctld sent: bytes that left its port (nft counter)
tty      kB a minute written to the terminal                                   cpu: percent of one core, with children
Needs root, tests/rig/install and nft. Only Python's standard library is used.
"""
import argparse, fcntl, os, pty, pwd, re, select, shlex, signal, struct, subprocess, sys, termios, time

RIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "rig")


def run(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, check=True, **more).stdout


def read_env(path):
    return dict(line.rstrip("\n").split("=", 1) for line in open(path) if "=" in line)


class Slurm:
    def __init__(self, env):
        self.env = env
        self.state = env["RIG_STATE"]
        conf = open(env["SLURM_CONF"]).read()
        self.port = re.search(r"^SlurmctldPort=(\d+)", conf, re.M).group(1)

    def inside(self, *argv):
        return run(os.path.join(RIG, "ctl"), "slurm", *argv, env={**os.environ, "RIG_STATE": self.state})

    def counts(self, user):
        """RPCs of one user: count and microseconds; and all RPCs by type."""
        text = self.inside("sdiag")
        by_user = text.split("statistics by user")[-1].split("Pending RPC")[0]
        found = re.search(rf"^\s*{re.escape(user)}\s.*?count:(\d+).*?total_time:(\d+)", by_user, re.M)
        types = text.split("statistics by message type")[-1].split("statistics by user")[0]
        kinds = {name: int(n) for name, n in re.findall(r"^\s*(REQUEST_\w+).*?count:(\d+)", types, re.M)}
        return (int(found.group(1)), int(found.group(2))) if found else (0, 0), kinds

    def sent(self):
        """Bytes that left the controller's port on loopback."""
        text = run("nft", "list", "table", "inet", "qdeck_polite")
        return int(re.search(r"counter packets \d+ bytes (\d+)", text).group(1))


def family(pid):
    out = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                out += family(int(child))
    except OSError:
        pass
    return out


def ticks(pids):
    total = 0
    for pid in pids:
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += sum(int(x) for x in fields[11:15])
        except OSError:
            pass
    return total


def measure(slurm, user, command, seconds):
    ns = open(os.path.join(slurm.state, "run", "ns.pid")).read().strip()
    me = pwd.getpwnam(user)
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": me.pw_dir, "USER": user, "LOGNAME": user, "LANG": "C.UTF-8",
               "SLURM_CONF": slurm.env["SLURM_CONF"]}
        argv = ["nsenter", f"--mount=/proc/{ns}/ns/mnt", "--wd=/tmp", "--", "setpriv", "--reuid", user, "--regid", str(me.pw_gid),
                "--init-groups", "--", *shlex.split(command)]
        os.execvpe("nsenter", argv, env)
    shown = []

    def watch(until):
        got = 0
        while time.monotonic() < until:
            ready, _, _ = select.select([fd], [], [], max(0, min(0.5, until - time.monotonic())))
            if ready:
                try:
                    data = os.read(fd, 1 << 16)
                except OSError:
                    sys.exit(f"{command} ended: {b''.join(shown)[-500:]!r}")
                for ask, answer in ((b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62;22c")):
                    if ask in data:
                        os.write(fd, answer)
                shown.append(data)
                got += len(data)
        return got

    # Its start is not what it costs to leave it open.
    watch(time.monotonic() + 8)
    before, bytes_before, cpu = slurm.counts(user), slurm.sent(), ticks(family(pid))
    began = time.monotonic()
    tty = watch(began + seconds)
    spent = time.monotonic() - began
    cpu = ticks(family(pid)) - cpu
    after, sent = slurm.counts(user), slurm.sent() - bytes_before
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.5)
    for left in family(pid):
        try:
            os.kill(left, signal.SIGKILL)
        except OSError:
            pass
    os.close(fd)
    os.waitpid(pid, 0)
    minute = 60 / spent
    kinds = {name: n - before[1].get(name, 0) for name, n in after[1].items()}
    quiet = ("REQUEST_STATS_INFO", "REQUEST_PING", "REQUEST_NODE_REGISTRATION")
    return {
        "rpc": (after[0][0] - before[0][0]) * minute,
        "ctl_ms": (after[0][1] - before[0][1]) / 1000 * minute,
        "sent": sent / 1000 * minute,
        "tty": tty / 1000 * minute,
        "cpu": cpu / os.sysconf("SC_CLK_TCK") / spent * 100,
        "kinds": {name[8:]: n for name, n in kinds.items() if n > 0 and not name.startswith(quiet)},
        "screen": b"".join(shown),
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--jobs", type=int, default=10_000)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--screens", default="", help="a folder that receives what each wrote to its terminal")
    p.add_argument("programs", nargs="+", metavar="NAME=COMMAND")
    a = p.parse_args()
    env = read_env(run(os.path.join(RIG, "up"), "--no-aws").splitlines()[-1])
    slurm = Slurm(env)
    user = env["RIG_USER"]
    try:
        run("nft", "-f", "-", input="add table inet qdeck_polite; add chain inet qdeck_polite out { type filter hook output priority 0; }; "
            f"add rule inet qdeck_polite out oifname lo tcp sport {slurm.port} counter")
        run("ssh", "-F", env["RIG_SSH_CONFIG"], "rig", f"for i in $(seq {a.jobs}); do sbatch -H -Q -J job-$i --wrap 'sleep 1'; done",
            stdin=subprocess.DEVNULL)
        print(f"{a.jobs} jobs, {a.seconds:.0f} s each; per minute")
        print(f"{'':10}{'rpc':>8}{'ctl_ms':>10}{'sent kB':>12}{'tty kB':>10}{'cpu %':>8}")
        for _ in range(a.repeat):
            for program in a.programs:
                name, command = program.split("=", 1)
                f = measure(slurm, user, command, a.seconds)
                print(f"{name:10}{f['rpc']:8.1f}{f['ctl_ms']:10.1f}{f['sent']:12.1f}{f['tty']:10.2f}{f['cpu']:8.1f}  "
                      + " ".join(f"{k}:{n}" for k, n in sorted(f["kinds"].items())), flush=True)
                if a.screens:
                    open(os.path.join(a.screens, f"{name}.raw"), "wb").write(f["screen"])
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "qdeck_polite"], capture_output=True)
        subprocess.run([os.path.join(RIG, "down")], env={**os.environ, "RIG_STATE": env["RIG_STATE"], "RIG_WIPE": "1"})


main()
