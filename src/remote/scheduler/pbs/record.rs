//! What PBS says about jobs and nodes, whichever way it is printed: records of dotted names and text.
//!
//! Judges nothing: what a field means is the business of who asks for it.

/// One job or node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Record {
    /// As PBS writes it: `12.server`, `12[3].server`, a node's name.
    pub(super) id: String,
    /// Name and value in PBS's order: `Resource_List.walltime`, `00:05:00`. A name may come twice; then the first one counts.
    pub(super) fields: Vec<(String, String)>,
}

impl Record {
    /// A value that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The first of several names that is there: the dialects differ in a few.
    pub(super) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A whole number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.trim().parse().ok()
    }

    /// A variable of the job's environment, which JSON has as a field of its own and text in one long list.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        if let Some(value) = self.get(&format!("Variable_List.{name}")) {
            return Some(value.to_owned());
        }
        variables(self.get("Variable_List")?).find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// `A=1,B=x\,y` as pairs: a backslash keeps a comma inside a value.
fn variables(list: &str) -> impl Iterator<Item = (String, String)> {
    let (mut parts, mut part, mut kept) = (Vec::new(), String::new(), false);
    for c in list.chars() {
        match (kept, c) {
            (false, '\\') => kept = true,
            (false, ',') => parts.push(std::mem::take(&mut part)),
            _ => {
                part.push(c);
                kept = false;
            }
        }
    }
    parts.push(part);
    parts.into_iter().filter_map(|part| part.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
}

/// An answer, and how much of it could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Records {
    /// In PBS's order.
    pub(super) all: Vec<Record>,
    /// Pieces that are no whole record.
    pub(super) warnings: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_in_both_forms() {
        let text = Record { id: "1".into(), fields: vec![("Variable_List".into(), r"A=x\,y,PBS_O_WORKDIR=/w,B=a=b".into())] };
        assert_eq!((text.variable("A").as_deref(), text.variable("PBS_O_WORKDIR").as_deref()), (Some("x,y"), Some("/w")));
        assert_eq!((text.variable("B").as_deref(), text.variable("C")), (Some("a=b"), None));
        let json = Record { id: "1".into(), fields: vec![("Variable_List.A".into(), "x,y".into())] };
        assert_eq!(json.variable("A").as_deref(), Some("x,y"));
    }
}
