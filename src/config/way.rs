//! `jump:` and `via:`: how a machine is reached that the network does not simply lead to, for one machine or as the default of all.
//!
//! Knows no address: whoever reaches for the machine fills that in.

use serde::Deserialize;

use super::Config;
use crate::model::{ClusterId, Way};

/// Another way than the network's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The Session Manager of AWS, by its command line.
    Ssm,
    /// What ssh does by itself, where the default would be something else.
    Direct,
}

/// Where ssh goes through on its way to a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Passage {
    /// Nothing that its own configuration does not say.
    #[default]
    Direct,
    /// A machine, as one would type after `ssh -J`.
    Jump(String),
    /// A login node of the cluster itself.
    LoginNodes,
    /// AWS Session Manager.
    SessionManager,
}

impl From<Way> for Passage {
    fn from(way: Way) -> Self {
        match way {
            Way::SessionManager => Self::SessionManager,
            Way::LoginNodes => Self::LoginNodes,
        }
    }
}

impl Passage {
    /// What both settings of one place say; `None` where neither is set.
    fn of(jump: Option<&str>, via: Option<Via>) -> Option<Self> {
        match (via, jump) {
            (Some(Via::Ssm), _) => Some(Self::SessionManager),
            (Some(Via::Direct), _) => Some(Self::Direct),
            (None, Some("login")) => Some(Self::LoginNodes),
            (None, Some(jump)) => Some(Self::Jump(jump.to_owned())),
            (None, None) => None,
        }
    }
}

impl Config {
    /// The way to the head node of a cluster that AWS told of: what its own entry says, else the default.
    pub fn passage(&self, id: &ClusterId) -> Passage {
        let own = self.entry(id).and_then(|(_, entry)| Passage::of(entry.jump.as_deref(), entry.via));
        own.or_else(|| Passage::of(self.aws.jump.as_deref(), self.aws.via)).unwrap_or_default()
    }

    /// The way to one of `hosts:`. Only clusters have login nodes: there the word is a machine's name.
    pub fn host_passage(&self, name: &str) -> Passage {
        let host = self.hosts.iter().find(|host| host.name == name);
        match host.and_then(|host| Passage::of(host.jump.as_deref(), host.via)) {
            Some(Passage::LoginNodes) => Passage::Jump("login".to_owned()),
            said => said.unwrap_or_default(),
        }
    }

    /// What is the matter with these settings anywhere, and what to do.
    pub(super) fn check_ways(&self) -> Result<(), (String, &'static str)> {
        let aws = std::iter::once(("aws".to_owned(), self.aws.jump.as_deref(), self.aws.via));
        let clusters = self.clusters.iter().map(|(name, entry)| (format!("clusters: {name}"), entry.jump.as_deref(), entry.via));
        let hosts = self.hosts.iter().map(|host| (format!("hosts: {}", host.name), host.jump.as_deref(), host.via));
        for (place, jump, via) in aws.chain(clusters).chain(hosts) {
            if jump.is_some() && via.is_some() {
                return Err((
                    format!("{place}: `jump` and `via` exclude each other"),
                    "Write one of them: both say how the machine is reached.",
                ));
            }
            if let Some(jump) = jump.filter(|jump| jump.is_empty() || jump.starts_with('-') || jump.contains(char::is_whitespace)) {
                let hint = "Write what you would type after ssh -J, or `login` for the cluster's own login nodes.";
                return Err((format!("{place}: jump: `{jump}` is no machine to go through"), hint));
            }
        }
        if let Some(host) = self.hosts.iter().find(|host| host.via == Some(Via::Ssm) && instance_in(&host.ssh).is_none()) {
            let what = format!("hosts: {}: via: ssm needs the instance's identifier as its ssh destination", host.name);
            return Err((what, "Write ssh: ec2-user@i-0123456789abcdef0; or name a cluster in `clusters:`, whose instance EC2 tells."));
        }
        Ok(())
    }
}

/// The instance that an ssh destination names, as AWS's own examples do: `ec2-user@i-0123456789abcdef0`.
pub fn instance_in(ssh: &str) -> Option<&str> {
    let last = ssh.split_whitespace().next_back()?;
    let host = last.rsplit_once('@').map_or(last, |(_, host)| host);
    let number = host.strip_prefix("i-").or_else(|| host.strip_prefix("mi-"))?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit())).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::wrong;

    #[test]
    fn a_cluster_s_own_way_wins_over_the_default_as_a_whole() {
        let text = "aws: {via: ssm}\nclusters: {a: {jump: login}, b: {via: direct}, c: {jump: me@bastion}, d: {user: x}, p/r/d: {jump: x}}\n\
                    hosts: [{name: h, ssh: h, jump: login}, {name: i, ssh: ec2-user@i-0abc, via: ssm}, {name: j, ssh: j}]\n";
        let config = Config::parse(text, "c").unwrap();
        let of = |name: &str| config.passage(&ClusterId::new(format!("p/r/{name}")));
        assert_eq!([of("a"), of("b"), of("e")], [Passage::LoginNodes, Passage::Direct, Passage::SessionManager]);
        assert_eq!([of("c"), of("d")], [Passage::Jump("me@bastion".into()), Passage::Jump("x".into())]);
        assert_eq!(config.passage(&ClusterId::new("p/other/d")), Passage::SessionManager);
        let host = |name| config.host_passage(name);
        assert_eq!([host("h"), host("i"), host("j")], [Passage::Jump("login".into()), Passage::SessionManager, Passage::Direct]);
    }

    #[test]
    fn what_cannot_be_meant_is_said_where_it_stands() {
        let said = wrong("clusters:\n  prod:\n    via: sms\n");
        assert!(said.contains("config.yaml:3") && said.contains("nearest is `ssm`"), "{said}");
        let said = wrong("hosts:\n  - {name: a, ssh: b, jmp: c}\n");
        assert!(said.contains("config.yaml:2") && said.contains("nearest is `jump`"), "{said}");
        assert!(wrong("clusters: {prod: {via: ssm, jump: login}}\n").contains("clusters: prod: `jump` and `via` exclude"));
        assert!(wrong("aws: {via: direct, jump: x}\n").contains("aws: `jump` and `via` exclude"));
        assert!(wrong("aws: {jump: -oProxyCommand=x}\n").contains("is no machine"));
        assert!(wrong("hosts: [{name: a, ssh: me@head, via: ssm}]\n").contains("instance's identifier"));
        let said = wrong("hosts: [{name: a, ssh: b, profiles: [c]}]\n");
        assert!(said.contains("does not belong there"), "{said}");
        assert_eq!(
            [instance_in("-p 22 me@i-0ab"), instance_in("mi-0"), instance_in("i-x"), instance_in("")],
            [Some("i-0ab"), Some("mi-0"), None, None]
        );
    }
}
