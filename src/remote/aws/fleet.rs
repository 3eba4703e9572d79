//! The compute fleet's status: the item that ParallelCluster keeps of it in DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::client::Clients;
use super::trouble;
use crate::model::Failure;

/// `RUNNING`, `STOPPED`, `PROTECTED` …; `None` where there is no item (yet).
pub(super) async fn status(clients: &Clients, cluster: &str) -> Result<Option<String>, Failure> {
    let request = clients.tables.get_item().table_name(format!("parallelcluster-{cluster}"));
    let answer = request.key("Id", AttributeValue::S("COMPUTE_FLEET".into())).consistent_read(true).send().await;
    match answer {
        Ok(answer) => Ok(answer.item().and_then(read)),
        Err(error) => {
            let failure = trouble::failure(clients, "dynamodb:GetItem", &error);
            // A cluster that is being made or deleted has no table.
            if failure.kind == crate::model::FailureKind::NotFound { Ok(None) } else { Err(failure) }
        }
    }
}

/// Both generations: `Data.status` since 3.2.0, `Status` before.
fn read(item: &HashMap<String, AttributeValue>) -> Option<String> {
    let data = item.get("Data").and_then(|value| value.as_m().ok()).and_then(|data| data.get("status"));
    data.or_else(|| item.get("Status")).and_then(|value| value.as_s().ok()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_read() {
        let text = |s: &str| AttributeValue::S(s.into());
        let new = HashMap::from([("Data".to_owned(), AttributeValue::M(HashMap::from([("status".to_owned(), text("PROTECTED"))])))]);
        let old = HashMap::from([("Status".to_owned(), text("STOPPED")), ("LastUpdatedTime".to_owned(), text("x"))]);
        assert_eq!((read(&new).as_deref(), read(&old).as_deref(), read(&HashMap::new())), (Some("PROTECTED"), Some("STOPPED"), None));
    }
}
