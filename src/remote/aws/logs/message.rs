//! What an event says, as lines for a reader: every line has a time, and JSON of ParallelCluster's own becomes words.
//!
//! Never drops or guesses anything: what is not such JSON is shown as it is.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// An event as one or more lines, each ended.
pub(super) fn lines(at: i64, message: &str, is_events: bool, out: &mut Vec<u8>) {
    let readable = if is_events { readable(message) } else { None };
    let message = readable.as_deref().unwrap_or(message).trim_end_matches(['\n', '\r']);
    let dated = message.trim_start_matches('[').bytes().take(4).filter(u8::is_ascii_digit).count() == 4;
    if let Some(at) = Timestamp::from_millisecond(at).ok().filter(|_| !dated) {
        out.extend_from_slice(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ ").to_string().as_bytes());
    }
    out.extend_from_slice(message.as_bytes());
    out.push(b'\n');
}

/// `datetime level role component event-type: message key=value …` of an event of clustermgtd and its like.
pub(super) fn readable(message: &str) -> Option<String> {
    let Value::Object(mut event) = serde_json::from_str(message.trim()).ok()? else { return None };
    let mut take = |key: &str| event.remove(key).map(|value| word(&value)).filter(|text| !text.is_empty());
    let (at, kind) = (take("datetime")?, take("event-type")?);
    let mut line = at;
    for key in ["level", "node-role", "component"] {
        line.extend(take(key).map(|text| format!(" {text}")));
    }
    line.push_str(&format!(" {kind}:"));
    line.extend(take("message").map(|text| format!(" {text}")));
    let detail = event.remove("detail");
    // The same in every line of a cluster.
    ["version", "scheduler", "cluster-name", "instance-id"].iter().for_each(|key| {
        event.remove(*key);
    });
    detail.iter().for_each(|value| pairs("", value, &mut line));
    pairs("", &Value::Object(event), &mut line);
    Some(line)
}

fn pairs(key: &str, value: &Value, line: &mut String) {
    match value {
        Value::Object(map) => all(key, map, line),
        Value::Null => {}
        value => line.push_str(&if key.is_empty() { format!(" {}", word(value)) } else { format!(" {key}={}", word(value)) }),
    }
}

fn all(key: &str, map: &Map<String, Value>, line: &mut String) {
    for (name, value) in map {
        let name = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        pairs(&name, value, line);
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str, is_events: bool) -> String {
        let mut out = Vec::new();
        lines(1_700_000_000_123, message, is_events, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn messages_without_a_time_get_one() {
        assert_eq!(shown("2026-01-01 00:00:00,000 - x\n", false), "2026-01-01 00:00:00,000 - x\n");
        assert_eq!(shown("[2026-01-01T00:00:00.000] y", false), "[2026-01-01T00:00:00.000] y\n");
        assert_eq!(shown("plain", false), "2023-11-14T22:13:20.123Z plain\n");
    }

    #[test]
    fn events_become_words_and_everything_else_stays() {
        let event = r#"{"datetime": "2026-01-01T00:00:00.000+00:00", "version": 0, "scheduler": "slurm", "cluster-name": "demo",
            "node-role": "HeadNode", "component": "clustermgtd", "level": "WARNING", "instance-id": "i-1",
            "event-type": "node-launch-failure-count", "message": "Number of nodes that failed to launch",
            "detail": {"failure-type": "ice-failures", "count": 2, "nodes": [{"name": "q-dy-a-1"}]}}"#;
        assert_eq!(
            shown(event, true),
            "2026-01-01T00:00:00.000+00:00 WARNING HeadNode clustermgtd node-launch-failure-count: Number of nodes that failed to launch \
             count=2 failure-type=ice-failures nodes=[{\"name\":\"q-dy-a-1\"}]\n"
        );
        assert!(shown(event, false).contains("\"datetime\""), "only in streams of events");
        for odd in ["{\"a\": 1}", "{broken", "[1]", "words", ""] {
            assert!(shown(odd, true).ends_with(&format!(" {odd}\n")), "{odd}");
        }
    }
}
