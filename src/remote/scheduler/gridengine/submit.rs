//! `qsub`, so that the same submission can be asked for any number of times and makes one job.
//!
//! A lock file on the host lets one attempt work at a time and is held as long as a `qsub` of it lives, and what `qsub` says goes into a file
//! that outlives the connection. The token is in the job's context, which can be asked for while the job lives. A submission that left no
//! word behind and whose job may have ended meanwhile is not sent again.

use super::detail::DESCRIBE;
use super::past::MEMORY;
use super::{CALM, task, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobId};
use crate::remote::scheduler::paths::word;
use crate::remote::scheduler::{Ask, Handing, Sent};

/// Exit statuses of the script that `qsub` does not have.
const UNSURE: i32 = 76;
const MAYBE_ENDED: i32 = 77;

/// `$f` is this submission's file in a folder that only the user can read. What runs longer than a minute is asked for again.
const ONCE: &str = r#"d="${XDG_STATE_HOME:-$HOME/.local/state}/qdeck/outbox"
(umask 077 && mkdir -p "$d") || exit 74
find "$d" -type f -mtime +7 -exec rm -f {} + 2>/dev/null
f="$d/$token"
exec 9>>"$f.lock" || exit 74
if command -v flock >/dev/null 2>&1; then flock -w 60 9 || { echo 'an earlier attempt is still at work' >&2; exit 76; }; fi
said() { grep -E '^[0-9]+(\..*)?$' "$f.out" 2>/dev/null | head -n 1; }
keep() { printf '%s\n' "$1" >"$f.new" && mv "$f.new" "$f.id" && cat "$f.id"; }
look() {
  ids=$(qstat -u "$(id -un)" 2>"$f.err" | awk 'NR > 2 { print $1 }' | sort -un) || return 1
  [ ! -s "$f.err" ] || return 1
  found=$(printf '%s\n' "$ids" | xargs -n 1000 | tr ' ' , | while read -r some; do
    [ -z "$some" ] || qstat -j "$some" 2>/dev/null | awk -v token="qdeck=$token" '/^job_number:/ { n = $2 } /^context:/ && index($0, token) { print n; exit }'
  done | head -n 1)
  if [ -n "$found" ]; then keep "$found"; exit 0; fi
}
"#;

/// Before it is sent: what an earlier attempt left. `ended` names own jobs that came after that attempt and have ended, but for those that are
/// known to be another submission's.
const BEFORE: &str = r#"
ended() {
  from=$(($(date -r "$f.sent" +%s) - 5))
  { records -v since="$from" -v owner="$(id -un)" '!/^#/ && $4 == owner && $9 + 0 >= (($9 > 100000000000) ? since * 1000 : since)' | sed -n 's/^jobnumber *\([0-9]*\) *$/\1/p'
    qstat -s z -u "$(id -un)" -xml 2>/dev/null | awk -v from="$(date -u -d "@$from" +%Y-%m-%dT%H:%M:%S)" -F '[<>]' \
      '/<JB_job_number>/ { n = $3 } /<JB_submission_time>/ && $3 >= from { print n }'
  } | sort -u | while read -r n; do grep -qsE "^$n(\.|\$)" "$d"/*.id || printf '%s ' "$n"; done
}
if [ -s "$f.id" ]; then cat "$f.id"; exit 0; fi
if [ -n "$(said)" ]; then keep "$(said)"; exit 0; fi
if [ -e "$f.sent" ]; then
  for pause in 0 1 2; do sleep $pause; look || { cat "$f.err" >&2; exit 76; }; done
  maybe=$(ended)
  if [ -n "$maybe" ]; then echo "$maybe" >&2; exit 77; fi
fi
: >"$f.sent"
"#;

/// What follows `qsub`. Where its words leave open whether the qmaster took the job, the queue is asked.
const AFTER: &str = r#"
rc=$?
id=$(said)
if [ -n "$id" ]; then
  keep "$id"; cat "$f.err" >&2; grep -vE '^[0-9]+(\..*)?$' "$f.out" >&2
  (describe "${id%%.*}"; case $x in *'<djob_info'*) remember "${id%%.*}" "$x" ;; esac) >/dev/null 2>&1 9>&-
  exit 0
fi
cat "$f.out" "$f.err" >"$f.why"
case $(cat "$f.why") in
*timeout*|*'timed out'*|*'send error'*|*'receive error'*|*'read error'*|*'answer list'*|'') for pause in 1 2; do sleep $pause; look || { cat "$f.why" >&2; exit 76; }; done ;;
esac
rm -f "$f.sent"
cat "$f.why" >&2
[ $rc -ne 0 ] || rc=1
exit $rc
"#;

/// Asks for a submission. Options may be words of their own or an option and its value in one, `-l h_rt=60`; Slurm's `--array` is understood.
pub(super) fn ask(job: &Handing<'_>) -> Result<Ask<Sent>, Failure> {
    let file = word(job.path);
    let (cd, dir) = match job.dir {
        Some(dir) => (format!("cd -- {}", word(dir)), "dir=-cwd\n".to_owned()),
        // Grid Engine would run it in the home folder; here it runs beside its script, unless that says where.
        None => (
            format!("cd -- \"$(dirname -- {file})\""),
            format!("dir=-cwd; grep -qE '^#[$].*[[:space:]]-(cwd|wd)([[:space:]]|$)' {file} 2>/dev/null && dir=\n"),
        ),
    };
    let mut options = Vec::new();
    for option in job.options {
        options.extend(words(option)?);
    }
    let words = |words: &[String]| words.iter().map(|arg| format!(" {}", quoted(arg))).collect::<String>();
    let token = quoted(job.token);
    Ok(Ask {
        // What is exported to the job with -V is not what these scripts need for themselves.
        script: format!(
            "was=${{TZ-unset}} lc=${{LC_ALL-unset}}\n{CALM}token={token}\n{MEMORY}{DESCRIBE}{ONCE}{BEFORE}\
             {dir}( [ \"$was\" = unset ] && unset TZ || TZ=$was; [ \"$lc\" = unset ] && unset LC_ALL || LC_ALL=$lc\n\
             {cd} && exec qsub -terse $dir{} -sync n -ac qdeck={token} {file}{}) >\"$f.out\" 2>\"$f.err\" </dev/null{AFTER}",
            words(&options),
            words(job.args),
        ),
        read: Box::new(|said| {
            match said.status {
                UNSURE => return Ok(Sent::Unsure(said.stderr.trim().to_owned())),
                MAYBE_ENDED => {
                    let what = format!("it was sent before and may have run already, as one of: {}", said.stderr.trim());
                    return Err(Failure::new(FailureKind::Conflict, "", what)
                        .hint("Grid Engine does not say which submission an ended job was. Look at these jobs (`qacct -j`) before you submit it again."));
                }
                0 => {}
                _ => return Err(trouble::failure(said)),
            }
            let text = String::from_utf8_lossy(&said.stdout);
            // An array comes with its range: `35.1-6:1`.
            let id = text.lines().map(str::trim).find(|line| !line.is_empty()).and_then(|line| line.split('.').next()).unwrap_or("");
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Failure::new(FailureKind::Garbled, "", format!("qsub took the script but printed no job id: {text}"))
                    .hint("Look at the queue before you submit again."));
            }
            let said = said.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(Sent::Taken(JobId::new(id), said.collect::<Vec<_>>().join("; ")))
        }),
    })
}

/// One option as the words that `qsub` takes.
fn words(option: &str) -> Result<Vec<String>, Failure> {
    if let Some(list) = option.strip_prefix("--array=") {
        let range = task::range(list).ok_or_else(|| {
            Failure::new(FailureKind::Rejected, "", format!("Grid Engine takes one range of tasks, and {list} is none"))
                .hint("A range is n-m or n-m:step. Submit what is left in several ranges, each with -o \"-t n-m\".")
        })?;
        return Ok(vec!["-t".to_owned(), range]);
    }
    if option.starts_with('-') && option.contains(char::is_whitespace) {
        return shell_words::split(option)
            .map_err(|_| Failure::new(FailureKind::Rejected, "", format!("the option {option} has a quotation mark that is not closed")));
    }
    Ok(vec![option.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    fn handing<'a>(args: &'a [String], options: &'a [String]) -> Handing<'a> {
        Handing { path: "/home/u/my job.sh", dir: None, args, options, token: "t1", comment: None, variables: None }
    }

    #[test]
    fn every_word_is_quoted_and_the_id_is_read() {
        let (args, options) =
            (["$(x)".to_owned(), "b".to_owned()], ["-l h_rt=60".to_owned(), "--array=3,5".to_owned(), "-N".to_owned(), "a b".to_owned()]);
        let ask = ask(&handing(&args, &options)).unwrap();
        let sent = "cd -- \"$(dirname -- '/home/u/my job.sh')\" && exec qsub -terse $dir -l h_rt=60 -t 3-5:2 -N 'a b' -sync n -ac qdeck=t1 '/home/u/my job.sh' '$(x)' b) ";
        assert!(ask.script.contains(sent), "{}", ask.script);
        assert_eq!((ask.read)(&said(0, "35.1-6:1\n", "warn\n")).unwrap(), Sent::Taken(JobId::new("35"), "warn".into()));
        assert_eq!((ask.read)(&said(0, "42\n", "")).unwrap(), Sent::Taken(JobId::new("42"), String::new()));
        assert!((ask.read)(&said(0, "", "")).unwrap_err().hint.contains("before you submit again"));
        assert_eq!((ask.read)(&said(UNSURE, "", "why\n")).unwrap(), Sent::Unsure("why".into()));
        assert_eq!((ask.read)(&said(MAYBE_ENDED, "", "7 8 \n")).unwrap_err().kind, FailureKind::Conflict);
        let rejected = (ask.read)(&said(1, "", "Unable to run job: unknown resource \"nosuch\"\nExiting.\n")).unwrap_err();
        assert_eq!((rejected.kind, rejected.what.as_str()), (FailureKind::Rejected, "unknown resource \"nosuch\""));
    }

    #[test]
    fn a_folder_is_where_it_runs_and_no_option_is_guessed() {
        let job = Handing { path: "a.sh", dir: Some("run 1"), ..handing(&[], &[]) };
        assert!(ask(&job).unwrap().script.contains("cd -- \"$HOME\"/'run 1' && exec qsub -terse $dir -sync n -ac qdeck=t1 \"$HOME\"/a.sh"));
        for bad in ["--array=1,2,4", "-N 'x"] {
            assert_eq!(ask(&handing(&[], &[bad.to_owned()])).err().unwrap().kind, FailureKind::Rejected, "{bad}");
        }
    }
}
