//! Which line of a YAML file holds which value, by the lines' indentation alone: comments and text stay what they are.
//!
//! No YAML reader: what stands in flow style on one line belongs to that line, and text blocks are passed over.

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
    /// The item of a list whose `Name` is this.
    Named(String),
}

/// One value that begins on a line of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    line: usize,
    path: Vec<Step>,
    /// What stands behind the key on its line, without comment and quotes.
    value: String,
}

/// The values of a file by their lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline {
    entries: Vec<Entry>,
}

/// An open mapping or list on the way down.
#[derive(Debug)]
struct Open {
    indent: usize,
    step: Step,
}

impl Outline {
    /// Reads a file. Never fails: what it does not understand it has no line of.
    pub fn read(text: &str) -> Self {
        let mut entries = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut block: Option<usize> = None;
        for (line, raw) in text.lines().enumerate() {
            let rest = raw.trim_start_matches(' ');
            let mut indent = raw.len() - rest.len();
            if rest.trim().is_empty() || block.is_some_and(|of| indent > of) {
                continue;
            }
            block = None;
            if rest.starts_with(['#', '%']) || rest.starts_with("---") || rest.starts_with("...") {
                continue;
            }
            let mut rest = rest;
            // Each dash is an item; what follows it is as if it stood on a line of its own, further right.
            while let Some(after) = rest.strip_prefix('-').filter(|after| after.is_empty() || after.starts_with(' ')) {
                let number = match open.iter().rposition(|o| o.indent <= indent) {
                    Some(at) if open[at].indent == indent && matches!(open[at].step, Step::Item(_)) => {
                        let Step::Item(last) = open[at].step else { continue };
                        open.truncate(at);
                        last + 1
                    }
                    at => {
                        // A list may stand as far left as the key it belongs to.
                        open.truncate(at.map_or(0, |at| at + 1));
                        0
                    }
                };
                open.push(Open { indent, step: Step::Item(number) });
                let trimmed = after.trim_start_matches(' ');
                indent += 1 + after.len() - trimmed.len();
                rest = trimmed;
                if !is_key(rest) {
                    entries.push(Entry { line, path: path(&open), value: plain(rest) });
                }
            }
            let Some((key, value)) = split(rest) else { continue };
            let is_list = |o: &Open| matches!(o.step, Step::Item(_));
            while open.last().is_some_and(|o| o.indent > indent || o.indent == indent && !is_list(o)) {
                open.pop();
            }
            while open.last().is_some_and(|o| o.indent == indent && is_list(o)) {
                open.pop();
            }
            // A key as far left as the key above it ends that one.
            while open.last().is_some_and(|o| o.indent >= indent) {
                open.pop();
            }
            open.push(Open { indent, step: Step::Key(key) });
            if value.starts_with(['|', '>']) {
                block = Some(indent);
            }
            entries.push(Entry { line, path: path(&open), value: plain(value) });
        }
        Self { entries }
    }

    /// The line of a value, or of the nearest thing around it that has one.
    pub fn nearest(&self, path: &[Step]) -> Option<usize> {
        let steps = self.numbered(path);
        (1..=steps.len()).rev().find_map(|long| self.line(&steps[..long]))
    }

    /// The line on which the value of exactly this path begins.
    pub fn line(&self, path: &[Step]) -> Option<usize> {
        let steps = self.numbered(path);
        let exact = self.entries.iter().find(|e| e.path == steps);
        // An item whose first key stands behind its dash begins there.
        let first = || self.entries.iter().find(|e| e.path.len() > steps.len() && e.path[..steps.len()] == steps[..]);
        let is_item = matches!(steps.last(), Some(Step::Item(_)));
        exact.or_else(|| if is_item { first() } else { None }).map(|e| e.line)
    }

    /// What stands behind the key of exactly this path.
    pub fn value(&self, path: &[Step]) -> Option<&str> {
        let steps = self.numbered(path);
        self.entries.iter().find(|e| e.path == steps).map(|e| e.value.as_str())
    }

    /// How many items the list at this path has.
    pub fn items(&self, path: &[Step]) -> usize {
        let steps = self.numbered(path);
        let numbers = self.entries.iter().filter(|e| e.path.len() > steps.len() && e.path[..steps.len()] == steps[..]);
        let last = numbers.filter_map(|e| if let Step::Item(n) = e.path[steps.len()] { Some(n) } else { None }).max();
        last.map_or(0, |last| last + 1)
    }

    /// The first line whose value is one of these words.
    pub fn saying(&self, words: &[&str]) -> Option<usize> {
        let fits = |e: &&Entry| e.value.split([',', ' ', '[', ']', '{', '}']).any(|part| !part.is_empty() && words.contains(&part));
        self.entries.iter().find(fits).map(|e| e.line)
    }

    /// Names replaced by the numbers of the items that bear them.
    fn numbered(&self, path: &[Step]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::with_capacity(path.len());
        for step in path {
            let Step::Named(name) = step else {
                steps.push(step.clone());
                continue;
            };
            let bears = |e: &&Entry| {
                let deep = steps.len();
                e.path.len() == deep + 2
                    && e.path[..deep] == steps[..]
                    && matches!(&e.path[deep + 1], Step::Key(key) if key == "Name")
                    && e.value == *name
            };
            match self.entries.iter().find(bears) {
                Some(entry) => steps.push(entry.path[steps.len()].clone()),
                None => steps.push(step.clone()),
            }
        }
        steps
    }
}

fn path(open: &[Open]) -> Vec<Step> {
    open.iter().map(|o| o.step.clone()).collect()
}

fn is_key(text: &str) -> bool {
    split(text).is_some()
}

/// `Key: value # comment` → key and value. What begins in flow style is a value.
fn split(text: &str) -> Option<(String, &str)> {
    if text.starts_with(['{', '[', '|', '>']) {
        return None;
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(quote) => 1 + text[1..].find(quote)? + 1,
        None => text.char_indices().find(|(i, c)| *c == ':' && matches!(text[i + 1..].chars().next(), None | Some(' ')))?.0,
    };
    let value = text[end..].trim_start().strip_prefix(':')?;
    let key = text[..end].trim().trim_matches(['"', '\'']);
    if key.is_empty() || quote.is_none() && key.starts_with('#') { None } else { Some((key.to_owned(), value.trim())) }
}

/// A value without its comment and quotes.
fn plain(value: &str) -> String {
    let value = value.trim();
    if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\''))
        && let Some(end) = value[1..].find(quote)
    {
        return value[1..=end].to_owned();
    }
    let end = if value.starts_with('#') { 0 } else { value.find(" #").unwrap_or(value.len()) };
    value[..end].trim().to_owned()
}

/// A path as `pcluster` writes it: `Scheduling.SlurmQueues[q1].ComputeResources[cr1].MaxCount`.
pub fn steps(path: &str) -> Vec<Step> {
    let mut out = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('[');
        out.extend(pieces.next().filter(|key| !key.is_empty()).map(|key| Step::Key(key.to_owned())));
        for item in pieces {
            let item = item.trim_end_matches(']');
            out.push(item.parse().map_or_else(|_| Step::Named(item.to_owned()), Step::Item));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# top\nRegion: eu-west-1\nHeadNode:\n  Ssh: {KeyName: k}\n  Script: |\n    MaxCount: 9\nScheduling:\n  SlurmQueues:\n  - Name: q1\n    ComputeResources:\n      - Name: \"cr1\"   # one\n        MaxCount: 4   # nodes\n    Networking:\n      SubnetIds:\n        - subnet-1\n  - Name: q-2\n    ComputeResources:\n      - {Name: a, MaxCount: 2}\nTags:\n- Key: x\n  Value: 'y # z'\n";

    #[test]
    fn each_value_has_its_line_in_every_style() {
        let outline = Outline::read(FILE);
        let line = |path: &str| outline.line(&steps(path));
        assert_eq!(line("Region"), Some(1));
        assert_eq!(line("Scheduling.SlurmQueues[q1].ComputeResources[cr1].MaxCount"), Some(11));
        assert_eq!(line("Scheduling.SlurmQueues[0].ComputeResources[0].MaxCount"), Some(11));
        assert_eq!(line("Scheduling.SlurmQueues[q1].Networking.SubnetIds[0]"), Some(14));
        assert_eq!(line("Scheduling.SlurmQueues[q-2]"), Some(15));
        assert_eq!(line("Scheduling.SlurmQueues[1].ComputeResources[0]"), Some(17));
        assert_eq!(line("HeadNode.Script.MaxCount"), None, "text is not structure");
        assert_eq!(outline.nearest(&steps("HeadNode.Ssh.KeyName")), Some(3));
        assert_eq!(outline.nearest(&steps("HeadNode.Networking.SubnetId")), Some(2));
        assert_eq!(outline.value(&steps("Tags[0].Value")), Some("y # z"));
        assert_eq!(outline.value(&steps("Scheduling.SlurmQueues[q1].ComputeResources[cr1].MaxCount")), Some("4"));
        assert_eq!((outline.items(&steps("Scheduling.SlurmQueues")), outline.items(&steps("Tags"))), (2, 1));
        assert_eq!(outline.saying(&["subnet-1"]), Some(14));
    }

    #[test]
    fn what_is_no_yaml_has_no_lines_and_harms_nobody() {
        for text in ["", "-", "- - -", ":", "a", "\t- x", "'", "\"a", "- '", "[", "a:b", "? x", "é: ü\n- é", "a:\n- b:\n - c\n  -d"] {
            let outline = Outline::read(text);
            assert!(outline.nearest(&steps("a[0].b")).is_none_or(|line| line <= 3));
        }
    }
}
