//! A CloudWatch stream as a log that is followed: by Live Tail where that is allowed, else by asking with forward tokens.
//!
//! Going from one way to the other loses no event and hands on none twice.

mod message;
mod overlap;
mod part;
mod session;

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::client::Clients;
use super::{Aws, trouble};
use crate::model::stream::is_events;
use crate::model::{Cluster, Failure, FailureKind, LogEvent, LogPlace, LogStart};
use overlap::{Overlap, Way};
use session::{Session, Update};

pub(super) use part::{find, part};

/// Between two looks at a stream that was silent.
const SOON: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// How long a new session is not trusted alone: what arrived just before it may only be asked for.
const SETTLING: Duration = Duration::from_secs(8);
/// A session says something every second; after this long without a word it is taken for dead.
const SILENCE: Duration = Duration::from_secs(20);
/// A page with so many events is taken for one that had no room for more.
const FULL: usize = 1_000;
/// A page at the end may be empty though events stand before it; no more are turned than this.
const EMPTY: usize = 20;

struct Follower {
    aws: Aws,
    cluster: Cluster,
    group: String,
    stream: String,
    start: LogStart,
    /// Where to go on; `None` before the first page.
    token: Option<String>,
    /// The first moment that is asked for.
    from: Option<i64>,
    overlap: Overlap,
    session: Option<Session>,
    /// Until when a session and questions go side by side.
    settled: Instant,
    /// Why there is no session, where one was wanted.
    without: Option<String>,
    ready: VecDeque<LogEvent>,
    remark: String,
    sent: u64,
    opened: bool,
    caught_up: bool,
    pause: Duration,
    failures: u32,
}

/// Follows a stream.
pub(super) fn follow(
    aws: Aws,
    cluster: Cluster,
    group: String,
    stream: String,
    start: LogStart,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let follower = Follower {
        aws,
        cluster,
        group,
        stream,
        start,
        token: None,
        from: if let LogStart::Moment(at) = start { Some(at) } else { None },
        overlap: Overlap::default(),
        session: None,
        settled: Instant::now(),
        without: None,
        ready: VecDeque::new(),
        remark: String::new(),
        sent: 0,
        opened: false,
        caught_up: false,
        pause: Duration::ZERO,
        failures: 0,
    };
    stream::unfold(follower, |mut follower| async {
        let next = follower.next().await;
        Some((next, follower))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<LogEvent, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.choose().await;
            let Some(session) = &mut self.session else {
                sleep(self.pause).await;
                self.turn().await?;
                continue;
            };
            let settling = Instant::now() < self.settled;
            let due = Instant::now() + self.pause.max(SOON / 2);
            tokio::select! {
                update = timeout(SILENCE, session.next()) => {
                    let update = update.unwrap_or_else(|_| Update::Ended("fell silent".into()));
                    self.updated(update);
                }
                () = sleep_until(due), if settling => self.turn().await?,
            }
        }
    }

    /// Begins or ends a session, as is allowed now.
    async fn choose(&mut self) {
        let allowed = self.aws.may_tail();
        if !allowed && self.session.is_some() {
            self.ask_again("Live Tail is off".into());
            self.without = None;
        }
        if !self.caught_up || self.session.is_some() {
            return;
        }
        if !allowed || self.without.is_some() {
            let why = self.without.as_ref().filter(|_| allowed).map_or_else(String::new, |why| format!("{why}: "));
            self.say(format!("{why}asked every {} s", SOON.as_secs()));
            return;
        }
        let clients = match self.clients().await {
            Ok(clients) => clients,
            Err(_) => return,
        };
        match Session::begin(&clients, &self.group, &self.stream).await {
            Ok(session) => {
                self.overlap.begin_session();
                self.session = Some(session);
                self.settled = Instant::now() + SETTLING;
                self.pause = Duration::ZERO;
                self.say("Live Tail".into());
            }
            Err(failure) => {
                tracing::info!(%failure, "no Live Tail");
                let refused = failure.kind == FailureKind::Denied;
                let what = failure.what.split(':').next().unwrap_or("").to_owned();
                self.without = Some(if refused { "Live Tail is not allowed".into() } else { format!("no Live Tail ({what})") });
            }
        }
    }

    fn updated(&mut self, update: Update) {
        match update {
            Update::Events { sampled: true, .. } => self.ask_again("Live Tail leaves out what is above 500 lines a second".into()),
            Update::Events { events, .. } => {
                let new: Vec<_> = events.into_iter().filter(|(at, text)| self.overlap.is_new(Way::Tailed, *at, text)).collect();
                self.hand_on(&new);
            }
            Update::Ended(why) => self.ask_again(format!("Live Tail {why}")),
        }
    }

    /// Gives the session up; what it may have left out is asked for.
    fn ask_again(&mut self, why: String) {
        self.session = None;
        self.from = Some(self.overlap.ask_again());
        self.token = None;
        self.pause = Duration::ZERO;
        self.without = Some(why);
    }

    fn say(&mut self, remark: String) {
        if self.remark != remark {
            self.remark.clone_from(&remark);
            self.ready.push_back(LogEvent::Remark(remark));
        }
    }

    async fn clients(&self) -> Result<Clients, Failure> {
        self.aws.clients(self.cluster.profile.as_deref(), self.cluster.region.as_deref()).await
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        let turned = self.page().await;
        match &turned {
            Ok(()) => self.failures = 0,
            Err(_) => {
                // The token is unchanged: the next page is the one that was missed.
                self.failures += 1;
                self.pause = (SOON * 2_u32.pow(self.failures.min(5))).min(LONGEST);
            }
        }
        turned
    }

    /// Asks for the next page and gets its events ready.
    async fn page(&mut self) -> Result<(), Failure> {
        let clients = self.clients().await?;
        let from_head = self.token.is_some() || self.from.is_some() || self.start == LogStart::Beginning;
        let ask = async |token: Option<String>| {
            let request = clients.logs.get_log_events().log_group_name(&self.group).log_stream_name(&self.stream);
            let request = request.start_from_head(from_head).set_start_time(self.from).set_next_token(token);
            let page = request.limit(self.limit(from_head)).send().await;
            page.map_err(|error| trouble::failure(&clients, "logs:GetLogEvents", &error))
        };
        let page = ask(self.token.clone()).await?;
        let mut events: Vec<OutputLogEvent> = page.events().to_vec();
        if !from_head {
            let mut back = page.next_backward_token().map(str::to_owned);
            for _ in 0..EMPTY {
                if !events.is_empty() || back.is_none() {
                    break;
                }
                let before = ask(back.clone()).await?;
                events = before.events().to_vec();
                let next = before.next_backward_token().map(str::to_owned);
                back = next.filter(|next| back.as_ref() != Some(next));
            }
        }
        if !std::mem::replace(&mut self.opened, true) {
            self.ready.push_back(LogEvent::Opened { path: self.stream.clone(), start: 0, size: 0 });
        }
        if !from_head && let Some(first) = events.first().and_then(OutputLogEvent::timestamp) {
            self.overlap.begin_after(first);
        }
        let same = page.next_forward_token() == self.token.as_deref();
        self.token = page.next_forward_token().map(str::to_owned).or(self.token.take());
        let count = events.len();
        let new: Vec<_> = events
            .into_iter()
            .map(|event| (event.timestamp().unwrap_or(0), event.message.unwrap_or_default()))
            .filter(|(at, text)| self.overlap.is_new(Way::Asked, *at, text))
            .collect();
        self.hand_on(&new);
        if count == 0 {
            // An empty page with another token is not the end: CloudWatch skips silent stretches so.
            if same || self.caught_up {
                if !self.caught_up {
                    self.ready.push_back(LogEvent::CaughtUp);
                    self.caught_up = true;
                }
                self.pause = if self.pause < SOON { SOON } else { (self.pause * 5 / 4).min(LATER) };
            } else {
                self.pause = Duration::ZERO;
            }
        } else {
            // While there is more behind, the next page is asked for at once.
            self.pause = if self.caught_up && count < FULL { SOON } else { Duration::ZERO };
        }
        Ok(())
    }

    /// About as many events as hold the bytes that are wanted of the end.
    fn limit(&self, from_head: bool) -> i32 {
        match self.start {
            LogStart::Last(bytes) if !from_head => i32::try_from(bytes / 100).unwrap_or(10_000).clamp(100, 10_000),
            LogStart::Last(_) | LogStart::Beginning | LogStart::Moment(_) => 10_000,
        }
    }

    fn hand_on(&mut self, events: &[(i64, String)]) {
        let Some((first, _)) = events.first() else { return };
        let mut bytes = Vec::new();
        let is_events = is_events(&self.stream);
        events.iter().for_each(|(at, text)| message::lines(*at, text, is_events, &mut bytes));
        self.ready.push_back(LogEvent::At(LogPlace::Moment(*first)));
        let offset = self.sent;
        self.sent += bytes.len() as u64;
        self.ready.push_back(LogEvent::Bytes { offset, bytes });
    }
}
