//! What ssh asks its user: this program is also ssh's askpass, and passes each question to the running qdeck over a socket.
//!
//! Nothing that is typed is kept, logged, or seen by any process but ssh's own askpass.

mod compared;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream as Caller;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};

use crate::model::text::clean;
use crate::model::{Failure, Link, Prompt};

use super::trust::Trust;

/// The environment variable that holds the socket's path, and by being there makes qdeck an askpass.
pub(super) const SOCKET: &str = "QDECK_ASKPASS";
const LONGEST: u32 = 64 << 10;

/// Where ssh has started this program to ask its user something: passes the question to the qdeck that started ssh, prints the
/// answer, and tells how to exit. `None` in every other case. Called first thing in `main`.
pub fn askpass_main() -> Option<ExitCode> {
    let socket = std::env::var_os(SOCKET)?;
    let prompt = std::env::args_os().nth(1).unwrap_or_default();
    let kind = std::env::var_os("SSH_ASKPASS_PROMPT").unwrap_or_default();
    let answer = inquire(Path::new(&socket), &kind, &prompt);
    Some(match answer {
        Ok(Some(text)) if io::stdout().write_all(format!("{text}\n").as_bytes()).is_ok() => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    })
}

/// The asking side: `kind` and `prompt`, each behind its length, then wait.
pub(super) fn inquire(socket: &Path, kind: &OsStr, prompt: &OsStr) -> io::Result<Option<String>> {
    let mut caller = Caller::connect(socket)?;
    for part in [kind, prompt] {
        let part = part.as_encoded_bytes();
        let length = u32::try_from(part.len()).unwrap_or(LONGEST).min(LONGEST);
        caller.write_all(&length.to_be_bytes())?;
        caller.write_all(&part[..length as usize])?;
    }
    let mut answer = Vec::new();
    caller.read_to_end(&mut answer)?;
    Ok(answer.strip_prefix(b"+").map(|text| String::from_utf8_lossy(text).into_owned()))
}

/// That a question was not answered as ssh needs it to go on.
pub(super) enum Declined {
    /// The user did not want to.
    ByUser {
        /// The first of ssh's own words.
        brief: String,
        /// Whether it was about a host key.
        is_host_key: bool,
    },
    /// The host key is not the one that is vouched for.
    ByVoucher(Failure),
}

/// The questions of one host that wait for their answers.
pub(super) struct Questions {
    link: watch::Sender<Link>,
    trust: Trust,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_id: u64,
    waiting: BTreeMap<u64, (Prompt, oneshot::Sender<Option<String>>)>,
    comparisons: u32,
}

impl Questions {
    pub(super) fn new(link: watch::Sender<Link>, trust: Trust) -> Self {
        Self { link, trust, open: Mutex::default() }
    }

    /// Who vouches for the host's keys.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether a question waits for its answer, from whomever.
    pub(super) fn is_any_open(&self) -> bool {
        let open = self.lock();
        !open.waiting.is_empty() || open.comparisons > 0
    }

    /// Passes the user's answer on; an unknown number is ignored, for its question may be gone.
    pub(super) fn reply(&self, prompt: u64, text: Option<String>) {
        if let Some((_, waiting)) = self.lock().waiting.remove(&prompt) {
            let _ = waiting.send(text);
        }
    }

    /// Turns every call on the socket into a question, until one is declined.
    pub(super) async fn serve(&self, listener: &UnixListener) -> Declined {
        let answered = Mutex::default();
        let mut calls = FuturesUnordered::new();
        loop {
            tokio::select! {
                call = listener.accept() => match call {
                    Ok((caller, _)) => calls.push(self.attend(caller, &answered)),
                    Err(error) => tracing::warn!(%error, "askpass socket"),
                },
                Some(declined) = calls.next(), if !calls.is_empty() => {
                    if let Some(declined) = declined {
                        return declined;
                    }
                }
            }
        }
    }

    async fn attend(&self, mut caller: UnixStream, answered: &Mutex<HashSet<String>>) -> Option<Declined> {
        let kind = part(&mut caller).await?;
        let text = part(&mut caller).await?;
        let text = text.lines().map(clean).collect::<Vec<_>>().join("\n");
        let is_host_key = text.contains("(yes/no") || text.contains("'yes'");
        // "none" tells something, such as to touch a security key, and "confirm" wants no more than a yes.
        let secret = !is_host_key && kind.is_empty();
        let mut note = None;
        if is_host_key && let Some(shown) = self.trust.asked(&text) {
            match self.compared(&shown, &mut caller).await {
                ControlFlow::Break(declined) => return declined,
                ControlFlow::Continue(why) => note = why,
            }
        }
        if secret && lock(answered).contains(&text) {
            // ssh says nothing between one attempt and the next.
            note = Some("Asked again: the last answer may have been wrong.".to_owned());
        }
        let brief = text.lines().next().unwrap_or_default().to_owned();
        let question = self.ask(note.map_or_else(|| text.clone(), |note| format!("{note}\n{text}")), secret);
        let answer = tokio::select! {
            answer = question.answer() => answer,
            // ssh takes its question back, for example because the key was touched.
            _ = caller.read_u8() => return None,
        };
        match answer {
            Some(reply) if kind != "confirm" || !matches!(reply.trim(), "n" | "no") => {
                lock(answered).insert(text);
                let _ = caller.write_all(format!("+{reply}").as_bytes()).await;
                None
            }
            Some(_) | None => Some(Declined::ByUser { brief, is_host_key }),
        }
    }

    fn ask(&self, text: String, secret: bool) -> Question<'_> {
        let (sender, answer) = oneshot::channel();
        let mut open = self.lock();
        open.last_id += 1;
        let prompt = Prompt { id: open.last_id, text, secret };
        open.waiting.insert(prompt.id, (prompt.clone(), sender));
        drop(open);
        let before = self.link.send_replace(Link::Asking(prompt.clone()));
        let before = if matches!(before, Link::Up { .. }) { before } else { Link::Connecting };
        Question { questions: self, prompt, answer, before }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A question on the screen, which goes away with this value.
struct Question<'a> {
    questions: &'a Questions,
    prompt: Prompt,
    answer: oneshot::Receiver<Option<String>>,
    before: Link,
}

impl Question<'_> {
    async fn answer(mut self) -> Option<String> {
        (&mut self.answer).await.ok().flatten()
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut open = self.questions.lock();
        open.waiting.remove(&self.prompt.id);
        // Another one may wait below, such as for a security key to be touched.
        let other = open.waiting.last_key_value().map(|(_, (prompt, _))| prompt.clone());
        drop(open);
        self.questions.link.send_if_modified(|link| {
            let is_ours = matches!(link, Link::Asking(prompt) if prompt.id == self.prompt.id);
            if is_ours {
                *link = other.clone().map_or_else(|| self.before.clone(), Link::Asking);
            }
            is_ours
        });
    }
}

async fn part(caller: &mut UnixStream) -> Option<String> {
    let length = caller.read_u32().await.ok().filter(|&n| n <= LONGEST)?;
    let mut bytes = vec![0; length as usize];
    caller.read_exact(&mut bytes).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    struct Desk {
        questions: Arc<Questions>,
        seen: watch::Receiver<Link>,
        dir: tempfile::TempDir,
        declined: tokio::task::JoinHandle<Declined>,
    }

    fn desk() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("ask")).unwrap();
        let (link, seen) = watch::channel(Link::Connecting);
        let questions = Arc::new(Questions::new(link, Trust::new(super::super::Destination::default(), None)));
        let served = Arc::clone(&questions);
        Desk { questions, seen, dir, declined: tokio::spawn(async move { served.serve(&listener).await }) }
    }

    impl Desk {
        fn call(&self, kind: &'static str, prompt: &'static str) -> tokio::task::JoinHandle<io::Result<Option<String>>> {
            let socket = self.dir.path().join("ask");
            tokio::task::spawn_blocking(move || inquire(&socket, OsStr::new(kind), OsStr::new(prompt)))
        }

        async fn prompt(&mut self) -> Prompt {
            let link = self.seen.wait_for(|link| matches!(link, Link::Asking(_))).await.unwrap().clone();
            let Link::Asking(prompt) = link else { panic!() };
            prompt
        }
    }

    #[tokio::test]
    async fn a_passphrase_is_secret_and_its_answer_comes_back_as_typed() {
        let mut desk = desk();
        let call = desk.call("", "Enter passphrase for key '/k\u{1b}[2J':");
        let prompt = desk.prompt().await;
        assert_eq!((prompt.text.as_str(), prompt.secret), ("Enter passphrase for key '/k␛[2J':", true));
        assert!(desk.questions.is_any_open());
        desk.questions.reply(prompt.id + 7, Some("for nobody".to_owned()));
        desk.questions.reply(prompt.id, Some(" pass wörd ".to_owned()));
        assert_eq!(call.await.unwrap().unwrap().as_deref(), Some(" pass wörd "));
        desk.seen.wait_for(|link| *link == Link::Connecting).await.unwrap();
        assert!(!desk.questions.is_any_open());
    }

    #[tokio::test]
    async fn a_host_key_is_shown_and_can_be_declined() {
        let mut desk = desk();
        let call =
            desk.call("", "ED25519 key fingerprint is SHA256:x.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ");
        let prompt = desk.prompt().await;
        assert!(!prompt.secret && prompt.text.contains("SHA256:x.\nAre"));
        desk.questions.reply(prompt.id, None);
        assert_eq!(call.await.unwrap().unwrap(), None);
        let declined = desk.declined.await.unwrap();
        assert!(matches!(declined, Declined::ByUser { brief, is_host_key: true } if brief == "ED25519 key fingerprint is SHA256:x."));
    }

    #[tokio::test]
    async fn a_secret_that_is_asked_for_again_says_that_it_may_have_been_wrong() {
        let mut desk = desk();
        for (prompt, before) in [("(me@head) Password: ", ""), ("(me@head) Code: ", ""), ("(me@head) Password: ", "Asked again")] {
            let call = desk.call("", prompt);
            let asked = desk.prompt().await;
            assert!(asked.secret && asked.text.starts_with(before) && asked.text.ends_with(prompt), "{asked:?}");
            assert_eq!(asked.text.lines().count(), if before.is_empty() { 1 } else { 2 });
            desk.questions.reply(asked.id, Some("x".to_owned()));
            assert_eq!(call.await.unwrap().unwrap().as_deref(), Some("x"));
            desk.seen.wait_for(|link| *link == Link::Connecting).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_question_that_is_taken_back_disappears() {
        let mut desk = desk();
        let mut caller = Caller::connect(desk.dir.path().join("ask")).unwrap();
        for part in ["none", "Confirm user presence for key"] {
            caller.write_all(&u32::try_from(part.len()).unwrap().to_be_bytes()).unwrap();
            caller.write_all(part.as_bytes()).unwrap();
        }
        assert!(!desk.prompt().await.secret);
        drop(caller);
        let gone = desk.seen.wait_for(|link| *link == Link::Connecting);
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap().unwrap();
        assert!(!desk.questions.is_any_open());
    }
}
