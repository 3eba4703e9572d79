//! A log into a file on this machine: what is shown, or all of it, read again from where it lies.
//!
//! Replaces no file unasked, and leaves none half written under the name that was asked for.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};

use super::at_home;
use crate::model::lines::Printout;
use crate::model::{Answer, Existing, Failure, FailureKind, LogPlace, LogSource, Progress, Query, Receipt, SaveLog, Saved};
use crate::remote::local::trouble;

/// How much of a log is asked for at once.
const PART: i64 = 4 << 20;

type Ask = Box<dyn Fn(Query) -> BoxFuture<'static, Result<Answer, Failure>> + Send + Sync>;

/// Where writing has got to.
enum Step {
    Shown(Printout),
    Whole { source: LogSource, at: LogPlace, done: u64 },
    Over,
}

/// Writes what is wanted.
pub(super) fn run(
    save: SaveLog,
    ask: impl Fn(Query) -> BoxFuture<'static, Result<Answer, Failure>> + Send + Sync + 'static,
) -> BoxStream<'static, Progress> {
    let dest = at_home(&save.dest);
    if save.existing != Existing::Overwrite && dest.exists() {
        let name = dest.file_name().map(|name| name.to_string_lossy().into_owned());
        let differs = Receipt::Differs { dest, files: name.into_iter().collect() };
        return stream::once(std::future::ready(Progress::Done(differs))).boxed();
    }
    let begin = match &save.what {
        Saved::Whole(LogSource::Stream { .. }) => LogPlace::Moment(0),
        _ => LogPlace::Byte(0),
    };
    let step = match save.what {
        Saved::Shown(printout) => Step::Shown(printout),
        Saved::Whole(source) => Step::Whole { source, at: begin, done: 0 },
    };
    let ask: Ask = Box::new(ask);
    stream::unfold((ask, dest, step), |(ask, dest, step)| async move {
        let (progress, step) = match step {
            Step::Over => return None,
            Step::Shown(printout) => {
                let to = dest.clone();
                let work = move || {
                    let mut out = BufWriter::new(File::create(part(&to))?);
                    printout.write(&mut out, true)?;
                    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                    fs::metadata(part(&to)).map(|meta| meta.len())
                };
                (ended(&dest, blocking(work).await), Step::Over)
            }
            Step::Whole { source, at, done } => more(&ask, &dest, source, at, done).await,
        };
        Some((progress, (ask, dest, step)))
    })
    .boxed()
}

/// Asks for the next part and writes it.
async fn more(ask: &Ask, dest: &Path, source: LogSource, at: LogPlace, done: u64) -> (Progress, Step) {
    let (end, bytes, is_end) = match ask(Query::LogRange { source: source.clone(), at, bytes: PART }).await {
        Ok(Answer::LogRange { end, bytes, is_end, .. }) => (end, bytes, is_end),
        Ok(_) => return (Progress::Failed(Failure::new(FailureKind::Garbled, "the log", "another answer came")), Step::Over),
        Err(failure) => {
            let _ = fs::remove_file(part(dest));
            return (Progress::Failed(failure), Step::Over);
        }
    };
    let (to, count) = (part(dest), bytes.len() as u64);
    let work = move || {
        let mut file = File::options().create(true).write(true).append(done > 0).truncate(done == 0).open(to)?;
        file.write_all(&bytes)
    };
    match blocking(work).await {
        Err(error) => (ended(dest, Err(error)), Step::Over),
        Ok(()) if is_end || end == at || count == 0 => (ended(dest, Ok(done + count)), Step::Over),
        Ok(()) => {
            let file = dest.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let done = done + count;
            (Progress::Moved { done, total: None, file }, Step::Whole { source, at: end, done })
        }
    }
}

/// The file that is written until it is whole.
fn part(dest: &Path) -> PathBuf {
    let mut name = dest.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn ended(dest: &Path, written: io::Result<u64>) -> Progress {
    match written.and_then(|bytes| fs::rename(part(dest), dest).map(|()| bytes)) {
        Ok(bytes) => Progress::Done(Receipt::SavedLog { dest: dest.to_owned(), bytes }),
        Err(error) => {
            let _ = fs::remove_file(part(dest));
            Progress::Failed(trouble::at(dest, &error))
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::model::Place;

    async fn last(save: SaveLog) -> Progress {
        let text = b"one\ntwo\nthree\n";
        let ask = move |query: Query| {
            let Query::LogRange { at: LogPlace::Byte(at), .. } = query else { panic!("{query:?}") };
            let at = usize::try_from(at).unwrap();
            let end = (at + 4).min(text.len());
            let place = |p: usize| LogPlace::Byte(p as u64);
            let bytes = text[at..end].to_vec();
            async move { Ok(Answer::LogRange { start: place(at), end: place(end), bytes, is_start: at == 0, is_end: end == 14 }) }.boxed()
        };
        let progress: Vec<Progress> = run(save, ask).collect().await;
        progress.into_iter().last().unwrap()
    }

    #[tokio::test]
    async fn a_whole_log_is_written_part_by_part_and_nothing_is_replaced_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("log");
        let source = LogSource::File { place: Place::Here, path: "/x".into() };
        let save = |existing| SaveLog { dest: dest.clone(), what: Saved::Whole(source.clone()), existing };
        assert_eq!(last(save(Existing::Ask)).await, Progress::Done(Receipt::SavedLog { dest: dest.clone(), bytes: 14 }));
        assert_eq!(fs::read(&dest).unwrap(), b"one\ntwo\nthree\n");
        fs::write(&dest, "mine").unwrap();
        assert!(matches!(last(save(Existing::Ask)).await, Progress::Done(Receipt::Differs { .. })));
        assert_eq!(fs::read(&dest).unwrap(), b"mine");
        last(save(Existing::Overwrite)).await;
        assert_eq!(fs::read(&dest).unwrap().len(), 14);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no part is left");
        let nowhere = SaveLog { dest: dir.path().join("no/such"), what: Saved::Whole(source.clone()), existing: Existing::Ask };
        assert!(matches!(last(nowhere).await, Progress::Failed(_)));
    }
}
