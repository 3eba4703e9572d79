//! An operation on a stack, told line by line while it goes on: its events, its phases with what they took and usually take, and what the head
//! node writes while it is set up.
//!
//! Only listens: ending it ends nothing.

use std::collections::HashSet;
use std::io::Write;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};

use super::super::print;
use crate::model::course::Stage;
use crate::model::duration::slurm;
use crate::model::text::clean;
use crate::model::{Answer, ClusterId, Course, Failure, FailureKind, Query, StackEvent, Usual};
use crate::remote::Remote;

/// Where events go while they are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Aside,
    Out,
    Json,
}

/// Follows the latest operation on a stack to its end.
pub(super) async fn follow(remote: &dyn Remote, cluster: &ClusterId, shown: Shown) -> Result<Course, Failure> {
    let mut stream = remote.follow(Query::Events(cluster.clone()));
    let mut printed = HashSet::new();
    let mut remarks = Remarks::new(remote, cluster, matches!(shown, Shown::Aside | Shown::Out)).await;
    let mut course = None;
    loop {
        let answer = tokio::select! {
            answer = stream.next() => answer,
            Some(told) = remarks.writes.next() => {
                remarks.wrote(&told);
                continue;
            }
        };
        let Some(answer) = answer else { break };
        let events = match answer {
            Ok(Answer::Events(events)) => events,
            Ok(_) => continue,
            // It is asked again by itself.
            Err(failure) if matches!(failure.kind, FailureKind::Busy | FailureKind::Unreachable) => {
                let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for event in events.iter().filter(|event| printed.insert(event.id.clone())) {
            match shown {
                Shown::Nothing => {}
                Shown::Aside => drop(std::io::stderr().write_all(line(event).as_bytes())),
                Shown::Out => print::out(line(event).as_bytes())?,
                Shown::Json => print::out(format!("{}\n", one(event)).as_bytes())?,
            }
        }
        course = Course::of(&events);
        if let Some(course) = &course {
            remarks.went_on(remote, course);
        }
    }
    course.ok_or_else(|| Failure::new(FailureKind::NotFound, cluster.as_str(), "nothing is known of its stack"))
}

/// What is said beside the events, on standard error: nothing that a program would have to read.
struct Remarks {
    cluster: ClusterId,
    usual: Usual,
    is_on: bool,
    /// Whether it was said what the whole takes.
    begun: bool,
    done: HashSet<&'static str>,
    writes: BoxStream<'static, Result<Answer, Failure>>,
    /// The lines of the head node that were told last.
    last: Vec<String>,
}

impl Remarks {
    async fn new(remote: &dyn Remote, cluster: &ClusterId, is_on: bool) -> Self {
        let usual = match remote.ask(Query::Usual(cluster.clone())).await {
            Ok(Answer::Usual(usual)) => usual,
            // Nobody needs it.
            Ok(_) | Err(_) => Usual::default(),
        };
        let writes = stream::pending().boxed();
        Self { cluster: cluster.clone(), usual, is_on, begun: false, done: HashSet::new(), writes, last: Vec::new() }
    }

    fn went_on(&mut self, remote: &dyn Remote, course: &Course) {
        if !self.is_on {
            return;
        }
        let mut out = std::io::stderr();
        let operation = course.operation.as_str();
        if !std::mem::replace(&mut self.begun, true) {
            if let Some(usual) = self.usual.whole(course) {
                let _ = writeln!(out, "-- {operation} usually takes {}, of {} seen before", about(usual), self.usual.count(course));
            }
            // Of an operation that ended long ago nothing is new.
            if course.is_over() {
                self.done.extend(course.phases.iter().map(|phase| phase.title));
            }
        }
        for phase in course.phases.iter().filter(|phase| phase.stage == Stage::Done) {
            if let Some(ended) = phase.ended.filter(|_| self.done.insert(phase.title)) {
                let took = u64::try_from(ended.as_second() - phase.began.as_second()).unwrap_or(0);
                let usual = self.usual.phase(course, phase.title).map_or_else(String::new, |usual| format!(", usually {}", about(usual)));
                let _ = writeln!(out, "-- {}: done in {}{usual}", phase.title, slurm(took));
            }
        }
        match &course.head {
            Some(head) if operation == "CREATE" && !course.is_over() && self.done.insert("") => {
                let query = Query::Bootstrap { cluster: self.cluster.clone(), head: head.clone(), why: false };
                self.writes = remote.follow(query).chain(stream::pending()).boxed();
            }
            _ => {}
        }
    }

    /// What the head node has written since.
    fn wrote(&mut self, told: &Result<Answer, Failure>) {
        let Ok(Answer::Bootstrap(told)) = told else { return };
        let known = |n: &usize| self.last.ends_with(&told.lines[..*n]);
        let known = (0..=told.lines.len().min(self.last.len())).rev().find(known).unwrap_or(0);
        for line in &told.lines[known..] {
            let _ = writeln!(std::io::stderr(), "-- {}: {}", clean(&told.log), clean(line));
        }
        self.last.clone_from(&told.lines);
    }
}

fn about(usual: u64) -> String {
    format!("~{}", slurm(usual))
}

/// A failed operation is a failure, its root cause first and what the head node wrote of it behind.
pub(super) async fn ended(remote: &dyn Remote, cluster: &ClusterId, course: &Course) -> Result<(), Failure> {
    let good = matches!(course.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "DELETE_COMPLETE");
    if good || !course.is_over() {
        return Ok(());
    }
    let causes: Vec<String> = course.causes.iter().map(|c| format!("{} ({}): {}", c.name, c.kind, c.reason)).collect();
    let why = causes.first().cloned().unwrap_or_else(|| "CloudFormation does not say why".to_owned());
    let failure = Failure::new(FailureKind::Rejected, cluster.as_str(), format!("{}: {why}", course.status));
    let mut rest = errors(remote, cluster, course).await;
    rest.extend(causes.into_iter().skip(1));
    Err(failure.hint(rest.iter().map(|line| clean(line).into_owned()).collect::<Vec<_>>().join("\n  ")))
}

/// The lines of the head node's logs that tell of an error.
async fn errors(remote: &dyn Remote, cluster: &ClusterId, course: &Course) -> Vec<String> {
    let Some(head) = course.head.clone().filter(|_| course.operation == "CREATE") else { return Vec::new() };
    match remote.ask(Query::Bootstrap { cluster: cluster.clone(), head, why: true }).await {
        Ok(Answer::Bootstrap(told)) => told.errors.into_iter().map(|(log, line)| format!("{log}: {line}")).collect(),
        Ok(_) => Vec::new(),
        Err(failure) => vec![format!("the head node's logs: {}", failure.what)],
    }
}

pub(super) fn one(event: &StackEvent) -> Value {
    json!({
        "at": event.at.to_string(), "resource": event.name, "type": event.kind, "status": event.status, "reason": event.reason,
        "physical_id": Some(event.physical.as_str()).filter(|id| !id.is_empty()), "stack": event.stack,
    })
}

pub(super) fn line(event: &StackEvent) -> String {
    let kind = event.kind.strip_prefix("AWS::").unwrap_or(&event.kind);
    let reason = event.reason.as_deref().map_or_else(String::new, |reason| format!("  {}", clean(reason)));
    let at = event.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("{at}  {:<20} {} ({}){reason}\n", clean(&event.status), clean(&event.name), clean(kind))
}
