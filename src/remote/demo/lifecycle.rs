//! The life of simulated clusters: they are created, updated and deleted in a minute or two, and nothing real is touched.
//!
//! A configuration is checked for little more than what a person would notice.

use std::sync::Arc;

use jiff::Timestamp;

use super::{CREATION, Demo, files, missing};
use crate::model::outline::{Outline, steps};
use crate::model::{
    Alteration, Answer, Bootstrap, Cluster, ClusterId, ClusterKind, Configuration, Course, Draft, Failure, FailureKind, LogSource,
    LogStart, Operation, Place, Power, Query, Receipt, Remark, Severity, StackEvent, Usual, Verdict, scaling, usual,
};

/// Seconds that a simulated operation takes.
const LONG: f64 = 90.0;
/// What the first cluster's creation took.
const LONG_AGO: f64 = 420.0;

/// What was done to the simulated clusters.
#[derive(Debug)]
pub(super) struct Life {
    config: String,
    fleet: &'static str,
    /// Operations on stacks: which cluster, what, when.
    deeds: Vec<(ClusterId, &'static str, f64)>,
}

impl Default for Life {
    fn default() -> Self {
        Self { config: CONFIG.to_owned(), fleet: "RUNNING", deeds: Vec::new() }
    }
}

/// The configuration of `prod`.
const CONFIG: &str = "# prod: what the group runs on.\nRegion: eu-west-1\nImage:\n  Os: alinux2023\nHeadNode:\n  InstanceType: c6i.large\n  Networking:\n    SubnetId: subnet-0a1b2c3d4e5f60001\n  Ssh:\n    KeyName: group\nScheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: compute\n      ComputeResources:\n        - Name: c5large\n          InstanceType: c6i.4xlarge\n          MinCount: 2\n          MaxCount: 38   # what the account's limit allows\n      Networking:\n        SubnetIds: [subnet-0a1b2c3d4e5f60002]\n    - Name: gpu\n      ComputeResources:\n        - Name: p4d\n          InstanceType: p4d.24xlarge\n          MaxCount: 12\n      Networking:\n        SubnetIds: [subnet-0a1b2c3d4e5f60002]\n    - Name: spot\n      CapacityType: SPOT\n      ComputeResources:\n        - Name: c6i\n          InstanceType: c6i.8xlarge\n          MaxCount: 14\n      Networking:\n        SubnetIds: [subnet-0a1b2c3d4e5f60002]\n";

/// What a stack is made of: begun and ended after so many hundredths of the whole, name, type.
const PARTS: [(f64, f64, &str, &str); 12] = [
    (1.0, 4.0, "CloudWatchLogGroup", "AWS::Logs::LogGroup"),
    (1.0, 9.0, "RoleHeadNode", "AWS::IAM::Role"),
    (1.0, 12.0, "SlurmDynamoDBTable", "AWS::DynamoDB::Table"),
    (2.0, 5.0, "HeadNodeSecurityGroup", "AWS::EC2::SecurityGroup"),
    (2.0, 18.0, "Route53HostedZone", "AWS::Route53::HostedZone"),
    (5.0, 8.0, "HeadNodeENI", "AWS::EC2::NetworkInterface"),
    (12.0, 26.0, "ComputeFleetQueuesNestedStack", "AWS::CloudFormation::Stack"),
    (13.0, 20.0, "LaunchTemplate", "nested"),
    (14.0, 25.0, "InstanceProfileCompute", "nested"),
    (26.0, 34.0, "HeadNode", "AWS::EC2::Instance"),
    (27.0, 28.0, "HeadNodeWaitConditionHandle", "AWS::CloudFormation::WaitConditionHandle"),
    (34.0, 98.0, "HeadNodeWaitCondition", "AWS::CloudFormation::WaitCondition"),
];

impl Demo {
    /// Answers what is about the life of a cluster; `None` for all else.
    pub(super) fn lived(&self, query: &Query) -> Option<Result<Answer, Failure>> {
        Some(match query {
            Query::Configuration(cluster) if cluster.as_str() == "prod" => {
                Ok(Answer::Configuration(self.with_life(|life| life.config.clone())))
            }
            Query::Configuration(_) => Err(missing("the simulation")),
            Query::DryRun { draft, .. } => self.tried(draft).map(Box::new).map(Answer::Verdict),
            Query::Events(cluster) => Ok(Answer::Events(Arc::new(self.happened(cluster)))),
            Query::Usual(cluster) => Ok(Answer::Usual(self.usual(cluster))),
            Query::Bootstrap { cluster, .. } => Ok(Answer::Bootstrap(Box::new(self.bootstrap(cluster)))),
            _ => return None,
        })
    }

    /// The clusters as they are after all that was done to them.
    pub(super) fn changed_clusters(&self, mut clusters: Vec<Cluster>) -> Vec<Cluster> {
        let now = (self.watch)();
        self.with_life(|life| {
            for cluster in clusters.iter_mut().filter(|cluster| cluster.id.as_str() == "prod") {
                cluster.fleet_status = Some(life.fleet.to_owned());
            }
            for (id, operation, at) in &life.deeds {
                if clusters.iter().all(|cluster| cluster.id != *id) {
                    let mut made = Cluster::named(id.clone(), ClusterKind::ParallelCluster);
                    let mut parts = id.as_str().split('/');
                    (made.profile, made.region) = (parts.next().map(str::to_owned), parts.next().map(str::to_owned));
                    made.version = Some("3.16.1".into());
                    clusters.push(made);
                }
                let over = now - at >= LONG;
                if *operation == "DELETE" && over {
                    clusters.retain(|cluster| cluster.id != *id);
                } else if let Some(cluster) = clusters.iter_mut().find(|cluster| cluster.id == *id) {
                    cluster.status = Some(format!("{operation}_{}", if over { "COMPLETE" } else { "IN_PROGRESS" }));
                }
            }
        });
        clusters
    }

    /// Does what was asked for, in the simulation.
    pub(super) fn operate(&self, cluster: &ClusterId, operation: &Operation) -> Result<Receipt, Failure> {
        let now = (self.watch)();
        let status = self.with_life(|life| {
            let mut begin = |what: &'static str| {
                life.deeds.push((cluster.clone(), what, now));
                format!("{what}_IN_PROGRESS")
            };
            match operation {
                Operation::Create { .. } => begin("CREATE"),
                Operation::Delete => begin("DELETE"),
                Operation::Update { text } | Operation::Scale { text, .. } => {
                    let begun = begin("UPDATE");
                    life.config.clone_from(text);
                    begun
                }
                Operation::StartFleet => {
                    life.fleet = "RUNNING";
                    "START_REQUESTED".to_owned()
                }
                Operation::StopFleet => {
                    life.fleet = "STOPPED";
                    "STOP_REQUESTED".to_owned()
                }
                Operation::Head(Power::Start) => "pending".to_owned(),
                Operation::Head(Power::Stop) => "stopping".to_owned(),
                Operation::Head(Power::Reboot) => "rebooting".to_owned(),
                Operation::Terminate { .. } => "shutting-down".to_owned(),
            }
        });
        Ok(Receipt::Begun { status, verdict: Box::default() })
    }

    fn with_life<T>(&self, look: impl FnOnce(&mut Life) -> T) -> T {
        look(&mut self.life.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn text(&self, of: &Configuration) -> Result<String, Failure> {
        match of {
            Configuration::Text(text) => Ok(text.clone()),
            Configuration::Own => Ok(self.with_life(|life| life.config.clone())),
            Configuration::File { place: Place::Here, path } => {
                std::fs::read_to_string(path).map_err(|error| Failure::new(FailureKind::NotFound, path.as_str(), error.to_string()))
            }
            Configuration::File { path, .. } => match files::preview(path)? {
                Answer::Preview(read) => Ok(read.text),
                _ => Err(missing(path)),
            },
        }
    }

    fn tried(&self, draft: &Draft) -> Result<Verdict, Failure> {
        match draft {
            Draft::Create(of) | Draft::Update(of) => self.text(of).map(checked),
            Draft::Scale { queue, min, max, of } => {
                let before = self.text(of)?;
                let wrong = |what: String| Failure::new(FailureKind::Rejected, "prod", what);
                let (text, bounds) = scaling::scaled(&before, queue, *min, *max).map_err(wrong)?;
                let parameter = |key: &str| match queue.split_once('/') {
                    Some((queue, resource)) => format!("Scheduling.SlurmQueues[{queue}].ComputeResources[{resource}].{key}"),
                    None => format!("Scheduling.SlurmQueues[{queue}].ComputeResources[0].{key}"),
                };
                let (old, new) = (Outline::read(&before), Outline::read(&text));
                let alterations = ["MinCount", "MaxCount"].iter().filter_map(|key| {
                    let value = |of: &Outline| of.value(&steps(&parameter(key))).unwrap_or("-").to_owned();
                    let (now, then) = (value(&old), value(&new));
                    (now != then).then(|| Alteration { parameter: parameter(key), now, then })
                });
                let alterations = alterations.collect();
                Ok(Verdict { before: Some(before), bounds: Some(bounds), alterations, ..checked(text) })
            }
        }
    }

    /// What has happened to a stack by now.
    fn happened(&self, cluster: &ClusterId) -> Vec<StackEvent> {
        let now = (self.watch)();
        let mut deeds: Vec<(&'static str, f64, f64)> = match cluster.as_str() {
            "prod" => vec![("CREATE", -9.0 * 86_400.0, LONG_AGO)],
            "sweep-dev" => vec![("CREATE", 0.0, CREATION)],
            _ => Vec::new(),
        };
        self.with_life(|life| deeds.extend(life.deeds.iter().filter(|(id, ..)| id == cluster).map(|(_, what, at)| (*what, *at, LONG))));
        let mut events = Vec::new();
        for (operation, begun, long) in deeds {
            self.course(cluster.name(), operation, (begun, long), now, &mut events);
        }
        events
    }

    /// What such operations took before.
    fn usual(&self, cluster: &ClusterId) -> Usual {
        let creation = match cluster.as_str() {
            "prod" => LONG_AGO,
            "sweep-dev" => CREATION,
            _ => LONG,
        };
        let mut seen = Vec::new();
        for (operation, long) in [("CREATE", creation * 1.05), ("UPDATE", LONG * 0.9), ("DELETE", LONG * 1.1)] {
            let mut events = Vec::new();
            self.course("before", operation, (-1_000.0, long), 0.0, &mut events);
            if let Some(course) = Course::of(&events) {
                let began = course.began.as_second();
                let span = |(phase, seconds)| usual::Span { operation: operation.to_owned(), phase, began, seconds };
                seen.extend(usual::spans(&course).into_iter().map(span));
            }
        }
        Usual::of(seen)
    }

    /// What the head node of the second cluster writes while it is set up.
    fn bootstrap(&self, cluster: &ClusterId) -> Bootstrap {
        let age = (self.watch)();
        let Some(stream) =
            super::logs::young_streams().into_iter().find(|s| s.identifier == "chef-client" && cluster.as_str() == "sweep-dev")
        else {
            return Bootstrap::default();
        };
        let source = LogSource::Stream { cluster: cluster.clone(), group: stream.group, stream: stream.name };
        let text = self.with_world(|world| super::logs::text(world, age, &source, None, LogStart::Beginning));
        let now = crate::remote::now().as_millisecond();
        let events = text.map(|(_, text)| text.lines().map(|line| (now, line.to_owned())).collect()).unwrap_or_default();
        // Nothing is written before the machine is there.
        if age < CREATION * 0.38 { Bootstrap::default() } else { Bootstrap::of(&[(stream.identifier, events)]) }
    }

    fn course(&self, name: &str, operation: &str, (begun, long): (f64, f64), now: f64, out: &mut Vec<StackEvent>) {
        let first = out.len();
        let mut tell = |at: f64, stack: &str, resource: &str, kind: &str, physical: &str, word: &str| {
            if at > now {
                return;
            }
            #[expect(clippy::cast_possible_truncation, reason = "seconds of a simulation")]
            let seconds = self.epoch.as_second() + at as i64;
            out.push(StackEvent {
                id: format!("{operation}{begun}{resource}{word}"),
                at: Timestamp::from_second(seconds).unwrap_or(self.epoch),
                stack: stack.to_owned(),
                name: resource.to_owned(),
                kind: kind.to_owned(),
                physical: physical.to_owned(),
                status: format!("{operation}_{word}"),
                reason: (physical == stack).then(|| "User Initiated".to_owned()),
            });
        };
        tell(begun, name, name, "AWS::CloudFormation::Stack", name, "IN_PROGRESS");
        for (from, to, resource, kind) in PARTS {
            let nested = kind == "nested";
            let (stack, kind) = if nested { ("queues", "AWS::EC2::LaunchTemplate") } else { (name, kind) };
            let physical = match kind {
                "AWS::CloudFormation::Stack" => "queues",
                "AWS::EC2::Instance" => "i-0a1b2c3d4e5f60002",
                _ => resource,
            };
            tell(begun + long * from / 100.0, stack, resource, kind, physical, "IN_PROGRESS");
            tell(begun + long * to / 100.0, stack, resource, kind, physical, "COMPLETE");
        }
        tell(begun + long, name, name, "AWS::CloudFormation::Stack", name, "COMPLETE");
        out[first..].sort_by_key(|event| event.at);
    }
}

/// A check of what a person would notice too.
fn checked(text: String) -> Verdict {
    let outline = Outline::read(&text);
    let needed = ["HeadNode.InstanceType", "HeadNode.Networking.SubnetId", "Image.Os", "Scheduling.SlurmQueues[0].Name"];
    let missing = needed.iter().filter(|path| outline.value(&steps(path)).is_none_or(str::is_empty));
    let remarks: Vec<Remark> = missing
        .map(|path| Remark {
            severity: Severity::Error,
            kind: "ConfigSchemaValidator".to_owned(),
            message: format!("{path}: Missing data for required field."),
            line: outline.nearest(&steps(path)),
        })
        .collect();
    let accepted = remarks.is_empty();
    let said = if accepted { "Request would have succeeded, but DryRun flag is set." } else { "Invalid cluster configuration." };
    Verdict { accepted, said: said.to_owned(), text, remarks, ..Verdict::default() }
}
