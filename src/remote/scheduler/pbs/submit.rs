//! `qsub`, so that the same submission can be asked for any number of times and makes one job.
//!
//! A lock file on the host lets one attempt work at a time and is held as long as a `qsub` of it lives. An attempt that finds the traces of
//! another asks the server for the token before it sends anything. Real PBS carries the token in the job's environment, which `qstat -f`
//! shows; the wrappers show none of a job's, so there it is the comment of the Slurm job below, put into a copy of the script.

use super::super::paths::word;
use super::host::Facts;
use super::id::Id;
use super::{Dialect, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobId};
use crate::remote::scheduler::{Ask, Handing, Sent};

/// Exit status of the script that `qsub` does not have: nobody knows yet.
const UNSURE: i32 = 76;

/// `$f` is this submission's file in a folder that only the user can read. `$f.out` is where `qsub` itself writes the id, so that it is there
/// even if this shell is not. `look` prints the id of the job that carries the token, or nothing.
const ONCE: &str = r#"d="${XDG_STATE_HOME:-$HOME/.local/state}/qdeck/outbox"
(umask 077 && mkdir -p "$d") || exit 74
find "$d" -mindepth 1 -mtime +7 -exec rm -rf {} + 2>/dev/null
f="$d/$token"
exec 9>>"$f.lock" || exit 74
if command -v flock >/dev/null 2>&1; then flock -w 60 9 || { echo 'an earlier attempt is still at work' >&2; exit 76; }; fi
taken() {
  grep -Eqs '^[0-9]+(\[\])?(\.[^ ]*)?$' "$f.out" || return
  rm -rf "$f.d"; mv "$f.out" "$f.id"; cat "$f.id"; exit 0
}
ask() { look >"$f.found" 2>"$f.err" || return 1; if [ -s "$f.found" ]; then mv "$f.found" "$f.out"; taken; fi; }
if [ -s "$f.id" ]; then cat "$f.id"; exit 0; fi
if [ -e "$f.sent" ]; then
  taken
  for pause in 0 1 2; do sleep $pause; ask || { cat "$f.err" >&2; exit 76; }; done
fi
"#;

/// What follows `qsub`. Where its words leave open whether the server took the job, the server is asked.
const AFTER: &str = r#"
rc=$?
[ $rc -ne 0 ] || { cat "$f.err" >&2; taken; }
cat "$f.out" "$f.err" >"$f.why"
case $(cat "$f.why") in
*'timed out'*|*'Zero Bytes'*|*'Unexpected message'*|*'End of File'*|*'ommunication failure'*|*'Protocol'*|'')
  for pause in 1 3; do sleep $pause; ask || { cat "$f.why" >&2; exit 76; }; done ;;
esac
rm -rf "$f.sent" "$f.d"
cat "$f.why" >&2
[ $rc -ne 0 ] || rc=70
exit $rc
"#;

/// The comment that holds the token below the wrappers.
const LOOK_WRAPPED: &str = r#"look() { found=$(squeue -h --local --me -t all -o '%F %k') || return 1
  printf '%s\n' "$found" | awk -v token="qdeck:$token" 'index($0, token) { print $1; exit }'; }
"#;

/// `qstat -f` as text breaks long lines and goes on after a tab. With a history, finished jobs are looked through too.
const LOOK: &str = r#"look() { found=$(qstat @ -f 2>"$f.no") || { grep -q 'Unknown Job' "$f.no" || { cat "$f.no" >&2; return 1; }; }
  printf '%s\n' "$found" | awk -v token="QDECK_TOKEN=$token" '/^Job Id:/ { id = $3; text = "" }
  { if (sub(/^\t/, "")) text = text $0; else text = $0; if (index(text, token)) { print id; exit } }'; }
"#;

/// Copies the script with a line put before its first command. The wrappers hand every word of theirs to a shell once more, and make file
/// names of the script's, so the copy has a name that no shell minds.
const COPY: &str = r#"name=$(basename -- "$script" | tr -c 'A-Za-z0-9_.+\n-' '_') || exit 74
case $f in *[!A-Za-z0-9_./+@:-]*) echo "the home folder has a name that the Torque wrappers would break: $f" >&2; exit 74 ;; esac
mkdir -p "$f.d" && awk 'done == 0 && NR > 1 && !/^[ \t\r]*(#|$)/ { print ENVIRON["line"]; done = 1 } { print }
  END { if (done == 0) print ENVIRON["line"] }' "$script" >"$f.d/$name" || { echo "Unable to open file $script" >&2; exit 74; }
copy="$f.d/$name"
"#;

pub(super) fn ask(job: &Handing<'_>, facts: &Facts) -> Ask<Sent> {
    let script = match facts.dialect {
        Dialect::Wrappers => wrapped(job),
        Dialect::Torque | Dialect::Open => real(job, facts),
    };
    Ask {
        script,
        read: Box::new(|said| {
            if said.status == UNSURE {
                return Ok(Sent::Unsure(trouble::words(&said.stderr)));
            }
            if said.status != 0 {
                return Err(trouble::failure(said));
            }
            let text = String::from_utf8_lossy(&said.stdout);
            let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let Some(id) = lines.pop().and_then(Id::read) else {
                return Err(Failure::new(FailureKind::Garbled, "", format!("qsub took the script but printed no job id: {text}"))
                    .hint("Look at the queue before you submit again."));
            };
            let said = lines.into_iter().chain(said.stderr.lines()).map(str::trim).filter(|line| !line.is_empty());
            Ok(Sent::Taken(JobId::new(id.word()), said.collect::<Vec<_>>().join("; ")))
        }),
    }
}

fn head(job: &Handing<'_>, look: &str) -> String {
    format!("export LC_ALL=C\ntoken={}\nscript={}\n{look}{ONCE}", quoted(job.token), word(job.path))
}

/// Where `qsub` is called, which is where a job's files get their names from.
fn folder(job: &Handing<'_>) -> String {
    job.dir.map_or_else(|| "cd -- \"$(dirname -- \"$script\")\"".to_owned(), |dir| format!("cd -- {}", word(dir)))
}

fn wrapped(job: &Handing<'_>) -> String {
    let twice = |words: &[String]| words.iter().map(|arg| format!(" {}", quoted(&quoted(arg)))).collect::<String>();
    let comment = job.comment.map_or_else(String::new, |comment| format!("{comment} "));
    let comment = format!("{comment}qdeck:{}", job.token).replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    format!(
        "{}{}{COPY}: >\"$f.sent\"\n({} && exec qsub{} \"$copy\"{}) >\"$f.out\" 2>\"$f.err\" </dev/null{AFTER}",
        head(job, LOOK_WRAPPED),
        format_args!("export line={}\n", quoted(&format!("#SBATCH --comment=\"{comment}\""))),
        folder(job),
        twice(job.options),
        twice(job.args),
    )
}

fn real(job: &Handing<'_>, facts: &Facts) -> String {
    let history = if facts.history && facts.dialect == Dialect::Open { "-x" } else { "" };
    let (options, mut variables) = without_variables(job.options);
    // The option takes the place of the script's own, which must not be lost.
    if variables.is_empty() {
        variables.extend(job.variables.map(str::to_owned));
    }
    variables.push(format!("QDECK_TOKEN={}", job.token));
    let mut words: Vec<String> = options.iter().map(|option| quoted(option)).collect();
    words.extend(["-v".to_owned(), quoted(&variables.join(","))]);
    let mut copy = String::new();
    let mut path = "\"$script\"";
    match facts.dialect {
        Dialect::Torque => {
            if let Some(dir) = job.dir {
                words.extend(["-d".to_owned(), word(dir)]);
            }
            if !job.args.is_empty() {
                // pbs_mom gives them to a shell.
                words.extend(["-F".to_owned(), quoted(&shell_words(job.args))]);
            }
        }
        // OpenPBS gives a script no arguments. A shell's script can be told to begin by setting them.
        Dialect::Open | Dialect::Wrappers if !job.args.is_empty() => {
            copy = format!(
                "case $(head -n 1 -- \"$script\") in '#!'*sh|'#!'*'sh '*) ;; '#!'*) echo 'OpenPBS gives arguments to no script, and qdeck to shell \
                 scripts only: have it read its environment, set with -v' >&2; exit 75 ;; esac\nexport line={}\n{COPY}",
                quoted(&format!("set -- {}", shell_words(job.args)))
            );
            path = "\"$copy\"";
        }
        Dialect::Open | Dialect::Wrappers => {}
    }
    format!(
        "{}{copy}: >\"$f.sent\"\n({} && exec qsub {} {path}) >\"$f.out\" 2>\"$f.err\" </dev/null{AFTER}",
        head(job, &LOOK.replace('@', history)),
        folder(job),
        words.join(" "),
    )
}

fn shell_words(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// Options without `-v`, and what those say.
fn without_variables(options: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut rest, mut variables) = (Vec::new(), Vec::new());
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("-v") {
            Some("") => variables.extend(words.next().cloned()),
            Some(list) if !word.starts_with("--") => variables.push(list.to_owned()),
            _ => rest.push(word.clone()),
        }
    }
    (rest, variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;
    use crate::remote::scheduler::pbs::host::facts;

    fn handing<'a>(args: &'a [String], options: &'a [String]) -> Handing<'a> {
        Handing { path: "/home/u/my job.sh", dir: None, args, options, token: "t1", comment: None, variables: Some("A=1") }
    }

    fn script(job: &Handing<'_>, dialect: Dialect) -> String {
        ask(job, &facts(dialect)).script
    }

    #[test]
    fn the_token_joins_the_variables_that_are_asked_for() {
        let none = handing(&[], &[]);
        assert!(script(&none, Dialect::Open).contains("exec qsub -v A=1,QDECK_TOKEN=t1 \"$script\")"), "{}", script(&none, Dialect::Open));
        assert!(script(&none, Dialect::Open).contains("qstat -x -f") && script(&none, Dialect::Torque).contains("qstat  -f"));
        let options = ["-q", "fast", "-v", "B=$(x)"].map(str::to_owned);
        assert!(script(&handing(&[], &options), Dialect::Torque).contains("exec qsub -q fast -v 'B=$(x),QDECK_TOKEN=t1' \"$script\")"));
    }

    #[test]
    fn arguments_and_a_folder_go_the_way_of_each_dialect() {
        let args = ["a b".to_owned(), "$(x)".to_owned()];
        let job = Handing { dir: Some("run 1"), ..handing(&args, &[]) };
        let torque = script(&job, Dialect::Torque);
        assert!(
            torque
                .contains(r#"(cd -- "$HOME"/'run 1' && exec qsub -v A=1,QDECK_TOKEN=t1 -d "$HOME"/'run 1' -F ''\''a b'\'' '\''$(x)'\'''"#),
            "{torque}"
        );
        let open = script(&job, Dialect::Open);
        assert!(open.contains(r"export line='set -- '\''a b'\'' '\''$(x)'\'''") && open.contains("\"$copy\""), "{open}");
    }

    #[test]
    fn the_wrappers_get_every_word_quoted_twice() {
        let args = ["$(x)".to_owned(), "plain".to_owned()];
        let job = Handing { comment: Some("it's \"mine\""), ..handing(&args, &[]) };
        let text = script(&job, Dialect::Wrappers);
        assert!(text.contains(r#"exec qsub "$copy" ''\''$(x)'\''' plain)"#), "{text}");
        assert!(text.contains(r#"export line='#SBATCH --comment="it'\''s \"mine\" qdeck:t1"'"#), "{text}");
    }

    #[test]
    fn ids_and_troubles_are_read() {
        let ask = ask(&handing(&[], &[]), &facts(Dialect::Open));
        let said = |status, stdout: &str, stderr: &str| Said { status, stdout: stdout.into(), stderr: stderr.into() };
        assert_eq!((ask.read)(&said(0, "12[].pbs\n", "note\n")).unwrap(), Sent::Taken(JobId::new("12"), "note".into()));
        assert_eq!((ask.read)(&said(UNSURE, "", "why\n")).unwrap(), Sent::Unsure("why".into()));
        assert!((ask.read)(&said(0, "", "")).unwrap_err().hint.contains("before you submit again"));
        assert_eq!((ask.read)(&said(1, "", "qsub: Unknown queue\n")).unwrap_err().kind, FailureKind::Rejected);
    }
}
