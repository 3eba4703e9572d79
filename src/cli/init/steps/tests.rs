//! The wizard's way through its steps, and what it refuses.

use super::*;

fn wizard() -> Wizard {
    let subnet = |id: &str, route, zone: &str| Subnet { id: id.into(), route, zone: zone.into(), free: 250, ..Subnet::default() };
    let subnets = vec![
        subnet("subnet-a", Route::Nat, "eu-west-1b"),
        subnet("subnet-b", Route::Internet, "eu-west-1a"),
        subnet("subnet-c", Route::Nat, "eu-west-1a"),
    ];
    let network = Network { id: "vpc-1".into(), cidr: "10.0.0.0/16".into(), is_default: true, subnets, ..Network::default() };
    let ground = Ground {
        region: "eu-west-1".into(),
        regions: vec!["eu-west-1".into(), "us-east-1".into()],
        keys: vec!["mine".into()],
        networks: vec![network],
        ..Ground::default()
    };
    let machine = |name: &str, arch: &str| Machine {
        name: name.into(),
        vcpus: 4,
        memory_mib: 8_192,
        gpus: String::new(),
        architectures: vec![arch.into()],
        zones: vec!["eu-west-1a".into(), "eu-west-1b".into()],
    };
    Wizard::new(ground, vec![machine("t3.medium", "x86_64"), machine("c6i.xlarge", "x86_64"), machine("c7g.4xlarge", "arm64")])
}

fn answered(answers: &[&str]) -> Wizard {
    let mut wizard = wizard();
    for answer in answers {
        assert_eq!(wizard.answer(answer), Ok(Next::On), "{answer}");
    }
    wizard
}

#[test]
fn empty_lines_make_a_cluster_that_works() {
    let wizard = answered(&[""; 13]);
    assert_eq!(wizard.step(), None);
    let blueprint = wizard.blueprint();
    assert_eq!(
        (blueprint.head_subnet.id.as_str(), blueprint.queue_subnet.id.as_str()),
        ("subnet-b", "subnet-c"),
        "public, and NAT beside it"
    );
    assert_eq!((blueprint.key.as_str(), blueprint.head_type.as_str(), blueprint.queue_type.as_str()), ("mine", "t3.medium", "c6i.xlarge"));
    assert_eq!((blueprint.storage, blueprint.max, wizard.given(Step::File)), (Storage::Ebs { gib: 100 }, 10, "hpc.yaml"));
    assert_eq!(blueprint.faults(), [""; 0]);
}

#[test]
fn a_network_with_ways_in_and_out_is_proposed_before_the_default_one() {
    let mut wizard = wizard();
    let bare = Network { id: "vpc-0".into(), is_default: true, subnets: vec![Subnet::default()], ..Network::default() };
    wizard.ground.networks[0].is_default = false;
    wizard.ground.networks.insert(0, bare);
    ["", "", ""].iter().for_each(|answer| drop(wizard.answer(answer)));
    assert_eq!(wizard.question().unwrap().proposed, "vpc-1");
}

#[test]
fn every_answer_can_be_taken_back() {
    let mut wizard = answered(&["", "lab", "new:lab-key"]);
    assert_eq!((wizard.step(), wizard.key_name().as_str()), (Some(Step::Network), "lab-key"));
    assert!(wizard.back() && wizard.step() == Some(Step::Key));
    assert_eq!(wizard.answer("import:/home/me/.ssh/id my.pub"), Ok(Next::On));
    assert_eq!(wizard.key_name(), "id-my");
    while wizard.back() {}
    assert_eq!(wizard.step(), Some(Step::Region));
    assert!(!wizard.back());
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    assert!(wizard().answer("mars-1").unwrap_err().contains("no region"));
    assert_eq!(wizard().answer("us-east-1"), Ok(Next::Look("us-east-1".into())));
    assert!(answered(&[""]).answer("1 lab").is_err());
    let mut key = answered(&["", ""]);
    assert!(key.answer("yours").unwrap_err().contains("new:yours"));
    assert!(key.answer("new:mine").unwrap_err().contains("already") && key.answer("new:a b").is_err());
    let mut subnet = answered(&["", "", "", "1"]);
    assert!(subnet.answer("6").unwrap_err().contains("none of them") && subnet.answer("2") == Ok(Next::On));
    let mut node = answered(&["", "", "", "", "", "", ""]);
    assert!(node.answer("c7g.4xlarge").unwrap_err().contains("arm64"));
    assert_eq!(node.answer("x9.huge"), Ok(Next::Machine("x9.huge".into())));
    let mut max = answered(&["", "", "", "", "", "", "", "", "5"]);
    assert!(max.answer("4").unwrap_err().contains("at least 5") && max.answer("x").is_err() && max.answer("5") == Ok(Next::On));
    assert!(max.answer("cheap").is_err() && max.answer("spot") == Ok(Next::On));
    assert!(max.answer("fsx:1").is_err() && max.answer("fsx:2400") == Ok(Next::On));
    assert!(max.blueprint().spot);
}

#[test]
fn an_account_without_a_network_gets_one_made() {
    let mut empty = wizard();
    empty.ground.networks.clear();
    ["", "", ""].iter().for_each(|answer| drop(empty.answer(answer)));
    let asked = empty.question().unwrap();
    assert_eq!((asked.proposed.as_str(), asked.choices.len()), (NEW, 2));
    assert!(asked.choices[0].1.contains("price unknown"), "{asked:?}");
    assert_eq!(empty.answer(""), Ok(Next::On));
    // It has no subnets to choose from, and a zone.
    assert_eq!((empty.step(), empty.count()), (Some(Step::HeadType), (5, 12)));
    assert_eq!((empty.answer(""), empty.answer(""), empty.step()), (Ok(Next::On), Ok(Next::On), Some(Step::Zone)));
    assert!(empty.answer("eu-west-1c").is_err());
    assert_eq!(empty.answer("2"), Ok(Next::On));
    ["", "", "", "", ""].iter().for_each(|answer| assert_eq!(empty.answer(answer), Ok(Next::On)));
    let wanted = empty.new_network(crate::model::ClusterId::new("x/eu-west-1/hpc"), None).unwrap();
    assert_eq!((wanted.stack().as_str(), wanted.zone.as_str(), wanted.nodes), ("parallelclusternetworking-pubpriv-hpc", "eu-west-1b", 10));
    let planned = empty.blueprint();
    assert_eq!((planned.gateway, planned.faults().len()), (true, 0));
    // Once it is there it is like any other one, and every step can be gone back to.
    empty.made_network("vpc-9", "subnet-8", "subnet-9");
    let there = empty.blueprint();
    assert_eq!((there.head_subnet.id.as_str(), there.queue_subnet.id.as_str(), there.gateway), ("subnet-8", "subnet-9", true));
    assert!(there.yaml().contains("- subnet-9") && !there.yaml().contains("ElasticIp"), "{}", there.yaml());
    empty.back_to(Step::QueueSubnet);
    assert_eq!((empty.step(), empty.question().unwrap().proposed.as_str()), (Some(Step::QueueSubnet), "subnet-9"));
}

#[test]
fn subnets_can_be_made_in_a_network_that_is_there() {
    let mut wizard = answered(&["", "lab", "", "vpc-1", "new-public"]);
    assert_eq!((wizard.step(), wizard.count()), (Some(Step::HeadType), (6, 13)));
    ["", "", "", "", "", "", "none", ""].iter().for_each(|answer| assert_eq!(wizard.answer(answer), Ok(Next::On)));
    let wanted = wizard.new_network(crate::model::ClusterId::new("x/eu-west-1/lab"), None).unwrap();
    assert_eq!((wanted.vpc.as_deref(), wanted.is_private, wanted.zone.as_str()), (Some("vpc-1"), false, "eu-west-1a"));
    wizard.made_network("vpc-1", "subnet-9", "subnet-9");
    let there = wizard.blueprint();
    assert_eq!((there.head_subnet.id.as_str(), there.queue_subnet.id.as_str(), there.gateway), ("subnet-9", "subnet-9", false));
    assert_eq!((wizard.ground.networks.len(), wizard.ground.networks[0].subnets.len()), (1, 4));
    // Taken back, the subnets that were there can be chosen again.
    wizard.back_to(Step::HeadSubnet);
    assert_eq!((wizard.answer("subnet-b"), wizard.step()), (Ok(Next::On), Some(Step::QueueSubnet)));
}

#[test]
fn what_was_answered_is_proposed_when_its_step_comes_again() {
    let mut wizard = answered(&["", "lab", "new:lab-key", "", "", "", "", "", "2", "7"]);
    wizard.back_to(Step::Name);
    let proposals: Vec<String> = (0..9)
        .map(|_| {
            let proposed = wizard.question().unwrap().proposed;
            assert_eq!(wizard.answer(""), Ok(Next::On));
            proposed
        })
        .collect();
    assert_eq!(proposals, ["lab", "new:lab-key", "vpc-1", "subnet-b", "subnet-c", "t3.medium", "c6i.xlarge", "2", "7"]);
    // What will not do is not proposed again.
    wizard.reject(Step::Max);
    assert_eq!(wizard.question().unwrap().proposed, "10");
}

#[test]
fn what_may_not_be_listed_is_typed_by_hand() {
    let denied = |what| (what, crate::model::Failure::new(crate::model::FailureKind::Denied, "AWS", "UnauthorizedOperation: no"));
    let mut wizard = wizard();
    wizard.ground.keys.clear();
    wizard.ground.networks.clear();
    wizard.ground.unlisted = vec![denied("key pairs"), denied("networks"), denied("subnets")];
    ["", ""].iter().for_each(|answer| drop(wizard.answer(answer)));
    assert!(wizard.question().unwrap().words.join(" ").contains("could not be listed (UnauthorizedOperation: no): type the name"));
    assert_eq!(wizard.answer("yours"), Ok(Next::On));
    assert!(wizard.answer("vpc-xyz").unwrap_err().contains("hexadecimal"));
    assert_eq!(wizard.answer("vpc-0123abcd"), Ok(Next::On));
    assert!(wizard.answer("subnet-1").is_err());
    assert_eq!((wizard.answer("subnet-0123abcd"), wizard.answer("")), (Ok(Next::On), Ok(Next::On)));
    let typed = wizard.blueprint();
    assert_eq!((typed.key.as_str(), typed.queue_subnet.id.as_str(), typed.faults().len()), ("yours", "subnet-0123abcd", 0));
}

#[test]
fn a_type_must_be_offered_where_its_subnet_is() {
    let mut wizard = answered(&["", "", "", "", "subnet-b", "subnet-a"]);
    wizard.machines[0].zones = vec!["eu-west-1b".into()];
    assert_eq!(wizard.question().unwrap().choices.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(wizard.answer("t3.medium").unwrap_err().contains("not offered in eu-west-1a"));
    // And somewhere at all.
    let mut new = answered(&["", "", "", "new"]);
    new.machines[0].zones = vec!["eu-west-1a".into()];
    new.machines[1].zones = vec!["eu-west-1b".into()];
    assert_eq!((new.answer("t3.medium"), new.answer("c6i.xlarge")), (Ok(Next::On), Ok(Next::On)));
    assert!(new.answer("eu-west-1a").unwrap_err().contains("no zone has both"));
}
