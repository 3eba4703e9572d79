//! What CloudFormation tells of clusters' stacks. Each refresh reads the newest page of events, and more only until one is known.
//!
//! Calls for each refresh: DescribeStackEvents once, and once for each nested stack that is not settled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{Cluster, ClusterId, Failure, StackEvent};

/// More events than this of one cluster are not kept: the oldest go.
const KEPT: usize = 5_000;
/// No more nested stacks than this are asked about in one refresh.
const NESTED: usize = 10;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    clusters: HashMap<ClusterId, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The stack's id, by which it can be asked about when it is gone.
    stack: String,
    events: Arc<Vec<StackEvent>>,
    ids: HashSet<String>,
    /// Nested stacks of which everything was read after their end.
    settled: HashSet<String>,
}

impl Told {
    pub(super) async fn read(&mut self, clients: &Clients, cluster: &Cluster) -> Result<Arc<Vec<StackEvent>>, Failure> {
        let known = self.clusters.entry(cluster.id.clone()).or_default();
        let newest = match known.page(clients, &cluster.name, None).await {
            Err(failure) if is_gone(&failure) && !known.stack.is_empty() => {
                let stack = known.stack.clone();
                known.page(clients, &stack, None).await?
            }
            other => other?,
        };
        let Some(first) = newest.0.first() else { return Ok(known.events.clone()) };
        if first.stack != known.stack {
            // Another stack of the same name: what was known is of one that is gone.
            *known = Known { stack: first.stack.clone(), ..Known::default() };
        }
        let mut fresh = known.rest(clients, newest).await?;
        for nested in known.nested(&fresh) {
            let page = known.page(clients, &nested, None).await;
            // One that is gone already is told of by its parent.
            let Ok(page) = page else { continue };
            let over = page.0.first().is_some_and(|e| e.physical == nested && !e.status.ends_with("_IN_PROGRESS"));
            fresh.extend(known.rest(clients, page).await?);
            if over {
                known.settled.insert(nested);
            }
        }
        known.take(fresh);
        Ok(known.events.clone())
    }
}

type Page = (Vec<StackEvent>, Option<String>);

impl Known {
    async fn page(&self, clients: &Clients, stack: &str, token: Option<String>) -> Result<Page, Failure> {
        let answer = clients.stacks.describe_stack_events().stack_name(stack).set_next_token(token).send().await;
        let answer = answer.map_err(|error| trouble::failure(clients, "cloudformation:DescribeStackEvents", &error))?;
        let events = answer.stack_events().iter().filter_map(event).collect();
        Ok((events, answer.next_token().map(str::to_owned)))
    }

    /// Those of a page that are new, and of the pages after it until one is known. The newest first.
    async fn rest(&self, clients: &Clients, page: Page) -> Result<Vec<StackEvent>, Failure> {
        let (mut events, mut token) = page;
        let mut fresh = Vec::new();
        loop {
            let stack = events.first().map(|event| event.stack.clone()).unwrap_or_default();
            let (all, before) = (events.len(), fresh.len());
            fresh.extend(events.into_iter().take_while(|event| !self.ids.contains(&event.id)));
            let reached = fresh.len() - before < all;
            if token.is_none() || reached || stack.is_empty() || fresh.len() > KEPT {
                return Ok(fresh);
            }
            (events, token) = self.page(clients, &stack, token).await?;
        }
    }

    /// Nested stacks that are worth a question.
    fn nested(&self, fresh: &[StackEvent]) -> Vec<String> {
        let is_nested = |event: &&StackEvent| {
            event.stack == self.stack
                && event.kind == "AWS::CloudFormation::Stack"
                && event.physical.starts_with("arn:")
                && event.physical != self.stack
        };
        let mut out: Vec<String> = Vec::new();
        for event in fresh.iter().chain(self.events.iter()).filter(is_nested) {
            if !self.settled.contains(&event.physical) && !out.contains(&event.physical) {
                out.push(event.physical.clone());
            }
        }
        out.truncate(NESTED);
        out
    }

    fn take(&mut self, mut fresh: Vec<StackEvent>) {
        fresh.retain(|event| self.ids.insert(event.id.clone()));
        if fresh.is_empty() {
            return;
        }
        // What belongs to a nested stack that is at work again is asked for again.
        for event in fresh.iter().filter(|event| event.stack == self.stack && event.status.ends_with("_IN_PROGRESS")) {
            self.settled.remove(&event.physical);
        }
        fresh.reverse();
        let mut all = self.events.as_ref().clone();
        all.extend(fresh);
        all.sort_by_key(|event| event.at);
        let excess = all.len().saturating_sub(KEPT);
        all.drain(..excess);
        self.events = Arc::new(all);
    }
}

fn is_gone(failure: &Failure) -> bool {
    // CloudFormation's word for "there is none" is a validation error.
    failure.what.contains("does not exist")
}

fn event(raw: &aws_sdk_cloudformation::types::StackEvent) -> Option<StackEvent> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let at = raw.timestamp()?;
    Some(StackEvent {
        id: text(raw.event_id()),
        at: Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)).ok()?,
        stack: text(raw.stack_id()),
        name: text(raw.logical_resource_id()),
        kind: text(raw.resource_type()),
        physical: text(raw.physical_resource_id()),
        status: raw.resource_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: raw.resource_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, at: i64, physical: &str, status: &str) -> StackEvent {
        StackEvent {
            id: id.into(),
            at: Timestamp::from_second(at).unwrap(),
            stack: "arn:root".into(),
            name: "n".into(),
            kind: "AWS::CloudFormation::Stack".into(),
            physical: physical.into(),
            status: status.into(),
            reason: None,
        }
    }

    #[test]
    fn what_is_known_is_not_taken_twice_and_settled_stacks_are_left_alone() {
        let mut known = Known { stack: "arn:root".into(), ..Known::default() };
        // As they come: the newest first.
        known.take(vec![event("b", 2, "arn:inner", "CREATE_IN_PROGRESS"), event("a", 1, "arn:root", "CREATE_IN_PROGRESS")]);
        known.take(vec![event("c", 3, "arn:inner", "CREATE_COMPLETE"), event("b", 2, "arn:inner", "CREATE_IN_PROGRESS")]);
        assert_eq!(known.events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(known.nested(&[]), ["arn:inner"]);
        known.settled.insert("arn:inner".into());
        assert!(known.nested(&[]).is_empty());
        known.take(vec![event("d", 9, "arn:inner", "DELETE_IN_PROGRESS")]);
        assert_eq!(known.nested(&[]), ["arn:inner"]);
    }
}
