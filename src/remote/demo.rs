//! Stub.
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, StreamExt};

use crate::model::{Answer, Cluster, ClusterId, Command, Failure, FailureKind, Progress, Query};
use crate::remote::Remote;

/// Settings.
#[derive(Clone, Copy, Debug)]
pub struct DemoSettings {
    /// Seed.
    pub seed: u64,
    /// Jobs.
    pub jobs: usize,
    /// Nodes.
    pub nodes: usize,
}
/// Demo.
#[derive(Clone, Debug)]
pub struct Demo;
impl Demo {
    /// Start.
    pub fn start(_s: DemoSettings) -> Self { Self }
    /// Knows.
    pub fn knows(&self, _c: &ClusterId) -> bool { false }
    /// Clusters.
    pub fn clusters(&self) -> Vec<Cluster> { vec![] }
}
impl Remote for Demo {
    fn ask(&self, _q: Query) -> BoxFuture<'static, Result<Answer, Failure>> { async { Err(Failure::new(FailureKind::NotFound, "", "")) }.boxed() }
    fn follow(&self, _q: Query) -> BoxStream<'static, Result<Answer, Failure>> { futures::stream::pending().boxed() }
    fn run(&self, _c: Command) -> BoxStream<'static, Progress> { futures::stream::pending().boxed() }
}
