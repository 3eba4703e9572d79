//! The lines that tell of a course: why it failed first, then the phases with their resources, what each took and what it usually takes.
//!
//! Draws nothing, and shows no usual time that was not seen.

use jiff::Timestamp;

use crate::app::panes::wrapped;
use crate::model::course::{Course, Part, Phase, Stage};
use crate::model::duration::slurm;
use crate::model::text::clean;
use crate::model::{Bootstrap, Failure, Usual};
use crate::ui::{Cut, Tone, fit, width};

/// One line of the sheet.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// What it took, or has taken so far.
    pub(super) took: String,
    /// What it usually takes.
    pub(super) usual: String,
    pub(super) tone: Tone,
    /// Whether it takes much longer than usual.
    pub(super) late: bool,
}

impl Line {
    fn words(text: String, tone: Tone) -> Self {
        Self { text, took: String::new(), usual: String::new(), tone, late: false }
    }
}

/// Cells that times take at the right end.
pub(super) const TIMES: u16 = 9;

/// What is known, and how it shall be shown.
pub(super) struct Telling<'a> {
    pub(super) course: &'a Course,
    pub(super) usual: &'a Usual,
    /// What the head node writes, or why that is not known.
    pub(super) bootstrap: Option<&'a Result<Bootstrap, Failure>>,
    pub(super) now: Timestamp,
    /// Cells of a line.
    pub(super) room: usize,
    /// Whether phases that are done show their resources too.
    pub(super) unfolded: bool,
}

impl Telling<'_> {
    /// Everything, line by line.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut out = self.causes();
        if self.course.phases.is_empty() {
            out.push(Line::words("Nothing of it has been begun yet.".to_owned(), Tone::Dim));
        }
        if self.has_usual() {
            let heading = Line { took: "took".to_owned(), usual: "usually".to_owned(), ..Line::words(String::new(), Tone::Dim) };
            out.push(heading);
        }
        for phase in &self.course.phases {
            let open = self.unfolded || phase.stage != Stage::Done;
            out.push(self.phase(phase, open));
            if open {
                let parts = phase.parts.iter().filter(|part| self.unfolded || part.stage != Stage::Done);
                out.extend(parts.map(|part| self.part(part)));
            }
        }
        out
    }

    /// Why it failed, the root cause first, with what the head node wrote about it.
    fn causes(&self) -> Vec<Line> {
        let mut out = Vec::new();
        let room = self.room.saturating_sub(2);
        let say = |out: &mut Vec<Line>, words: &str, tone: Tone, indent: &str| {
            let lines = wrapped(&clean(words), room.saturating_sub(indent.len())).into_iter();
            out.extend(lines.map(|line| Line::words(format!("{indent}{line}"), tone)));
        };
        for (n, cause) in self.course.causes.iter().enumerate() {
            let head = if n == 0 { "✗ It failed because of " } else { "  and then of " };
            let words = format!("{head}{} ({}): {}", cause.name, cause.kind, cause.reason);
            say(&mut out, &words, if n == 0 { Tone::Bad } else { Tone::Plain }, "");
            // What stands behind the root cause, before what came of it.
            match self.bootstrap.filter(|_| n == 0) {
                Some(Ok(told)) => {
                    for (i, (log, line)) in told.errors.iter().enumerate() {
                        if i == 0 || told.errors[i - 1].0 != *log {
                            say(&mut out, &format!("{log} of the head node:"), Tone::Dim, "  ");
                        }
                        say(&mut out, line, Tone::Waits, "    ");
                    }
                    if told.errors.is_empty() && !told.log.is_empty() {
                        say(&mut out, "The head node's logs tell of no error.", Tone::Dim, "  ");
                    }
                }
                Some(Err(failure)) => say(&mut out, &format!("The head node's logs: {}", failure.brief()), Tone::Dim, "  "),
                None => {}
            }
        }
        if !out.is_empty() {
            out.push(Line::words(String::new(), Tone::Plain));
        }
        out
    }

    fn has_usual(&self) -> bool {
        self.course.phases.iter().any(|phase| self.usual_of(phase).is_some())
    }

    fn usual_of(&self, phase: &Phase) -> Option<u64> {
        // What failed, or is undone, takes as long as it takes.
        self.usual.phase(self.course, phase.title).filter(|_| self.course.goes_well())
    }

    fn phase(&self, phase: &Phase, open: bool) -> Line {
        let (sign, tone) = sign(phase.stage);
        let done = phase.parts.iter().filter(|part| part.stage == Stage::Done).count();
        let fold = if open { "▾" } else { "▸" };
        let (took, usual) = (seconds(phase.began, phase.ended, self.now), self.usual_of(phase));
        Line {
            text: format!("{sign} {} {fold} {done}/{}", phase.title, phase.parts.len()),
            took: slurm(took),
            usual: usual.map(about).unwrap_or_default(),
            tone,
            late: phase.stage == Stage::Works && usual.is_some_and(|usual| is_late(took, usual)),
        }
    }

    /// A resource. Its status is said where its sign does not say it already; long names lose their middle, not their type.
    fn part(&self, part: &Part) -> Line {
        let (sign, tone) = sign(part.stage);
        let plain = [format!("{}_IN_PROGRESS", self.course.operation), format!("{}_COMPLETE", self.course.operation)];
        let status = if plain.contains(&part.status) { String::new() } else { format!(" {}", part.status) };
        let reason =
            part.reason.as_deref().filter(|_| part.stage == Stage::Failed).map_or_else(String::new, |reason| format!("  {reason}"));
        let (indent, kind) = ("  ".repeat(part.depth + 1), clean(&part.kind).into_owned());
        let name = clean(&part.name);
        let times = usize::from(TIMES) * if self.has_usual() { 2 } else { 1 };
        let room = self.room.saturating_sub(indent.len() + 2 + kind.len() + 3 + times).max(12);
        let name = fit(&name, room.min(width(&name)), Cut::Middle);
        Line {
            text: format!("{indent}{sign} {name} ({kind}){}{}", clean(&status), clean(&reason)),
            took: slurm(seconds(part.began, part.ended, self.now)),
            usual: String::new(),
            tone: if part.stage == Stage::Done { Tone::Dim } else { tone },
            late: false,
        }
    }
}

fn sign(stage: Stage) -> (&'static str, Tone) {
    match stage {
        Stage::Failed => ("✗", Tone::Bad),
        Stage::Works => ("◐", Tone::Works),
        Stage::Done => ("✓", Tone::Good),
    }
}

/// How many seconds it took, or has taken so far.
pub(super) fn seconds(began: Timestamp, ended: Option<Timestamp>, now: Timestamp) -> u64 {
    u64::try_from(ended.unwrap_or(now).as_second() - began.as_second()).unwrap_or(0)
}

/// A usual time; what is usual is not exact.
pub(super) fn about(usual: u64) -> String {
    format!("~{}", slurm(usual))
}

/// Half as long again as usual, and not for seconds alone.
pub(super) fn is_late(took: u64, usual: u64) -> bool {
    took > usual + usual / 2 + 20
}
