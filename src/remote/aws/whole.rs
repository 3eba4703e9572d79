//! Whether an XML answer arrived whole. The SDK's reader takes the end of a torn answer for the end of the list: clusters would vanish.

use aws_sdk_ec2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;

/// What the failure says; [`super::trouble`] looks for it.
pub(super) const TORN: &str = "the answer is cut off";

/// Refuses answers whose first element is not closed at their end.
#[derive(Debug)]
pub(super) struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    // Only now is the body in memory.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _parts: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.response().body().bytes() {
            Some(body) if context.response().status().is_success() && !is_whole(body) => Err(TORN.into()),
            _ => Ok(()),
        }
    }
}

/// The name of the first element is the name that is closed last.
fn is_whole(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let mut elements = text.split('<').skip(1).filter(|element| !element.starts_with(['?', '!']));
    let Some(first) = elements.next() else { return body.is_empty() };
    let name: String = first.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '>' | '/')).collect();
    text.ends_with(&format!("</{name}>")) || text.ends_with("/>") && elements.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_answer_is_told_from_a_whole_one_wherever_it_is_torn() {
        let whole = "<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><B><C/></B></A>\n";
        assert!(is_whole(whole.as_bytes()) && is_whole(b"") && is_whole(b"<A/>"));
        for end in 24..whole.len() - 2 {
            assert!(!is_whole(&whole.as_bytes()[..end]), "{}", &whole[..end]);
        }
    }
}
