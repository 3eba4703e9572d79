//! What AWS says when something is wrong, and what to do about it.

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::client::Clients;
use crate::model::{Failure, FailureKind};

/// The failure behind an SDK error of the call named `action`, such as `ec2:DescribeInstances`.
pub(super) fn failure<E, R>(clients: &Clients, action: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let meta =
        error.as_service_error().map(|service| (service.code().unwrap_or("").to_owned(), service.message().unwrap_or("").to_owned()));
    let timed_out = matches!(error, SdkError::TimeoutError(_));
    let garbled = matches!(error, SdkError::ResponseError(_));
    let context = DisplayErrorContext(error).to_string();
    let endpoint = std::env::var("AWS_ENDPOINT_URL").ok();
    let told = Told { place: clients.place(), profile: clients.profile.as_deref(), action, meta, timed_out, garbled, context, endpoint };
    let failure = classify(&told);
    if failure.kind == FailureKind::Busy {
        clients.limit(true);
    }
    failure
}

/// All that an error tells, as plain values.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) place: String,
    pub(super) profile: Option<&'a str>,
    pub(super) action: &'a str,
    /// The service's code and message, if it answered.
    pub(super) meta: Option<(String, String)>,
    pub(super) timed_out: bool,
    pub(super) garbled: bool,
    /// The whole chain of causes.
    pub(super) context: String,
    pub(super) endpoint: Option<String>,
}

pub(super) fn classify(told: &Told<'_>) -> Failure {
    let (kind, what, hint) = match &told.meta {
        Some((code, message)) if !code.is_empty() => service(told, code, message),
        _ => transport(told),
    };
    Failure::new(kind, told.place.clone(), what).hint(hint)
}

fn service(told: &Told<'_>, code: &str, message: &str) -> (FailureKind, String, String) {
    // The encoded part of a refusal is for administrators' tools and takes whole screens.
    let message = message.split(" Encoded authorization failure message").next().unwrap_or(message);
    let what = format!("{code}: {message}");
    let login = sign_in(told.profile);
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            (FailureKind::Expired, what, format!("The credentials have run out. {login}"))
        }
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "UnauthorizedException" => {
            let hint = format!("These credentials may not {}: assets/iam-policy-read-only.json holds the policy qdeck needs.", told.action);
            (FailureKind::Denied, what, hint)
        }
        "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
            let hint =
                format!("AWS does not know these credentials: another account's, revoked, or of a region that must be enabled. {login}");
            (FailureKind::Denied, what, hint)
        }
        "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "InvalidSignatureException" => {
            (FailureKind::Denied, what, "The secret key is wrong, or this machine's clock is: compare `date -u` with the true time.".into())
        }
        "OptInRequired" => (FailureKind::Denied, what, "Enable the region in the account, or choose another one.".into()),
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "LimitExceededException" => {
            (FailureKind::Busy, what, "AWS limits the calls of this account; qdeck asks less often until it answers.".into())
        }
        "ResourceNotFoundException" => (FailureKind::NotFound, what, "It was deleted, or never written.".into()),
        "ServiceUnavailable" | "InternalError" | "InternalFailure" | "ServiceUnavailableException" | "InternalServerError" => {
            (FailureKind::Busy, what, "AWS has trouble of its own; it is asked again.".into())
        }
        _ => (FailureKind::Rejected, what, String::new()),
    }
}

fn transport(told: &Told<'_>) -> (FailureKind, String, String) {
    let context = told.context.as_str();
    let has = |words: &[&str]| words.iter().any(|word| context.contains(word));
    let endpoint = told.endpoint.as_ref().map_or_else(String::new, |url| format!(" AWS_ENDPOINT_URL is {url}."));
    if has(&["CredentialsNotLoaded", "no providers in chain provided credentials", "credentials provider was not enabled", "NoCredentials"])
    {
        let profile = told.profile.map_or_else(|| "the default profile".to_owned(), |profile| format!("profile {profile}"));
        let what = format!(
            "no credentials were found: not in the environment, not in {profile} of ~/.aws/config and ~/.aws/credentials, not by SSO, and this machine has no instance role"
        );
        let hint = format!("{} Or export AWS_PROFILE=NAME. Everything that needs no AWS works without.", sign_in(told.profile));
        return (FailureKind::NoCredentials, what, hint);
    }
    if has(&["could not find profile", "profile was not defined", "ProfileFile", "not contain", "profile `"]) && has(&["profile"]) {
        let hint = "`aws configure list-profiles` shows the profiles there are.".to_owned();
        return (FailureKind::NoCredentials, innermost(context), hint);
    }
    if has(&["sso", "SSO", "token"]) && has(&["expired", "refresh", "not found", "InvalidToken", "load"]) && has(&["redentials"]) {
        return (FailureKind::Expired, innermost(context), sign_in(told.profile));
    }
    if told.timed_out || has(&["timed out", "TimedOut", "timeout"]) {
        let hint = format!("No answer in time: check the network, a proxy, and the region's name.{endpoint}");
        return (FailureKind::TimedOut, format!("{}: no answer in time", told.action), hint);
    }
    if has(&["dns error", "failed to lookup", "Name or service not known", "nodename nor servname"]) {
        let hint = format!("No such address: is the region's name right, and is there a network?{endpoint}");
        return (FailureKind::Unreachable, format!("{}: the endpoint's name cannot be resolved", told.action), hint);
    }
    if told.garbled || has(&[super::whole::TORN, "XmlDecodeError", "invalid XML", "unexpected EOF", "JSON", "failed to parse"]) {
        return (
            FailureKind::Garbled,
            format!("{}: {}", told.action, innermost(context)),
            format!("The answer could not be read; it is asked again.{endpoint}"),
        );
    }
    if has(&["redentials"]) {
        return (FailureKind::NoCredentials, innermost(context), sign_in(told.profile));
    }
    let hint = format!("Check the network, VPN and proxy.{endpoint} Everything that needs no AWS works without.");
    (FailureKind::Unreachable, format!("{}: {}", told.action, innermost(context)), hint)
}

fn sign_in(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("`aws sso login --profile {profile}`, or `aws configure --profile {profile}` for access keys."),
        None => "`aws sso login`, or `aws configure` for access keys.".to_owned(),
    }
}

/// The last cause of a chain, which is nearest to what happened, without the SDK's own debugging tail.
fn innermost(context: &str) -> String {
    let tails = [" (DispatchFailure", " (ResponseError", " (ServiceError", " (TimeoutError", " (ConstructionFailure"];
    let end = tails.iter().filter_map(|tail| context.find(tail)).min().unwrap_or(context.len());
    let text = context[..end].split(" (os error").next().unwrap_or(context);
    text.rsplit(": ").next().unwrap_or(text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(meta: Option<(&str, &str)>, context: &str) -> Failure {
        classify(&Told {
            place: "AWS profile lab, region eu-west-1".into(),
            profile: Some("lab"),
            action: "ec2:DescribeInstances",
            meta: meta.map(|(c, m)| (c.into(), m.into())),
            timed_out: false,
            garbled: false,
            context: context.into(),
            endpoint: Some("http://127.0.0.1:1".into()),
        })
    }

    #[test]
    fn each_trouble_has_its_kind_and_its_next_step() {
        let cases = [
            (
                told(None, "dispatch failure: other: the credential provider was not enabled: no providers in chain provided credentials"),
                FailureKind::NoCredentials,
                "aws sso login --profile lab",
            ),
            (told(Some(("RequestExpired", "Request has expired.")), ""), FailureKind::Expired, "aws sso login"),
            (
                told(Some(("UnauthorizedOperation", "You are not authorized. Encoded authorization failure message: abc")), ""),
                FailureKind::Denied,
                "iam-policy",
            ),
            (
                told(Some(("AuthFailure", "AWS was not able to validate the provided access credentials")), ""),
                FailureKind::Denied,
                "does not know",
            ),
            (told(Some(("RequestLimitExceeded", "Request limit exceeded.")), ""), FailureKind::Busy, "less often"),
            (
                told(None, "dispatch failure: io error: client error (Connect): dns error: failed to lookup address information"),
                FailureKind::Unreachable,
                "region's name",
            ),
            (
                told(None, "dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)"),
                FailureKind::Unreachable,
                "AWS_ENDPOINT_URL is http://127.0.0.1:1",
            ),
        ];
        let refused = "dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111) (DispatchFailure(D { x: y }))";
        assert_eq!(innermost(refused), "Connection refused");
        for (failure, kind, hint) in cases {
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.hint.contains(hint), "{failure}");
            assert!(!failure.what.contains("Encoded") && failure.place.contains("profile lab"), "{failure}");
        }
    }
}
