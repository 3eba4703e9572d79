//! A cluster's name is typed: of one that shall be created, or once more of one that shall be deleted.
//!
//! What is typed wrong does nothing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, Proposal, StackSheet, sheet};
use crate::app::panes::wrapped;
use crate::model::{Answer, Cadence, Cluster, ClusterId, Command, Configuration, Draft, Failure, Operation, Query, Source};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// What the name is for.
#[derive(Debug)]
enum Purpose {
    /// A cluster of this configuration, in this account and region; `None` until it is known which one that is.
    Create { of: Configuration, profile: Option<String>, region: Option<String> },
    /// The end of this one.
    Delete(ClusterId),
}

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct NameForm {
    purpose: Purpose,
    title: String,
    text: String,
    field: Field,
    wrong: &'static str,
}

impl NameForm {
    /// For a new cluster. `proposed` is what its file suggests.
    pub(in crate::app) fn create(of: Configuration, profile: Option<String>, region: Option<String>, proposed: &str) -> Self {
        let text = creating(profile.as_deref(), region.as_deref());
        let name: String = proposed.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
        let field = Field::new(name.trim_matches('-'));
        Self { purpose: Purpose::Create { of, profile, region }, title: "Create a cluster".into(), text, field, wrong: "" }
    }

    /// For the end of a cluster.
    pub(in crate::app) fn delete(cluster: &Cluster) -> Self {
        let stays = cluster.log_group.as_ref().map_or_else(|| "its log group".to_owned(), |group| format!("the log group {group}"));
        let nodes = cluster.nodes_up.filter(|n| *n > 0).map_or_else(String::new, |n| format!(" ({n} are up)"));
        let text = format!(
            "This deletes {}: its head node, its compute nodes{nodes}, their disks, and the file systems it made. Jobs that run end, and what is only there \
             is lost.\n\nWhat stays: {stays}, and file systems and buckets that were there before it.\n\nType the cluster's name to delete it.",
            cluster.id
        );
        let title = format!("Delete {}?", cluster.name);
        Self { purpose: Purpose::Delete(cluster.id.clone()), title, text, field: Field::new(""), wrong: "" }
    }

    fn go_on(&mut self) -> Vec<Intent> {
        let name = self.field.text().trim().to_owned();
        match &self.purpose {
            Purpose::Create { of, profile, region } => {
                let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.len() <= 60
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                if !fits {
                    self.wrong = "A name begins with a letter and has letters, digits and dashes, 60 at most.";
                    return Vec::new();
                }
                let Some(region) = region else {
                    self.wrong = "Its region is not known yet.";
                    return Vec::new();
                };
                let cluster = ClusterId::aws(profile.as_deref(), region, &name);
                vec![Intent::Close, Intent::Open(Box::new(Proposal::new(cluster, Draft::Create(of.clone()), 1)))]
            }
            Purpose::Delete(cluster) if name != cluster.name() => {
                self.wrong = "That is not its name; nothing was deleted.";
                Vec::new()
            }
            Purpose::Delete(cluster) => {
                let command = Command::Operate { cluster: cluster.clone(), operation: Operation::Delete };
                let words = format!("deleting {}", cluster.name());
                vec![Intent::Close, Intent::Run(command, words), Intent::Open(Box::new(StackSheet::new(cluster.clone())))]
            }
        }
    }
}

impl Overlay for NameForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter => return self.go_on(),
            _ => {
                self.field.press(chord);
                self.wrong = "";
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        match &self.purpose {
            Purpose::Create { profile, region: None, .. } => {
                vec![(Query::Region(Source::Aws { profile: profile.clone(), region: None }), Cadence::Once)]
            }
            Purpose::Create { .. } | Purpose::Delete(_) => Vec::new(),
        }
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        let Query::Region(_) = query else { return };
        if let Purpose::Create { profile, region: region @ None, .. } = &mut self.purpose {
            match result {
                Ok(Answer::Region(told)) => {
                    self.text = creating(profile.as_deref(), Some(told));
                    *region = Some(told.clone());
                    self.wrong = "";
                }
                Ok(_) => {}
                Err(failure) => self.text = format!("In which region? {}: {}.\n{}", failure.place, failure.what, failure.hint),
            }
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let word = if matches!(self.purpose, Purpose::Delete(_)) { "delete it" } else { "check it" };
        vec![("⏎".into(), word), ("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 72.min(body.width.saturating_sub(4));
        let text = crate::model::text::clean(&self.text).replace('␊', "\n");
        let lines = wrapped(&text, usize::from(room));
        let rows = u16::try_from(lines.len()).unwrap_or(12) + 3;
        let inner = sheet(buf, body, (room, rows), &self.title, "", look);
        let line = inner.bottom().saturating_sub(2).max(inner.y);
        for (y, text) in (inner.y..line.saturating_sub(1)).zip(&lines) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Plain));
        }
        let used = put(buf, inner.x, line, "Name", 6, look.style(Tone::Dim)) + 2;
        self.field.draw(buf, inner.x + used, line, inner.width.saturating_sub(used), look.style(Tone::Key), false);
        put(buf, inner.x, line + 1, self.wrong, inner.width, look.style(Tone::Bad));
    }
}

/// Where a new cluster will be.
fn creating(profile: Option<&str>, region: Option<&str>) -> String {
    let account = profile.map_or_else(String::new, |profile| format!(" with profile {profile}"));
    let place = region.unwrap_or("the account's own region …");
    format!(
        "A cluster of this configuration in {place}{account}. It is checked first; nothing is created before you have seen what comes of it."
    )
}
