//! The way to a cluster's head node, written into the user's configuration file.

use std::path::{Path, PathBuf};

use super::{Lines, Member, edited, indent, key, member};
use crate::config::{Config, Via};
use crate::model::{ClusterId, Failure, Way};

impl Config {
    /// Writes the way to a cluster's head node into the file at `path`, in the place of another way that is set there. `name` is what
    /// the file shall call it where it has no entry yet. Nothing else of the file changes, and where that fails nothing is lost. Gives
    /// the file that was written, all links followed.
    pub fn keep_way(path: &Path, cluster: &ClusterId, name: &str, way: Way) -> Result<PathBuf, Failure> {
        edited(path, "Nothing was changed.", |old, config| {
            let name = config.entry(cluster).map_or_else(|| name.to_owned(), |(name, _)| name.to_owned());
            let new = with_way(old, &name, way.setting());
            let entry = config.clusters.entry(name.clone()).or_default();
            (entry.jump, entry.via) = match way {
                Way::SessionManager => (None, Some(Via::Ssm)),
                Way::LoginNodes => (Some("login".to_owned()), None),
            };
            (new, "clusters", format!("clusters: {{{}: {{{way}}}}}", shown(&name)))
        })
    }
}

/// A name as a key of YAML.
fn shown(name: &str) -> String {
    let is_plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.".contains(&b));
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The text with `jump` or `via` of a cluster set.
fn with_way(text: &str, name: &str, (word, value): (&str, &str)) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines = Lines::new(text);
    let cluster = shown(name);
    let put = |from: usize, to: usize, new: &str| format!("{}{new}{}", &text[..from], &text[to..]);
    let Some(clusters) = (0..lines.len()).find(|n| key(lines.text(*n)) == Some((0, "clusters"))) else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        return format!("{text}{gap}clusters:{end}  {cluster}:{end}    {word}: {value}{end}");
    };
    let below = |n: usize, text: String| {
        let at = lines.at(n).end;
        let gap = if lines.text(n).ends_with('\n') { "" } else { end };
        put(at, at, &format!("{gap}{text}{end}"))
    };
    let at = lines.value(clusters);
    let written = &text[at.clone()];
    if written.starts_with('{') {
        // To the end of the text: a value in braces may go on for lines.
        let braces = &text[at.start..];
        return match member(braces, name) {
            Member::There(inner) => {
                let (from, to) = (at.start + inner.start, at.start + inner.end);
                put(from, to, &within(&text[from..to], word, value))
            }
            Member::Missing { empty } => {
                let comma = if empty { "" } else { ", " };
                put(at.start + 1, at.start + 1, &format!("{cluster}: {{{word}: {value}}}{comma}"))
            }
        };
    }
    let block: Vec<usize> = (clusters + 1..lines.len()).take_while(|n| indent(lines.text(*n)) != Some(0)).collect();
    let depth = block.iter().find_map(|n| indent(lines.text(*n))).unwrap_or(2);
    let is_it = |n: &usize| key(lines.text(*n)).is_some_and(|(at, key)| at == depth && key.trim_matches(['"', '\'']) == name);
    let Some(entry) = block.iter().copied().find(is_it) else {
        let (outer, inner) = (" ".repeat(depth), " ".repeat(depth * 2));
        return below(clusters, format!("{outer}{cluster}:{end}{inner}{word}: {value}"));
    };
    let at = lines.value(entry);
    if !text[at.clone()].is_empty() {
        let braces = if text[at.clone()].starts_with('{') { at.start + super::closed(&text[at.start..]) } else { at.end };
        return put(at.start, braces, &within(&text[at.start..braces], word, value));
    }
    let own: Vec<usize> = (entry + 1..lines.len()).take_while(|n| indent(lines.text(*n)).is_none_or(|at| at > depth)).collect();
    let deeper = own.iter().find_map(|n| indent(lines.text(*n))).unwrap_or(depth * 2);
    let is_way = |n: &usize| matches!(key(lines.text(*n)), Some((at, "jump" | "via")) if at == deeper);
    match own.iter().copied().find(is_way) {
        Some(line) => {
            let from = lines.at(line).start + deeper;
            put(from, lines.value(line).end, &format!("{word}: {value}"))
        }
        None => below(entry, format!("{}{word}: {value}", " ".repeat(deeper))),
    }
}

/// An entry in braces with its way set; what is no such thing stays as it is.
fn within(entry: &str, word: &str, value: &str) -> String {
    if !entry.starts_with('{') {
        return entry.to_owned();
    }
    for old in ["jump", "via"] {
        if let Member::There(at) = member(entry, old) {
            let from = entry[..at.start].rfind(old).unwrap_or(at.start);
            return format!("{}{word}: {value}{}", &entry[..from], &entry[at.end..]);
        }
    }
    let Member::Missing { empty } = member(entry, word) else { return entry.to_owned() };
    let comma = if empty { "" } else { ", " };
    format!("{{{word}: {value}{comma}{}", &entry[1..])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;
    use crate::config::Passage;

    #[rstest]
    #[case::none("", "clusters:\n  prod:\n    WAY\n")]
    #[case::others("# mine\ntheme: dark", "# mine\ntheme: dark\nclusters:\n  prod:\n    WAY\n")]
    #[case::another_cluster(
        "clusters: # mine\n  # the old one\n  old:\n    user: x\ntheme: dark\n",
        "clusters: # mine\n  prod:\n    WAY\n  # the old one\n  old:\n    user: x\ntheme: dark\n"
    )]
    #[case::its_entry(
        "clusters:\n    prod: # why\n        user: x # me\n    old: {user: y}\n",
        "clusters:\n    prod: # why\n        WAY\n        user: x # me\n    old: {user: y}\n"
    )]
    #[case::another_way(
        "clusters:\r\n  prod:\r\n    user: x\r\n    jump: bastion # the old way\r\n",
        "clusters:\r\n  prod:\r\n    user: x\r\n    WAY # the old way\r\n"
    )]
    #[case::direct("clusters:\n  \"prod\":\n    via: direct\n", "clusters:\n  \"prod\":\n    WAY\n")]
    #[case::one_line_entry("clusters:\n  prod: {user: x} # me\n", "clusters:\n  prod: {WAY, user: x} # me\n")]
    #[case::one_line_way("clusters:\n  prod: {user: x, jump: 'a', key: k}\n", "clusters:\n  prod: {user: x, WAY, key: k}\n")]
    #[case::braces("clusters: {old: {user: x}, prod: {user: y}} # few\n", "clusters: {old: {user: x}, prod: {WAY, user: y}} # few\n")]
    #[case::braces_over_lines("clusters: {old: {user: x},\n  prod: {via: direct}}\n", "clusters: {old: {user: x},\n  prod: {WAY}}\n")]
    #[case::braces_without("clusters: {old: {user: x}}\n", "clusters: {prod: {WAY}, old: {user: x}}\n")]
    #[case::braces_empty("clusters: {}\n", "clusters: {prod: {WAY}}\n")]
    #[case::by_its_whole_name("clusters:\n  p/r/prod:\n    user: x\n", "clusters:\n  p/r/prod:\n    WAY\n    user: x\n")]
    fn only_the_way_changes(#[case] old: &str, #[case] new: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yaml");
        let id = ClusterId::new("p/r/prod");
        for way in [Way::SessionManager, Way::LoginNodes] {
            fs::write(&file, old).unwrap();
            Config::keep_way(&file, &id, "prod", way).unwrap();
            let written = fs::read_to_string(&file).unwrap();
            assert_eq!(written, new.replace("WAY", &way.to_string()));
            assert_eq!(Config::load(Some(&file)).unwrap().passage(&id), Passage::from(way));
            Config::keep_way(&file, &id, "prod", way).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), written, "once more changes nothing");
        }
    }

    #[test]
    fn what_cannot_be_written_is_a_failure_that_says_what_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yaml");
        let keep = || Config::keep_way(&file, &ClusterId::new("p/r/prod"), "prod", Way::SessionManager);
        let odd = "? clusters\n: {prod: {user: x}}\n";
        fs::write(&file, odd).unwrap();
        let failure = keep().unwrap_err();
        assert!(failure.hint.contains("clusters: {prod: {via: ssm}}"), "{failure}");
        assert_eq!(fs::read_to_string(&file).unwrap(), odd);
        fs::write(&file, "nonsense: 1\n").unwrap();
        assert!(keep().unwrap_err().to_string().contains("config.yaml:1"));
        assert_eq!([shown("lab/eu-west-1/x"), shown("a b")], ["lab/eu-west-1/x", "\"a b\""]);
    }
}
