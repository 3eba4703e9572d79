//! A job as it was submitted: its script from the qmaster's spool, where that can be read, and options that make it the same again.

use super::described;
use super::detail::DESCRIBE;
use super::jobs::PART;
use super::task::Tasks;
use super::{CALM, trouble};
use crate::model::{ClusterId, Failure, FailureKind, JobId, Place, Submission};
use crate::remote::host::Said;
use crate::remote::scheduler::{Ask, Told};

pub(super) fn ask(job: &JobId) -> Result<Ask<Told>, Failure> {
    let wanted = job.clone();
    let number = Tasks::read(job)?.job.to_owned();
    let script = format!(
        "{CALM}{DESCRIBE}describe {number}\nprintf '%s\\035' \"$x\"\n\
         spool=$(sed -n 's/^qmaster_spool_dir *//p' \"${{SGE_ROOT:-/var/lib/gridengine}}/${{SGE_CELL:-default}}/common/bootstrap\" 2>/dev/null)\n\
         cat \"$spool/job_scripts/{number}\" 2>/dev/null\nexit 0"
    );
    Ok(Ask { script, read: Box::new(move |said| told(said, &wanted)) })
}

fn told(said: &Said, wanted: &JobId) -> Result<Told, Failure> {
    if said.status != 0 {
        return Err(trouble::failure(said));
    }
    let text = String::from_utf8_lossy(&said.stdout);
    // The token in its context: what qdeck submitted itself, its record tells better.
    let context = described::all(&text).next().map(|job| {
        let of = |inner| job.list("JB_context", "context_list", inner);
        of("VA_variable").into_iter().zip(of("VA_value")).collect::<Vec<_>>()
    });
    let token = context.into_iter().flatten().find(|(name, _)| name == "qdeck").map(|(_, token)| token.into_owned());
    let submission = read(&text, wanted).map(|submission| (submission, Vec::new()));
    Ok(Told { submission, tasks: crate::model::Tasks::default(), token })
}

fn read(text: &str, wanted: &JobId) -> Result<Submission, Failure> {
    let (description, script) = text.split_once(PART).unwrap_or((text, ""));
    let Some(job) = described::all(description).next() else {
        return Err(Failure::new(FailureKind::NotFound, "", format!("Grid Engine has no job {wanted} in its queue"))
            .hint("It forgets a job's script with the job."));
    };
    if job.is_command() {
        let what = format!("job {wanted} is a command (-b y) and has no script");
        return Err(Failure::new(FailureKind::Unsupported, "", what));
    }
    if script.is_empty() {
        let what = format!("the script of job {wanted} cannot be read in the qmaster's spool");
        return Err(Failure::new(FailureKind::Unsupported, "", what).hint("Submit the script's own file again."));
    }
    let mut options = Vec::new();
    let mut add = |flag: &str, value: String| {
        if !value.is_empty() {
            options.extend([flag.to_owned(), value]);
        }
    };
    let text = |name: &str| job.text(name).unwrap_or_default().into_owned();
    add("-N", text("JB_job_name"));
    add("-q", job.list("JB_hard_queue_list", "destin_ident_list", "QR_name").join(","));
    add("-l", job.requests().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","));
    add("-A", Some(text("JB_account")).filter(|account| account != "sge").unwrap_or_default());
    add("-P", text("JB_project"));
    add("-t", job.range().filter(|_| job.is_array()).unwrap_or_default());
    add("-o", job.list("JB_stdout_path_list", "path_list", "PN_path").concat());
    add("-e", job.list("JB_stderr_path_list", "path_list", "PN_path").concat());
    if text("JB_merge_stderr") == "true" {
        add("-j", "y".to_owned());
    }
    if let (Some(pe), Some((from, to))) = (job.text("JB_pe"), slots(&job)) {
        options.extend(["-pe".to_owned(), pe.into_owned(), if from == to { from } else { format!("{from}-{to}") }]);
    }
    let path = job.text("JB_script_file").unwrap_or("job.sh".into()).into_owned();
    Ok(Submission {
        cluster: ClusterId::new(""),
        place: Place::Here,
        path,
        dir: Some(job.work_dir()).filter(|dir| !dir.is_empty()),
        args: job.list("JB_job_args", "element", "ST_name").into_iter().map(std::borrow::Cow::into_owned).collect(),
        options,
        text: Some(script.to_owned()),
    })
}

/// How many slots of its parallel environment it asked for.
fn slots(job: &described::Described<'_>) -> Option<(String, String)> {
    let first = |name: &str| Some(job.list("JB_pe_range", "ranges", name).into_iter().next()?.into_owned());
    Some((first("RN_min")?, first("RN_max")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-long.xml");
    const ARRAY: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-array.xml");

    #[test]
    fn the_script_and_what_was_asked_for_come_back() {
        let of = |description: &str, script: &str| {
            let said = Said { status: 0, stdout: format!("{description}{PART}{script}").into(), stderr: String::new() };
            let told = told(&said, &JobId::new("69")).unwrap();
            told.submission.map(|(submission, _)| (submission, told.token))
        };
        let (job, token) = of(LONG, "#!/bin/bash\nsleep 600\n").unwrap();
        assert_eq!(token.as_deref(), Some("0123abcd"));
        assert_eq!(
            (job.text.as_deref(), job.dir.as_deref(), job.args.join("|")),
            (Some("#!/bin/bash\nsleep 600\n"), Some("/home/ec2-user"), "a|b c".into())
        );
        assert_eq!(job.options.join(" "), "-N long -l h_rt=3600,h_vmem=2G -o logs/$JOB_NAME.$JOB_ID.out -j y");
        assert_eq!(of(LONG, "").unwrap_err().kind, FailureKind::Unsupported);
        assert_eq!(of(ARRAY, "x").unwrap_err().kind, FailureKind::Unsupported);
        assert_eq!(of("<unknown_jobs/>", "").unwrap_err().kind, FailureKind::NotFound);
    }
}
