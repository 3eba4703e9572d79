//! Which EC2 instance is behind which node.
//!
//! Never guesses: a node without a certain instance shows none.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::model::{Node, NodePhase, Purchase};

/// An EC2 instance of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// `c6i.xlarge`
    pub instance_type: String,
    /// `pending`, `running`, `stopping`, `stopped`.
    pub state: String,
    /// Address inside the VPC.
    pub private_address: Option<String>,
    /// Address outside, where it has one.
    pub public_address: Option<String>,
    /// The tag `parallelcluster:node-type`: `HeadNode`, `Compute`, `LoginNode`.
    pub node_type: String,
    /// The tag `parallelcluster:queue-name`.
    pub queue: Option<String>,
    /// The tag `parallelcluster:compute-resource-name`.
    pub compute_resource: Option<String>,
    /// When it was launched.
    pub launched: Option<Timestamp>,
    /// Whether it is a spot machine.
    pub is_spot: bool,
    /// Its availability zone.
    pub zone: Option<String>,
    /// EC2's code for why it is in its state, `Server.SpotInstanceTermination`.
    pub reason: Option<String>,
    /// When it came into that state, as far as EC2 says.
    pub ended: Option<Timestamp>,
}

impl Instance {
    /// Whether it is there, or will be: not ending, and not ended.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state.as_str(), "shutting-down" | "terminated")
    }

    /// How it is paid for.
    pub fn purchase(&self) -> Purchase {
        if self.is_spot { Purchase::Spot } else { Purchase::OnDemand }
    }
}

/// Writes instance, type and state into the nodes whose instance is certain: because the scheduler names it, because the addresses are
/// equal, or because there is one candidate on each side of a queue's compute resource.
pub fn join(nodes: &mut [Node], instances: &[Instance]) {
    let by_id: HashMap<&str, usize> = instances.iter().enumerate().map(|(i, x)| (x.id.as_str(), i)).collect();
    let by_address: HashMap<&str, usize> =
        instances.iter().enumerate().filter_map(|(i, x)| Some((x.private_address.as_deref()?, i))).collect();
    let mut taken = vec![false; instances.len()];
    for node in nodes.iter_mut() {
        let told = node.instance_id.as_deref().and_then(|id| by_id.get(id));
        let at = told.or_else(|| node.address.as_deref().and_then(|address| by_address.get(address)));
        if let Some(at) = at.copied().filter(|at| !taken[*at]) {
            taken[at] = true;
            fill(node, &instances[at]);
        }
    }
    let mut left: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (i, instance) in instances.iter().enumerate().filter(|(i, _)| !taken[*i]) {
        if let (Some(queue), Some(resource)) = (&instance.queue, &instance.compute_resource) {
            left.entry((queue, resource)).or_default().push(i);
        }
    }
    let mut open: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        if node.instance_id.is_none()
            && (node.phase.is_up() || node.phase == NodePhase::PoweringUp)
            && let Some((queue, resource)) = parts(&node.name)
        {
            open.entry((queue.to_owned(), resource.to_owned())).or_default().push(i);
        }
    }
    for ((queue, resource), open) in open {
        if let ([node], Some([instance])) = (open.as_slice(), left.get(&(queue.as_str(), resource.as_str())).map(Vec::as_slice)) {
            fill(&mut nodes[*node], &instances[*instance]);
        }
    }
}

fn fill(node: &mut Node, instance: &Instance) {
    node.instance_id = Some(instance.id.clone());
    node.instance_type = Some(instance.instance_type.clone());
    node.instance_state = Some(instance.state.clone());
    (node.purchase, node.zone) = (Some(instance.purchase()), instance.zone.clone());
}

/// Queue and compute resource of a node's name, `{queue}-{st|dy}-{resource}-{n}`; a queue's name may hold dashes.
fn parts(name: &str) -> Option<(&str, &str)> {
    let (rest, number) = name.rsplit_once('-')?;
    number.parse::<u32>().ok()?;
    let at = rest.rfind("-dy-").max(rest.rfind("-st-"))?;
    Some((&rest[..at], &rest[at + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, address: &str, resource: &str) -> Instance {
        Instance {
            id: id.into(),
            instance_type: "c5.large".into(),
            state: "running".into(),
            private_address: Some(address.into()),
            queue: Some("q-1".into()),
            compute_resource: Some(resource.into()),
            ..Instance::default()
        }
    }

    fn node(name: &str, address: Option<&str>) -> Node {
        Node { address: address.map(str::to_owned), ..Node::named(name, "idle", NodePhase::Idle) }
    }

    #[test]
    fn what_is_certain_is_joined_and_nothing_else() {
        let mut nodes =
            vec![node("q-1-dy-a-1", Some("10.0.0.1")), node("q-1-dy-b-1", None), node("q-1-dy-c-1", None), node("q-1-dy-c-2", None)];
        let told = Node { instance_id: Some("i-5".into()), ..node("q-1-st-a-1", None) };
        nodes.push(told);
        let instances = [
            instance("i-1", "10.0.0.1", "a"),
            instance("i-2", "10.0.0.2", "b"),
            instance("i-3", "10.0.0.3", "c"),
            instance("i-4", "10.0.0.4", "c"),
            instance("i-5", "10.0.0.5", "a"),
        ];
        join(&mut nodes, &instances);
        let ids: Vec<_> = nodes.iter().map(|n| n.instance_id.as_deref()).collect();
        assert_eq!(ids, [Some("i-1"), Some("i-2"), None, None, Some("i-5")]);
        assert_eq!(nodes[4].instance_state.as_deref(), Some("running"));
    }

    #[test]
    fn names_are_taken_apart_greedily() {
        assert_eq!(parts("my-dy-queue-dy-c5-large-12"), Some(("my-dy-queue", "c5-large")));
        assert_eq!(parts("head"), None);
    }
}
