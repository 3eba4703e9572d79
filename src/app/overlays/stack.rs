//! The course of a cluster's stack while it is made, changed or deleted: phases with their resources and times, the end of the head node's log
//! while it is set up, and on failure the root cause first.
//!
//! Only watches: closing it stops nothing, and opening it again finds what there is.

mod told;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{prose, trouble};
use crate::model::duration::{age, slurm};
use crate::model::text::clean;
use crate::model::{Answer, Bootstrap, Cadence, ClusterId, Command, Course, Failure, FailureKind, Query, Usual};
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Cut, Tone, fit, put, width};
use told::{Line, TIMES, Telling, about, is_late, seconds};

/// Between two questions to CloudFormation, which counts them for the whole account.
const BETWEEN: Duration = Duration::from_secs(4);
/// The head node sends what it writes every five seconds.
const WRITES: Duration = Duration::from_secs(6);

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct StackSheet {
    cluster: ClusterId,
    course: Option<Course>,
    failure: Option<Failure>,
    usual: Usual,
    /// What the head node writes, or why that is not known.
    bootstrap: Option<Result<Bootstrap, Failure>>,
    /// Whether phases that are done show their resources too.
    unfolded: bool,
    scroll: Scroll,
}

impl StackSheet {
    /// Of this cluster, which need not be there yet.
    pub(in crate::app) fn new(cluster: ClusterId) -> Self {
        let (usual, scroll) = (Usual::default(), Scroll::default());
        Self { cluster, course: None, failure: None, usual, bootstrap: None, unfolded: false, scroll }
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(6).min(110), body.1.saturating_sub(4))
    }

    /// What is asked of the head node's logs: their end while it is set up, all of them where that failed.
    fn about_bootstrap(&self) -> Option<(Query, Cadence)> {
        let course = self.course.as_ref().filter(|course| course.operation == "CREATE")?;
        let failed = !course.causes.is_empty();
        let cadence = if failed { Cadence::Once } else { Cadence::Every(WRITES) };
        let query = Query::Bootstrap { cluster: self.cluster.clone(), head: course.head.clone()?, why: failed };
        (failed || !course.is_over()).then_some((query, cadence))
    }

    fn telling<'a>(&'a self, course: &'a Course, room: u16, look: &Look<'_>) -> Telling<'a> {
        let bootstrap = self.bootstrap.as_ref();
        let now = course.ended.unwrap_or(look.clock.wall);
        Telling { course, usual: &self.usual, bootstrap, now, room: usize::from(room), unfolded: self.unfolded }
    }

    /// What is under way for this cluster and not begun by CloudFormation: `creating lab`.
    fn under_way<'a>(&self, look: &Look<'a>) -> Option<&'a str> {
        let mut all = look.running.shown();
        let mine = all.find(|under| match &under.command {
            Command::Operate { cluster, operation } => *cluster == self.cluster && operation.is_on_stack(),
            _ => false,
        })?;
        self.course.as_ref().is_none_or(Course::is_over).then_some(mine.words.as_str())
    }

    /// The end of the head node's log, while it is set up: a line that says which, and its lines.
    fn writes(&self, room: u16, most: u16, look: &Look<'_>) -> Vec<(String, Tone)> {
        let Some((Query::Bootstrap { why: false, .. }, _)) = self.about_bootstrap() else { return Vec::new() };
        let rule =
            |words: &str| fit(&format!("── {words} {}", "─".repeat(usize::from(room))), usize::from(room), Cut::End).replace('…', "─");
        match &self.bootstrap {
            Some(Ok(told)) if !told.log.is_empty() => {
                let ago = told.at.map_or_else(String::new, |at| format!(" · wrote {} ago", age(seconds(at, None, look.clock.wall))));
                let shown = told.lines.len().saturating_sub(usize::from(most.saturating_sub(1)));
                let lines = told.lines[shown..].iter().map(|line| (clean(line).into_owned(), Tone::Plain));
                std::iter::once((rule(&format!("{} of the head node{ago}", told.log)), Tone::Dim)).chain(lines).collect()
            }
            Some(Ok(_)) => vec![(rule("No bootstrap log yet"), Tone::Dim)],
            Some(Err(failure)) => vec![(rule(&format!("No bootstrap log: {}", failure.brief())), Tone::Dim)],
            None => Vec::new(),
        }
    }

    fn title(&self, course: &Course, look: &Look<'_>) -> String {
        let took = seconds(course.began, course.ended, look.clock.wall);
        let usual = self.usual.whole(course).filter(|_| course.goes_well());
        let usual = usual.map_or_else(String::new, |usual| {
            let of = if course.is_over() { "usually" } else { "of" };
            let late = if !course.is_over() && is_late(took, usual) { ", longer than usual" } else { "" };
            format!(" {of} {}{late}", about(usual))
        });
        format!("{} · {} · {}{usual}", self.cluster.name(), course.status, slurm(took))
    }

    /// How many operations the usual times are of.
    fn source(&self, course: &Course) -> String {
        match self.usual.count(course) {
            _ if !course.goes_well() => String::new(),
            0 => String::new(),
            1 => "usually: one seen before".to_owned(),
            n => format!("usually: median of {n}"),
        }
    }

    /// Before there is a stack, pcluster uploads what it is made from.
    fn draw_nothing(&self, buf: &mut Buffer, body: Rect, wide: u16, look: &Look<'_>) {
        let inner = sheet(buf, body, (wide.min(76), 5), &format!("Stack of {}", self.cluster.name()), "", look);
        let is_none = |failure: &Failure| failure.what.contains("does not exist");
        match (&self.failure, self.under_way(look)) {
            (Some(failure), _) if failure.kind != FailureKind::Busy && !is_none(failure) => {
                trouble(buf, inner, failure, look);
            }
            (_, Some(_)) => {
                let words = "There is no stack yet: pcluster checks the configuration and uploads what the cluster is made from. Closing this stops nothing.";
                prose(buf, inner, words, look.style(Tone::Works));
            }
            (Some(_), None) => {
                prose(buf, inner, "There is no stack of this name.", look.style(Tone::Plain));
            }
            (None, None) => {
                prose(buf, inner, "Asking CloudFormation …", look.style(Tone::Dim));
            }
        }
    }
}

impl Overlay for StackSheet {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Quit) => return vec![Intent::Close],
            Some(Action::Open) => self.unfolded = !self.unfolded,
            Some(Action::Streams) => return vec![Intent::Close, Intent::Activate(self.cluster.clone()), Intent::Do(Action::Streams)],
            Some(action) => {
                let room = Self::room(look.body());
                let lines = self.course.as_ref().map_or(0, |course| self.telling(course, room.0, look).lines().len());
                let below = self.writes(room.0, room.1 / 3, look).len() + usize::from(self.under_way(look).is_some());
                self.scroll.act(action, lines, usize::from(room.1).saturating_sub(below));
            }
            None => {}
        }
        Vec::new()
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        match (query, result) {
            (Query::Events(cluster), Ok(Answer::Events(events))) if *cluster == self.cluster => {
                let course = Course::of(events);
                if head(course.as_ref()) != head(self.course.as_ref()) {
                    self.bootstrap = None;
                }
                (self.course, self.failure) = (course, None);
            }
            (Query::Events(cluster), Err(failure)) if *cluster == self.cluster => self.failure = Some(failure.clone()),
            (Query::Usual(cluster), Ok(Answer::Usual(usual))) if *cluster == self.cluster => self.usual = usual.clone(),
            (Query::Bootstrap { cluster, .. }, Ok(Answer::Bootstrap(told))) if *cluster == self.cluster => {
                self.bootstrap = Some(Ok(Bootstrap::clone(told)));
            }
            // What was read before stays.
            (Query::Bootstrap { cluster, .. }, Err(failure)) if *cluster == self.cluster && !matches!(self.bootstrap, Some(Ok(_))) => {
                self.bootstrap = Some(Err(failure.clone()));
            }
            _ => {}
        }
    }

    /// There is nothing to be watched then.
    fn not_done(&mut self, command: &Command) -> Vec<Intent> {
        let is_mine = matches!(command, Command::Operate { cluster, .. } if *cluster == self.cluster);
        if is_mine && self.course.as_ref().is_none_or(Course::is_over) { vec![Intent::Close] } else { Vec::new() }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        let mut wants = vec![(Query::Events(self.cluster.clone()), Cadence::Every(BETWEEN))];
        wants.push((Query::Usual(self.cluster.clone()), Cadence::Once));
        wants.extend(self.about_bootstrap());
        wants
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![
            ("⏎".into(), if self.unfolded { "fold what is done" } else { "show all" }),
            ("j k".into(), "scroll"),
            ("L".into(), "logs of it"),
            ("esc".into(), "close; it goes on"),
        ]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (wide, high) = Self::room((body.width, body.height));
        let Some(course) = &self.course else { return self.draw_nothing(buf, body, wide, look) };
        let lines = self.telling(course, wide, look).lines();
        let mut below = self.writes(wide, high / 3, look);
        below.extend(self.failure.as_ref().map(|failure| (format!("✗ {}", failure.what), Tone::Bad)));
        let above =
            self.under_way(look).map(|words| format!("◐ {words}: pcluster is at work, and CloudFormation has not begun. What was before:"));
        let (head, foot) = (u16::from(above.is_some()), u16::try_from(below.len()).unwrap_or(0));
        let rows = (u16::try_from(lines.len()).unwrap_or(u16::MAX - 40) + head + foot).clamp(4, high.max(4));
        let seen = usize::from(rows.saturating_sub(head + foot));
        let top = self.scroll.top(lines.len(), seen);
        let (title, mut remark) = (self.title(course, look), vec![place(top, lines.len(), seen), self.source(course)]);
        remark.retain(|words| !words.is_empty());
        // Where one is matters more than where a figure is from.
        let long = width(&title) + remark.iter().map(|words| width(words) + 3).sum::<usize>();
        remark.truncate(if long + 6 > usize::from(wide) { 1 } else { 2 });
        let inner = sheet(buf, body, (wide, rows), &title, &remark.join(" · "), look);
        if let Some(words) = &above {
            put(buf, inner.x, inner.y, words, inner.width, look.style(Tone::Works));
        }
        let has_usual = lines.iter().any(|line| !line.usual.is_empty());
        for (y, line) in (inner.y + head..inner.bottom().saturating_sub(foot)).zip(lines.iter().skip(top).take(seen)) {
            let room = inner.width.saturating_sub(times(buf, Rect { y, height: 1, ..inner }, line, has_usual, look));
            put(buf, inner.x, y, &fit(&line.text, usize::from(room), Cut::End), room, look.style(line.tone));
        }
        for (y, (text, tone)) in (inner.bottom().saturating_sub(foot)..inner.bottom()).zip(&below) {
            put(buf, inner.x, y, &fit(text, usize::from(inner.width), Cut::End), inner.width, look.style(*tone));
        }
    }
}

fn head(course: Option<&Course>) -> Option<&str> {
    course.and_then(|course| course.head.as_deref())
}

/// What it took at the right end, and behind it what is usual where anything is; the cells that are used.
fn times(buf: &mut Buffer, row: Rect, line: &Line, has_usual: bool, look: &Look<'_>) -> u16 {
    if line.took.is_empty() {
        return 0;
    }
    let mut end = row.right();
    let columns = [(&line.usual, Tone::Dim, has_usual), (&line.took, if line.late { Tone::Waits } else { Tone::Dim }, true)];
    for (text, tone, _) in columns.into_iter().filter(|(.., shown)| *shown) {
        let cells = u16::try_from(width(text)).unwrap_or(0);
        put(buf, end.saturating_sub(cells), row.y, text, cells, look.style(tone));
        end = end.saturating_sub(TIMES);
    }
    if has_usual { row.right().saturating_sub(end) } else { u16::try_from(width(&line.took)).unwrap_or(0) + 1 }
}
