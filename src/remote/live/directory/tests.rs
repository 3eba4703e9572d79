//! How each cluster and host is reached, by what the configuration says.

use super::*;
use crate::model::LoginNode;
use crate::remote::local::LocalHost;

fn directory(config: &str) -> Directory {
    let directory = Directory::new(Config::parse(config, "c").unwrap(), Arc::new(LocalHost::default()), "/nowhere".into());
    let mut cluster = Cluster::named(ClusterId::new("lab/eu-west-1/demo"), ClusterKind::ParallelCluster);
    (cluster.region, cluster.profile) = (Some("eu-west-1".into()), Some("my lab".into()));
    let login = |public: Option<&str>, private: &str| LoginNode {
        public_address: public.map(str::to_owned),
        private_address: Some(private.into()),
        ..LoginNode::default()
    };
    cluster.login_nodes = vec![login(None, "10.0.0.20"), login(Some("203.0.113.21"), "10.0.0.21")];
    cluster.head_node = Some(HeadNode {
        instance_id: Some("i-0abc".into()),
        state: Some("running".into()),
        address: Some("203.0.113.14".into()),
        private_address: Some("10.0.0.14".into()),
        ..HeadNode::default()
    });
    directory.known.write().unwrap().insert(cluster.id.clone(), cluster);
    directory
}

#[test]
fn each_way_has_its_own_address_and_a_chosen_one_wins() {
    let id = ClusterId::new("lab/eu-west-1/demo");
    let way = |directory: &Directory| directory.way(&id).map(|to| (to.ssh, to.through)).unwrap();
    let manager =
        Some(Through::SessionManager { instance: "i-0abc".into(), region: Some("eu-west-1".into()), profile: Some("my lab".into()) });
    assert_eq!(way(&directory("")), ("203.0.113.14".into(), None));
    assert_eq!(way(&directory("aws: {via: ssm}")), ("i-0abc".into(), manager.clone()));
    assert_eq!(way(&directory("clusters: {demo: {ssh: here, via: ssm}}")), ("here".into(), manager.clone()));
    assert_eq!(way(&directory("clusters: {demo: {jump: x}}")), ("203.0.113.14".into(), Some(Through::Jump("x".into()))));
    let directory = directory("clusters: {demo: {jump: login}}");
    assert_eq!(way(&directory), ("10.0.0.14".into(), Some(Through::LoginNode("203.0.113.21".into()))));
    directory.known.write().unwrap().get_mut(&id).unwrap().login_nodes.clear();
    assert!(directory.way(&id).unwrap_err().what.contains("login nodes"));
    directory.go(id.clone(), Way::SessionManager);
    assert_eq!(way(&directory), ("i-0abc".into(), manager));
}

#[test]
fn hosts_jump_too_and_instances_are_named_by_themselves() {
    let directory = directory(
        "aws: {profiles: [p], regions: [a, b]}\nhosts: [{name: h, ssh: h, jump: login}, {name: i, ssh: me@i-0f, via: ssm}, {name: j, ssh: j}]\nssh: {reuse: false}",
    );
    let way = |name: &str| directory.way(&ClusterId::new(name)).unwrap();
    assert_eq!(way("h").through, Some(Through::Jump("login".into())));
    let manager = Through::SessionManager { instance: "i-0f".into(), region: None, profile: Some("p".into()) };
    assert_eq!((way("i").through, way("j").through, way("j").reuse), (Some(manager), None, false));
}

#[tokio::test]
async fn a_link_turns_with_the_way() {
    let directory = Arc::new(directory("clusters: {demo: {jump: login}}"));
    let id = ClusterId::new("lab/eu-west-1/demo");
    directory.known.write().unwrap().get_mut(&id).unwrap().login_nodes.clear();
    let mut link = directory.link(id.clone());
    assert!(matches!(link.next().await, Some(Link::Down { failure, .. }) if failure.what.contains("login nodes")));
    directory.known.write().unwrap().get_mut(&id).unwrap().head_node = None;
    directory.go(id, Way::SessionManager);
    assert!(matches!(link.next().await, Some(Link::Down { failure, .. }) if failure.what.contains("no head node")));
}
