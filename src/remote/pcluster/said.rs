//! What `pcluster` prints: one JSON object, of which every member may be missing.
//!
//! Says nothing of what it means.

use serde::Deserialize;
use serde_json::Value;

/// The members that matter, of any answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) configuration_validation_errors: Vec<Told>,
    pub(super) validation_messages: Vec<Told>,
    pub(super) update_validation_errors: Vec<Change>,
    pub(super) change_set: Vec<Change>,
    pub(super) cluster: Summary,
    pub(super) cluster_configuration: Link,
    pub(super) status: Option<String>,
    pub(super) version: Option<String>,
}

/// What a validator says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) level: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message: String,
}

/// A value that would change, and why it may not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) parameter: String,
    pub(super) requested_value: Value,
    pub(super) current_value: Value,
    pub(super) message: String,
}

/// A cluster, in brief.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Summary {
    cloudformation_stack_status: Option<String>,
}

/// Where something is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    url: Option<String>,
}

impl Said {
    /// The status of what was begun.
    pub(super) fn status(&self) -> Option<&str> {
        self.cluster.cloudformation_stack_status.as_deref().or(self.status.as_deref())
    }

    /// Where the cluster's configuration is.
    pub(super) fn url(&self) -> Option<&str> {
        self.cluster_configuration.url.as_deref()
    }

    /// Whether something is wrong with the configuration, and not with the rest of the world.
    pub(super) fn is_about_configuration(&self) -> bool {
        !self.configuration_validation_errors.is_empty()
            || !self.update_validation_errors.is_empty()
            || self.message.starts_with("Invalid cluster configuration")
    }
}

/// Reads what was printed; `None` where it is no such object, or cut off.
pub(super) fn read(out: &str) -> Option<Said> {
    // A warning of Python's may come first.
    let begin = out.find('{')?;
    serde_json::from_str(out[begin..].trim_end()).ok()
}

/// A value in words; `-` where there is none.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
