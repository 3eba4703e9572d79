//! `sbatch`, so that the same submission can be asked for any number of times and makes one job.
//!
//! A lock file on the host lets one attempt work at a time and is held as long as an `sbatch` of it lives. An attempt that finds the traces of
//! another asks the queue for the token before it sends anything.

use super::super::paths::word;
use super::super::{Ask, Handing, Sent, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobId};

/// Exit statuses of the script that `sbatch` does not have.
const UNSURE: i32 = 76;

/// What stands before the token in a job's comment.
const MARK: &str = "qdeck:";

/// `$f` is this submission's file in a folder that only the user can read. What runs longer than a minute is asked for again.
const ONCE: &str = r#"d="${XDG_STATE_HOME:-$HOME/.local/state}/qdeck/outbox"
(umask 077 && mkdir -p "$d") || exit 74
find "$d" -type f -mtime +7 -exec rm -f {} + 2>/dev/null
f="$d/$token"
exec 9>>"$f.lock" || exit 74
if command -v flock >/dev/null 2>&1; then flock -w 60 9 || { echo 'an earlier attempt is still at work' >&2; exit 76; }; fi
look() {
  found=$(squeue -h --local --me -t all -o '%F %k' 2>"$f.err") || return 1
  printf '%s\n' "$found" | awk -v token="qdeck:$token" 'index($0, token) { print $1; exit }' >"$f.out"
  if [ -s "$f.out" ]; then mv "$f.out" "$f.id"; cat "$f.id"; exit 0; fi
}
if [ -s "$f.id" ]; then cat "$f.id"; exit 0; fi
if [ -e "$f.sent" ]; then
  for pause in 0 1 2; do sleep $pause; look || { cat "$f.err" >&2; exit 76; }; done
fi
: >"$f.sent"
"#;

/// What follows `sbatch`. Where its words leave open whether the controller took the job, the queue is asked.
const AFTER: &str = r#"
rc=$?
if [ $rc -eq 0 ] && [ -s "$f.out" ]; then mv "$f.out" "$f.id"; cat "$f.id"; cat "$f.err" >&2; exit 0; fi
cp "$f.err" "$f.why"
case $(cat "$f.why") in
*'timed out'*|*'Zero Bytes'*|*'Unexpected message'*|'') for pause in 1 3; do sleep $pause; look || { cat "$f.why" >&2; exit 76; }; done ;;
esac
rm -f "$f.sent"
cat "$f.why" >&2
exit $rc
"#;

pub(super) fn ask(job: &Handing<'_>) -> Ask<Sent> {
    let file = word(job.path);
    let (cd, chdir) = match job.dir {
        Some(dir) => (format!("cd -- {}", word(dir)), format!("--chdir={} ", word(dir))),
        None => (format!("cd -- \"$(dirname -- {file})\""), String::new()),
    };
    let words = |words: &[String]| words.iter().map(|arg| format!(" {}", quoted(arg))).collect::<String>();
    let comment = job.comment.map_or_else(|| format!("{MARK}{}", job.token), |comment| format!("{comment} {MARK}{}", job.token));
    let (options, args) = (words(job.options), words(job.args));
    Ask {
        script: format!(
            "export LC_ALL=C\ntoken={}\n{ONCE}({cd} && exec sbatch --parsable{options} {chdir}--comment={} -- {file}{args}) \
             >\"$f.out\" 2>\"$f.err\" </dev/null{AFTER}",
            quoted(job.token),
            quoted(&comment),
        ),
        read: Box::new(|said| {
            if said.status == UNSURE {
                return Ok(Sent::Unsure(said.stderr.trim().to_owned()));
            }
            if said.status != 0 {
                return Err(trouble::failure(said));
            }
            let text = String::from_utf8_lossy(&said.stdout);
            let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let id = lines.pop().and_then(|line| line.split(';').next()).unwrap_or("");
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Failure::new(FailureKind::Garbled, "", format!("sbatch took the script but printed no job id: {text}"))
                    .hint("Look at the queue before you submit again."));
            }
            let said = lines.into_iter().chain(said.stderr.lines()).map(str::trim).filter(|line| !line.is_empty());
            Ok(Sent::Taken(JobId::new(id), said.collect::<Vec<_>>().join("; ")))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    fn handing<'a>(args: &'a [String], comment: Option<&'a str>) -> Handing<'a> {
        Handing { path: "/home/u/my job.sh", dir: None, args, options: &[], token: "t1", comment, variables: None }
    }

    #[test]
    fn every_word_is_quoted_and_the_id_is_read() {
        let args = ["$(x)".to_owned(), "b".to_owned()];
        let ask = ask(&handing(&args, Some("it's mine")));
        let sent = "(cd -- \"$(dirname -- '/home/u/my job.sh')\" && exec sbatch --parsable --comment='it'\\''s mine qdeck:t1' -- '/home/u/my job.sh' '$(x)' b)";
        assert!(ask.script.contains(sent), "{}", ask.script);
        assert_eq!(
            (ask.read)(&said(0, "42;prod\n", "sbatch: warning: x\n")).unwrap(),
            Sent::Taken(JobId::new("42"), "sbatch: warning: x".into())
        );
        assert!((ask.read)(&said(0, "", "")).unwrap_err().hint.contains("before you submit again"));
        let rejected =
            (ask.read)(&said(1, "", "sbatch: error: Batch job submission failed: Invalid partition name specified\n")).unwrap_err();
        assert_eq!(rejected.kind, FailureKind::Rejected);
        assert_eq!((ask.read)(&said(UNSURE, "", "why\n")).unwrap(), Sent::Unsure("why".into()));
    }

    #[test]
    fn a_folder_and_options_are_handed_on() {
        let options = ["--array=3,5".to_owned()];
        let job = Handing { path: "a.sh", dir: Some("run 1"), options: &options, ..handing(&[], None) };
        assert!(ask(&job).script.contains("sbatch --parsable --array=3,5 --chdir=\"$HOME\"/'run 1' --comment=qdeck:t1 -- \"$HOME\"/a.sh"));
    }
}
