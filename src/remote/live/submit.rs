//! A submission: uploads the script if it lies elsewhere, then hands it to the scheduler.

use futures::stream::{self, BoxStream, StreamExt};

use super::at_home;
use super::backend::Backend;
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, Place, Progress, Receipt, Submission};

/// Below the home folder on the head node: uploaded scripts, each in a folder of its own so that no name meets another.
const UPLOADS: &str = "qdeck-uploads";

/// Submits, step by step.
pub(super) fn run(backend: Backend, submission: Submission) -> BoxStream<'static, Progress> {
    let uploads = submission.place == Place::Here && matches!(backend, Backend::Batch { .. }) && backend.host().place() != Place::Here;
    let step = if uploads { "uploading the script" } else { "handing it to the scheduler" };
    let work = async move {
        match submit(&backend, &submission, uploads).await {
            Ok(receipt) => Progress::Done(receipt),
            Err(failure) => Progress::Failed(failure),
        }
    };
    stream::once(std::future::ready(Progress::Step(step.into()))).chain(stream::once(work)).boxed()
}

async fn submit(backend: &Backend, submission: &Submission, uploads: bool) -> Result<Receipt, Failure> {
    let here = submission.place == Place::Here;
    let path = if uploads {
        upload(backend, &submission.path).await?
    } else if here {
        at_home(submission.path.as_ref()).display().to_string()
    } else {
        submission.path.clone()
    };
    let (job, said) = backend.submit(path, submission.dir.clone(), submission.args.clone()).await?;
    Ok(Receipt::Submitted { job, said })
}

async fn upload(backend: &Backend, path: &str) -> Result<String, Failure> {
    let from = at_home(path.as_ref());
    let wrong = |what: &str| Failure::new(FailureKind::NotFound, path, what);
    let name = from.file_name().ok_or_else(|| wrong("is no file"))?.to_string_lossy().into_owned();
    if !from.is_file() {
        return Err(wrong("there is no such file on this machine").hint("With --remote the path is taken on the head node."));
    }
    let host = backend.host();
    // mktemp makes a folder that nobody else has: two uploads of the same name never meet.
    let script = format!(
        "d=$HOME/{UPLOADS}/$(date +%Y%m%d) && mkdir -p \"$d\" && mktemp -d \"$d\"/{}-XXXXXX",
        quoted(&name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(40).collect::<String>())
    );
    let said = host.sh(script, std::time::Duration::from_secs(20)).await?;
    let folder = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if said.status != 0 || !folder.starts_with('/') {
        let failure = Failure::new(FailureKind::Denied, format!("~/{UPLOADS} on the head node"), &said.stderr);
        return Err(failure.hint("The home folder must be writable and have room for the script."));
    }
    let to = format!("{folder}/{name}");
    host.put(from, to.clone()).await?;
    Ok(to)
}
