//! `qdeck doctor`: each line as soon as it is known, and an exit code for scripts.

use futures::StreamExt;

use super::print;
use crate::model::text::clean;
use crate::model::{Answer, ClusterId, Diagnosis, Failure, FailureKind, Finding, Query};
use crate::remote::Remote;

/// Prints what is found. A failure tells how much of it asks for something to be done.
pub(super) async fn doctor(json: bool, remote: &dyn Remote, name: Option<&str>) -> Result<(), Failure> {
    let mut answers = remote.follow(Query::Doctor(name.map(ClusterId::new)));
    let mut all = Diagnosis::default();
    let mut told: Vec<Finding> = Vec::new();
    while let Some(answer) = answers.next().await {
        let Answer::Doctor(diagnosis) = answer? else { continue };
        for finding in diagnosis.findings.iter().filter(|finding| !json && !told.contains(finding)) {
            print::out(line(finding).as_bytes())?;
        }
        told.clone_from(&diagnosis.findings);
        all = diagnosis;
    }
    if json {
        print::json(&serde_json::to_value(&all.findings).unwrap_or_default())?;
    }
    match all.wanting() {
        0 => Ok(()),
        n => {
            let what = if n == 1 { "1 check is not ok".to_owned() } else { format!("{n} checks are not ok") };
            Err(Failure::new(FailureKind::Rejected, "doctor", what))
        }
    }
}

fn line(finding: &Finding) -> String {
    let hint = if finding.hint.is_empty() { String::new() } else { format!("\n{:16}{}", "", clean(&finding.hint)) };
    format!("{:14}  {}: {}{hint}\n", finding.state.words(), clean(&finding.check), clean(&finding.what))
}
