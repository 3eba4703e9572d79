//! The SDK's clients for one profile and region, made once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, imds};
use aws_sdk_ec2::config::SharedCredentialsProvider;

use super::whole::Whole;
use crate::model::{Failure, FailureKind};

/// The price list of all regions is served in few; China has its own.
const PRICES: &str = "us-east-1";
const PRICES_CHINA: &str = "cn-northwest-1";

/// One profile and region. `None` is the SDK's own choice.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Where {
    pub(super) profile: Option<String>,
    pub(super) region: Option<String>,
}

/// The clients, and what they were made for.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) stacks: aws_sdk_cloudformation::Client,
    pub(super) tables: aws_sdk_dynamodb::Client,
    pub(super) prices: aws_sdk_pricing::Client,
    pub(super) identity: aws_sdk_sts::Client,
    pub(super) credentials: Option<SharedCredentialsProvider>,
    pub(super) profile: Option<String>,
    pub(super) region: String,
    /// Whether AWS limits our calls there now; one for all copies.
    limited: Arc<AtomicBool>,
}

impl Clients {
    /// As they are; or, while AWS limits our calls, without second attempts: what asks again by itself need not be asked three times.
    pub(super) fn sparing(&self) -> Self {
        if !self.limited.load(Ordering::Relaxed) {
            return self.clone();
        }
        let once = RetryConfig::disabled;
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(self.ec2.config().to_builder().retry_config(once()).build()),
            stacks: aws_sdk_cloudformation::Client::from_conf(self.stacks.config().to_builder().retry_config(once()).build()),
            tables: aws_sdk_dynamodb::Client::from_conf(self.tables.config().to_builder().retry_config(once()).build()),
            ..self.clone()
        }
    }

    /// AWS limits our calls there, or does no more.
    pub(super) fn limit(&self, on: bool) {
        self.limited.store(on, Ordering::Relaxed);
    }

    /// `AWS profile P, region R`, as failures say it.
    pub(super) fn place(&self) -> String {
        place(self.profile.as_deref(), &self.region)
    }
}

pub(super) fn place(profile: Option<&str>, region: &str) -> String {
    profile.map_or_else(|| format!("AWS, region {region}"), |profile| format!("AWS profile {profile}, region {region}"))
}

pub(super) async fn load(wanted: Where) -> Result<Clients, Failure> {
    // On a laptop nobody answers at the metadata address: not more than a second is spent on finding that out.
    let metadata = imds::Client::builder()
        .max_attempts(1)
        .connect_timeout(Duration::from_millis(400))
        .read_timeout(Duration::from_millis(800))
        .build();
    let from_file = wanted.profile.iter().fold(ProfileFileRegionProvider::builder(), |b, name| b.profile_name(name)).build();
    // Like the AWS CLI: a profile that was named on purpose says more than the environment.
    let region = match (&wanted.region, &wanted.profile) {
        (Some(region), _) => Some(Region::new(region.clone())),
        (None, Some(_)) => RegionProviderChain::first_try(from_file).or_else(EnvironmentVariableRegionProvider::new()).region().await,
        (None, None) => {
            let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(from_file);
            chain.or_else(ImdsRegionProvider::builder().imds_client(metadata.clone()).build()).region().await
        }
    };
    let Some(region) = region else {
        let profile = wanted.profile.as_deref().map_or_else(|| "AWS".to_owned(), |profile| format!("AWS profile {profile}"));
        return Err(Failure::new(FailureKind::NotFound, profile, "no region is set").hint(
            "Set one: export AWS_REGION=eu-west-1, `aws configure set region …`, --region, or aws: {regions: [...]} in the config.",
        ));
    };
    let credentials = match &wanted.profile {
        // A profile named on purpose is used as it is: keys in the environment do not take its place.
        Some(profile) => SharedCredentialsProvider::new(ProfileFileCredentialsProvider::builder().profile_name(profile).build()),
        None => {
            SharedCredentialsProvider::new(DefaultCredentialsChain::builder().imds_client(metadata).region(region.clone()).build().await)
        }
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(12))
        .operation_timeout(Duration::from_secs(25))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials)
        // Not the adaptive one, which makes who is limited twice wait for half a minute: who repeats himself asks less often by himself.
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts);
    if let Some(profile) = &wanted.profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    let list = if region.as_ref().starts_with("cn-") { PRICES_CHINA } else { PRICES };
    Ok(Clients {
        ec2: aws_sdk_ec2::Client::from_conf(aws_sdk_ec2::config::Builder::from(&config).interceptor(Whole).build()),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        stacks: aws_sdk_cloudformation::Client::from_conf(
            aws_sdk_cloudformation::config::Builder::from(&config).interceptor(Whole).build(),
        ),
        tables: aws_sdk_dynamodb::Client::new(&config),
        prices: aws_sdk_pricing::Client::from_conf(aws_sdk_pricing::config::Builder::from(&config).region(Region::new(list)).build()),
        identity: aws_sdk_sts::Client::new(&config),
        credentials: config.credentials_provider(),
        profile: wanted.profile,
        region: region.as_ref().to_owned(),
        limited: Arc::default(),
    })
}
