//! Clusters are made, changed and deleted by AWS ParallelCluster's own program, `pcluster`: it is run, and what it prints is read.
//!
//! Asks `pcluster` for nothing that AWS itself tells faster: no lists, no events, no status.

mod process;
mod remarks;
mod said;

use std::time::Duration;

use crate::model::{Alteration, Failure, FailureKind, Operation, Receipt, Verdict, scaling};
use process::Run;
use said::Said;

/// What `pcluster` says when a dry run went well; it exits with 1 all the same.
const WOULD: &str = "Request would have succeeded";
/// A dry run takes 5 to 30 s.
const PATIENCE: Duration = Duration::from_mins(3);
/// A creation uploads its files before it is begun.
const LONG: Duration = Duration::from_mins(15);
/// Nobody waits longer than this for a configuration file, in seconds.
const FETCH: &str = "30";

/// A cluster as `pcluster` is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whose {
    /// The cluster's name.
    pub name: String,
    /// AWS profile; `None` is the program's own choice.
    pub profile: Option<String>,
    /// Region; `None` is the configuration's, or the profile's own.
    pub region: Option<String>,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Pcluster {
    program: String,
}

/// Whether a configuration is for a new cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    /// It is.
    Create,
    /// It is for one that is there.
    Update,
}

impl Pcluster {
    /// As configured; it is looked for when it is first needed.
    pub fn new(config: &crate::config::Pcluster) -> Self {
        let program = config.program.as_deref().map(super::live::at_home);
        Self { program: program.map_or_else(|| "pcluster".to_owned(), |path| path.display().to_string()) }
    }

    /// Its version: `3.16.1`.
    pub async fn version(&self) -> Result<String, Failure> {
        let whose = Whose { name: self.program.clone(), profile: None, region: None };
        let ended = Run::new(vec![self.program.clone(), "version".to_owned()], None).until(PATIENCE).await?;
        let said = self.said(&whose, &ended)?;
        let version =
            said.version.filter(|text| text.split('.').count() >= 3 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'));
        version.ok_or_else(|| unread(&whose))
    }

    /// What would come of this configuration. Dropping the future ends the program.
    pub async fn dry_run(&self, whose: &Whose, aim: Aim, text: &str) -> Result<Verdict, Failure> {
        let run = self.run(whose, verb(aim), &["--dryrun", "true"]).config(text);
        let said = self.said(whose, &run.until(PATIENCE).await?)?;
        if said.is_about_configuration() || said.message.contains(WOULD) {
            Ok(verdict(said, text))
        } else {
            Err(refusal(whose, &said.message))
        }
    }

    /// The configuration file of a cluster, as it was given.
    pub async fn configuration(&self, whose: &Whose) -> Result<String, Failure> {
        let said = self.said(whose, &self.run(whose, "describe-cluster", &[]).until(PATIENCE).await?)?;
        let Some(url) = said.url() else {
            return Err(if said.message.is_empty() { unread(whose) } else { refusal(whose, &said.message) });
        };
        self.fetch(whose, url).await
    }

    /// What would come of other bounds for a queue.
    pub async fn dry_scale(
        &self,
        whose: &Whose,
        queue: &str,
        bounds: (Option<u32>, Option<u32>),
        before: String,
    ) -> Result<Verdict, Failure> {
        let wrong = |what: String| Failure::new(FailureKind::Rejected, whose.name.as_str(), what);
        let (text, bounds) = scaling::scaled(&before, queue, bounds.0, bounds.1).map_err(wrong)?;
        if text == before {
            return Err(wrong(format!("queue {queue} has {}-{} nodes already", bounds.0, bounds.1)));
        }
        let verdict = self.dry_run(whose, Aim::Update, &text).await?;
        Ok(Verdict { before: Some(before), bounds: Some(bounds), ..verdict })
    }

    /// Begins something. What was begun goes on when the future is dropped, and so does the program.
    pub async fn operate(&self, whose: &Whose, operation: &Operation) -> Result<Receipt, Failure> {
        let run = match operation {
            Operation::Create { text } => self.run(whose, "create-cluster", &[]).config(text),
            Operation::Update { text } | Operation::Scale { text, .. } => self.run(whose, "update-cluster", &[]).config(text),
            Operation::StartFleet => self.run(whose, "update-compute-fleet", &["--status", "START_REQUESTED"]),
            Operation::StopFleet => self.run(whose, "update-compute-fleet", &["--status", "STOP_REQUESTED"]),
            Operation::Delete => self.run(whose, "delete-cluster", &[]),
            Operation::Head(_) | Operation::Terminate { .. } => {
                return Err(Failure::new(FailureKind::Unsupported, whose.name.as_str(), "EC2 does that, not pcluster"));
            }
        };
        let text = match operation {
            Operation::Create { text } | Operation::Update { text } | Operation::Scale { text, .. } => text.as_str(),
            Operation::StartFleet | Operation::StopFleet | Operation::Delete | Operation::Head(_) | Operation::Terminate { .. } => "",
        };
        let said = self.said(whose, &run.lasting().until(LONG).await?)?;
        match said.status().map(str::to_owned) {
            Some(status) => Ok(Receipt::Begun { status, verdict: Box::new(verdict(said, text)) }),
            None if said.is_about_configuration() => Ok(Receipt::Refused(Box::new(verdict(said, text)))),
            None if said.message.is_empty() => Err(unread(whose)),
            None => Err(refusal(whose, &said.message)),
        }
    }

    fn run(&self, whose: &Whose, verb: &str, more: &[&str]) -> Run {
        let mut words = vec![self.program.clone(), verb.to_owned(), "--cluster-name".to_owned(), whose.name.clone()];
        words.extend(whose.region.iter().flat_map(|region| ["--region".to_owned(), region.clone()]));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        Run::new(words, whose.profile.as_deref())
    }

    fn said(&self, whose: &Whose, ended: &process::Ended) -> Result<Said, Failure> {
        if ended.is_missing() {
            return Err(Failure::new(FailureKind::NotFound, self.program.as_str(), "AWS ParallelCluster's program is not on this machine").hint(
                "`pipx install aws-parallelcluster` installs it (create and update need Node.js too); pcluster: {program: …} in the configuration \
                 names it where it is not on the PATH.",
            ));
        }
        said::read(&ended.out).ok_or_else(|| {
            let last = ended.err.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing that can be read");
            let kind = if ended.out.trim_start().starts_with('{') { FailureKind::Garbled } else { FailureKind::Rejected };
            let what = if kind == FailureKind::Garbled { "pcluster's answer is cut off or cannot be read" } else { last };
            Failure::new(kind, whose.name.as_str(), what).hint("~/.parallelcluster/pcluster-cli.log has more.")
        })
    }

    /// The file behind a signed address; the address is a secret for its hour, and stays off the list of processes.
    async fn fetch(&self, whose: &Whose, url: &str) -> Result<String, Failure> {
        let local = url.starts_with("http://127.0.0.1:");
        if !(url.starts_with("https://") || local) || url.contains(['"', '\\']) || url.chars().any(char::is_control) {
            return Err(Failure::new(FailureKind::Garbled, whose.name.as_str(), "the address of its configuration cannot be used"));
        }
        let words = ["curl", "--silent", "--show-error", "--fail", "--max-time", FETCH, "--max-filesize", "1048576", "--config"];
        let run = Run::new(words.map(str::to_owned).to_vec(), None).file(&format!("url = \"{url}\"\n"));
        let ended = run.until(PATIENCE).await?;
        if ended.code == Some(0) {
            return Ok(ended.out);
        }
        let why = if ended.is_missing() { "curl is not on this machine".to_owned() } else { ended.err.trim().to_owned() };
        Err(Failure::new(FailureKind::Unreachable, whose.name.as_str(), format!("its configuration cannot be had: {why}"))
            .hint("Give the file it was made from with --file."))
    }
}

fn verb(aim: Aim) -> &'static str {
    match aim {
        Aim::Create => "create-cluster",
        Aim::Update => "update-cluster",
    }
}

/// What was said, each remark beside its line of the configuration.
fn verdict(said: Said, text: &str) -> Verdict {
    let alterations = said.change_set.iter().map(|change| Alteration {
        parameter: change.parameter.clone(),
        now: said::word(&change.current_value),
        then: said::word(&change.requested_value),
    });
    let accepted = said.message.contains(WOULD) || said.status().is_some();
    Verdict {
        accepted,
        alterations: alterations.collect(),
        remarks: remarks::of(&said, text),
        said: said.message,
        text: text.to_owned(),
        before: None,
        bounds: None,
    }
}

fn unread(whose: &Whose) -> Failure {
    Failure::new(FailureKind::Garbled, whose.name.as_str(), "pcluster's answer says nothing of what was asked")
}

/// A refusal that is not about the configuration.
fn refusal(whose: &Whose, message: &str) -> Failure {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let (kind, hint) = if has(&["Node.js", "node --version"]) {
        (FailureKind::Unsupported, "Install Node.js: pcluster needs it to create and update clusters.")
    } else if has(&["Unable to locate credentials", "NoCredentials"]) {
        (FailureKind::NoCredentials, "`aws sso login` or `aws configure`; --profile chooses another account.")
    } else if has(&["ExpiredToken", "expired"]) {
        (FailureKind::Expired, "The credentials have run out: sign in again.")
    } else if has(&["AccessDenied", "not authorized", "UnauthorizedOperation", "Access denied"]) {
        (FailureKind::Denied, "These credentials may not do that; ParallelCluster's documentation lists the policies that its users need.")
    } else if has(&["does not exist"]) {
        (FailureKind::NotFound, "`qdeck clusters` lists those there are; --region looks elsewhere.")
    } else if has(&["already exists"]) {
        (FailureKind::Conflict, "Choose another name.")
    } else if has(&["Throttling", "Rate exceeded", "limit has been exceeded"]) {
        (FailureKind::Busy, "AWS limits the calls of this account; try again in a minute.")
    } else if has(&["different version", "can be updated using", "created with version"]) {
        (FailureKind::Unsupported, "A cluster is changed by the pcluster of its own version: pcluster: {program: …} names it.")
    } else {
        (FailureKind::Rejected, "")
    };
    Failure::new(kind, whose.name.as_str(), message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose() -> Whose {
        Whose { name: "one".into(), profile: None, region: Some("eu-west-1".into()) }
    }

    /// A program that prints this and exits so.
    fn program(dir: &std::path::Path, script: &str) -> Pcluster {
        use std::os::unix::fs::PermissionsExt as _;
        let path = dir.join("pcluster");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Pcluster { program: path.display().to_string() }
    }

    #[tokio::test]
    async fn a_dry_run_that_succeeds_exits_with_1_and_a_refusal_does_too() {
        let dir = tempfile::tempdir().unwrap();
        let said = r#"echo banner >&2; cat "$9" > "$0.seen"; echo '{"message": "Request would have succeeded, but DryRun flag is set.", "changeSet": [{"parameter": "a.b", "requestedValue": "8", "currentValue": "4"}]}'; exit 1"#;
        let verdict = program(dir.path(), said).dry_run(&whose(), Aim::Update, "a: 1\n").await;
        let told = verdict.unwrap();
        assert!(told.accepted && told.alterations[0].then == "8");
        let said =
            r#"echo '{"message": "Invalid cluster configuration: The following supplied instance types do not exist: [c6i.odd]"}'; exit 1"#;
        let verdict = program(dir.path(), said).dry_run(&whose(), Aim::Create, "x: y\nInstanceType: c6i.odd\n").await.unwrap();
        assert!(!verdict.accepted && verdict.remarks[0].line == Some(1), "{verdict:?}");
        let said = r#"echo '{"message": "Bad Request: No changes found in your cluster configuration."}'; exit 1"#;
        let failure = program(dir.path(), said).dry_run(&whose(), Aim::Update, "").await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.what.as_str()),
            (FailureKind::Rejected, "Bad Request: No changes found in your cluster configuration.")
        );
    }

    #[tokio::test]
    async fn torn_hostile_and_missing_answers_are_failures() {
        let dir = tempfile::tempdir().unwrap();
        let torn =
            program(dir.path(), r#"printf '{"message": "Request wou'; exit 1"#).dry_run(&whose(), Aim::Create, "").await.unwrap_err();
        assert_eq!(torn.kind, FailureKind::Garbled);
        let usage =
            program(dir.path(), "echo 'pcluster: error: \x1b]0;x\x07 unknown' >&2; exit 2").operate(&whose(), &Operation::Delete).await;
        let usage = usage.unwrap_err();
        assert!(usage.what.contains("unknown") && !usage.what.contains('\x1b'), "{usage:?}");
        let odd = program(dir.path(), "echo '[1, 2]'").operate(&whose(), &Operation::StopFleet).await.unwrap_err();
        assert!(matches!(odd.kind, FailureKind::Garbled | FailureKind::Rejected), "{odd:?}");
        let nobody = Pcluster { program: dir.path().join("none").display().to_string() };
        let missing = nobody.operate(&whose(), &Operation::Delete).await.unwrap_err();
        assert!(missing.kind == FailureKind::NotFound && missing.hint.contains("pipx install"), "{missing:?}");
        let evil = r#"echo '{"clusterConfiguration": {"url": "file:///etc/passwd"}}'"#;
        assert_eq!(program(dir.path(), evil).configuration(&whose()).await.unwrap_err().kind, FailureKind::Garbled);
    }

    #[tokio::test]
    async fn a_dry_run_that_is_given_up_ends_and_an_operation_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let slow = program(dir.path(), r#"sleep 1; echo done > "$0.$1""#);
        let give_up = Duration::from_millis(300);
        assert!(tokio::time::timeout(give_up, slow.dry_run(&whose(), Aim::Update, "")).await.is_err());
        assert!(tokio::time::timeout(give_up, slow.operate(&whose(), &Operation::Create { text: "a: 1".into() })).await.is_err());
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let written: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
        assert!(written.contains(&"pcluster.create-cluster".to_owned()), "{written:?}");
        assert!(!written.contains(&"pcluster.update-cluster".to_owned()), "{written:?}");
    }
}
