//! `qstat -j -xml`: what Grid Engine knows about jobs that have not ended.
//!
//! Reads and keeps nothing but the text itself.

use std::borrow::Cow;

use super::time::epoch;
use super::xml;

/// One job's description.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a>(&'a str);

/// Every job that an answer describes.
pub(super) fn all(text: &str) -> impl Iterator<Item = Described<'_>> {
    xml::each(text, "djob_info").flat_map(|info| xml::outer(info.inner, "element")).map(|job| Described(job.inner))
}

impl<'a> Described<'a> {
    /// The text of its first element of this name, where there is one and it is not empty.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        xml::text(self.0, name).filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self) -> Cow<'a, str> {
        self.text("JB_job_number").unwrap_or_default()
    }

    pub(super) fn submitted(&self) -> Option<i64> {
        epoch(&self.text("JB_submission_time")?)
    }

    pub(super) fn account(&self) -> Option<Cow<'a, str>> {
        self.text("JB_account")
    }

    /// The texts called `inner` in every element called `item` of the list called `list`.
    pub(super) fn list(&self, list: &str, item: &str, inner: &str) -> Vec<Cow<'a, str>> {
        let Some(list) = self.part(list) else { return Vec::new() };
        xml::outer(list, item).filter_map(|item| xml::text(item.inner, inner)).collect()
    }

    fn part(&self, name: &str) -> Option<&'a str> {
        xml::first(self.0, name).map(|piece| piece.inner)
    }

    /// What was asked for with `-l`: name and value.
    pub(super) fn requests(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let Some(list) = self.part("JB_hard_resource_list") else { return Vec::new() };
        let pair = |item: xml::Piece<'a>| Some((xml::text(item.inner, "CE_name")?, xml::text(item.inner, "CE_stringval")?));
        xml::each(list, "qstat_l_requests").chain(xml::each(list, "element")).filter_map(pair).collect()
    }

    /// An environment variable of the moment of submission: `HOME`, `HOST`.
    pub(super) fn origin(&self, name: &str) -> Option<Cow<'a, str>> {
        let wanted = format!("__SGE_PREFIX__O_{name}");
        let list = self.part("JB_env_list")?;
        let mut items = xml::each(list, "job_sublist").chain(xml::each(list, "element"));
        items.find_map(|item| if xml::text(item.inner, "VA_variable")? == wanted { xml::text(item.inner, "VA_value") } else { None })
    }

    /// Where it runs: the home folder unless it asked for another.
    pub(super) fn work_dir(&self) -> String {
        self.text("JB_cwd").or_else(|| self.origin("HOME")).unwrap_or_default().into_owned()
    }

    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        const ARRAY: u32 = 128;
        self.text("JB_type").and_then(|kind| kind.parse::<u32>().ok()).is_some_and(|kind| kind & ARRAY != 0)
    }

    /// Whether it is a command and no script.
    pub(super) fn is_command(&self) -> bool {
        const BINARY: u32 = 64;
        self.text("JB_type").and_then(|kind| kind.parse::<u32>().ok()).is_some_and(|kind| kind & BINARY != 0)
    }

    /// The range of its tasks, `1-20:2`.
    pub(super) fn range(&self) -> Option<String> {
        let list = self.part("JB_ja_structure")?;
        let number = |name: &str| xml::text(list, name)?.parse::<u32>().ok();
        let (first, last, step) = (number("RN_min")?, number("RN_max")?, number("RN_step").unwrap_or(1));
        Some(format!("{first}-{last}:{step}"))
    }

    /// Why it, or this task of it, is in an error state.
    pub(super) fn errors(&self, task: Option<&str>) -> Vec<Cow<'a, str>> {
        let Some(list) = self.part("JB_ja_tasks") else { return Vec::new() };
        let is_wanted = |item: &xml::Piece<'a>| task.is_none_or(|t| xml::text(item.inner, "JAT_task_number").is_some_and(|n| n == t));
        let mut found: Vec<Cow<'a, str>> = Vec::new();
        for item in xml::outer(list, "ulong_sublist").chain(xml::outer(list, "element")).filter(is_wanted) {
            let told = xml::leaves(item.inner).filter(|(name, ..)| *name == "QIM_message").map(|(_, _, raw)| xml::plain(raw));
            found.extend(told);
        }
        found.dedup();
        found
    }

    /// The paths of standard output and error. They are `None` where they hang on what is not known yet. `folders` are those of
    /// the paths asked for that are folders on the host.
    pub(super) fn files(&self, task: &str, host: &str, folders: &[&str]) -> (Option<String>, Option<String>) {
        let stdout = self.file("JB_stdout_path_list", 'o', task, host, folders);
        let is_joined = self.text("JB_merge_stderr").is_some_and(|merge| matches!(merge.as_ref(), "true" | "1"));
        let stderr = if is_joined { stdout.clone() } else { self.file("JB_stderr_path_list", 'e', task, host, folders) };
        (stdout, stderr)
    }

    fn file(&self, list: &str, letter: char, task: &str, host: &str, folders: &[&str]) -> Option<String> {
        let number = self.number();
        let name = self.text("JB_job_name")?;
        let is_array = self.is_array();
        let is_task = !task.is_empty() && task.bytes().all(|b| b.is_ascii_digit());
        let own = || match (is_array, is_task) {
            (false, _) => Some(format!("{name}.{letter}{number}")),
            (true, true) => Some(format!("{name}.{letter}{number}.{task}")),
            (true, false) => None,
        };
        // Grid Engine's word for the task of a job that is no array.
        let task = if is_array { Some(task).filter(|_| is_task) } else { Some("0") };
        let path = match self.list(list, "path_list", "PN_path").into_iter().find(|path| !path.is_empty()) {
            None => own()?,
            Some(path) => {
                let is_folder = path.ends_with('/') || folders.contains(&path.as_ref());
                let filled = self.filled(&path, task, host)?;
                if is_folder { format!("{}/{}", filled.trim_end_matches('/'), own()?) } else { filled }
            }
        };
        let dir = self.work_dir();
        Some(if path.starts_with('/') { path } else { format!("{}/{path}", dir.trim_end_matches('/')) })
            .filter(|path| path.starts_with('/'))
    }

    /// A path with its pseudo variables filled in.
    fn filled(&self, path: &str, task: Option<&str>, host: &str) -> Option<String> {
        let mut out = String::with_capacity(path.len());
        let mut rest = path;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let word = &rest[at + 1..];
            let len = word.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            match &word[..len] {
                "HOME" => out.push_str(&self.origin("HOME")?),
                "USER" => out.push_str(&self.text("JB_owner")?),
                "JOB_ID" => out.push_str(&self.number()),
                "JOB_NAME" => out.push_str(&self.text("JB_job_name")?),
                "HOSTNAME" if host.is_empty() => return None,
                "HOSTNAME" => out.push_str(host),
                "TASK_ID" => out.push_str(task?),
                other => {
                    out.push('$');
                    out.push_str(other);
                }
            }
            rest = &word[len..];
        }
        out.push_str(rest);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-long.xml");
    const ARRAY: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-array.xml");
    const ERROR: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-error.xml");

    #[test]
    fn what_was_asked_for_is_known() {
        let job = all(LONG).next().unwrap();
        assert_eq!((job.number().as_ref(), job.submitted(), job.is_array(), job.is_command()), ("69", Some(1_795_635_171), false, false));
        assert_eq!(job.requests(), [("h_rt".into(), "3600".into()), ("h_vmem".into(), "2G".into())]);
        assert_eq!(job.list("JB_job_args", "element", "ST_name"), ["a", "b c"]);
        assert_eq!(job.list("JB_context", "context_list", "VA_value"), ["0123abcd"]);
        let array = all(ARRAY).next().unwrap();
        assert_eq!((array.is_array(), array.range().as_deref(), array.work_dir().as_str()), (true, Some("1-20:2"), "/home/ec2-user"));
        let error = all(ERROR).next().unwrap();
        assert!(error.errors(None)[0].ends_with("can't chdir to /nonexistent: No such file or directory"), "{:?}", error.errors(None));
        assert_eq!(error.errors(Some("2")), [""; 0]);
    }

    #[test]
    fn output_is_where_grid_engine_puts_it() {
        let array = all(ARRAY).next().unwrap();
        assert_eq!(array.files("3", "h", &[]).0.as_deref(), Some("/home/ec2-user/arr.o70.3"));
        assert_eq!((array.files("", "h", &[]), array.files("5-19:2", "", &[])), ((None, None), (None, None)));
        let at = |path: &str, folders: &[&str]| {
            let text = LONG.replace("logs/$JOB_NAME.$JOB_ID.out", path);
            all(&text).next().unwrap().files("", "node7", folders).0
        };
        assert_eq!(at("$HOME/$USER-$TASK_ID-$HOSTNAME-$SGE_X", &[]).as_deref(), Some("/home/ec2-user/ec2-user-0-node7-$SGE_X"));
        assert_eq!(at("/tmp", &["/tmp"]).as_deref(), Some("/tmp/long.o69"));
        assert_eq!(at("out/", &[]).as_deref(), Some("/home/ec2-user/out/long.o69"));
        let waiting = LONG.replace("logs/", "$HOSTNAME/");
        assert_eq!(all(&waiting).next().unwrap().files("", "", &[]), (None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(cut in 0..7_600_usize, junk in ".{0,60}") {
            let mut at = cut.min(LONG.len());
            while !LONG.is_char_boundary(at) { at -= 1; }
            let text = format!("{}{junk}</element></djob_info>", &LONG[..at]);
            for job in all(&text) {
                let _ = (job.files("3", "h", &[]), job.requests(), job.errors(Some("1")), job.range(), job.origin("HOME"));
            }
        }
    }
}
