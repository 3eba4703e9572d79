//! What `pcluster` says of a configuration before anything is made: `create-cluster --dryrun true`.
//!
//! Makes nothing. A good dry run ends with status 1: only its words tell it from a bad one.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::model::{Failure, FailureKind};

/// It starts Python and Node.js and asks AWS dozens of questions.
const PATIENCE: Duration = Duration::from_secs(300);
/// What it says when all is well.
const GOOD: &str = "DryRun flag is set";

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rehearsal {
    /// Whether the cluster could be created.
    pub is_good: bool,
    /// `pcluster`'s own words.
    pub said: String,
    /// Level (`ERROR`, `WARNING`, `INFO`), which validator, and its words.
    pub messages: Vec<(String, String, String)>,
}

/// Checks the configuration in `file` for a cluster called `name`. A missing `pcluster` is a failure of kind `NotFound`.
pub async fn rehearse(name: &str, file: &Path, region: &str, profile: Option<&str>) -> Result<Rehearsal, Failure> {
    let mut pcluster = Command::new("pcluster");
    pcluster.args(["create-cluster", "--dryrun", "true", "--cluster-name", name, "--region", region, "--cluster-configuration"]).arg(file);
    if let Some(profile) = profile {
        pcluster.env("AWS_PROFILE", profile);
    }
    let run = pcluster.stdin(Stdio::null()).kill_on_drop(true).output();
    let out = match tokio::time::timeout(PATIENCE, run).await {
        Err(_) => return Err(Failure::new(FailureKind::TimedOut, "pcluster", format!("no answer within {} s", PATIENCE.as_secs()))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::new(FailureKind::NotFound, "pcluster", "the program is not on the PATH")
                .hint("`pipx install aws-parallelcluster` (it needs Node.js too): it checks the configuration, and creates the cluster."));
        }
        Ok(Err(error)) => return Err(Failure::new(FailureKind::Rejected, "pcluster", error.to_string())),
        Ok(Ok(out)) => out,
    };
    read(&out.stdout, &String::from_utf8_lossy(&out.stderr))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    message: String,
    configuration_validation_errors: Vec<Message>,
    validation_messages: Vec<Message>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message {
    level: String,
    r#type: String,
    message: String,
}

/// Its answer is JSON on standard output; before that Node.js may have warned of itself.
fn read(stdout: &[u8], stderr: &str) -> Result<Rehearsal, Failure> {
    let text = String::from_utf8_lossy(stdout);
    let told: Option<Told> = text.find('{').and_then(|at| serde_json::from_str(text[at..].trim_end()).ok());
    let Some(told) = told else {
        let last = |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
        let words = last(stderr).or_else(|| last(&text)).unwrap_or_else(|| "it ended without a word".into());
        return Err(Failure::new(FailureKind::Rejected, "pcluster", words));
    };
    let all = told.configuration_validation_errors.into_iter().chain(told.validation_messages);
    Ok(Rehearsal {
        is_good: told.message.contains(GOOD),
        said: told.message,
        messages: all.map(|message| (message.level, message.r#type, message.message)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_dry_run_is_told_from_a_bad_one_by_its_words() {
        let good = br#"{"message": "Request would have succeeded, but DryRun flag is set.", "validationMessages": [
            {"level": "WARNING", "type": "KeyPairValidator", "message": "no key"}]}"#;
        let good = read(good, "").unwrap();
        assert!(good.is_good && good.messages[0].0 == "WARNING");
        let bad = br#"v20 is old
            {"configurationValidationErrors": [{"level": "ERROR", "type": "ConfigSchemaValidator", "message": "x"}], "message": "Invalid cluster configuration."}"#;
        let bad = read(bad, "").unwrap();
        assert!(!bad.is_good && bad.messages == [("ERROR".into(), "ConfigSchemaValidator".into(), "x".into())]);
        assert_eq!(read(b"", "Traceback\nModuleNotFoundError: no aws_cdk\n").unwrap_err().what, "ModuleNotFoundError: no aws_cdk");
        for torn in [&b"{\"message\": \"Request would have succeeded, but DryRun fl"[..], b"[]", b"{\"message\": 7}"] {
            assert!(read(torn, "").is_err());
        }
    }
}
