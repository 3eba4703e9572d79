//! Several logs as one: what is there merged by time, what comes as it comes, each line with the name of its log.
//!
//! Never waits for one log while another has something new.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::Style;
use super::line::{Harmless, Splitter, moment, shown};
use crate::cli::print;
use crate::model::{Answer, Failure, FailureKind, JobState, LogEvent, LogSource, LogStart, Place, Query};
use crate::remote::Remote;

/// How often a followed job is asked whether it has ended.
const LOOK: Duration = Duration::from_secs(2);
/// Output may still be on its way for this long after a job ended: the head node sees a compute node's writes late.
const LATE: Duration = Duration::from_millis(1500);
/// Lines of the end are looked for in as many bytes first.
const GUESS: u64 = 64 << 10;

/// One log and what is known of it.
pub(super) struct Log {
    source: LogSource,
    name: String,
    start: LogStart,
    events: Option<BoxStream<'static, Result<Answer, Failure>>>,
    splitter: Splitter,
    harmless: Harmless,
    lines: VecDeque<Line>,
    /// Where reading began.
    from: u64,
    caught_up: bool,
    /// The moment of the last line that told one.
    last: Option<Timestamp>,
    /// Whether the lines at hand are late enough.
    is_wanted: bool,
}

struct Line {
    at: Option<Timestamp>,
    bytes: Vec<u8>,
}

impl Log {
    pub(super) fn new(source: LogSource, name: &str, start: LogStart) -> Self {
        Self {
            source,
            name: name.to_owned(),
            start,
            events: None,
            splitter: Splitter::default(),
            harmless: Harmless::default(),
            lines: VecDeque::new(),
            from: 0,
            caught_up: false,
            last: None,
            is_wanted: false,
        }
    }

    /// The zone of times that name none: machines of a cluster keep UTC unless somebody changed that.
    fn zone(&self) -> TimeZone {
        match &self.source {
            LogSource::File { place: Place::Here, .. } => TimeZone::system(),
            LogSource::File { .. } | LogSource::Stream { .. } => TimeZone::UTC,
            LogSource::Output { cluster, .. } if *cluster == crate::model::ClusterId::local() => TimeZone::system(),
            LogSource::Output { .. } => TimeZone::UTC,
        }
    }
}

/// All logs on their way to standard output.
pub(super) struct Flow<'a> {
    remote: &'a dyn Remote,
    logs: Vec<Log>,
    jobs: Vec<(Query, JobState)>,
    style: Style,
    /// Bytes pass as they are: nothing is asked of single lines.
    is_raw: bool,
    terminal: bool,
}

/// The state in a job's details.
pub(super) fn state(answer: &Answer) -> JobState {
    match answer {
        Answer::Detail(detail) => detail.state,
        _ => JobState::Unknown,
    }
}

impl<'a> Flow<'a> {
    pub(super) fn new(remote: &'a dyn Remote, logs: Vec<Log>, jobs: Vec<(Query, JobState)>, style: Style) -> Self {
        let plain = !style.json && style.grep.is_none() && style.since.is_none() && style.tail.is_none();
        Self { remote, is_raw: plain && logs.len() == 1, logs, jobs, style, terminal: std::io::stdout().is_terminal() }
    }

    fn is_over(&self) -> bool {
        !self.jobs.is_empty() && self.jobs.iter().all(|(_, state)| state.is_over())
    }

    pub(super) async fn run(mut self) -> Result<(), Failure> {
        for n in 0..self.logs.len() {
            if let Some(lines) = self.style.tail.filter(|_| matches!(self.logs[n].start, LogStart::Beginning)) {
                self.logs[n].start = LogStart::Last(GUESS.max(lines as u64 * 256));
            }
            self.open(n);
        }
        self.past().await?;
        if !self.style.follow {
            return Ok(());
        }
        self.present().await
    }

    fn open(&mut self, n: usize) {
        let log = &mut self.logs[n];
        log.events = Some(self.remote.follow(Query::Log(log.source.clone(), log.start)));
    }

    /// Prints what is there, the earliest line of all logs first.
    async fn past(&mut self) -> Result<(), Failure> {
        loop {
            for n in 0..self.logs.len() {
                while !self.logs[n].caught_up && (self.logs[n].lines.is_empty() || self.style.tail.is_some()) {
                    self.advance(n).await?;
                }
            }
            // A line without a time goes right after the one before it.
            let next = (0..self.logs.len())
                .filter(|n| !self.logs[*n].lines.is_empty())
                .min_by_key(|n| self.logs[*n].lines.front().and_then(|line| line.at).or(self.logs[*n].last));
            let Some(n) = next else { break };
            if let Some(line) = self.logs[n].lines.pop_front() {
                self.logs[n].last = line.at.or(self.logs[n].last);
                self.say(n, &line.bytes, line.at)?;
            }
        }
        for n in 0..self.logs.len() {
            if !self.style.follow
                && let Some(rest) = self.logs[n].splitter.rest()
            {
                self.line(n, rest);
                while let Some(line) = self.logs[n].lines.pop_front() {
                    self.say(n, &line.bytes, line.at)?;
                }
            }
            self.without_time(n)?;
        }
        Ok(())
    }

    /// Says so where a time was asked for and no line tells one.
    fn without_time(&mut self, n: usize) -> Result<(), Failure> {
        let log = &mut self.logs[n];
        let is_dated = matches!(log.source, LogSource::Stream { .. });
        if self.style.since.is_none() || is_dated || log.last.is_some() {
            return Ok(());
        }
        let failure =
            Failure::new(FailureKind::Unsupported, &log.name, "no line begins with a time that is known, so --since says nothing");
        if !self.style.follow && self.logs.len() == 1 {
            return Err(failure.hint("--tail N prints the last lines."));
        }
        self.logs[n].is_wanted = true;
        complain(&failure.to_string());
        Ok(())
    }

    /// Prints what comes, until every job has ended.
    async fn present(&mut self) -> Result<(), Failure> {
        let streams = self.logs.iter_mut().enumerate().filter_map(|(n, log)| Some(log.events.take()?.map(move |event| (n, event)).boxed()));
        let mut events = stream::select_all(streams.collect::<Vec<_>>());
        loop {
            // Once jobs are over and everything was read, silence is the end.
            let done = self.is_over() && self.logs.iter().all(|log| log.caught_up);
            match tokio::time::timeout(if done { LATE } else { LOOK }, events.next()).await {
                Ok(Some((n, event))) => {
                    self.take(n, event)?;
                    while let Some(line) = self.logs[n].lines.pop_front() {
                        self.logs[n].last = line.at.or(self.logs[n].last);
                        self.say(n, &line.bytes, line.at)?;
                    }
                }
                Ok(None) => return self.rest(),
                Err(_) if done => return self.rest(),
                Err(_) => self.look().await,
            }
        }
    }

    fn rest(&mut self) -> Result<(), Failure> {
        for n in 0..self.logs.len() {
            if let Some(rest) = self.logs[n].splitter.rest() {
                self.line(n, rest);
                while let Some(line) = self.logs[n].lines.pop_front() {
                    self.say(n, &line.bytes, line.at)?;
                }
            }
        }
        Ok(())
    }

    async fn look(&mut self) {
        for (query, known) in self.jobs.iter_mut().filter(|(_, known)| !known.is_over()) {
            match self.remote.ask(query.clone()).await {
                Ok(answer) => *known = state(&answer),
                // A job that its scheduler has forgotten has ended.
                Err(failure) if failure.kind == FailureKind::NotFound => *known = JobState::Completed,
                Err(_) => {}
            }
        }
    }

    /// Takes the next event of one log.
    async fn advance(&mut self, n: usize) -> Result<(), Failure> {
        let Some(events) = &mut self.logs[n].events else {
            self.logs[n].caught_up = true;
            return Ok(());
        };
        match events.next().await {
            Some(event) => self.take(n, event),
            None => {
                self.logs[n].caught_up = true;
                Ok(())
            }
        }
    }

    fn take(&mut self, n: usize, event: Result<Answer, Failure>) -> Result<(), Failure> {
        let event = match event {
            Ok(Answer::Log(event)) => event,
            Ok(_) => return Ok(()),
            Err(failure) if !self.style.follow => return Err(failure),
            Err(failure) => {
                // Whoever is only waited for holds up no other log.
                self.logs[n].caught_up = true;
                complain(&failure.to_string());
                return Ok(());
            }
        };
        match event {
            LogEvent::Opened { start, .. } => self.logs[n].from = start,
            LogEvent::Bytes { bytes, .. } => self.bytes(n, &bytes)?,
            LogEvent::CaughtUp => self.caught_up(n),
            LogEvent::Waiting { why } if !self.style.follow || self.is_over() => {
                return Err(Failure::new(FailureKind::NotFound, &self.logs[n].name, why));
            }
            LogEvent::Waiting { .. } => self.logs[n].caught_up = true,
            LogEvent::Restarted { why } => {
                let words = format!("{}: {why}: what follows begins the file anew", self.logs[n].name);
                complain(&words);
            }
            LogEvent::Remark(way) if self.style.remarks => {
                let words = format!("{}: {way}", self.logs[n].name);
                complain(&words);
            }
            LogEvent::Remark(_) | LogEvent::At(_) => {}
        }
        Ok(())
    }

    fn caught_up(&mut self, n: usize) {
        let Some(wanted) = self.style.tail else {
            self.logs[n].caught_up = true;
            return;
        };
        let log = &mut self.logs[n];
        // Longer lines than was guessed: more of the end is read.
        if let LogStart::Last(bytes) = log.start
            && log.lines.len() < wanted
            && log.from > 0
            && !log.caught_up
        {
            log.start = LogStart::Last(bytes.saturating_mul(8));
            (log.lines, log.splitter) = (VecDeque::new(), Splitter::default());
            self.open(n);
            return;
        }
        if !log.caught_up {
            // The last line may have no end yet.
            let partial = usize::from(!self.style.follow && !log.splitter.is_empty());
            log.lines.drain(..log.lines.len().saturating_sub(wanted.saturating_sub(partial)));
        }
        log.caught_up = true;
    }

    fn bytes(&mut self, n: usize, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_raw {
            return if self.terminal { print::out(self.logs[n].harmless.feed(bytes).as_bytes()) } else { print::out(bytes) };
        }
        let mut splitter = std::mem::take(&mut self.logs[n].splitter);
        splitter.feed(bytes, |line| self.line(n, line));
        self.logs[n].splitter = splitter;
        Ok(())
    }

    /// Puts a line among those to print, if it is late enough.
    fn line(&mut self, n: usize, bytes: Vec<u8>) {
        let needs_time = self.style.json || self.style.since.is_some() || self.logs.len() > 1;
        let zone = self.logs[n].zone();
        let at = if needs_time { moment(&bytes, &zone, self.style.now) } else { None };
        let log = &mut self.logs[n];
        if let (Some(since), false) = (self.style.since, matches!(log.source, LogSource::Stream { .. })) {
            if let Some(at) = at {
                log.last = Some(at);
                log.is_wanted = at >= since;
            }
            if !log.is_wanted {
                return;
            }
        }
        log.lines.push_back(Line { at, bytes });
    }

    fn say(&mut self, n: usize, bytes: &[u8], at: Option<Timestamp>) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(bytes);
        if self.style.grep.as_ref().is_some_and(|regex| !regex.is_match(text.trim_end_matches('\r'))) {
            return Ok(());
        }
        let name = &self.logs[n].name;
        if self.style.json {
            let message = if self.terminal { shown(bytes) } else { text.trim_end_matches('\r').to_owned() };
            let value = json!({ "time": at.map(|at| at.to_string()), "source": name, "message": message });
            return print::out(format!("{value}\n").as_bytes());
        }
        let mut out = Vec::with_capacity(bytes.len() + 40);
        if self.logs.len() > 1 {
            out.extend(format!("{}: ", shown(name.as_bytes())).as_bytes());
        }
        if self.terminal {
            out.extend(shown(bytes).as_bytes());
        } else {
            out.extend(bytes);
        }
        out.push(b'\n');
        print::out(&out)
    }
}

fn complain(words: &str) {
    let _ = writeln!(std::io::stderr(), "qdeck: {}", shown(words.as_bytes()));
}
