//! Paths in scripts, and the patterns in output paths.

use crate::model::text::quoted;

/// A path as one shell word; what is not absolute begins at the home folder.
pub(super) fn word(path: &str) -> String {
    if path.starts_with('/') {
        return quoted(path);
    }
    match path.strip_prefix("~/").unwrap_or(path) {
        "" | "~" | "." => "\"$HOME\"".to_owned(),
        rest => format!("\"$HOME\"/{}", quoted(rest)),
    }
}

/// What fills the patterns of an output path.
pub(crate) struct Fill<'a> {
    pub(crate) job_id: &'a str,
    pub(crate) array_job_id: &'a str,
    pub(crate) array_task_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) user: &'a str,
    pub(crate) work_dir: &'a str,
}

impl Fill<'_> {
    /// The absolute path that a pattern stands for. `None` where it needs what is not known yet, such as the task of a waiting array.
    pub(crate) fn path(&self, pattern: &str) -> Option<String> {
        let array = !self.array_job_id.is_empty();
        let pattern = match (pattern, array) {
            ("", true) => "slurm-%A_%a.out",
            ("", false) => "slurm-%j.out",
            (given, _) => given,
        };
        let mut out = if pattern.starts_with('/') { String::new() } else { format!("{}/", self.work_dir.trim_end_matches('/')) };
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut zeros = String::new();
            while let Some(digit) = chars.peek().filter(|c| c.is_ascii_digit()) {
                zeros.push(*digit);
                chars.next();
            }
            let zeros = zeros.parse::<usize>().unwrap_or(0).min(10);
            let value = match chars.next() {
                Some('%') => "%",
                Some('j') => self.job_id,
                Some('A') => {
                    if array {
                        self.array_job_id
                    } else {
                        self.job_id
                    }
                }
                Some('a') if array => self.array_task_id,
                Some('a') => "4294967294",
                Some('x') => self.name,
                Some('u') => self.user,
                _ => return None,
            };
            if array && self.array_task_id.contains(|c: char| !c.is_ascii_digit()) && value == self.array_task_id {
                return None;
            }
            out.push_str(&"0".repeat(zeros.saturating_sub(value.len())));
            out.push_str(value);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_at_home_and_are_quoted() {
        assert_eq!(word("/data/a b"), "'/data/a b'");
        assert_eq!(word("run/it's.sh"), r#""$HOME"/'run/it'\''s.sh'"#);
        assert_eq!(word("~/x"), "\"$HOME\"/x");
        assert_eq!(word("~"), "\"$HOME\"");
    }

    #[test]
    fn patterns_are_filled_as_slurm_does() {
        let fill = Fill { job_id: "19", array_job_id: "2", array_task_id: "7", name: "n", user: "u", work_dir: "/w/" };
        assert_eq!(fill.path("").unwrap(), "/w/slurm-2_7.out");
        assert_eq!(fill.path("/o/%x-%u-%5j-%%.%a").unwrap(), "/o/n-u-00019-%.7");
        assert_eq!(fill.path("%N.out"), None);
        let waiting = Fill { array_task_id: "2-7%2", ..fill };
        assert_eq!(waiting.path(""), None);
        assert_eq!(waiting.path("all-%A.out").unwrap(), "/w/all-2.out");
    }
}
