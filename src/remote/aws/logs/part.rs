//! A part of a CloudWatch stream, by time, and the search through all of it.
//!
//! Moments are not cut in two: a part begins and ends between milliseconds, so that parts put together are the stream.

use std::time::Duration;

use regex::{Regex, RegexBuilder};
use tokio::time::{Instant, sleep};

use super::super::client::Clients;
use super::super::trouble;
use super::message;
use crate::model::stream::is_events;
use crate::model::{Answer, Failure, FailureKind, LogHit, LogPlace};
use crate::remote::part::{Found, MOST, SHOWN};

/// No more pages than this for one part: a stream may be silent for months.
const PAGES: usize = 40;
/// A search reads no longer than this; events pass at about 10,000 in half a second.
const PATIENCE: Duration = Duration::from_secs(90);
/// CloudWatch answers ten searches a second, and others may search too.
const PACE: Duration = Duration::from_millis(200);

type Event = (i64, String);

/// Whole events: about `bytes` from the moment `at` on, or before it where negative.
pub(in crate::remote::aws) async fn part(clients: &Clients, group: &str, stream: &str, at: i64, bytes: i64) -> Result<Answer, Failure> {
    let wanted = usize::try_from(bytes.unsigned_abs()).unwrap_or(1 << 20).clamp(1, 8 << 20);
    let limit = i32::try_from(wanted / 80).unwrap_or(10_000).clamp(100, 10_000);
    let forward = bytes >= 0;
    let (mut events, mut token, mut is_last): (Vec<Event>, Option<String>, bool) = (Vec::new(), None, false);
    for _ in 0..PAGES {
        let request = clients.logs.get_log_events().log_group_name(group).log_stream_name(stream);
        let request = if forward { request.start_time(at) } else { request.end_time(at) };
        let page = request.start_from_head(forward).limit(limit).set_next_token(token.clone()).send().await;
        let page = page.map_err(|error| trouble::failure(clients, "logs:GetLogEvents", &error))?;
        let mut found: Vec<Event> = page.events().iter().filter_map(|e| Some((e.timestamp()?, e.message()?.to_owned()))).collect();
        found.retain(|(moment, _)| (*moment >= at) == forward);
        let next = if forward { page.next_forward_token() } else { page.next_backward_token() };
        is_last = next.is_none() || next == token.as_deref();
        token = next.map(str::to_owned);
        if forward {
            events.append(&mut found);
        } else {
            events.splice(0..0, found);
        }
        let size: usize = events.iter().map(|(_, text)| text.len() + 1).sum();
        let spans = events.first().map(|e| e.0) != events.last().map(|e| e.0);
        if is_last || size >= wanted && spans {
            break;
        }
    }
    let (start, end) = trim(&mut events, at, forward, is_last);
    let mut text = Vec::new();
    let is_events = is_events(stream);
    events.iter().for_each(|(moment, message)| message::lines(*moment, message, is_events, &mut text));
    Ok(Answer::LogRange {
        start: LogPlace::Moment(start),
        end: LogPlace::Moment(end),
        bytes: text,
        is_start: !forward && is_last,
        is_end: forward && is_last,
    })
}

/// Takes away the moment at the far end, of which more events may follow, unless it is the only one. Where the part begins and ends.
fn trim(events: &mut Vec<Event>, at: i64, forward: bool, is_last: bool) -> (i64, i64) {
    let (first, last) = (events.first().map_or(at, |e| e.0), events.last().map_or(at, |e| e.0));
    if first == last || is_last {
        return if forward { (at, if events.is_empty() { at } else { last + 1 }) } else { (first, at) };
    }
    if forward {
        events.retain(|(moment, _)| *moment < last);
        (at, last)
    } else {
        events.retain(|(moment, _)| *moment > first);
        (first + 1, at)
    }
}

/// Every event that matches. Plain text in exact case is searched by CloudWatch itself, anything else here, page by page.
pub(in crate::remote::aws) async fn find(
    clients: &Clients,
    group: &str,
    stream: &str,
    pattern: &str,
    insensitive: bool,
) -> Result<Found, Failure> {
    let regex = RegexBuilder::new(pattern).case_insensitive(insensitive).multi_line(true).build();
    let regex = regex.map_err(|_| Failure::new(FailureKind::Rejected, "the search", "this is no regular expression"))?;
    let plain = term(pattern, insensitive);
    let is_events = is_events(stream);
    let begun = Instant::now();
    let (mut found, mut token, mut events) = (Found::default(), None::<String>, 0_u64);
    loop {
        let (page, next) = match &plain {
            Some(term) => {
                let request = clients.logs.filter_log_events().log_group_name(group).log_stream_names(stream).filter_pattern(term);
                let page = request.set_next_token(token.clone()).send().await;
                let page = page.map_err(|error| trouble::failure(clients, "logs:FilterLogEvents", &error))?;
                let hits: Vec<Event> = page.events().iter().filter_map(|e| Some((e.timestamp()?, e.message()?.to_owned()))).collect();
                (hits, page.next_token().map(str::to_owned))
            }
            None => {
                let request = clients.logs.get_log_events().log_group_name(group).log_stream_name(stream).start_from_head(true);
                let page = request.limit(10_000).set_next_token(token.clone()).send().await;
                let page = page.map_err(|error| trouble::failure(clients, "logs:GetLogEvents", &error))?;
                let all: Vec<Event> = page.events().iter().filter_map(|e| Some((e.timestamp()?, e.message()?.to_owned()))).collect();
                let next = page.next_forward_token().filter(|next| Some(*next) != token.as_deref()).map(str::to_owned);
                (all, next)
            }
        };
        events += page.len() as u64;
        page.iter().for_each(|(at, message)| take(&mut found, &regex, *at, message, is_events));
        token = next;
        if token.is_none() {
            found.hits.sort_by_key(|hit| hit.place);
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            let what = format!("{} hits in the first {events} events; the stream goes on", found.total);
            return Err(Failure::new(FailureKind::TimedOut, stream, what)
                .hint("Plain text in exact case is searched by CloudWatch itself, which takes less time."));
        }
        sleep(PACE).await;
    }
}

fn take(found: &mut Found, regex: &Regex, at: i64, message: &str, is_events: bool) {
    let readable = if is_events { message::readable(message) } else { None };
    let text = readable.as_deref().unwrap_or(message);
    let Some(line) = text.lines().find(|line| regex.is_match(line)) else { return };
    found.total += 1;
    if found.hits.len() < MOST {
        let text: String = line.chars().take(SHOWN).collect();
        found.hits.push(LogHit { line: 0, place: LogPlace::Moment(at), text });
    }
}

/// The pattern as CloudWatch's own exact phrase, where it is plain text.
fn term(pattern: &str, insensitive: bool) -> Option<String> {
    let plain = !pattern.is_empty() && !pattern.contains(['\\', '.', '*', '+', '?', '|', '(', ')', '[', ']', '{', '}', '^', '$', '"']);
    let exact = !insensitive || !pattern.chars().any(char::is_alphabetic);
    (plain && exact).then(|| format!("\"{pattern}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_never_cut_in_two() {
        let events = || vec![(1, "a".to_owned()), (1, "b".into()), (2, "c".into()), (3, "d".into()), (3, "e".into())];
        let texts = |events: &[Event]| events.iter().map(|e| e.1.clone()).collect::<String>();
        let mut some = events();
        assert_eq!((trim(&mut some, 0, true, false), texts(&some)), ((0, 3), "abc".into()));
        let mut some = events();
        assert_eq!((trim(&mut some, 0, true, true), texts(&some)), ((0, 4), "abcde".into()));
        let mut some = events();
        assert_eq!((trim(&mut some, 9, false, false), texts(&some)), ((2, 9), "cde".into()));
        let mut some = events();
        assert_eq!((trim(&mut some, 9, false, true), texts(&some)), ((1, 9), "abcde".into()));
        let mut one = vec![(5, "x".to_owned()); 2];
        assert_eq!((trim(&mut one, 9, false, false), one.len()), ((5, 9), 2));
    }

    #[test]
    fn only_plain_text_in_exact_case_is_handed_over() {
        assert_eq!(term("launch failed", false).as_deref(), Some("\"launch failed\""));
        assert_eq!(term("42 - 7", true).as_deref(), Some("\"42 - 7\""));
        for other in ["a.b", "x|y", "say \"x\"", ""] {
            assert_eq!(term(other, false), None, "{other}");
        }
        assert_eq!(term("launch", true), None);
    }
}
