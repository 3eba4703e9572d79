//! `sbatch`, so that the same submission can be asked for any number of times and makes one job.
//!
//! A lock on the host lets one attempt work at a time and is held as long as an `sbatch` of it lives. What an attempt leaves behind is on disk
//! before anything is sent; one that finds such traces asks the queue for the token first, and never sends again what may have run.

use super::super::paths::word;
use super::super::{Ask, Handing, Sent, trouble};
use super::CALM;
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobId};
use crate::remote::host::Said;

/// Exit statuses of the script. Any other one is somebody's who ended it, and says nothing about the job.
const TAKEN: i32 = 0;
/// Nothing was sent by this attempt, because it could not be written down.
const UNSENT: i32 = 74;
/// `sbatch` said no; its status is on standard output.
const REFUSED: i32 = 75;
const UNSURE: i32 = 76;
/// It was sent, it is not in the queue, and the queue has forgotten jobs since.
const LOST: i32 = 78;

/// What stands before the token in a job's comment.
const MARK: &str = "qdeck:";

/// `$f` begins the names of this submission's files in a folder that only the user can read. A shell leaves at once when `exec` or `:` cannot
/// open a file: hence `true`. Where the file system has no locks (NFS without lockd), the host's own disk has.
const ONCE: &str = r#"d="${XDG_STATE_HOME:-$HOME/.local/state}/qdeck/outbox"
f="$d/$token"
(umask 077 && mkdir -p "$d") && { true >>"$f.lock" && true >>"$f.err"; } || exit 74
find "$d" -type f -mtime +40 -exec rm -f {} + 2>/dev/null
busy() {
  n=$((n + 1))
  [ $n -lt 250 ] || { echo 'an earlier attempt is still at work' >&2; exit 76; }
  sleep 0.2 2>/dev/null || sleep 1
}
alone() {
  { true >>"$1"; } || return 2
  exec 9>>"$1"
  while :; do
    flock -n 9 2>/dev/null; case $? in 0) return 0 ;; 1) busy ;; *) return 2 ;; esac
  done
}
n=0
if command -v flock >/dev/null 2>&1; then
  alone "$f.lock" || alone "${TMPDIR:-/tmp}/.qdeck-$token" || exit 74
else
  while ! mkdir "$f.busy" 2>/dev/null; do busy; done
  trap 'rmdir "$f.busy"' EXIT
fi
unsure() { cat "$f.err" >&2; exit 76; }
known() { [ -n "$id" ] || return 1; printf '%s\n' "$id" >"$f.tmp" && mv "$f.tmp" "$f.id"; printf '%s\n' "$id"; exit 0; }
written() { id=$(sed -n 's/^\([0-9][0-9]*\)\(;.*\)\{0,1\}$/\1/p' "$f.out" 2>/dev/null | tail -n 1); [ -n "$id" ]; }
look() {
  found=$(@CALM@squeue -h --local --me -t all -o '%F %o %k' 2>"$f.err") || return 1
  id=$(printf '%s\n' "$found" | awk -v token="qdeck:$token" -v place="qdeck-uploads/" -v short="-$short/" '
    $1 !~ /^[0-9]+$/ { next }
    index($0, token) { id = $1; exit }
    index($0, place) && index($0, short) { id = $1 }
    END { print id }')
}
if [ -s "$f.id" ]; then cat "$f.id"; exit 0; fi
if [ -s "$f.no" ]; then { read -r rc; cat >&2; } <"$f.no"; echo "$rc"; exit 75; fi
if [ -e "$f.sent" ]; then
  written && known
  for pause in 0 1 2; do sleep $pause; look || unsure; known; done
  sent=$(cat "$f.sent"); [ -n "$sent" ] || sent=$(stat -c %Y "$f.sent")
  age=$(($(date +%s) - sent))
  keeps=$(@CALM@scontrol show config 2>"$f.err" | sed -n 's/^MinJobAge *= *\([0-9]*\).*/\1/p')
  [ -n "$keeps" ] || unsure
  if [ "$keeps" -gt 0 ] && [ $age -ge $((keeps - 5)) ]; then
    id=$(@CALM@sacct -X -n -P -S "now-$((age + 60))seconds" -o JobIDRaw,Comment 2>/dev/null |
      awk -F '|' -v token="qdeck:$token" 'index($2, token) { print $1; exit }')
    known
    echo "$age $keeps"
    exit 78
  fi
fi
{ date +%s >"$f.sent" && true >"$f.out" && true >"$f.err"; } || { rm -f "$f.sent"; exit 74; }
sync "$f.sent" 2>/dev/null
trap '' HUP TERM
"#;

/// What follows `sbatch`. Where its words leave open whether the controller took the job, the queue is asked.
const AFTER: &str = r#"
rc=$?
why=$(cat "$f.err")
[ $rc -eq 0 ] && written && { cat "$f.err" >&2; known; }
doubt=
case $why in
*'(connect failure)'*) ;;
*'timed out'*|*'Zero Bytes'*|*'Unexpected message'*|*'(send failure)'*|*'(receive failure)'*|*'(shutdown failure)'*) doubt='1 2 4' ;;
*'reset by peer'*|*'roken pipe'*|*'not connected'*|'') doubt='1 2 4' ;;
*) [ $rc -lt 128 ] && look && known ;;
esac
[ $rc -lt 128 ] || doubt='1 2 4'
for pause in $doubt; do sleep $pause; look || { printf '%s\n' "$why" >&2; exit 76; }; known; done
{ echo "$rc"; printf '%s\n' "$why"; } >"$f.no"
rm -f "$f.sent"
printf '%s\n' "$why" >&2
echo "$rc"
exit 75
"#;

pub(super) fn ask(job: &Handing<'_>) -> Ask<Sent> {
    let file = word(job.path);
    let (cd, chdir) = match job.dir {
        Some(dir) => (format!("cd -- {}", word(dir)), format!("--chdir={} ", word(dir))),
        None => (format!("cd -- \"$(dirname -- {file})\""), String::new()),
    };
    let words = |words: &[String]| words.iter().map(|arg| format!(" {}", quoted(arg))).collect::<String>();
    // The token comes first: a comment may have several lines, and only the first stands beside the job's id.
    let comment = job.comment.map_or_else(|| format!("{MARK}{}", job.token), |comment| format!("{MARK}{} {comment}", job.token));
    let (options, args) = (words(job.options), words(job.args));
    Ask {
        script: format!(
            "token={}\nshort={}\n{}({cd} && exec sbatch --parsable{options} {chdir}--comment={} -- {file}{args}) \
             >\"$f.out\" 2>\"$f.err\" </dev/null{AFTER}",
            quoted(job.token),
            quoted(job.token.get(..8).unwrap_or(job.token)),
            ONCE.replace("@CALM@", CALM),
            quoted(&comment),
        ),
        read: Box::new(read),
    }
}

fn read(said: &Said) -> Result<Sent, Failure> {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words = said.stderr.trim();
    match said.status {
        TAKEN => {
            let id = lines.pop().and_then(|line| line.split(';').next()).unwrap_or("");
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
                return Ok(Sent::Unsure(format!("sbatch took the script but printed no job id: {text}")));
            }
            let said = lines.into_iter().chain(said.stderr.lines()).map(str::trim).filter(|line| !line.is_empty());
            Ok(Sent::Taken(JobId::new(id), said.collect::<Vec<_>>().join("; ")))
        }
        REFUSED => {
            let status = lines.pop().and_then(|line| line.parse().ok()).unwrap_or(1);
            if status == 0 {
                return Err(Failure::new(FailureKind::Rejected, "", format!("sbatch made no job of it: {words}"))
                    .hint("Leave out --test-only, or whatever else keeps sbatch from submitting."));
            }
            Err(trouble::failure(&Said { status, stdout: Vec::new(), stderr: said.stderr.clone() }))
        }
        UNSENT => {
            let what = if words.is_empty() { "the submission could not be written down on the head node" } else { words };
            Ok(Sent::Unsent(Failure::new(FailureKind::Denied, "", what).hint(
                "~/.local/state/qdeck/outbox on the head node must be writable and have room: it keeps a job from being sent twice.",
            )))
        }
        LOST => {
            let mut seconds = text.split_whitespace();
            let (ago, keeps) = (seconds.next().unwrap_or("?"), seconds.next().unwrap_or("?"));
            let what = format!(
                "it was sent {ago} s ago, no answer came, and it is not in the queue: it ran and is forgotten, or it never arrived"
            );
            let hint = format!("Slurm forgets jobs {keeps} s after their end. Look for its output; if there is none, submit it again.");
            Err(Failure::new(FailureKind::Conflict, "", what).hint(hint))
        }
        UNSURE => Ok(Sent::Unsure(words.to_owned())),
        other => Ok(Sent::Unsure(format!("what hands the script to sbatch was ended with status {other}"))),
    }
}

#[cfg(test)]
mod tests;
