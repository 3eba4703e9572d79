//! The one place that every command passes: what may not change is not changed, and what is changed is written down.
//!
//! Knows nothing of how a command is carried out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;

use super::Remote;
use super::audit::Audit;
use crate::config::Config;
use crate::model::{Answer, ClusterId, Command, Deed, Failure, FailureKind, Progress, Query, Receipt, Scope};

/// The latest deeds that are shown.
const SHOWN: usize = 1_000;

/// What may be changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Nothing at all.
    everything: bool,
    /// Nothing on clusters of these names or ids.
    clusters: BTreeSet<String>,
}

impl Policy {
    /// What the configuration and the command line's `--read-only` say together: either is enough.
    pub fn new(config: &Config, read_only: bool) -> Self {
        let hosts = config.hosts.iter().filter(|host| host.read_only).map(|host| host.name.clone());
        let clusters = config.clusters.iter().filter(|(_, entry)| entry.read_only).map(|(name, _)| name.clone());
        Self { everything: config.read_only || read_only, clusters: hosts.chain(clusters).collect() }
    }

    /// Whether nothing on this cluster may be changed.
    pub fn forbids(&self, cluster: &ClusterId) -> bool {
        self.everything || self.clusters.contains(cluster.as_str()) || self.clusters.contains(cluster.name())
    }
}

/// A world behind its guard.
pub struct Guard {
    world: Arc<dyn Remote>,
    policy: Policy,
    audit: Audit,
    user: String,
}

impl Guard {
    /// Guards `world`, keeping the trail in `audit`.
    pub fn new(world: Arc<dyn Remote>, policy: Policy, audit: Audit) -> Self {
        let user = ["USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok()).unwrap_or_else(|| "unknown".into());
        Self { world, policy, audit, user }
    }
}

impl Remote for Guard {
    fn ask(&self, query: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
        if query != Query::Audit {
            return self.world.ask(query);
        }
        let audit = self.audit.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || audit.read(SHOWN)).await;
            read.unwrap_or_else(|_| Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up"))).map(Answer::Audit)
        }
        .boxed()
    }

    fn jobs_with_paths(&self, cluster: ClusterId, scope: Scope) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.world.jobs_with_paths(cluster, scope)
    }

    fn follow(&self, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        self.world.follow(query)
    }

    fn run(&self, command: Command) -> BoxStream<'static, Progress> {
        let Some(cluster) = command.cluster().filter(|_| command.is_changing()).cloned() else {
            return self.world.run(command);
        };
        if self.policy.forbids(&cluster) {
            let failure = Failure::new(FailureKind::Denied, cluster.as_str(), format!("read-only: qdeck does not {command}"))
                .hint("--read-only, or read_only in the configuration, says so.");
            return stream::once(std::future::ready(Progress::Failed(failure))).boxed();
        }
        let (audit, user, words) = (self.audit.clone(), self.user.clone(), command.to_string());
        let told = Arc::new(Mutex::new(Told { deed: Some((cluster, user, words)), audit }));
        // Held by the stream: a command that is given up half-way is written down too.
        self.world
            .run(command)
            .map(move |progress| {
                if let (Some(result), Ok(mut told)) = (result(&progress), told.lock()) {
                    told.write(result);
                }
                progress
            })
            .boxed()
    }
}

/// One deed whose result is not known yet.
struct Told {
    deed: Option<(ClusterId, String, String)>,
    audit: Audit,
}

impl Told {
    fn write(&mut self, result: String) {
        let Some((cluster, user, command)) = self.deed.take() else { return };
        self.audit.add(&Deed { at: Timestamp::now(), user, cluster, command, result });
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.write("given up before its end was known".into());
    }
}

/// The result that a last word of a command is.
fn result(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Step(_) | Progress::Moved { .. } => None,
        Progress::Failed(failure) => Some(format!("failed: {}", failure.what)),
        Progress::Done(Receipt::Submitted { job, .. }) => Some(format!("job {job}")),
        Progress::Done(Receipt::Changed { refused, .. }) if refused.is_empty() => Some("done".into()),
        Progress::Done(Receipt::Changed { asked, refused }) => {
            let each: Vec<String> = refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            Some(format!("{} of {asked} refused: {}", refused.len(), each.join("; ")))
        }
        Progress::Done(Receipt::Begun { status, .. }) => Some(status.clone()),
        Progress::Done(Receipt::Network { vpc, .. }) => Some(vpc.clone()),
        Progress::Done(Receipt::Refused(verdict)) => {
            let first = verdict.remarks.first().map_or(String::new(), |remark| format!(": {}", remark.message));
            Some(format!("refused: {}{first}", verdict.said))
        }
        Progress::Done(
            Receipt::Fetched { .. }
            | Receipt::Differs { .. }
            | Receipt::Saved(_)
            | Receipt::SavedLog { .. }
            | Receipt::Noted
            | Receipt::Staged { .. },
        ) => Some("done".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobChange, JobId};

    struct World;

    impl Remote for World {
        fn ask(&self, _query: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
            std::future::ready(Ok(Answer::Jobs(Arc::default()))).boxed()
        }

        fn follow(&self, _query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
            stream::pending().boxed()
        }

        fn run(&self, command: Command) -> BoxStream<'static, Progress> {
            match command {
                Command::Change { jobs, .. } => {
                    let refused = vec![("2".to_owned(), "Access/permission denied".to_owned())];
                    stream::iter([Progress::Step("x".into()), Progress::Done(Receipt::Changed { asked: jobs.len(), refused })]).boxed()
                }
                _ => stream::pending().boxed(),
            }
        }
    }

    fn cancel(cluster: &str) -> Command {
        let jobs = vec![JobId::new("1"), JobId::new("2")];
        Command::Change { cluster: ClusterId::new(cluster), change: JobChange::Cancel, jobs }
    }

    #[tokio::test]
    async fn what_may_not_change_never_reaches_the_world_and_the_rest_is_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::parse("clusters: {prod: {read_only: true}}\nhosts: [{name: lab, ssh: x, read_only: true}]\n", "c").unwrap();
        let guard = |read_only| Guard::new(Arc::new(World), Policy::new(&config, read_only), Audit::at(dir.path().join("a.jsonl")));
        for (read_only, cluster) in [(false, "p/eu-west-1/prod"), (false, "lab"), (true, "other")] {
            let said: Vec<_> = guard(read_only).run(cancel(cluster)).collect().await;
            assert!(
                matches!(said.as_slice(), [Progress::Failed(f)] if f.kind == FailureKind::Denied && f.what.contains("cancel 1, 2")),
                "{said:?}"
            );
        }
        let open = guard(false);
        let said: Vec<_> = open.run(cancel("other")).collect().await;
        assert_eq!(said.len(), 2);
        // Given up while nothing is known of its end.
        let finish = Command::Finish { cluster: ClusterId::new("other"), token: "t".into() };
        drop(open.run(finish));
        // What changes nothing is nobody's business.
        drop(open.run(Command::Reconnect(ClusterId::new("lab"))));
        let Answer::Audit(deeds) = open.ask(Query::Audit).await.unwrap() else { panic!() };
        let told: Vec<_> = deeds.iter().map(|d| (d.command.as_str(), d.result.as_str())).collect();
        let refused = "1 of 2 refused: 2: Access/permission denied";
        assert_eq!(told, [("finish the submission t", "given up before its end was known"), ("cancel 1, 2", refused)]);
        assert_eq!(deeds[1].cluster, ClusterId::new("other"));
    }
}
