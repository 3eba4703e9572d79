//! S3 through the `aws` program of a head node, which has the cluster's own role: listing, looking, copying.
//!
//! Never asks from this machine, and never moves data through it.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use std::sync::Arc;

use super::host::{Host, Said};
use crate::model::stage::{self, SCHEME};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, FileEntry, FileKind, Preview, Progress, Receipt, Stage};

/// Python starts, and S3 answers from far away.
const PATIENCE: Duration = Duration::from_secs(60);
/// No more names of one folder are listed.
const MOST: usize = 2_000;
/// How much of a file is looked at.
const LOOK: usize = 64 * 1024;
/// Seconds between two looks at a copy.
const PAUSE: Duration = Duration::from_secs(1);

/// Finds the program where a login shell would, and lets nothing page or wait for a person.
const FIND: &str = r#"export LC_ALL=C AWS_PAGER= AWS_MAX_ATTEMPTS=3 AWS_CLI_AUTO_PROMPT=off
aws=$(command -v aws) || for a in /usr/local/bin/aws /usr/bin/aws /opt/aws/bin/aws "$HOME/.local/bin/aws"; do [ -x "$a" ] && aws=$a && break; done
[ -n "$aws" ] || { echo 'aws: not found' >&2; exit 127; }
"#;

/// Whether a path is a place in S3.
pub(super) fn is_store(path: &str) -> bool {
    path.starts_with(SCHEME)
}

/// What lies below a place: buckets, or prefixes and objects.
pub(super) async fn folder(host: &dyn Host, path: &str) -> Result<(String, Vec<FileEntry>), Failure> {
    let (bucket, key) = stage::parts(path).ok_or_else(|| wrong(path))?;
    if bucket.is_empty() {
        let said = host.sh(format!("{FIND}\"$aws\" s3api list-buckets --output json"), PATIENCE).await?;
        return Ok((SCHEME.to_owned(), buckets(&answered(&said, path)?)?));
    }
    let prefix = if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
    let script = format!(
        "{FIND}\"$aws\" s3api list-objects-v2 --bucket {} --prefix {} --delimiter / --max-items {MOST} --output json",
        quoted(bucket),
        // A prefix that begins with a dash is no option.
        quoted(&prefix)
    );
    let script = if prefix.starts_with('-') { script.replacen("--prefix ", "--prefix=", 1) } else { script };
    let said = host.sh(script, PATIENCE).await?;
    let entries = objects(&answered(&said, path)?, &prefix)?;
    Ok((format!("{SCHEME}{bucket}/{prefix}").trim_end_matches('/').to_owned(), entries))
}

/// How an object begins.
pub(super) async fn preview(host: &dyn Host, path: &str) -> Result<Preview, Failure> {
    let (bucket, key) = stage::parts(path).filter(|(_, key)| !key.is_empty()).ok_or_else(|| wrong(path))?;
    let at = format!("--bucket {} --key={}", quoted(bucket), quoted(key));
    let script = format!(
        "{FIND}n=$(\"$aws\" s3api head-object {at} --query ContentLength --output text) || exit\necho \"$n\"\n[ \"$n\" -gt 0 ] || exit 0\n\
         f=$(mktemp) || exit\ntrap 'rm -f \"$f\"' EXIT\n\"$aws\" s3api get-object {at} --range bytes=0-{} \"$f\" >/dev/null && cat \"$f\"",
        LOOK - 1
    );
    let said = host.sh(script, PATIENCE).await?;
    let text = answered(&said, path)?;
    let end = memchr::memchr(b'\n', &text).unwrap_or(text.len());
    let size = String::from_utf8_lossy(&text[..end]).trim().parse().unwrap_or(0);
    let body = text.get(end + 1..).unwrap_or_default();
    Ok(Preview { text: String::from_utf8_lossy(body).into_owned(), size, is_binary: body.contains(&0) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bucket {
    name: String,
    #[serde(default)]
    creation_date: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Objects {
    #[serde(default)]
    common_prefixes: Option<Vec<Prefix>>,
    #[serde(default)]
    contents: Option<Vec<Object>>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Prefix {
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    last_modified: String,
}

fn buckets(text: &[u8]) -> Result<Vec<FileEntry>, Failure> {
    let read: Buckets = serde_json::from_slice(text).map_err(|error| garbled(&error))?;
    let entry =
        |bucket: Bucket| FileEntry { name: bucket.name, kind: FileKind::Folder, size: 0, modified: bucket.creation_date.parse().ok() };
    Ok(read.buckets.into_iter().map(entry).collect())
}

/// Folders first, then by name; that there are more than are listed is said in a line of its own.
fn objects(text: &[u8], prefix: &str) -> Result<Vec<FileEntry>, Failure> {
    // Nothing there is nothing said.
    let read: Objects =
        if text.trim_ascii().is_empty() { Objects::default() } else { serde_json::from_slice(text).map_err(|error| garbled(&error))? };
    let own = |key: &str| key.strip_prefix(prefix).unwrap_or(key).trim_end_matches('/').to_owned();
    let folder = |found: Prefix| FileEntry { name: own(&found.prefix), kind: FileKind::Folder, size: 0, modified: None };
    let file = |found: Object| FileEntry {
        name: found.key.strip_prefix(prefix).unwrap_or(&found.key).to_owned(),
        kind: FileKind::File,
        size: found.size,
        modified: found.last_modified.parse().ok(),
    };
    let mut all: Vec<FileEntry> = read.common_prefixes.unwrap_or_default().into_iter().map(folder).collect();
    all.extend(read.contents.unwrap_or_default().into_iter().map(file));
    // A prefix that was made as an empty object of its own name.
    all.retain(|entry| !entry.name.is_empty());
    all.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    if read.next_token.is_some() {
        let name = format!("more than {MOST}: not all are shown");
        all.push(FileEntry { name, kind: FileKind::Other, size: 0, modified: None });
    }
    Ok(all)
}

/// A path of the head node as a word of its shell, with `~` and relative ones at home.
fn word(path: &str) -> String {
    match path.strip_prefix("~/").or((path == "~").then_some("")) {
        Some(rest) => format!("\"$HOME\"/{}", quoted(rest)),
        None if path.starts_with('/') => quoted(path),
        None => format!("\"$HOME\"/{}", quoted(path)),
    }
}

/// Copies by itself on the head node, and ends when nobody has looked for a minute. `$d` holds what it says.
fn begin(stage: &Stage) -> String {
    let (object, path) = (quoted(&stage.object), word(&stage.path));
    let (bucket, key) = stage::parts(&stage.object).unwrap_or_default();
    let copy = if stage.is_in {
        // A single object is copied as such; everything else is a prefix.
        let single = format!("\"$aws\" s3api head-object --bucket {} --key={} >/dev/null 2>&1", quoted(bucket), quoted(key));
        let single = if key.is_empty() || key.ends_with('/') { "false".to_owned() } else { single };
        format!(
            "if {single}; then mkdir -p -- \"$(dirname -- \"$to\")\" && \"$aws\" s3 cp {object} \"$to\"\n\
             else n=$(\"$aws\" s3api list-objects-v2 --bucket {} --prefix={} --max-items 1 --query 'Contents[0].Key' --output text) || exit\n\
             case $n in ''|None) echo 'nothing lies there' >&2; exit 4 ;; esac\n\
             mkdir -p -- \"$to\" && \"$aws\" s3 cp --recursive {object} \"$to\"; fi",
            quoted(bucket),
            quoted(key)
        )
    } else {
        format!(
            "if [ -d \"$to\" ]; then \"$aws\" s3 cp --recursive \"$to\" {object}\nelif [ -e \"$to\" ]; then \"$aws\" s3 cp \"$to\" {object}\n\
             else echo 'no such file or folder on the head node' >&2; exit 4; fi"
        )
    };
    let work = format!("{FIND}to={path}\ncd / && ( {copy} )");
    format!(
        "{FIND}base=\"${{XDG_STATE_HOME:-$HOME/.local/state}}/qdeck/stage\"\nmkdir -p \"$base\" && d=$(mktemp -d \"$base/XXXXXXXX\") || exit\n\
         find \"$base\" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {{}} + 2>/dev/null\n\
         touch \"$d/seen\" \"$d/out\" \"$d/err\"\n\
         d=\"$d\" setsid sh -c {} </dev/null >/dev/null 2>&1 &\necho \"$d\"",
        quoted(&format!(
            "sh -c {} >\"$d/out\" 2>\"$d/err\" & p=$!\n\
             ( while kill -0 $p 2>/dev/null; do sleep 5; [ -z \"$(find \"$d/seen\" -mmin +1)\" ] || kill -- -$$; done ) &\n\
             wait $p; echo $? >\"$d/rc.new\"; mv \"$d/rc.new\" \"$d/rc\"",
            quoted(&work)
        ))
    )
}

/// Asks how far a copy is: its last words, the lines it has finished, and its end.
fn look(dir: &str) -> String {
    let d = quoted(dir);
    format!(
        "touch {d}/seen; tail -c 2000 {d}/out; printf '\\035'; tr '\\r' '\\n' <{d}/out | grep -cE '(^|[^a-z])(download|upload|copy): '; printf '\\035'; \
         if [ -e {d}/rc ]; then cat {d}/rc; printf '\\035'; tail -c 4000 {d}/err; rm -rf {d}; fi; exit 0"
    )
}

/// Copies, with its progress. Dropped, the head node gives up within a minute or so.
pub(super) fn run(host: Arc<dyn Host>, wanted: Stage) -> BoxStream<'static, Progress> {
    enum Step {
        Begin,
        Watch { dir: String, bytes: Option<u64> },
        Over,
    }
    stream::unfold((host, wanted, Step::Begin), |(host, wanted, step)| async move {
        let (progress, step) = match step {
            Step::Over => return None,
            Step::Begin => match stage::fault(&wanted.object) {
                Some(what) => (Progress::Failed(Failure::new(FailureKind::Rejected, "S3", what)), Step::Over),
                None => match host.sh(begin(&wanted), PATIENCE).await.and_then(|said| answered(&said, &wanted.object)) {
                    Ok(text) => {
                        let dir = String::from_utf8_lossy(&text).trim().to_owned();
                        (Progress::Step(wanted.to_string()), Step::Watch { dir, bytes: None })
                    }
                    Err(failure) => (Progress::Failed(failure), Step::Over),
                },
            },
            Step::Watch { dir, bytes } => {
                tokio::time::sleep(PAUSE).await;
                match host.sh(look(&dir), PATIENCE).await {
                    Err(failure) => (
                        Progress::Failed(failure.hint("The copy is given up on the head node when nobody looks at it for a minute.")),
                        Step::Over,
                    ),
                    Ok(said) => match seen(&said, &wanted) {
                        Seen::Goes { done, total } => {
                            let bytes = total.or(bytes);
                            (Progress::Moved { done, total, file: wanted.object.clone() }, Step::Watch { dir, bytes })
                        }
                        Seen::Done(files) => (Progress::Done(Receipt::Staged { files, bytes }), Step::Over),
                        Seen::Failed(failure) => (Progress::Failed(failure), Step::Over),
                    },
                }
            }
        };
        Some((progress, (host, wanted, step)))
    })
    .boxed()
}

/// What a look at a copy told.
#[derive(Debug, PartialEq)]
enum Seen {
    Goes { done: u64, total: Option<u64> },
    Done(u64),
    Failed(Failure),
}

fn seen(said: &Said, wanted: &Stage) -> Seen {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut parts = text.split('\x1d');
    let (last, files, status, words) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    match status.trim().parse::<i32>() {
        Ok(0) => Seen::Done(files.trim().parse().unwrap_or(0)),
        Ok(status) => {
            let said = Said { status, stdout: Vec::new(), stderr: words.to_owned() };
            Seen::Failed(trouble(&said, &wanted.object))
        }
        Err(_) => {
            let (done, total) = progress(last).unwrap_or((0, None));
            Seen::Goes { done, total }
        }
    }
}

/// The last `Completed 1.2 MiB/10.0 MiB (3.1 MiB/s) with 2 file(s) remaining`; `~` says that the sum still grows.
fn progress(text: &str) -> Option<(u64, Option<u64>)> {
    let line = text.split(['\r', '\n']).rev().find_map(|line| line.trim().strip_prefix("Completed "))?;
    let (done, rest) = line.split_once('/')?;
    let total = rest.split(" (").next().unwrap_or(rest).trim_start_matches('~');
    Some((size(done)?, size(total)))
}

/// `1.2 MiB`, `12 Bytes`
fn size(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let (number, unit) = (words.next()?.parse::<f64>().ok()?, words.next()?);
    let power = ["Bytes", "KiB", "MiB", "GiB", "TiB", "PiB"].iter().position(|known| unit.starts_with(known))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "shown rounded; it saturates")]
    Some((number * 1024_f64.powi(power as i32)) as u64)
}

fn answered(said: &Said, place: &str) -> Result<Vec<u8>, Failure> {
    if said.status == 0 { Ok(said.stdout.clone()) } else { Err(trouble(said, place)) }
}

/// What the program says when something is wrong, and what to do about it.
fn trouble(said: &Said, place: &str) -> Failure {
    let words = said.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it ended without a word");
    let what = words.split(" operation: ").last().filter(|rest| !rest.is_empty() && words.contains("An error occurred")).map_or_else(
        || words.trim_start_matches("fatal error: ").to_owned(),
        |rest| match words.split_once('(').and_then(|(_, rest)| rest.split_once(')')) {
            Some((code, _)) => format!("{code}: {rest}"),
            None => rest.to_owned(),
        },
    );
    let has = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    let (kind, hint) = if said.status == 127 {
        (
            FailureKind::NotFound,
            "The head node has no `aws` program, by which qdeck reaches S3: install the AWS CLI there (`sudo dnf install awscli`, or `pip install awscli`).",
        )
    } else if has(&["AccessDenied", "403", "Forbidden"]) {
        (
            FailureKind::Denied,
            "The head node's role may not do that: HeadNode/Iam/S3Access in the cluster's configuration names the buckets it may use.",
        )
    } else if has(&["Unable to locate credentials", "NoCredentials"]) {
        (FailureKind::NoCredentials, "The head node has no instance role and no credentials of its own.")
    } else if has(&["NoSuchBucket", "NoSuchKey", "404", "Not Found", "nothing lies there", "no such file"]) {
        (FailureKind::NotFound, "Look for it in the file picker: ⇥ leads to S3.")
    } else if has(&["Could not connect", "Connect timeout", "EndpointConnectionError"]) {
        (FailureKind::Unreachable, "The head node does not reach S3: its subnet needs a way out, or a VPC endpoint for S3.")
    } else if has(&["No space left"]) {
        (FailureKind::Rejected, "The file system is full: `qdeck mounts` shows which has room.")
    } else {
        (FailureKind::Rejected, "")
    };
    Failure::new(kind, place, what).hint(hint)
}

fn wrong(path: &str) -> Failure {
    Failure::new(FailureKind::Rejected, "S3", format!("{path} is no place in S3: s3://BUCKET/KEY"))
}

fn garbled(error: &serde_json::Error) -> Failure {
    Failure::new(FailureKind::Garbled, "S3", format!("the answer of `aws` could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ClusterId;

    fn staged(is_in: bool, object: &str, path: &str) -> Stage {
        Stage { cluster: ClusterId::new("rig"), is_in, object: object.into(), path: path.into() }
    }

    #[test]
    fn a_folder_of_s3_is_read_with_what_is_not_shown() {
        let text = br#"{"CommonPrefixes":[{"Prefix":"runs/b/"},{"Prefix":"runs/a/"}],"Contents":[{"Key":"runs/","Size":0},
            {"Key":"runs/x\u001b.dat","Size":12,"LastModified":"2026-11-24T12:05:38+00:00"}],"NextToken":"t"}"#;
        let all = objects(text, "runs/").unwrap();
        let names: Vec<_> = all.iter().map(|e| (e.name.as_str(), e.kind)).collect();
        let rest = ("more than 2000: not all are shown", FileKind::Other);
        assert_eq!(names, [("a", FileKind::Folder), ("b", FileKind::Folder), ("x\u{1b}.dat", FileKind::File), rest]);
        assert!(all[2].modified.is_some() && all[2].size == 12);
        assert!(objects(b"", "").unwrap().is_empty() && objects(b"{", "").is_err());
        assert_eq!(buckets(br#"{"Buckets":[{"Name":"data","CreationDate":"x"}],"Owner":{}}"#).unwrap()[0].name, "data");
    }

    #[test]
    fn progress_is_read_from_the_last_line() {
        let text = "download: s3://a/b to c\nCompleted 1.0 KiB/~10.0 MiB (3.0 MiB/s) with ~2 file(s) remaining (calculating...)\rCompleted 1.5 MiB/10.0 MiB (3 MiB/s) with 1 file(s) remaining\r";
        assert_eq!(progress(text), Some((1_572_864, Some(10_485_760))));
        assert_eq!(progress("Completed 12 Bytes/~40 Bytes (1 Bytes/s)"), Some((12, Some(40))));
        assert_eq!((progress(""), progress("Completed x/y")), (None, None));
        let said = |text: &str| Said { status: 0, stdout: text.into(), stderr: String::new() };
        let wanted = staged(true, "s3://data/x", "/shared");
        assert_eq!(seen(&said("\x1d3\n\x1d0\n\x1d"), &wanted), Seen::Done(3));
        assert_eq!(seen(&said("\x1d0\n\x1d"), &wanted), Seen::Goes { done: 0, total: None });
        let denied =
            "\x1d0\n\x1d1\n\x1dfatal error: An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied\n";
        let Seen::Failed(failure) = seen(&said(denied), &wanted) else { panic!("it failed") };
        assert_eq!((failure.kind, failure.what.as_str()), (FailureKind::Denied, "AccessDenied: Access Denied"));
        assert!(failure.hint.contains("S3Access"));
        let none = trouble(&Said { status: 127, stdout: Vec::new(), stderr: "aws: not found\n".into() }, "s3://");
        assert!(none.hint.contains("AWS CLI") && none.kind == FailureKind::NotFound);
    }

    #[test]
    fn no_name_reaches_the_shell_unquoted() {
        let script = begin(&staged(true, "s3://data/$(touch x)'", "~/a b/$(y)"));
        let told = std::process::Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        assert_eq!((word("~/a b"), word("x"), word("/y z")), ("\"$HOME\"/'a b'".into(), "\"$HOME\"/x".into(), "'/y z'".into()));
        assert_eq!(look("/x y").matches("'/x y'").count(), 7);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(text in "(\\PC|\x1d|\r|\n|Completed |[0-9]{1,30}| [KMGTP]iB|/|~){0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let said = Said { status: 0, stdout: text.clone().into(), stderr: text.clone() };
            let _ = (seen(&said, &staged(false, "s3://data/x", "y")), progress(&text), objects(&bytes, "a/"), buckets(&bytes));
            let failure = trouble(&Said { status: 1, ..said }, "s3");
            prop_assert!(!failure.what.is_empty(), "{:?}", text);
        }
    }
}
