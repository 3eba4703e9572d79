//! A submission: written down, uploaded if the script lies elsewhere, handed to the scheduler until it is known what became of it.
//!
//! The scheduler's script makes one job of one token however often it runs, so whatever breaks is simply tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::{self, BoxStream, StreamExt};

use super::backend::Backend;
use super::{at_home, memory};
use crate::model::text::quoted;
use crate::model::{Directives, Failure, FailureKind, JobId, Place, Progress, Receipt, Submission};
use crate::remote::record::Record;
use crate::remote::scheduler::{Handing, Sent};

/// Below the home folder on the head node: uploaded scripts, each in a folder of its own so that no name meets another.
const UPLOADS: &str = "qdeck-uploads";
/// How long a connection that is not there is waited for before anything was sent, and after.
const BEFORE: Duration = Duration::from_secs(30);
const AFTER: Duration = Duration::from_secs(600);
/// Schedulers take no longer script (Slurm's max_script_size).
const LONGEST: u64 = 4 << 20;

/// Submits, step by step. With a token it goes on with a submission that was cut off.
pub(super) fn run(backend: Backend, record: Arc<Record>, submission: Submission, token: Option<String>) -> BoxStream<'static, Progress> {
    let (say, said) = unbounded();
    let work = async move {
        match Sending::begin(backend, record, submission, token, say).await {
            Ok(mut sending) => sending.end().await,
            Err(failure) => Progress::Failed(failure),
        }
    };
    stream::select(said, stream::once(work)).boxed()
}

/// A submission that is written down.
struct Sending {
    backend: Backend,
    record: Arc<Record>,
    submission: Submission,
    token: String,
    /// An attempt before this one may have handed it over.
    sent: bool,
    /// Where the script is on the host, once it is there, and what it asks for.
    placed: Option<(String, Directives)>,
    say: UnboundedSender<Progress>,
    settled: bool,
}

impl Drop for Sending {
    /// Who gives up half-way leaves it to the next one who looks into the outbox, without dying first.
    fn drop(&mut self) {
        if !self.settled {
            let (record, token) = (self.record.clone(), self.token.clone());
            std::thread::spawn(move || record.release(&token));
        }
    }
}

/// Why an attempt did not come to an end.
enum Trouble {
    /// It is no job, and will not be one.
    Refused(Failure),
    /// This attempt sent nothing.
    Broken(Failure),
    /// It was sent, or may have been.
    Unsure(Failure),
}

impl Sending {
    async fn begin(
        backend: Backend,
        record: Arc<Record>,
        mut submission: Submission,
        token: Option<String>,
        say: UnboundedSender<Progress>,
    ) -> Result<Self, Failure> {
        let sent = token.is_some();
        let token = token.unwrap_or_else(new_token);
        // The script as it is now is what was confirmed: what happens to the file later does not matter.
        if !sent && submission.text.is_none() && submission.place == Place::Here && backend.is_remote() {
            submission.text = read(&submission.path).await?;
        }
        if !sent {
            let (record, token, submission) = (record.clone(), token.clone(), submission.clone());
            blocking(move || record.begin(&token, &submission)).await?;
        }
        Ok(Self { backend, record, submission, token, sent, placed: None, say, settled: false })
    }

    fn step(&self, words: String) {
        let _ = self.say.unbounded_send(Progress::Step(words));
    }

    async fn end(&mut self) -> Progress {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(500));
        loop {
            let failure = match self.attempt().await {
                Ok((job, said)) => {
                    tracing::debug!(token = self.token, %job, again = self.sent, "submitted");
                    self.settle(Ok(job.clone())).await;
                    memory::took(&self.record, &self.backend, &self.submission.cluster, &job).await;
                    return Progress::Done(Receipt::Submitted { job, said });
                }
                Err(Trouble::Refused(failure)) => {
                    self.settle(Err(failure.what.clone())).await;
                    return Progress::Failed(failure);
                }
                Err(Trouble::Broken(failure)) if !self.sent => {
                    if !heals(failure.kind) || begun.elapsed() >= BEFORE {
                        self.settle(Err(failure.what.clone())).await;
                        return Progress::Failed(failure);
                    }
                    failure
                }
                Err(Trouble::Broken(failure) | Trouble::Unsure(failure)) => {
                    self.sent = true;
                    if !heals(failure.kind) || begun.elapsed() >= AFTER {
                        let what = format!("it is not known whether the job was taken: {}", failure.what);
                        let hint = "qdeck has written it down and asks again at its next start; `qdeck outbox` shows it.";
                        return Progress::Failed(Failure::new(failure.kind, self.submission.cluster.as_str(), what).hint(hint));
                    }
                    failure
                }
            };
            tracing::debug!(token = self.token, %failure, sent = self.sent, "not submitted yet");
            let next = if self.sent { "asking what became of it" } else { "trying again" };
            self.step(format!("{}; {next}", failure.what));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    /// Goes from where it is to the scheduler's answer.
    async fn attempt(&mut self) -> Result<(JobId, String), Trouble> {
        // Who the scheduler is must be known before anything is sent.
        self.backend.scheduler().await.map_err(Trouble::Broken)?;
        let (path, directives) = match &self.placed {
            Some(placed) => placed.clone(),
            None => {
                let path = self.place().await.map_err(Trouble::Broken)?;
                let directives = self.directives(&path).await.map_err(Trouble::Broken)?;
                self.placed.insert((path, directives)).clone()
            }
        };
        self.step("handing it to the scheduler".into());
        tracing::debug!(token = self.token, "handing over");
        let submission = &self.submission;
        let handing = Handing {
            path: &path,
            dir: submission.dir.as_deref(),
            args: &submission.args,
            options: &submission.options,
            token: &self.token,
            comment: directives.comment.as_deref(),
            variables: directives.variables.as_deref(),
        };
        match self.backend.submit(&handing).await {
            Ok(Ok(Sent::Taken(job, said))) => Ok((job, said)),
            Ok(Ok(Sent::Unsure(why))) => Err(Trouble::Unsure(Failure::new(FailureKind::TimedOut, submission.cluster.as_str(), why))),
            Ok(Ok(Sent::Unsent(failure))) => Err(Trouble::Broken(failure)),
            Ok(Err(refused)) => Err(Trouble::Refused(refused)),
            Err(lost) => Err(Trouble::Unsure(lost)),
        }
    }

    /// The script's path on the host, uploaded if it is not there.
    async fn place(&self) -> Result<String, Failure> {
        let submission = &self.submission;
        match &submission.text {
            Some(text) => {
                self.step("uploading the script".into());
                upload(&self.backend, &submission.path, text, &self.token).await
            }
            None if submission.place == Place::Here => Ok(at_home(submission.path.as_ref()).display().to_string()),
            None => Ok(submission.path.clone()),
        }
    }

    /// What the script itself and the options ask for; the token stands beside their comment, not in its place.
    async fn directives(&self, path: &str) -> Result<Directives, Failure> {
        let mut directives = match &self.submission.text {
            Some(text) => Directives::read(text),
            None => match self.backend.host().preview(path.to_owned()).await {
                Ok(preview) => Directives::read(&preview.text),
                Err(failure) if heals(failure.kind) => return Err(failure),
                // What is wrong with the script is the scheduler's to say.
                Err(_) => Directives::default(),
            },
        };
        let options = &self.submission.options;
        let mut named = options.iter().enumerate().filter_map(|(i, option)| match option.strip_prefix("--comment") {
            Some("") => options.get(i + 1).cloned(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        });
        directives.comment = named.next_back().or(directives.comment);
        Ok(directives)
    }

    /// Writes down what became of it. If this fails, the next start asks again and is told the same.
    async fn settle(&mut self, result: Result<JobId, String>) {
        self.settled = true;
        let (record, token) = (self.record.clone(), self.token.clone());
        let _ = blocking(move || record.settle(&token, result.as_ref().map_err(String::as_str))).await;
    }
}

/// Whether the same attempt may succeed a moment later.
fn heals(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::Stopped | FailureKind::Busy | FailureKind::Garbled => true,
        FailureKind::Denied
        | FailureKind::NoCredentials
        | FailureKind::Expired
        | FailureKind::NotFound
        | FailureKind::Rejected
        | FailureKind::HostKey
        | FailureKind::Conflict
        | FailureKind::Unsupported => false,
    }
}

/// A script on this machine, as text; one that is no text stays a file and is uploaded as it then is.
async fn read(path: &str) -> Result<Option<String>, Failure> {
    let from = at_home(path.as_ref());
    let wrong = |what: String| Failure::new(FailureKind::NotFound, path, what).hint("With --remote the path is taken on the head node.");
    let meta = tokio::fs::metadata(&from).await.map_err(|error| wrong(error.to_string()))?;
    if !meta.is_file() {
        return Err(wrong("is no file".into()));
    }
    if meta.len() > LONGEST {
        return Err(Failure::new(FailureKind::Rejected, path, "is larger than 4 MB, which no scheduler takes as a script"));
    }
    let bytes = tokio::fs::read(&from).await.map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map(Some).map_err(|_| {
        Failure::new(FailureKind::Rejected, path, "is no text")
            .hint("A job script is text whose first line names an interpreter, such as #!/bin/bash.")
    })
}

async fn upload(backend: &Backend, path: &str, text: &str, token: &str) -> Result<String, Failure> {
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("job.sh");
    let host = backend.host();
    // The token makes the folder's name: the same submission always uses the same one, and two never meet.
    let stem: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(40).collect();
    let script = format!(
        "d=\"$HOME\"/{UPLOADS}/{} && mkdir -p \"$d\" && printf '%s' \"$d\"",
        quoted(&format!("{stem}-{}", token.get(..8).unwrap_or(token)))
    );
    let said = host.sh(script, Duration::from_secs(20)).await?;
    let folder = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if said.status != 0 || !folder.starts_with('/') {
        let failure = Failure::new(FailureKind::Denied, format!("~/{UPLOADS} on the head node"), &said.stderr);
        return Err(failure.hint("The home folder must be writable and have room for the script."));
    }
    let to = format!("{folder}/{name}");
    let draft = std::env::temp_dir().join(format!("qdeck-{token}"));
    let written = {
        let (draft, text) = (draft.clone(), text.to_owned());
        blocking(move || {
            use std::io::Write as _;
            use std::os::unix::fs::OpenOptionsExt as _;
            let mut file =
                std::fs::File::options().create(true).write(true).truncate(true).mode(0o700).open(&draft).map_err(|e| (draft.clone(), e));
            file.as_mut()
                .map_or(Ok(()), |file| file.write_all(text.as_bytes()))
                .map_err(|e| (draft.clone(), e))
                .and_then(|()| file.map(|_| ()))
                .map_err(|(path, error)| {
                    Failure::new(FailureKind::Denied, path.display().to_string(), error.to_string())
                        .hint("TMPDIR names another place for short-lived files.")
                })
        })
        .await
    };
    let put = match written {
        Ok(()) => host.put(draft.clone(), to.clone()).await,
        Err(failure) => Err(failure),
    };
    let _ = tokio::fs::remove_file(&draft).await;
    put.map(|()| to)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")))
}

/// Letters and digits that no other submission has.
fn new_token() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    format!("{:016x}{:016x}", RandomState::new().build_hasher().finish(), RandomState::new().build_hasher().finish())
}
