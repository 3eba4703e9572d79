//! A job as it was submitted: its script from the controller, and options that make it the same again.

use super::super::{Ask, trouble};
use super::{CALM, detail};
use crate::model::text::quoted;
use crate::model::{ClusterId, Failure, FailureKind, JobId, Place, Submission};

/// What `scontrol` calls it, and the option of `sbatch` that asks for it. A script's own directives say the rest.
const OPTIONS: [(&str, &str); 6] = [
    ("JobName", "--job-name"),
    ("Partition", "--partition"),
    ("Account", "--account"),
    ("QOS", "--qos"),
    ("TimeLimit", "--time"),
    ("Features", "--constraint"),
];

const SPLIT: &str = "\x1equeue-script\x1e";

pub(super) fn ask(job: &JobId) -> Ask<Submission> {
    let wanted = job.clone();
    // A task is asked for by itself; the script belongs to the whole array.
    let one = quoted(job.as_str().split("_[").next().unwrap_or(job.as_str()));
    let whole = quoted(job.as_str().split('_').next().unwrap_or(job.as_str()));
    Ask {
        script: format!(
            "{CALM}scontrol -o show job {one} || exit $?\nprintf '\\036queue-script\\036'\nscontrol write batch_script {whole} - 2>&1"
        ),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let Some((head, script)) = text.split_once(SPLIT) else { return Err(trouble::failure(said)) };
            if !script.starts_with("#!") {
                let what = format!("the script of job {wanted} cannot be had: {}", script.lines().next().unwrap_or(""));
                return Err(Failure::new(FailureKind::NotFound, "", what)
                    .hint("Slurm gives a job's script to its owner only, and forgets it with the job."));
            }
            let detail = detail::read(head.as_bytes(), &wanted)?;
            let field = |key: &str| detail.fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
            let mut options: Vec<String> = OPTIONS
                .iter()
                .filter_map(|(key, option)| Some(format!("{option}={}", field(key)?)))
                .filter(|o| !o.ends_with("=(null)"))
                .collect();
            if let Some(nodes) = field("NumNodes").and_then(|n| n.split('-').next()).filter(|n| *n != "1") {
                options.push(format!("--nodes={nodes}"));
            }
            let command = field("Command").unwrap_or("job.sh");
            let mut words = command.split(' ');
            let path = words.next().unwrap_or("job.sh").to_owned();
            Ok(Submission {
                cluster: ClusterId::new(""),
                place: Place::Here,
                path,
                dir: detail.work_dir.clone(),
                args: words.map(str::to_owned).filter(|w| !w.is_empty()).collect(),
                options,
                text: Some(script.to_owned()),
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    #[test]
    fn the_script_and_what_was_asked_for_come_back() {
        let long = include_str!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt");
        let ask = ask(&JobId::new("1"));
        let said = Said { status: 0, stdout: format!("{long}{SPLIT}#!/bin/sh\nsleep 1\n").into(), stderr: String::new() };
        let job = (ask.read)(&said).unwrap();
        assert_eq!((job.text.as_deref(), job.dir.as_deref()), (Some("#!/bin/sh\nsleep 1\n"), Some("/home/ec2-user")));
        assert!(job.options.contains(&"--job-name=long".to_owned()), "{:?}", job.options);
        let denied = Said {
            status: 0,
            stdout: format!("{long}{SPLIT}job script retrieval failed: Access/permission denied\n").into(),
            stderr: String::new(),
        };
        assert_eq!((ask.read)(&denied).unwrap_err().kind, FailureKind::NotFound);
    }
}
