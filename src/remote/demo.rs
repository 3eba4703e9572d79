//! Two simulated clusters, so that every pane is alive without AWS, ssh or Slurm.
//!
//! Touches nothing real but the files that a fetch writes and the script that a submission reads. Deterministic from a seed and a clock.

mod answers;
mod change;
mod cost;
mod doctor;
mod files;
mod lifecycle;
mod logs;
mod past;
mod random;
#[cfg(test)]
mod tests;
mod why;
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;

use crate::model::{
    Answer, Cluster, ClusterId, Command, Failure, FailureKind, Link, LogEvent, LogSource, LogStart, Prices, Progress, Query, Receipt,
    Scope, Trail,
};
use crate::remote::Remote;
use world::World;

/// What the simulated queue is made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DemoSettings {
    /// Another seed makes another world.
    pub seed: u64,
    /// Jobs in the queue.
    pub jobs: usize,
    /// Nodes of the cluster.
    pub nodes: usize,
}

/// Seconds since the world began.
type Watch = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Seconds that the second cluster takes to be created.
const CREATION: f64 = 240.0;

/// The simulation. Cheap to clone: all clones see one world.
#[derive(Clone)]
pub struct Demo {
    world: Arc<Mutex<World>>,
    life: Arc<Mutex<lifecycle::Life>>,
    watch: Watch,
    epoch: Timestamp,
}

impl Demo {
    /// A world that begins now.
    pub fn start(settings: DemoSettings) -> Self {
        let begun = tokio::time::Instant::now();
        Self::with_clock(settings, Timestamp::now(), Arc::new(move || begun.elapsed().as_secs_f64()))
    }

    /// A world whose first moment is `epoch` and whose age `watch` tells in seconds.
    pub fn with_clock(settings: DemoSettings, epoch: Timestamp, watch: Watch) -> Self {
        let user = std::env::var("USER").ok().filter(|u| !u.is_empty()).unwrap_or_else(|| "you".into());
        Self { world: Arc::new(Mutex::new(World::new(settings, epoch, user))), life: Arc::default(), watch, epoch }
    }

    /// Whether a cluster is simulated.
    pub fn knows(&self, cluster: &ClusterId) -> bool {
        matches!(cluster.as_str(), "prod" | "sweep-dev") || cluster.as_str().starts_with("demo/")
    }

    /// The simulated clusters as they are now.
    pub fn clusters(&self) -> Vec<Cluster> {
        let (up, machines) = self.with_world(|world| (world.nodes_up(), cost::machines(world)));
        self.changed_clusters(answers::clusters(self.epoch, (self.watch)(), up, machines))
    }

    /// What the simulated machines cost.
    pub fn prices(&self) -> Prices {
        cost::prices(self.epoch)
    }

    /// Looks at the world as it is at this moment.
    fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        world.advance((self.watch)());
        look(&mut world)
    }

    async fn answer(self, query: Query) -> Result<Answer, Failure> {
        let cluster = query.cluster().cloned().ok_or_else(|| missing("the simulation"))?;
        // What a network takes, and a scheduler.
        tokio::time::sleep(Duration::from_millis(20 + (cluster.as_str().len() as u64 * 7) % 40)).await;
        if let Some(answer) = self.lived(&query) {
            return answer;
        }
        if cluster.as_str() != "prod" {
            return self.young(&query);
        }
        let work = move || match query {
            Query::Nodes(_) => Ok(Answer::Nodes(Arc::new(self.with_world(|w| answers::nodes(w))))),
            Query::Jobs { scope, .. } => Ok(Answer::Jobs(Arc::new(self.with_world(|w| {
                let mut table = answers::jobs(w, scope == Scope::Mine);
                table.changes = past::changes(w, scope == Scope::Mine, &table);
                table
            })))),
            Query::Detail { job, .. } => self.with_world(|w| answers::detail(w, &job)).map(Answer::Detail),
            Query::Examine { job, .. } => self.with_world(|w| past::examine(w, &job)).map(Answer::Detail),
            Query::Shell { door, .. } => self.with_world(|w| past::shell(w, &door)).map(Answer::Shell),
            Query::Streams(_) => Ok(Answer::Streams(self.with_world(|w| logs::streams(w)))),
            Query::Mounts(_) => Ok(Answer::Mounts(files::mounts())),
            Query::Folder { path, .. } => files::folder(&path),
            Query::Preview { path, .. } => files::preview(&path),
            Query::Trail { window, .. } => Ok(Answer::Trail(Arc::new(self.with_world(|w| cost::trail(w, window))))),
            Query::Why { job, .. } => self.with_world(|w| why::why(w, &job)).map(Answer::Why),
            Query::Again { cluster, job } => self.with_world(|w| past::again(w, cluster, &job)).map(Box::new).map(Answer::Again),
            Query::History { recall, .. } => Ok(Answer::History(self.with_world(|w| past::history(w, &recall)))),
            Query::GroupStreams { .. } => Ok(Answer::Streams(self.with_world(|w| logs::streams(w)))),
            Query::Outputs { job, .. } => self.with_world(|w| answers::detail(w, &job)).map(|detail| {
                let files: std::collections::BTreeSet<String> = [detail.stdout, detail.stderr].into_iter().flatten().collect();
                Answer::Files(files.into_iter().collect())
            }),
            Query::LogRange { source, at, bytes } => self.whole(&source).map(|text| logs::range(&text, at, bytes)),
            Query::LogFind { source, pattern, insensitive } => {
                let by_moment = matches!(source, LogSource::Stream { .. });
                self.whole(&source).and_then(|text| logs::find(&text, by_moment, &pattern, insensitive))
            }
            Query::Clusters(_) | Query::Locate(_) | Query::Link(_) | Query::Log(..) | Query::Outbox | Query::Audit | Query::Doctor(_) => {
                Err(missing("the simulation"))
            }
            Query::Groups(_) | Query::Glob { .. } | Query::Prices => Err(missing("the simulation")),
            Query::Ground(_) | Query::Machines { .. } | Query::Quotes { .. } => Err(missing("the simulation")),
            Query::DryRun { .. } | Query::Configuration(_) | Query::Events(_) => Err(missing("the simulation")),
            Query::Usual(_) | Query::Bootstrap { .. } | Query::Region(_) => Err(missing("the simulation")),
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(missing("the simulation")))
    }

    /// The second cluster: nothing to ask until it exists, then empty.
    fn young(&self, query: &Query) -> Result<Answer, Failure> {
        let age = (self.watch)();
        if let Query::Streams(_) | Query::GroupStreams { .. } = query {
            return Ok(Answer::Streams(logs::young_streams()));
        }
        if let Query::Trail { window, .. } = query {
            let minute = crate::remote::now().as_second() / 60;
            return Ok(Answer::Trail(Arc::new(Trail { simulated: true, ..Trail::new(*window, minute, &[]) })));
        }
        let is_young = query.cluster().is_some_and(|cluster| cluster.as_str() == "sweep-dev");
        if is_young && age < CREATION {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few minutes")]
            let (now, all) = (age as u64, CREATION as u64);
            let what = format!(
                "the cluster is being created: {} of about {}",
                crate::model::duration::slurm(now),
                crate::model::duration::slurm(all)
            );
            return Err(Failure::new(FailureKind::Busy, "sweep-dev", what).hint("L shows its log streams meanwhile."));
        }
        match query {
            Query::Nodes(_) => Ok(Answer::Nodes(Arc::default())),
            Query::Jobs { .. } => Ok(Answer::Jobs(Arc::default())),
            _ => Err(missing("sweep-dev")),
        }
    }

    /// All that a simulated log holds now.
    fn whole(&self, source: &LogSource) -> Result<String, Failure> {
        let age = (self.watch)();
        let text = self.with_world(|world| logs::text(world, age, source, None, LogStart::Beginning));
        text.map(|(_, text)| text).map_err(|why| Failure::new(FailureKind::NotFound, "the log", why))
    }

    fn log(self, source: LogSource, start: LogStart) -> BoxStream<'static, Result<Answer, Failure>> {
        let state = (self, source, None::<usize>, 0_u64, Vec::<LogEvent>::new());
        stream::unfold(state, move |(demo, source, mut lines, mut offset, mut ready)| async move {
            loop {
                if let Some(event) = ready.pop() {
                    return Some((Ok(Answer::Log(event)), (demo, source, lines, offset, ready)));
                }
                let age = (demo.watch)();
                let first = lines.is_none();
                match demo.with_world(|world| logs::text(world, age, &source, lines, start)) {
                    Ok((_, text)) if text.is_empty() && !first => tokio::time::sleep(Duration::from_millis(400)).await,
                    Ok((next, text)) => {
                        // Handed out from the back.
                        if first {
                            ready.push(LogEvent::CaughtUp);
                        }
                        let sent = text.len() as u64;
                        if first && start != LogStart::Beginning {
                            offset = demo.whole(&source).map_or(0, |whole| (whole.len() as u64).saturating_sub(sent));
                        }
                        ready.push(LogEvent::Bytes { offset, bytes: text.into_bytes() });
                        if first {
                            ready.push(LogEvent::Opened { path: "simulated".into(), start: offset, size: offset + sent });
                        }
                        offset += sent;
                        lines = Some(next);
                    }
                    Err(why) => {
                        ready.push(LogEvent::Waiting { why });
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        })
        .boxed()
    }
}

fn missing(place: &str) -> Failure {
    Failure::new(FailureKind::NotFound, place, "the simulation does not have that")
}

impl Remote for Demo {
    fn ask(&self, query: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.clone().answer(query).boxed()
    }

    fn follow(&self, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        match query {
            Query::Log(source, start) => self.clone().log(source, start),
            Query::Link(_) => stream::unfold(0_u64, |n| async move {
                if n > 0 {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
                let rtt = Duration::from_millis(22 + n * 7 % 9);
                Some((Ok(Answer::Link(Link::Up { rtt: Some(rtt), is_shared: false })), n + 1))
            })
            .boxed(),
            Query::Doctor(_) => doctor::follow(),
            other => self.ask(other).into_stream().boxed(),
        }
    }

    fn run(&self, command: Command) -> BoxStream<'static, Progress> {
        let demo = self.clone();
        let work = async move {
            tokio::time::sleep(Duration::from_millis(120)).await;
            let done = match command {
                Command::Submit(submission) => demo.with_world(|w| answers::submit(w, &submission)),
                Command::Change { change, jobs, .. } => demo.with_world(|w| change::jobs(w, &change, &jobs)),
                Command::ChangeNodes { change, nodes, .. } => demo.with_world(|w| change::nodes(w, &change, &nodes)),
                Command::Fetch(fetch) => demo.with_world(|w| files::fetch(w, &fetch)),
                Command::Stage(stage) => files::stage(&stage),
                Command::Operate { cluster, operation } => demo.operate(&cluster, &operation),
                Command::MakeKey(_) | Command::MakeNetwork(_) | Command::KeepWay { .. } => Err(missing("the simulation")),
                Command::Save { .. } | Command::Forget { .. } => Err(missing("the simulation")),
                Command::Reply { .. } | Command::Reconnect(_) | Command::Finish { .. } => Ok(Receipt::Noted),
                Command::KeepColumns(_) | Command::SaveLog(_) | Command::LetTail(_) => Ok(Receipt::Noted),
            };
            done.map_or_else(Progress::Failed, Progress::Done)
        };
        work.into_stream().boxed()
    }
}
