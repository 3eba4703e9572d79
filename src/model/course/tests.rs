//! What became of a stack, from the events that CloudFormation tells.

use super::*;

fn event(at: i64, stack: &str, name: &str, kind: &str, physical: &str, status: &str, reason: &str) -> StackEvent {
    StackEvent {
        id: format!("{stack}{name}{status}{at}"),
        at: Timestamp::from_second(1_000 + at).unwrap(),
        stack: stack.into(),
        name: name.into(),
        kind: format!("AWS::{kind}"),
        physical: physical.into(),
        status: status.into(),
        reason: Some(reason.to_owned()).filter(|r| !r.is_empty()),
    }
}

fn creation() -> Vec<StackEvent> {
    vec![
        event(0, "root", "one", "CloudFormation::Stack", "root", "CREATE_IN_PROGRESS", "User Initiated"),
        event(1, "root", "Table", "DynamoDB::Table", "", "CREATE_IN_PROGRESS", ""),
        event(3, "root", "Queues", "CloudFormation::Stack", "inner", "CREATE_IN_PROGRESS", ""),
        event(4, "inner", "inner", "CloudFormation::Stack", "inner", "CREATE_IN_PROGRESS", ""),
        event(5, "inner", "Template", "EC2::LaunchTemplate", "", "CREATE_IN_PROGRESS", ""),
        event(9, "root", "Table", "DynamoDB::Table", "t", "CREATE_COMPLETE", ""),
        event(10, "root", "HeadNode", "EC2::Instance", "", "CREATE_IN_PROGRESS", ""),
    ]
}

#[test]
fn resources_are_told_by_phase_with_nested_ones_behind_their_stack() {
    let course = Course::of(&creation()).unwrap();
    assert_eq!((course.operation.as_str(), course.stage, course.is_over()), ("CREATE", Stage::Works, false));
    let told: Vec<_> = course.phases.iter().map(|p| (p.title, p.stage, p.ended.is_some())).collect();
    assert_eq!(
        told,
        [
            ("Permissions and tables", Stage::Done, true),
            ("Queues and their compute nodes", Stage::Works, false),
            ("Head node", Stage::Works, false)
        ]
    );
    let nested: Vec<_> = course.phases[1].parts.iter().map(|p| (p.depth, p.name.as_str(), p.kind.as_str())).collect();
    assert_eq!(nested, [(0, "Queues", "CloudFormation::Stack"), (1, "Template", "EC2::LaunchTemplate")]);
    let table = &course.phases[0].parts[0];
    assert_eq!(table.ended.unwrap().as_second() - table.began.as_second(), 8);
    assert_eq!((Course::of(&[]), Course::each(&[])), (None, Vec::new()));
    assert_eq!(course.head, None);
    let mut events = creation();
    events.push(event(11, "root", "HeadNode", "EC2::Instance", "i-0abc", "CREATE_IN_PROGRESS", "Resource creation Initiated"));
    assert_eq!(Course::of(&events).unwrap().head.as_deref(), Some("i-0abc"));
}

#[test]
fn the_root_cause_comes_first_and_what_was_given_up_is_no_cause() {
    let mut events = creation();
    let limit = "You have requested more vCPU capacity than your current limit";
    events.extend([
        event(12, "inner", "Template", "EC2::LaunchTemplate", "", "CREATE_FAILED", "Invalid launch template"),
        event(13, "root", "Queues", "CloudFormation::Stack", "inner", "CREATE_FAILED", "Embedded stack inner was not successfully created"),
        event(13, "root", "HeadNode", "EC2::Instance", "", "CREATE_FAILED", limit),
        event(14, "root", "Wait", "CloudFormation::WaitCondition", "", "CREATE_FAILED", "Resource creation cancelled"),
        event(
            15,
            "root",
            "one",
            "CloudFormation::Stack",
            "root",
            "ROLLBACK_IN_PROGRESS",
            "The following resource(s) failed to create: [..]",
        ),
    ]);
    let course = Course::of(&events).unwrap();
    assert_eq!(course.causes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Template", "HeadNode", "Queues"]);
    assert_eq!((course.stage, course.is_over()), (Stage::Works, false), "it is being rolled back");
    events.push(event(16, "root", "HeadNode", "EC2::Instance", "", "DELETE_COMPLETE", ""));
    events.push(event(20, "root", "one", "CloudFormation::Stack", "root", "ROLLBACK_COMPLETE", ""));
    let course = Course::of(&events).unwrap();
    assert_eq!((course.stage, course.ended.unwrap().as_second() - course.began.as_second()), (Stage::Failed, 20));
    let head = &course.phases.iter().find(|p| p.title == "Head node").unwrap().parts[0];
    assert_eq!((head.stage, head.reason.as_deref()), (Stage::Failed, Some(limit)));
    assert_eq!(course.phases.iter().map(|p| p.stage).min(), Some(Stage::Failed));
}

#[test]
fn only_the_latest_operation_is_told() {
    let mut events = creation();
    events.extend([
        event(30, "root", "one", "CloudFormation::Stack", "root", "CREATE_COMPLETE", ""),
        event(90, "root", "one", "CloudFormation::Stack", "root", "DELETE_IN_PROGRESS", "User Initiated"),
        event(91, "root", "Table", "DynamoDB::Table", "t", "DELETE_IN_PROGRESS", ""),
    ]);
    let course = Course::of(&events).unwrap();
    assert_eq!((course.operation.as_str(), course.phases.len(), course.phases[0].parts.len()), ("DELETE", 1, 1));
    let each = Course::each(&events);
    let told: Vec<_> = each.iter().map(|c| (c.operation.as_str(), c.stage, c.phases.len())).collect();
    assert_eq!(told, [("CREATE", Stage::Done, 3), ("DELETE", Stage::Works, 1)]);
    assert_eq!(each[0].ended.unwrap().as_second() - each[0].began.as_second(), 30);
    events.push(event(99, "root", "one", "CloudFormation::Stack", "root", "DELETE_COMPLETE", ""));
    assert!(Course::of(&events).unwrap().is_over());
}
