//! Which key does what where: the table of actions with the user's changes applied.

use std::collections::{BTreeMap, HashMap};

use super::action::{Action, Area, ROWS};
use super::chord::Chord;

/// The keys in force.
#[derive(Clone, Debug)]
pub struct KeyMap {
    keys: Vec<Vec<Chord>>,
    lookup: HashMap<(Area, Chord), Action>,
}

impl Default for KeyMap {
    fn default() -> Self {
        Self::from_keys(ROWS.iter().map(|row| row.keys.to_vec()).collect())
    }
}

impl KeyMap {
    fn from_keys(keys: Vec<Vec<Chord>>) -> Self {
        let lookup = ROWS.iter().zip(&keys).flat_map(|(row, chords)| chords.iter().map(|chord| ((row.area, *chord), row.action))).collect();
        Self { keys, lookup }
    }

    /// The default keys with `changes` (action name → chord) applied. An unknown action, an unreadable chord, and a chord that would
    /// take another action's key in the same area are errors in words.
    pub fn with(changes: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut keys = Self::default().keys;
        for (name, chord) in changes {
            let Some(row) = ROWS.iter().find(|row| row.name == name) else {
                return Err(format!("keys: there is no action `{name}`; the nearest is `{}`", nearest(name)));
            };
            keys[row.action as usize] = vec![chord.parse().map_err(|e| format!("keys: {name}: {e}"))?];
        }
        for (i, row) in ROWS.iter().enumerate() {
            for other in &ROWS[i + 1..] {
                let clash = keys[i].iter().find(|chord| row.area == other.area && keys[other.action as usize].contains(chord));
                if let Some(chord) = clash {
                    return Err(format!("keys: `{chord}` would mean both {} and {}; give one of them another key", row.name, other.name));
                }
            }
        }
        Ok(Self::from_keys(keys))
    }

    /// What `chord` means when these areas are asked in turn.
    pub fn action(&self, areas: &[Area], chord: Chord) -> Option<Action> {
        areas.iter().find_map(|area| self.lookup.get(&(*area, chord)).copied())
    }

    /// The keys of an action, the one to show first.
    pub fn keys(&self, action: Action) -> &[Chord] {
        &self.keys[action as usize]
    }

    /// The key to show for an action, in its short form.
    pub fn sign(&self, action: Action) -> String {
        self.keys(action).first().map_or_else(String::new, |chord| chord.sign())
    }
}

/// The action whose name is most like `name`.
fn nearest(name: &str) -> &'static str {
    ROWS.iter().map(|row| row.name).min_by_key(|known| distance(name, known)).unwrap_or("help")
}

/// Levenshtein's distance.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let next = (diagonal + usize::from(ca != *cb)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_area_wins_and_defaults_do_not_clash() {
        let map = KeyMap::with(&BTreeMap::new()).unwrap();
        let n = "n".parse().unwrap();
        assert_eq!(map.action(&[Area::Logs, Area::List, Area::Everywhere], n), Some(Action::NextHit));
        assert_eq!(map.action(&[Area::Jobs, Area::List, Area::Everywhere], n), Some(Action::Launch));
    }

    #[test]
    fn mistakes_in_the_configuration_are_named() {
        let with = |name: &str, chord: &str| KeyMap::with(&BTreeMap::from([(name.to_owned(), chord.to_owned())]));
        assert!(with("lunch", "x").unwrap_err().contains("nearest is `launch`"));
        assert!(with("launch", "ctrl-").unwrap_err().contains("not a key"));
        assert!(with("launch", "q").unwrap_err().contains("both quit and launch"));
        assert_eq!(with("launch", "x").unwrap().action(&[Area::Everywhere], "x".parse().unwrap()), Some(Action::Launch));
    }

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!((distance("profile", "profiles"), distance("", "abc"), distance("kitten", "sitting")), (1, 3, 3));
    }
}
