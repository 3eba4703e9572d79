//! The state of the one connection to a host: made at the first need, kept, made again after a loss.
//!
//! Nobody waits here for a host that is known to be down: those who ask then are told why at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::model::{Failure, FailureKind, Link};
use crate::remote::fault::caught;
use crate::remote::probe::nonce;
use crate::remote::voucher::Voucher;

use super::Destination;
use super::askpass::Questions;
use super::live::Live;
use super::master::{Folder, Master};
use super::shared::{Mark, Shared};
use super::trust::Trust;

const LONGEST_PAUSE: u64 = 30;
/// Nobody has asked for this long: a lost connection is not made again until somebody does.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// A session that lasted this long was a good one; the pauses begin small again.
const GOOD: Duration = Duration::from_secs(10);
/// A session of the user's own that ended sooner may end as soon again.
const BRIEF: Duration = Duration::from_secs(1);
/// Whoever waits longer for an answer over the user's own session wonders whether it still lives.
const SLOW: Duration = Duration::from_secs(10);

/// What there is to work with.
#[derive(Clone)]
enum Phase {
    /// Never needed so far.
    Fresh,
    /// On its way; after a failure that is still the best answer there is, if any.
    Trying(Option<Failure>),
    Up(Arc<Live>),
    Down(Failure),
}

/// What holds the connection.
enum Held {
    Ours(Box<Master>),
    Users(Shared),
}

pub(super) struct Connection {
    pub(super) to: Destination,
    questions: Questions,
    link: watch::Sender<Link>,
    phase: watch::Sender<Phase>,
    need: Need,
    again: Notify,
    /// Somebody had no answer over the user's own session.
    doubts: Arc<Notify>,
    keeper: Mutex<Option<AbortHandle>>,
}

/// Who needs the connection, and since when nobody does.
struct Need {
    last: Mutex<Instant>,
    waiting: AtomicUsize,
    arose: Notify,
}

impl Connection {
    pub(super) fn new(to: Destination, voucher: Option<Arc<dyn Voucher>>) -> Self {
        let link = watch::Sender::new(Link::Connecting);
        let need = Need { last: Mutex::new(Instant::now()), waiting: AtomicUsize::new(0), arose: Notify::new() };
        let questions = Questions::new(link.clone(), Trust::new(to.clone(), voucher));
        let (phase, keeper) = (watch::Sender::new(Phase::Fresh), Mutex::new(None));
        Self { to, questions, link, phase, need, again: Notify::new(), doubts: Arc::default(), keeper }
    }

    /// The session. Waits for a first attempt, however long the user thinks about a question; after a failure says so at once.
    pub(super) async fn live(self: &Arc<Self>) -> Result<Arc<Live>, Failure> {
        self.want();
        let mut phase = self.phase.subscribe();
        loop {
            match &*phase.borrow_and_update() {
                Phase::Up(live) => return Ok(Arc::clone(live)),
                Phase::Down(failure) | Phase::Trying(Some(failure)) => return Err(failure.clone()),
                Phase::Fresh | Phase::Trying(None) => {}
            }
            if phase.changed().await.is_err() {
                return Err(self.stopped());
            }
        }
    }

    /// Waits until there is a session, however long that takes, and keeps the attempts going meanwhile.
    pub(super) async fn up(self: &Arc<Self>) {
        let _waiting = Waiting::new(self);
        self.want();
        let _ = self.phase.subscribe().wait_for(|phase| matches!(phase, Phase::Up(_))).await;
    }

    /// Why `live` no longer answers: its end if that becomes known very soon, else nothing.
    pub(super) async fn lost(&self, live: &Arc<Live>) -> Option<Failure> {
        let mut phase = self.phase.subscribe();
        let is_over = |phase: &Phase| !matches!(phase, Phase::Up(now) if Arc::ptr_eq(now, live));
        let phase = timeout(Duration::from_millis(500), phase.wait_for(is_over)).await.ok()?.ok()?;
        match &*phase {
            Phase::Down(failure) | Phase::Trying(Some(failure)) => Some(failure.clone()),
            Phase::Fresh | Phase::Trying(None) | Phase::Up(_) => {
                Some(Failure::new(FailureKind::Unreachable, self.to.place(), "the connection was lost"))
            }
        }
    }

    /// Notes how long a round trip took.
    pub(super) fn measured(&self, live: &Arc<Live>, took: Duration) {
        if !matches!(&*self.phase.borrow(), Phase::Up(now) if Arc::ptr_eq(now, live)) {
            return;
        }
        self.link.send_if_modified(|link| {
            let Link::Up { rtt, .. } = link else { return false };
            // Everybody who looks is woken by a change; a tenth more or less is none.
            let is_news = rtt.is_none_or(|old| old.abs_diff(took) > Duration::from_millis(1) && old.abs_diff(took) > old / 10);
            if is_news {
                *rtt = Some(took);
            }
            is_news
        });
    }

    /// Has it looked whether the user's own session still answers, where `live` is that.
    pub(super) fn doubt(&self, live: &Live) {
        if live.is_shared() {
            self.doubts.notify_one();
        }
    }

    /// Waits until a session of the user's own that leaves somebody waiting is given up: nobody but us looks whether it still lives.
    pub(super) async fn given_up(&self, live: &Arc<Live>) {
        sleep(SLOW).await;
        self.doubt(live);
        let is_over = |phase: &Phase| !matches!(phase, Phase::Up(now) if Arc::ptr_eq(now, live));
        let _ = self.phase.subscribe().wait_for(is_over).await;
    }

    /// The link from now on; says nothing as long as nobody has needed the connection.
    pub(super) fn link(self: &Arc<Self>) -> BoxStream<'static, Link> {
        let (phase, mut link) = (self.phase.subscribe(), self.link.subscribe());
        link.mark_changed();
        stream::unfold((phase, link), |(mut phase, mut link)| async move {
            phase.wait_for(|phase| !matches!(phase, Phase::Fresh)).await.ok()?;
            link.changed().await.ok()?;
            let now = link.borrow_and_update().clone();
            Some((now, (phase, link)))
        })
        .boxed()
    }

    pub(super) fn reply(&self, prompt: u64, text: Option<String>) {
        self.questions.reply(prompt, text);
    }

    /// Tries again now. Those who ask from here on wait for the outcome.
    pub(super) fn reconnect(self: &Arc<Self>) {
        self.want();
        let was_down = self.phase.send_if_modified(|phase| {
            let is_down = matches!(phase, Phase::Down(_) | Phase::Trying(Some(_)));
            if is_down {
                *phase = Phase::Trying(None);
            }
            is_down
        });
        if was_down {
            self.again.notify_one();
        }
    }

    /// Ends the session for good.
    pub(super) fn close(&self) {
        if let Some(keeper) = &*lock(&self.keeper) {
            keeper.abort();
        }
        self.phase.send_replace(Phase::Down(self.stopped()));
    }

    fn stopped(&self) -> Failure {
        Failure::new(FailureKind::Stopped, self.to.place(), "this host was closed")
    }

    fn want(self: &Arc<Self>) {
        *lock(&self.need.last) = Instant::now();
        self.need.arose.notify_one();
        let mut keeper = lock(&self.keeper);
        if keeper.is_none()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            self.phase.send_if_modified(|phase| {
                let is_fresh = matches!(phase, Phase::Fresh);
                if is_fresh {
                    *phase = Phase::Trying(None);
                }
                is_fresh
            });
            *keeper = Some(runtime.spawn(Arc::clone(self).kept()).abort_handle());
        }
    }

    /// Keeps the connection. A fault of our own is an answer like any other to those who wait for it.
    async fn kept(self: Arc<Self>) {
        while let Err(failure) = caught(&self.to.place(), self.keep()).await {
            self.phase.send_replace(Phase::Down(failure.clone()));
            self.link.send_replace(Link::Down { failure, retry_in: None });
            self.rest(None).await;
        }
    }

    /// Connects, waits for the end, pauses, and so on.
    async fn keep(&self) {
        let (mut folder, mut attempt, mut failures, mut shunned) = (None, 0, 0, None);
        loop {
            self.link.send_replace(Link::Connecting);
            attempt += 1;
            let failure = match self.connect(&mut folder, attempt, shunned).await {
                Ok(held) => {
                    let begun = Instant::now();
                    let (failure, is_users) = self.hold(held, &mut shunned).await;
                    if begun.elapsed() > GOOD {
                        failures = 0;
                    }
                    // The host is there: it is the user who has ended a session. Whoever asks now waits for one of ours.
                    if is_users && begun.elapsed() > BRIEF {
                        tracing::info!(%failure, "connecting by ourselves");
                        self.phase.send_replace(Phase::Trying(None));
                        continue;
                    }
                    failure
                }
                Err(failure) => failure,
            };
            let pause = pause(failure.kind, failures);
            failures += 1;
            tracing::info!(%failure, ?pause, "not connected");
            self.phase.send_replace(Phase::Down(failure.clone()));
            self.link.send_replace(Link::Down { failure: failure.clone(), retry_in: pause });
            if self.rest(pause).await {
                failures = 0;
            } else {
                self.phase.send_replace(Phase::Trying(Some(failure)));
            }
        }
    }

    /// Lets everybody use the session until it ends. True: it was the user's own.
    async fn hold(&self, held: Held, shunned: &mut Option<Mark>) -> (Failure, bool) {
        let (socket, reads_terminals, is_shared) = match &held {
            Held::Ours(master) => (&master.socket, master.reads_terminals, false),
            Held::Users(shared) => (&shared.socket, shared.reads_terminals, true),
        };
        tracing::info!(host = self.to.name, is_shared, "connected");
        self.phase.send_replace(Phase::Up(Arc::new(Live::over(socket, reads_terminals, is_shared))));
        self.link.send_replace(Link::Up { rtt: None, is_shared });
        match held {
            Held::Ours(mut master) => (master.ended(&self.to, &self.questions).await, false),
            Held::Users(mut shared) => {
                let (failure, is_useless) = shared.ended(&self.to).await;
                if is_useless {
                    *shunned = Some(shared.mark);
                }
                (failure, true)
            }
        }
    }

    async fn connect(&self, folder: &mut Option<Folder>, attempt: u32, shunned: Option<Mark>) -> Result<Held, Failure> {
        let folder = match folder {
            Some(folder) => folder,
            None => folder.insert(Folder::new().map_err(|error| {
                Failure::new(FailureKind::Unsupported, self.to.place(), format!("no folder for the control socket: {error}"))
                    .hint("it is made in $XDG_RUNTIME_DIR, or else in /tmp")
            })?),
        };
        if let Some(shared) = Shared::find(&self.to, folder.socket(attempt), shunned, &self.doubts).await {
            return Ok(Held::Users(shared));
        }
        Master::start(&self.to, folder, attempt, &self.questions).await.map(Box::new).map(Held::Ours)
    }

    /// Waits until another attempt is due. True if the user asked for it.
    async fn rest(&self, pause: Option<Duration>) -> bool {
        let pausing = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
            while !self.is_needed() {
                self.need.arose.notified().await;
            }
        };
        tokio::select! {
            () = self.again.notified() => true,
            () = pausing => false,
        }
    }

    fn is_needed(&self) -> bool {
        self.need.waiting.load(Ordering::Relaxed) > 0 || lock(&self.need.last).elapsed() < FORGOTTEN
    }
}

/// Somebody waits for the connection as long as this lives.
struct Waiting<'a>(&'a Connection);

impl<'a> Waiting<'a> {
    fn new(connection: &'a Connection) -> Self {
        connection.need.waiting.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.need.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long to wait after so many failures in a row: 1, 2, 4 … 30 s, a little more or less so that not everybody comes back at
/// once. `None` where trying again would only give the same answer, or ask the user again.
fn pause(kind: FailureKind, failures: u32) -> Option<Duration> {
    match kind {
        FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::Busy | FailureKind::Garbled => {
            let seconds = (1_u64 << failures.min(5)).min(LONGEST_PAUSE);
            let chance = u64::from(nonce().bytes().next_back().unwrap_or_default()) % 32;
            Some(Duration::from_millis(seconds * (850 + chance * 10)))
        }
        FailureKind::Denied
        | FailureKind::NoCredentials
        | FailureKind::Expired
        | FailureKind::NotFound
        | FailureKind::Rejected
        | FailureKind::HostKey
        | FailureKind::Conflict
        | FailureKind::Unsupported
        | FailureKind::Stopped => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_some_never_end() {
        let seconds = |n| pause(FailureKind::Unreachable, n).unwrap().as_secs_f32();
        for (n, about) in [(0, 1.0), (1, 2.0), (2, 4.0), (4, 16.0), (5, 30.0), (99, 30.0)] {
            assert!((seconds(n) - about).abs() <= about * 0.17, "{n}: {}", seconds(n));
        }
        assert_eq!(pause(FailureKind::HostKey, 0), None);
        assert_eq!(pause(FailureKind::Denied, 3), None);
    }

    #[tokio::test]
    async fn a_refused_connection_is_awaited_once_and_then_told_at_once() {
        // Port 1 of loopback: nobody listens there.
        let to = Destination {
            name: "x".to_owned(),
            ssh: "-p 1 127.0.0.1".to_owned(),
            config_file: Some("/dev/null".into()),
            ..Destination::default()
        };
        let connection = Arc::new(Connection::new(to, None));
        let mut link = connection.link();
        assert!(timeout(Duration::from_millis(50), link.next()).await.is_err(), "nothing was needed yet");
        let failure = connection.live().await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        let asked = Instant::now();
        assert!(connection.live().await.is_err());
        assert!(asked.elapsed() < Duration::from_millis(20));
        let down = link.next().await;
        assert!(matches!(down, Some(Link::Down { retry_in: Some(_), .. })), "{down:?}");
        connection.close();
        assert_eq!(connection.live().await.err().unwrap().kind, FailureKind::Stopped);
    }
}
