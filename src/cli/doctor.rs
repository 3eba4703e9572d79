//! `qdeck doctor`: each line as soon as it is known, an exit code for scripts, and for a person the offer of another way.

use std::io::{BufRead, IsTerminal, Write};

use futures::StreamExt;

use super::{print, run};
use crate::model::text::clean;
use crate::model::{Answer, ClusterId, Command, Detour, Diagnosis, Failure, FailureKind, Finding, Query, Receipt};
use crate::remote::Remote;

/// Prints what is found, and again after another way was chosen. A failure tells how much of it asks for something to be done.
pub(super) async fn doctor(json: bool, remote: &dyn Remote, name: Option<&str>) -> Result<(), Failure> {
    let mut all = told(json, remote, name).await?;
    if !json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        for detour in std::mem::take(&mut all.detours) {
            if agreed(&detour).await {
                let command = Command::KeepWay { cluster: detour.cluster, way: detour.way };
                if let Receipt::Saved(file) = run::run(remote, command).await? {
                    print::out(format!("Written into {}. Once more:\n\n", clean(&file.display().to_string())).as_bytes())?;
                }
                all = told(json, remote, name).await?;
                break;
            }
        }
    }
    match all.wanting() {
        0 => Ok(()),
        n => {
            let what = if n == 1 { "1 check is not ok".to_owned() } else { format!("{n} checks are not ok") };
            Err(Failure::new(FailureKind::Rejected, "doctor", what))
        }
    }
}

/// Whether somebody at the terminal wants this way to be written down.
async fn agreed(detour: &Detour) -> bool {
    let (name, file) = (clean(detour.cluster.name()), clean(&detour.file));
    let _ = write!(std::io::stderr(), "\nWrite `{}` for {name} into {file}? [y/N] ", detour.way);
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let typed = typed.await.ok().and_then(Result::ok).unwrap_or_default();
    matches!(typed.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

async fn told(json: bool, remote: &dyn Remote, name: Option<&str>) -> Result<Diagnosis, Failure> {
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
    Ok(all)
}

fn line(finding: &Finding) -> String {
    let hint = if finding.hint.is_empty() { String::new() } else { format!("\n{:16}{}", "", clean(&finding.hint)) };
    format!("{:14}  {}: {}{hint}\n", finding.state.words(), clean(&finding.check), clean(&finding.what))
}
