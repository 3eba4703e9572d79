//! Hits, errors and what a filter lets through. Searching itself is done elsewhere; here is what was found so far.

use super::Logs;
use super::moving::said;
use super::thread::Aim;
use crate::app::intent::Intent;
use crate::app::notices::Notice;
use crate::model::lines::pattern::without_colours;
use crate::model::lines::sift::{Stretch, Use};
use crate::model::lines::{At, Found, Hits, Pattern, Shown, Sift, Strand, Weave};
use crate::model::{Answer, Failure, LogHit, LogPlace, LogSource, Query};
use crate::protocol::Effect;
use crate::ui::width;

/// A search in the whole of a log.
#[derive(Clone, Debug, Default)]
enum Whole {
    #[default]
    No,
    /// It was asked for, to go forward or back.
    Asked(Query, bool),
    /// Its first hits, and how many there are.
    Here(Vec<LogHit>, u64),
}

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    pattern: Option<Pattern>,
    text: String,
    /// The search that is being made.
    running: Option<u64>,
    /// Somebody waits to be taken to a hit, forward or back.
    going: Option<bool>,
    whole: Whole,
}

impl Search {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    pub(super) fn asks(&self) -> Option<Query> {
        match &self.whole {
            Whole::Asked(query, _) => Some(query.clone()),
            Whole::No | Whole::Here(..) => None,
        }
    }
}

/// What a line must match to be shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Filtering {
    pattern: Option<Pattern>,
    running: Option<u64>,
}

impl Filtering {
    pub(super) fn is_on(&self) -> bool {
        self.pattern.is_some()
    }

    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }
}

impl Logs {
    pub(in crate::app) fn set_search(&mut self, text: &str) -> Vec<Intent> {
        self.search = Search { pattern: Pattern::new(text), text: text.to_owned(), ..Search::default() };
        self.search_anew()
    }

    /// What was typed as a filter.
    pub(in crate::app) fn filter(&self) -> &str {
        self.filter.pattern().map_or("", Pattern::text)
    }

    pub(in crate::app) fn set_filter(&mut self, text: &str) -> Vec<Intent> {
        // The line that is looked at stays where one looks, with the filter and without.
        self.filter.pattern = Pattern::new(text);
        self.counted = None;
        let pattern = self.filter.pattern.clone();
        for thread in &mut self.threads {
            thread.open = thread.lines.open().is_some_and(|line| pattern.as_ref().is_none_or(|p| p.matches(line, true)));
        }
        self.filter_anew().into_iter().chain(self.search_anew()).collect()
    }

    pub(super) fn search_anew(&mut self) -> Vec<Intent> {
        self.search.running = None;
        self.threads.iter_mut().for_each(|thread| thread.hits = Hits::default());
        self.sift()
    }

    pub(super) fn filter_anew(&mut self) -> Vec<Intent> {
        self.filter.running = None;
        self.threads.iter_mut().for_each(|thread| thread.kept = Hits::default());
        self.sift()
    }

    /// Has what nobody has looked at yet searched, one search at a time for each use.
    pub(super) fn sift(&mut self) -> Vec<Intent> {
        let mut out = Vec::new();
        if let (Some(pattern), None) = (self.filter.pattern.clone(), self.filter.running) {
            let threads = self.threads.iter_mut().enumerate();
            let stretches = threads.flat_map(|(log, thread)| thread.kept.rest(log, thread.lines.blocks())).collect();
            self.filter.running = self.begin(Use::Filter, pattern, None, stretches, &mut out);
        }
        if let (Some(pattern), None) = (self.search.pattern.clone(), self.search.running) {
            let threads = self.threads.iter_mut().enumerate();
            let stretches = threads.flat_map(|(log, thread)| thread.hits.rest(log, thread.lines.blocks())).collect();
            self.search.running = self.begin(Use::Search, pattern, self.filter.pattern.clone(), stretches, &mut out);
        }
        out
    }

    fn begin(
        &mut self,
        purpose: Use,
        pattern: Pattern,
        also: Option<Pattern>,
        stretches: Vec<Stretch>,
        out: &mut Vec<Intent>,
    ) -> Option<u64> {
        if stretches.is_empty() {
            return None;
        }
        self.searches += 1;
        let id = self.searches;
        out.push(Intent::Effect(Effect::Sift(Sift { id, purpose, pattern, also, stretches })));
        Some(id)
    }

    /// Takes what a search found.
    pub(in crate::app) fn found(&mut self, found: &Found) -> Vec<Intent> {
        let running = match found.purpose {
            Use::Search => &mut self.search.running,
            Use::Filter => &mut self.filter.running,
        };
        if *running != Some(found.id) {
            return Vec::new();
        }
        if found.is_last {
            *running = None;
        }
        if let Some(thread) = self.threads.get_mut(found.log) {
            match found.purpose {
                Use::Search => thread.hits.take(found),
                Use::Filter => {
                    thread.kept.take(found);
                    self.counted = None;
                }
            }
        }
        let mut intents = Vec::new();
        if found.purpose == Use::Search
            && let Some(forward) = self.search.going.take()
        {
            intents.extend(self.find(forward));
        }
        intents.extend(self.sift());
        intents
    }

    fn hits(&self) -> Weave<'_> {
        let since = self.window_start();
        let strands = self.threads.iter().map(|thread| {
            let strand = Strand::new(&thread.lines, Some(&thread.hits.lines), false);
            since.map_or(strand, |since| strand.since(since))
        });
        Weave::new(strands.collect())
    }

    /// How many hits are known, which of them the cursor is on, and whether there may be more.
    pub(super) fn tally(&self) -> (usize, Option<usize>, bool) {
        let hits = self.hits();
        let on = self.view.cursor.filter(|at| hits.shows(*at)).map(|at| hits.rank(at) + 1);
        let more = self.search.running.is_some() || self.threads.iter().any(|t| t.lines.before().is_some() || t.lines.is_apart());
        (hits.len(), on, more)
    }

    /// How many hits the whole log has, once it was searched.
    pub(super) fn in_whole(&self) -> Option<u64> {
        match self.search.whole {
            Whole::Here(_, total) => Some(total),
            Whole::No | Whole::Asked(..) => None,
        }
    }

    pub(super) fn is_searching_whole(&self) -> bool {
        matches!(self.search.whole, Whole::Asked(..))
    }

    /// The line from which the next or the previous one is looked for.
    fn from(&self, forward: bool) -> Option<At> {
        let weave = self.weave();
        if let Some(at) = self.view.cursor.filter(|at| weave.shows(*at)) {
            return Some(at);
        }
        let top = self.top_rank(&weave);
        // In a live log one looks first at what is nearest to the end of what is seen.
        weave.at(if forward { top } else { (top + self.rows).min(weave.len()).saturating_sub(1) })
    }

    /// Goes to the nearest hit after or before the cursor, or after the top or before the end of what is seen.
    pub(in crate::app) fn find(&mut self, forward: bool) -> Vec<Intent> {
        if self.search.pattern.is_none() {
            return Vec::new();
        }
        let Some(from) = self.from(forward) else { return Vec::new() };
        let hits = self.hits();
        let mut gap = hits.gap(from);
        let fresh = self.view.cursor != Some(from);
        let next = if forward {
            let next = hits.next(&mut gap);
            if next == Some(from) && !fresh { hits.next(&mut gap) } else { next }
        } else {
            // Without a cursor the last line that is seen counts too.
            let mut here = gap.clone();
            if fresh && hits.next(&mut here) == Some(from) { Some(from) } else { hits.back(&mut gap) }
        };
        if let Some(at) = next.filter(|_| !forward || self.is_known_from(from)) {
            self.go(at);
            self.reveal(at);
            return Vec::new();
        }
        if self.search.running.is_some() {
            self.search.going = Some(forward);
            self.pause();
            return Vec::new();
        }
        match &self.search.whole {
            Whole::Here(..) => self.go_in_whole(forward),
            Whole::No if self.can_search_whole() => self.find_in_whole(forward),
            _ => self.no_more(forward),
        }
    }

    /// Scrolls sideways where a hit would be out of sight.
    fn reveal(&mut self, at: At) {
        let (Some(pattern), false) = (self.search.pattern(), self.view.wrap) else { return };
        let Some(Shown::Text(line)) = self.threads.get(at.log).and_then(|thread| thread.lines.get(at.line)) else { return };
        let text = String::from_utf8_lossy(&without_colours(line)).into_owned();
        let Some((start, end)) = pattern.places(&text).next() else { return };
        let (from, to) = (width(&text[..start]), width(&text[..end]));
        let room = self.columns(self.rows, self.cells, &self.weave()).text.max(8);
        if from < self.view.left || to > self.view.left + room {
            self.view.left = if to <= room { 0 } else { from.saturating_sub(room / 2).next_multiple_of(16) };
        }
    }

    fn no_more(&self, forward: bool) -> Vec<Intent> {
        said(format!("No more hits of /{} {}.", self.search.text, if forward { "below" } else { "above" }))
    }

    /// Whether everything after a line was searched: the search begins at the end.
    fn is_known_from(&self, from: At) -> bool {
        self.search.running.is_none() || self.threads.get(from.log).is_some_and(|thread| thread.hits.is_known_from(from.line))
    }

    /// Whether only a part of the only log is here.
    fn can_search_whole(&self) -> bool {
        matches!(self.threads.as_slice(), [one] if one.lines.before().is_some() || one.lines.is_apart() || one.lines.gone() > 0)
    }

    /// Has the whole log searched where it lies.
    pub(super) fn find_in_whole(&mut self, forward: bool) -> Vec<Intent> {
        let Some(pattern) = self.search.pattern() else {
            return said("Search for something first: / and what it is.".to_owned());
        };
        let (Some((pattern, insensitive)), [one]) = (pattern.elsewhere(), self.threads.as_slice()) else {
            return said("Only one log can be searched as a whole, and only for what is there.".to_owned());
        };
        let query = Query::LogFind { source: one.source.clone(), pattern, insensitive };
        self.search.whole = Whole::Asked(query, forward);
        self.pause();
        Vec::new()
    }

    /// The whole log was searched.
    pub(super) fn found_in_whole(&mut self, query: &Query, result: Result<Answer, Failure>) -> Vec<Intent> {
        let Whole::Asked(asked, forward) = &self.search.whole else { return Vec::new() };
        if asked != query {
            return Vec::new();
        }
        let forward = *forward;
        self.search.whole = Whole::No;
        match result {
            Err(failure) => vec![Intent::Note(Notice::from(&failure))],
            Ok(Answer::LogFound { hits, total }) => {
                self.search.whole = Whole::Here(hits, total);
                self.go_in_whole(forward)
            }
            Ok(_) => Vec::new(),
        }
    }

    fn go_in_whole(&mut self, forward: bool) -> Vec<Intent> {
        let Whole::Here(hits, _) = &self.search.whole else { return Vec::new() };
        let (Some(from), [one]) = (self.from(forward), self.threads.as_slice()) else { return Vec::new() };
        let lines = &one.lines;
        let by_moment = matches!(one.source, LogSource::Stream { .. });
        let here = if by_moment {
            LogPlace::Moment(lines.time(from.line))
        } else {
            LogPlace::Byte(if from.line < lines.blocks().end() { lines.blocks().place(from.line) } else { lines.live() })
        };
        let hit = if forward { hits.iter().find(|hit| hit.place > here) } else { hits.iter().rev().find(|hit| hit.place < here) };
        match hit.map(|hit| hit.place) {
            Some(LogPlace::Byte(place)) => self.go_to_place(place, None),
            Some(LogPlace::Moment(moment)) if moment >= lines.time(lines.first()) => {
                let line = lines.blocks().at_time(moment);
                self.go(At { log: 0, line });
            }
            Some(LogPlace::Moment(moment)) => {
                if let Some(thread) = self.threads.first_mut() {
                    thread.read(Aim::Back(Some(moment)));
                }
            }
            None => return self.no_more(forward),
        }
        Vec::new()
    }

    /// Goes to the next or the previous error.
    pub(super) fn error(&mut self, forward: bool) -> Vec<Intent> {
        let weave = self.weave();
        let all = Weave::new(self.threads.iter().map(|thread| Strand::new(&thread.lines, None, true)).collect());
        let Some(mut from) = self.from(forward) else { return Vec::new() };
        // The line at the edge of the view counts where nothing was gone to before.
        let mut fresh = self.view.cursor != Some(from);
        loop {
            let gap = all.gap(from);
            let near = self.threads.iter().enumerate().filter_map(|(log, thread)| {
                let line = thread.lines.first() + i64::try_from(gap[log]).unwrap_or(0);
                let own = log == from.log;
                let line = match (forward, own && !fresh) {
                    (true, true) => thread.lines.blocks().error(line, true),
                    (true, false) => thread.lines.blocks().error(line - 1, true),
                    (false, _) => thread.lines.blocks().error(line + i64::from(own && fresh), false),
                };
                line.map(|line| At { log, line })
            });
            let key = |at: &At| (all.time(*at), at.log, at.line);
            let next = if forward { near.min_by_key(key) } else { near.max_by_key(key) };
            match next {
                Some(at) if weave.shows(at) => {
                    self.go(at);
                    return Vec::new();
                }
                Some(at) => (from, fresh) = (at, false),
                None => return said(format!("No {} error in what is here.", if forward { "later" } else { "earlier" })),
            }
        }
    }

    /// Gives a word a colour, or takes it away again; nothing takes all away.
    pub(in crate::app) fn highlight(&mut self, word: &str) {
        match Pattern::new(word) {
            None => self.words.clear(),
            Some(pattern) => match self.words.iter().position(|known| *known == pattern) {
                Some(at) => drop(self.words.remove(at)),
                None => self.words.push(pattern),
            },
        }
    }
}
