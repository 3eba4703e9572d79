//! Job ids: `12.server`, a subjob `12[3].server`, an array `12[].server`; and the same as everybody else writes them: `12`, `12_3`, `12`.

use super::Dialect;

/// An id as PBS writes it, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Id<'a> {
    /// The job's or array's number.
    pub(super) number: &'a str,
    /// What stands in brackets: a subjob's index, empty for a whole array, `None` where it is no array.
    pub(super) index: Option<&'a str>,
}

impl<'a> Id<'a> {
    /// `None` for what is no job's id.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let number = &text[..text.bytes().take_while(u8::is_ascii_digit).count()];
        let rest = &text[number.len()..];
        if number.is_empty() {
            return None;
        }
        match rest.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((index, _))) => Some(Self { number, index: Some(index) }),
            Some(None) => None,
            // Torque once wrote `12-3.server`.
            None => match rest.strip_prefix('-').map(|rest| rest.split('.').next().unwrap_or("")) {
                Some(index) if index.bytes().all(|b| b.is_ascii_digit()) && !index.is_empty() => Some(Self { number, index: Some(index) }),
                Some(_) => None,
                None => (rest.is_empty() || rest.starts_with('.')).then_some(Self { number, index: None }),
            },
        }
    }

    /// As people write it.
    pub(super) fn word(&self) -> String {
        match self.index {
            None | Some("") => self.number.to_owned(),
            Some(index) => format!("{}_{index}", self.number),
        }
    }
}

/// What a command is told about a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// These words, and no other way to say it.
    As(Vec<String>),
    /// A job of this number, or else the array of this number.
    Number(String),
    /// Cannot be said in this dialect; why.
    Not(&'static str),
}

/// What verbs can be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grain {
    /// A single subjob, or some of them.
    Subjobs,
    /// PBS holds, releases and alters arrays as a whole.
    Arrays,
}

/// An id as people write it, for a command.
pub(super) fn named(id: &str, dialect: Dialect, grain: Grain) -> Named {
    let (number, task) = match id.split_once('_') {
        Some((number, task)) => (number, Some(task.trim_start_matches('[').trim_end_matches(']'))),
        None => (id, None),
    };
    let good = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-,:%".contains(&b));
    let whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    match (dialect, task) {
        _ if !whole || task.is_some_and(|task| !good(task)) => Named::Not("is no job id"),
        // `4_1` would be taken for 4, and the whole array ended.
        (Dialect::Wrappers, Some(_)) => Named::Not("the Torque wrappers know each task by a number of its own only, which qstat shows"),
        (Dialect::Wrappers, None) => Named::As(vec![number.to_owned()]),
        (_, None) => Named::Number(number.to_owned()),
        (Dialect::Open, Some(_)) if grain == Grain::Arrays && id.contains('[') => Named::As(vec![format!("{number}[]")]),
        (Dialect::Open, Some(_)) if grain == Grain::Arrays => {
            Named::Not("PBS can do that to a whole array only, not to one of its subjobs")
        }
        // A limit on tasks at a time is no part of a range.
        (Dialect::Open, Some(task)) => Named::As(vec![format!("{number}[{}]", task.split('%').next().unwrap_or(task))]),
        (Dialect::Torque, Some(task)) if id.contains('[') => Named::As(vec!["-t".into(), task.into(), format!("{number}[]")]),
        (Dialect::Torque, Some(task)) => Named::As(vec![format!("{number}[{task}]")]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        let word = |text| Id::read(text).map(|id| id.word());
        assert_eq!(word("12.server.example"), Some("12".into()));
        assert_eq!(word("12[3].server"), Some("12_3".into()));
        assert_eq!(word("12[].server"), Some("12".into()));
        assert_eq!((word("12-3.server"), word("12\n")), (Some("12_3".into()), Some("12".into())));
        for text in ["", "x", "12[3", "12x.y", "12-x.y", "[3]", "12-"] {
            assert_eq!(word(text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_said_as_each_dialect_wants_them() {
        use Grain::{Arrays, Subjobs};
        let said = |id, dialect, grain| match named(id, dialect, grain) {
            Named::As(words) => words.join(" "),
            Named::Number(number) => format!("{number} or {number}[]"),
            Named::Not(why) => why[..10].to_owned(),
        };
        assert_eq!(said("12", Dialect::Open, Subjobs), "12 or 12[]");
        assert_eq!(said("12_3", Dialect::Open, Subjobs), "12[3]");
        assert_eq!(said("12_[3-9%2]", Dialect::Open, Subjobs), "12[3-9]");
        assert_eq!(said("12_[3-9]", Dialect::Open, Arrays), "12[]");
        assert_eq!(said("12_3", Dialect::Open, Arrays), "PBS can do");
        assert_eq!(said("12_3", Dialect::Torque, Arrays), "12[3]");
        assert_eq!(said("12_[3-9]", Dialect::Torque, Subjobs), "-t 3-9 12[]");
        assert_eq!(said("12", Dialect::Wrappers, Subjobs), "12");
        assert_eq!(said("12_3", Dialect::Wrappers, Subjobs), "the Torque");
        assert_eq!(
            (said("$(x)", Dialect::Open, Subjobs), said("1_x", Dialect::Torque, Subjobs)),
            ("is no job ".into(), "is no job ".into())
        );
    }

    proptest! {
        #[test]
        fn any_id_is_survived_and_none_reaches_a_command_unread(id in "[0-9]{0,3}[\\[_.-]?[^a]{0,8}", any in any::<String>()) {
            for id in [id, any] {
                let _ = Id::read(&id).map(|id| id.word());
                for dialect in [Dialect::Wrappers, Dialect::Torque, Dialect::Open] {
                    if let Named::As(words) = named(&id, dialect, Grain::Subjobs) {
                        prop_assert!(words.iter().all(|word| word == "-t" || word.bytes().all(|b| b.is_ascii_digit() || b"[],-:%".contains(&b))));
                    }
                }
            }
        }
    }
}
