//! The file systems of a machine: one script, and the reader of what it prints. A server that does not answer holds up nobody.

use std::collections::HashMap;

use crate::model::{Failure, FailureKind, Mount, Quota};

use super::host::Said;

/// Between the parts of the answer.
const PART: char = '\x1d';

/// Everything that a server has to answer is asked at the same time: any number of dead ones cost four seconds together, and each
/// hides only itself.
pub(super) const SCRIPT: &str = r#"export LC_ALL=C
cat /sys/class/dmi/id/sys_vendor 2>/dev/null; printf '\035'
cat /proc/mounts; printf '\035'
cat /etc/exports 2>/dev/null; printf '\035'
limited() { timeout -s KILL 4 "$@" 2>/dev/null; }
awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|nfs4?|lustre|beegfs|gpfs|ceph|cifs|fuse\..*)$/ && $2 !~ /^\/(boot|snap|proc|sys|dev|run)(\/|$)/ { print $2 }' /proc/mounts |
  sort -u | head -n 60 | {
  if command -v quota >/dev/null 2>&1; then
    (q=$(limited quota -w); printf 'quota\037\037%s\036' "$q") &
  fi
  while read -r m; do
    (
      p=$(printf '%b' "$m")
      d=$(limited sh -c '[ -d "$0" ] || exit 9; exec df -kP -- "$0"' "$p")
      [ $? = 9 ] || printf 'df\037%s\037%s\036' "$m" "$(printf '%s\n' "$d" | tail -n 1)"
    ) &
    if command -v lfs >/dev/null 2>&1 && grep -q " $m lustre " /proc/mounts 2>/dev/null; then
      (
        p=$(printf '%b' "$m")
        q=$(limited lfs quota -q -u "$(id -un)" "$p" | tr '\n' ' ')
        printf 'lfs\037%s\037%s\036' "$m" "$q"
      ) &
    fi
  done
  wait
}
exit 0
"#;

/// What one line of `/proc/mounts` tells.
struct Line<'a> {
    source: &'a str,
    kind: &'a str,
    options: &'a str,
}

/// Reads an answer: shared ones first, then by path.
pub(super) fn read(said: &Said) -> Result<Vec<Mount>, Failure> {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut parts = text.split(PART);
    let mut next = || parts.next().unwrap_or("");
    let (vendor, table, exports, asked) = (next(), next(), next(), next());
    if table.is_empty() {
        let words = said.stderr.lines().next().unwrap_or("/proc/mounts is empty");
        return Err(Failure::new(FailureKind::Garbled, "", format!("the file systems cannot be listed: {words}")));
    }
    let on_ec2 = vendor.starts_with("Amazon");
    // What is mounted last at a place is what one sees there.
    let lines: HashMap<&str, Line<'_>> = table.lines().filter_map(line).collect();
    let exported: Vec<&str> = exports.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let records: Vec<(&str, &str, &str)> = asked.split('\x1e').filter_map(record).collect();
    let of = |what: &str, path: &str| records.iter().find(|(kind, at, _)| *kind == what && *at == path).map_or("", |(_, _, text)| *text);
    let quotas = of("quota", "");
    let mut mounts: Vec<Mount> = records
        .iter()
        .filter(|(kind, ..)| *kind == "df")
        .filter_map(|(_, path, df)| {
            let line = lines.get(path)?;
            let (size, used) = sizes(df);
            let lfs = of("lfs", path);
            let path = unescaped(path);
            let is_net = matches!(line.kind, "nfs" | "nfs4" | "lustre" | "beegfs" | "gpfs" | "ceph" | "cifs");
            Some(Mount {
                kind: kind(line, on_ec2).to_owned(),
                source: unescaped(line.source),
                size,
                used,
                quota: lustre_quota(lfs).or_else(|| quota(quotas, &unescaped(line.source))),
                is_shared: is_net || exported.contains(&path.as_str()),
                is_read_only: line.options.split(',').any(|option| option == "ro"),
                path,
            })
        })
        .collect();
    // The same disk at several places is one disk: its shortest path names it.
    mounts.sort_by(|a, b| (a.path.len(), &a.path).cmp(&(b.path.len(), &b.path)));
    let mut seen: Vec<String> = Vec::new();
    mounts.retain(|mount| {
        let is_new = mount.is_shared || !seen.contains(&mount.source);
        seen.push(mount.source.clone());
        is_new
    });
    mounts.sort_by(|a, b| (!a.is_shared, &a.path).cmp(&(!b.is_shared, &b.path)));
    Ok(mounts)
}

/// Whether the machine has a command that tells of quotas, and was asked by it.
pub(super) fn asks_quotas(said: &Said) -> bool {
    let text = String::from_utf8_lossy(&said.stdout);
    let asked = text.split(PART).nth(3).unwrap_or("");
    asked.split('\x1e').filter_map(record).any(|(kind, ..)| matches!(kind, "quota" | "lfs"))
}

/// What was asked, of which path, and what came.
fn record(text: &str) -> Option<(&str, &str, &str)> {
    let mut fields = text.splitn(3, '\x1f');
    Some((fields.next()?.trim(), fields.next()?, fields.next()?))
}

fn line(text: &str) -> Option<(&str, Line<'_>)> {
    let mut words = text.split(' ');
    let (source, path, kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
    Some((path, Line { source, kind, options }))
}

/// What AWS calls it.
fn kind<'a>(line: &Line<'a>, on_ec2: bool) -> &'a str {
    let is_disk = line.source.starts_with("/dev/");
    match line.kind {
        "lustre" => "FSx for Lustre",
        "nfs" | "nfs4" if line.source.contains(".efs.") => "EFS",
        "nfs" | "nfs4" if line.source.contains(".fsx.") => "FSx",
        // The EFS helper encrypts through a port of this machine.
        "nfs4" if line.source.starts_with("127.0.0.1:") && line.options.contains("noresvport") => "EFS",
        "nfs" | "nfs4" => "NFS",
        _ if is_disk && line.source.contains("ephemeral") => "instance store",
        _ if is_disk && on_ec2 => "EBS",
        _ if is_disk => "disk",
        other => other,
    }
}

/// `df -kP`'s line: size and used, in bytes. Its first and last word may hold blanks; the numbers stand before the percentage.
fn sizes(df: &str) -> (Option<u64>, Option<u64>) {
    let words: Vec<&str> = df.split_whitespace().collect();
    let percent = words.iter().rposition(|word| word.ends_with('%') || *word == "-");
    let number = |back: usize| {
        let at = percent?.checked_sub(back)?;
        words.get(at)?.parse::<u64>().ok()?.checked_mul(1024)
    };
    (number(3), number(2))
}

/// `lfs quota -q`: path, kB used, soft and hard limit, and the rest. 0 is no limit.
fn lustre_quota(text: &str) -> Option<Quota> {
    limits(&text.split_whitespace().skip(1).collect::<Vec<_>>())
}

/// `quota -w`: a line for each device, the rest as `lfs` has it.
fn quota(text: &str, source: &str) -> Option<Quota> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(source))?;
    limits(&line.split_whitespace().skip(1).collect::<Vec<_>>())
}

fn limits(words: &[&str]) -> Option<Quota> {
    // A star says that the limit is passed.
    let number = |at: usize| words.get(at)?.trim_end_matches('*').parse::<u64>().ok()?.checked_mul(1024);
    let (used, soft, hard) = (number(0)?, number(1)?, number(2)?);
    let limit = if hard > 0 { hard } else { soft };
    (limit > 0).then_some(Quota { used, limit })
}

/// The kernel writes blanks, tabs, line ends and backslashes as `\040`.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, later)) = rest.split_first() {
        let code = (*byte == b'\\').then(|| later.get(..3)).flatten();
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(code);
                rest = &later[3..];
            }
            None => {
                out.push(*byte);
                rest = later;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "/dev/nvme0n1p1 / xfs rw,noatime 0 0\nproc /proc proc rw 0 0\n/dev/nvme1n1 /shared\\040data ext4 rw 0 0\n\
        fs-0abc.efs.eu-west-1.amazonaws.com:/ /efs nfs4 rw,noresvport 0 0\n10.0.1.9@tcp:/abcd /fsx lustre rw,flock 0 0\n\
        10.0.0.7:/export /dead nfs4 ro 0 0\n/dev/nvme0n1p1 /var/lib/other xfs rw 0 0\n";

    fn said(text: &str) -> Said {
        Said { status: 0, stdout: text.into(), stderr: String::new() }
    }

    fn answer() -> String {
        let asked = "df\x1f/\x1f/dev/nvme0n1p1 41931756 10482939 31448817 26% /\x1e\
            df\x1f/shared\\040data\x1f/dev/nvme1n1 102626232 102626232 0 100% /shared data\x1e\
            df\x1f/efs\x1ffs-0abc.efs.eu-west-1.amazonaws.com:/ 9007199254739968 2048 9007199254737920 1% /efs\x1e\
            lfs\x1f/fsx\x1f     /fsx  1024  0  2048  -  1 0 0 - \x1e\
            df\x1f/fsx\x1f10.0.1.9@tcp:/abcd 1153421312 1024 1153420288 1% /fsx\x1e\
            df\x1f/dead\x1f\x1edf\x1f/var/lib/other\x1f/dev/nvme0n1p1 41931756 10482939 31448817 26% /\x1e";
        let quotas = "quota\x1f\x1fDisk quotas for user ada (uid 1001):\n Filesystem blocks quota limit grace files quota limit grace\n /dev/nvme1n1 900* 800 1000 6days 1 0 0\n\x1e";
        format!("Amazon EC2\n\x1d{TABLE}\x1d\"/x\" 1(rw)\n/home 10.0.0.0/16(rw)\n\x1d{quotas}{asked}")
    }

    /// The script with a table of mounts and commands of this test's own; what it tells, and how long it took.
    fn run(table: &str, commands: &[(&str, &str)]) -> (Said, std::time::Duration) {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mounts = dir.path().join("mounts");
        std::fs::write(&mounts, table).unwrap();
        for (name, text) in commands {
            let file = dir.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let script = SCRIPT.replace("/proc/mounts", &mounts.display().to_string());
        let begun = std::time::Instant::now();
        let out = std::process::Command::new("sh").args(["-c", &script]).env("PATH", path).output().unwrap();
        let said = Said { status: out.status.code().unwrap_or(1), stdout: out.stdout, stderr: String::new() };
        (said, begun.elapsed())
    }

    #[test]
    fn several_dead_servers_and_a_dead_quota_cost_four_seconds_together() {
        let table = "/dev/a / ext4 rw 0 0\nh:/a /usr nfs4 rw 0 0\nh:/b /etc nfs4 rw 0 0\nl:/c /tmp lustre rw 0 0\n";
        let hangs = "exec sleep 60";
        let df = "case \"$3\" in /usr|/etc|/tmp) exec sleep 60 ;; *) echo '/dev/a 100 40 60 40% /' ;; esac";
        let (said, took) = run(table, &[("df", df), ("quota", hangs), ("lfs", hangs)]);
        let mounts = read(&said).unwrap();
        let told: Vec<_> = mounts.iter().map(|mount| (mount.path.as_str(), mount.size)).collect();
        assert_eq!(told, [("/etc", None), ("/tmp", None), ("/usr", None), ("/", Some(102_400))]);
        assert!(took < std::time::Duration::from_secs(7), "{took:?}");
        assert!(asks_quotas(&said));
    }

    #[test]
    fn quotas_are_asked_by_the_commands_that_are_there() {
        let table = "/dev/a / ext4 rw 0 0\nl:/c /tmp lustre rw 0 0\n";
        let df = "echo \"/dev/a 100 40 60 40% $3\"";
        let (said, _) = run(table, &[("df", df)]);
        assert!(!asks_quotas(&said) && read(&said).unwrap().iter().all(|mount| mount.quota.is_none()));
        let lfs = "echo \"$5\"; echo '  1024 0 2048 - 1 0 0 -'";
        let quota = "echo 'Disk quotas for user ada (uid 1001):'; echo '/dev/a 900 0 1000 0 1 0 0'";
        let (said, _) = run(table, &[("df", df), ("lfs", lfs), ("quota", quota)]);
        let mounts = read(&said).unwrap();
        let of = |path: &str| mounts.iter().find(|mount| mount.path == path).unwrap().quota;
        assert_eq!((of("/"), of("/tmp")), (Some(Quota { used: 921_600, limit: 1_024_000 }), Some(Quota { used: 1 << 20, limit: 2 << 20 })));
    }

    #[test]
    fn each_file_system_is_told_with_its_use_and_its_quota() {
        let mounts = read(&said(&answer())).unwrap();
        let of = |path: &str| mounts.iter().find(|mount| mount.path == path).unwrap();
        assert_eq!(mounts.iter().map(|m| m.path.as_str()).collect::<Vec<_>>(), ["/dead", "/efs", "/fsx", "/", "/shared data"]);
        assert_eq!((of("/").kind.as_str(), of("/").percent(), of("/").is_shared), ("EBS", Some(25), false));
        assert_eq!((of("/shared data").percent(), of("/shared data").quota), (Some(100), Some(Quota { used: 921_600, limit: 1_024_000 })));
        assert_eq!(
            (of("/efs").kind.as_str(), of("/efs").percent(), of("/efs").use_words().as_str()),
            ("EFS", None, "2.1 MB used, no limit")
        );
        assert_eq!((of("/fsx").kind.as_str(), of("/fsx").quota), ("FSx for Lustre", Some(Quota { used: 1 << 20, limit: 2 << 20 })));
        let dead = of("/dead");
        assert_eq!((dead.kind.as_str(), dead.size, dead.is_read_only, dead.use_words().as_str()), ("NFS", None, true, "does not answer"));
        assert!(read(&said("")).is_err());
        let here = read(&said(&answer().replace("Amazon EC2", "QEMU"))).unwrap();
        assert_eq!(here.iter().find(|m| m.path == "/").unwrap().kind, "disk");
    }

    #[test]
    fn the_script_runs_here() {
        let out = std::process::Command::new("sh").args(["-c", SCRIPT]).output().unwrap();
        let said = Said { status: out.status.code().unwrap_or(1), stdout: out.stdout, stderr: String::new() };
        assert!(read(&said).is_ok(), "{}", String::from_utf8_lossy(&said.stdout));
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(cut in 0..900_usize, text in "([^\r]{0,9}|/|\\\\|[0-9]{1,22}|\x1d|\x1e|\x1f| |%|\n){0,80}") {
            let whole = answer();
            let cut = (0..=cut.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
            let _ = (read(&said(&whole[..cut])), read(&said(&text)));
        }
    }
}
