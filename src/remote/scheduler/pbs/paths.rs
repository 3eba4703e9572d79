//! Where a job's output goes: `host:/path`, with PBS's names for what is not said.

use super::id::Id;
use super::record::Record;

/// Paths of standard output and standard error; `None` where they are not told or stand for many.
pub(super) fn outputs(job: &Record) -> (Option<String>, Option<String>) {
    let output = path(job, "Output_Path", "OU");
    let error = path(job, "Error_Path", "ER");
    // `oe` puts both into the output's file, `eo` into the error's.
    match job.get("Join_Path") {
        Some("oe") => (output.clone(), output),
        Some("eo") => (error.clone(), error),
        _ => (output, error),
    }
}

fn path(job: &Record, key: &str, suffix: &str) -> Option<String> {
    let value = job.get(key)?;
    // A colon before the first slash ends the name of the host, whose files are taken to be shared.
    let start = value.find('/')?;
    if start > 0 && !value[..start].ends_with(':') {
        return None;
    }
    let mut path = value[start..].to_owned();
    if path.ends_with('/') {
        path.push_str(&format!("{}.{suffix}", job.id));
    }
    if !path.contains("^array_index^") {
        return Some(path);
    }
    match Id::read(&job.id)?.index {
        None | Some("") => None,
        Some(index) => Some(path.replace("^array_index^", index)),
    }
}

/// Where it was submitted, which is where the names of its files begin.
pub(super) fn work_dir(job: &Record) -> Option<String> {
    let told = job.variable("PBS_O_WORKDIR").or_else(|| job.get("init_work_dir").map(str::to_owned));
    told.filter(|dir| dir.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, fields: &[(&str, &str)]) -> Record {
        Record { id: id.into(), fields: fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect() }
    }

    #[test]
    fn hosts_folders_and_indices_are_resolved() {
        let both = [("Output_Path", "head:/home/a/run.o12"), ("Error_Path", "head:/home/a/run.e12")];
        assert_eq!(outputs(&job("12.s", &both)), (Some("/home/a/run.o12".into()), Some("/home/a/run.e12".into())));
        let joined = [both[0], both[1], ("Join_Path", "oe")];
        assert_eq!(outputs(&job("12.s", &joined)).1.as_deref(), Some("/home/a/run.o12"));
        let array = [("Output_Path", "head:/o/r.o12.^array_index^")];
        assert_eq!(outputs(&job("12[3].s", &array)).0.as_deref(), Some("/o/r.o12.3"));
        assert_eq!(outputs(&job("12[].s", &array)).0, None);
        assert_eq!(outputs(&job("12.s", &[("Output_Path", "head:/o/")])).0.as_deref(), Some("/o/12.s.OU"));
        assert_eq!(outputs(&job("12.s", &[("Output_Path", "relative/x"), ("Error_Path", "plain")])), (None, None));
    }
}
