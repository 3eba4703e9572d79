//! Many clusters of many sources: what fails is said and takes nothing away; spot machines that end are told once.

use std::sync::Arc;

use jiff::Timestamp;
use qdeck::model::{
    Alert, Answer, Cluster, ClusterFailure, ClusterId, ClusterKind, Failure, FailureKind, JobState, Machines, Node, NodePhase, NodeTable,
    Purchase, Query, Role, Source,
};
use qdeck::protocol::{Effect, Event};

use crate::screens::picture;
use crate::stage::{Stage, prod};

fn source(profile: &str, region: &str) -> Query {
    Query::Clusters(Source::Aws { profile: Some(profile.into()), region: Some(region.into()) })
}

/// Forty clusters in four of the nine sources that three profiles and three regions make, in all states that there are.
fn many(stage: &mut Stage) {
    let states = [
        ("CREATE_COMPLETE", Some("RUNNING")),
        ("CREATE_COMPLETE", Some("PROTECTED")),
        ("CREATE_IN_PROGRESS", None),
        ("CREATE_FAILED", None),
        ("UPDATE_COMPLETE", Some("STOPPED")),
        ("UPDATE_IN_PROGRESS", Some("RUNNING")),
        ("UPDATE_FAILED", Some("RUNNING")),
        ("DELETE_IN_PROGRESS", None),
        ("DELETE_FAILED", None),
        ("CREATE_COMPLETE", None),
    ];
    let places = [("lab", "eu-west-1"), ("lab", "us-east-1"), ("production", "eu-west-1"), ("teaching", "ap-southeast-2")];
    for (profile, region) in places {
        let clusters = states.iter().enumerate().map(|(i, (status, fleet))| {
            let name = if i == 0 { "shared".to_owned() } else { format!("{profile}-{}{i}", ["cfd", "genomics-of-barley", "ml"][i % 3]) };
            let mut cluster = Cluster::named(ClusterId::new(format!("{profile}/{region}/{name}")), ClusterKind::ParallelCluster);
            (cluster.profile, cluster.region) = (Some(profile.into()), Some(region.into()));
            (cluster.status, cluster.fleet_status) = (Some((*status).into()), fleet.map(Into::into));
            cluster.nodes_up = u32::try_from(i * 37).ok();
            cluster.version = Some(if i == 9 { "2.11.9" } else { "3.16.1" }.into());
            if *fleet == Some("PROTECTED") {
                cluster
                    .notes
                    .push("PROTECTED: too many nodes failed to start. Mend what fails, then start the fleet again to leave it.".into());
            }
            if *status == "CREATE_FAILED" {
                cluster.failures.push(ClusterFailure { code: "FsxMountFailure".into(), reason: "Failed to mount FSX.".into() });
            }
            cluster
        });
        stage.answer(source(profile, region), Ok(Answer::Clusters(clusters.collect())));
    }
}

fn trouble(region: &str, kind: FailureKind, what: &str, hint: &str) -> Result<Answer, Failure> {
    Err(Failure::new(kind, format!("AWS profile lab, region {region}"), what).hint(hint))
}

fn fail(stage: &mut Stage) {
    let hint = "AWS limits the calls of this account; qdeck asks less often until it answers.";
    stage
        .answer(source("lab", "us-east-1"), trouble("us-east-1", FailureKind::Busy, "RequestLimitExceeded: Request limit exceeded.", hint));
    let hint = "No answer in time: check the network, a proxy, and the region's name.";
    let what = "ec2:DescribeInstances: no answer in time";
    stage.answer(source("lab", "sa-east-1"), trouble("sa-east-1", FailureKind::TimedOut, what, hint));
}

#[test]
fn forty_clusters() {
    picture("forty-clusters", |stage| {
        many(stage);
        stage.wait(95);
        fail(stage);
        stage.keys("1 j j");
    });
}

#[test]
fn forty_clusters_zoomed() {
    picture("forty-clusters-zoomed", |stage| {
        many(stage);
        stage.keys("1 z");
        for _ in 0..12 {
            stage.keys("j");
        }
    });
}

#[test]
fn a_source_that_fails_keeps_its_clusters_and_says_why_below_them() {
    let mut stage = Stage::new(80, 24);
    many(&mut stage);
    stage.wait(95);
    fail(&mut stage);
    stage.keys("1 G");
    let screen = stage.screen(80, 24);
    // The list is longer than the pane: both troubles are there all the same, and the row of the cursor.
    for text in ["lab, region us-east-1: RequestLimitExceeded", "sa-east-1", "teaching-ml8"] {
        assert!(screen.contains(text), "{text} is not on\n{screen}");
    }
    // Its details say how old they are: of "shared" in lab and us-east-1, the 29th of the list.
    stage.keys("g");
    for _ in 0..28 {
        stage.keys("j");
    }
    stage.keys("enter 1 enter");
    let screen = stage.screen(80, 24);
    for text in ["lab/us-east-1/shared", "Trouble", "shown is 1 min old.", "qdeck asks less often"] {
        assert!(screen.contains(text), "{text} is not on\n{screen}");
    }
    stage.keys("esc");
    // Once it answers, nothing is left of it.
    many(&mut stage);
    stage.answer(source("lab", "sa-east-1"), Ok(Answer::Clusters(Vec::new())));
    let screen = stage.screen(80, 24);
    assert!(!screen.contains("RequestLimitExceeded") && !screen.contains("sa-east-1"), "{screen}");
}

#[test]
fn spot_machines_that_end_are_told_once_with_the_jobs_that_run_there() {
    let mut stage = Stage::new(80, 24);
    let mut cluster = Cluster::named(prod(), ClusterKind::ParallelCluster);
    cluster.region = Some("eu-west-1".into());
    let machines = Machines { role: Role::Compute, instance_type: "c5.large".into(), purchase: Purchase::Spot, zone: None, count: 4 };
    cluster.machines = vec![machines];
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![cluster])));
    // Nobody looks at the nodes: with two minutes' notice to be had they are asked about all the same, seldom.
    let seldom = qdeck::model::Cadence::Every(std::time::Duration::from_secs(60));
    assert!(stage.app.wants().contains(&(Query::Nodes(prod()), seldom)));
    stage.jobs(&[("101", "train", JobState::Running)]);
    let nodes = |stage: &mut Stage, codes: &[Option<&str>]| {
        let at = Timestamp::from_second(1_790_000_000 + 170).ok();
        let node = |(i, code): (usize, &Option<&str>)| {
            let mut node = Node::named(format!("compute-dy-c5large-{}", i + 1), "alloc", NodePhase::Allocated);
            node.alerts = code.and_then(|code| Alert::spot(code, at)).into_iter().collect();
            node
        };
        let table = NodeTable::new(codes.iter().enumerate().map(node).collect(), 0);
        stage.answer(Query::Nodes(prod()), Ok(Answer::Nodes(Arc::new(table))));
    };
    let told = |stage: &mut Stage| {
        // What is at the corner is told there, too.
        stage.wait(13);
        stage.keys("!");
        let screen = stage.screen(80, 24);
        stage.keys("esc");
        screen.matches("the spot machine").count()
    };
    // What was so before anybody looked is no news.
    nodes(&mut stage, &[None, Some("Server.SpotInstanceTermination")]);
    assert_eq!(told(&mut stage), 0);
    for _ in 0..2 {
        nodes(&mut stage, &[Some("marked-for-termination"), Some("Server.SpotInstanceTermination")]);
        assert_eq!(told(&mut stage), 1);
    }
    stage.keys("2");
    let screen = stage.screen(80, 24);
    assert!(screen.contains("! spot machine ends in 3 min") && screen.contains("! spot machine taken back"), "{screen}");
    nodes(&mut stage, &[Some("instance-terminated-no-capacity"), None]);
    assert_eq!(told(&mut stage), 2);
    stage.send(Event::Focused(false));
    assert!(stage.app.wants().iter().all(|(query, _)| !matches!(query, Query::Nodes(_))), "nobody looks");
    assert!(!stage.effects.iter().any(|effect| matches!(effect, Effect::Bell)), "the bell was not asked for");
}
