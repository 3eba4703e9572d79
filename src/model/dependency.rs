//! What a job waits for, as Slurm writes it: `afterok:12(unfulfilled),afterany:13_*(unfulfilled)`, `?` between alternatives, `singleton`.
//!
//! Knows no queue: whether such a job is there is another question.

/// One condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dependency<'a> {
    /// `afterok`, `afterany`, `singleton` …
    pub kind: &'a str,
    /// The job or array that it is about; empty for `singleton`.
    pub job: &'a str,
    /// The task of it, `*` for all of them; empty where no task is named.
    pub task: &'a str,
    /// Minutes after that, 0 for at once.
    pub minutes: u32,
    /// Whether it cannot come true any more.
    pub failed: bool,
}

/// All conditions of one job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dependencies<'a> {
    /// In the scheduler's order. Those that have come true are not among them.
    pub all: Vec<Dependency<'a>>,
    /// Whether one of them is enough.
    pub any: bool,
}

impl Dependency<'_> {
    /// When the waiting job may start, as the end of a sentence about the other job: `afterok` is "after it has ended well".
    pub fn plain(&self) -> &'static str {
        match self.kind {
            "after" => "after it has started",
            "afterany" => "after it has ended, however it ended",
            "afterok" => "after it has ended well",
            "afternotok" => "after it has failed",
            "aftercorr" => "each task after the same task of it has ended well",
            "afterburstbuffer" => "after its data have left the burst buffer",
            "expand" => "to give it more nodes",
            "singleton" => "after every earlier job of the same name and owner has ended",
            _ => "after it",
        }
    }
}

/// Reads a job's dependency. What cannot be read is left out.
pub fn read(text: &str) -> Dependencies<'_> {
    let mut found = Dependencies { all: Vec::new(), any: text.contains('?') };
    let mut kind = "";
    for part in text.split([',', '?']) {
        let (part, status) = match part.split_once('(') {
            Some((part, status)) => (part, status.trim_end_matches(')')),
            None => (part, ""),
        };
        let failed = matches!(status, "failed" | "never");
        if part == "singleton" {
            found.all.push(Dependency { kind: "singleton", job: "", task: "", minutes: 0, failed });
            continue;
        }
        // As users write it, one word can stand before several jobs: `afterok:12:13`.
        let mut words = part.split(':').peekable();
        if words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
            kind = words.next().unwrap_or(kind);
        }
        for word in words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            let (job, minutes) = word.split_once('+').map_or((word, 0), |(job, minutes)| (job, minutes.parse().unwrap_or(0)));
            let (job, task) = job.split_once('_').unwrap_or((job, ""));
            found.all.push(Dependency { kind, job, task, minutes, failed });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let found = read("afterok:12(unfulfilled),afterany:13_*(failed),after:14+5(unfulfilled),aftercorr:15_3(unfulfilled)");
        let short: Vec<_> = found.all.iter().map(|d| (d.kind, d.job, d.task, d.minutes, d.failed)).collect();
        assert_eq!(
            short,
            [
                ("afterok", "12", "", 0, false),
                ("afterany", "13", "*", 0, true),
                ("after", "14", "", 5, false),
                ("aftercorr", "15", "3", 0, false)
            ]
        );
        assert!(!found.any);
        let any = read("afterok:1(unfulfilled)?afternotok:2(unfulfilled)");
        assert_eq!((any.any, any.all.len(), any.all[1].kind), (true, 2, "afternotok"));
        assert_eq!(read("singleton(unfulfilled)").all[0].kind, "singleton");
        assert_eq!(read("afterok:1:2").all.iter().map(|d| d.job).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(read(""), Dependencies::default());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-z]{0,9}|[0-9:_*+?,()]){0,20}", other in "\\PC{0,60}") {
            for text in [&text, &other] {
                for found in read(text).all {
                    prop_assert!(found.kind == "singleton" || !found.job.is_empty());
                }
            }
        }
    }
}
