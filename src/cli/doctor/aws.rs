//! Who the task is to AWS, and whether its clock is right.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::finding::Finding;
use crate::cli::backends;
use crate::cli::text::{moment, span};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::settings::{SourceLocation, TargetConfig};

/// How long providers of credentials, and an endpoint, may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Credentials that expire sooner and are not renewed will end the task.
const EXPIRES_SOON: Duration = Duration::from_hours(1);
/// From this on a clock is not right.
const SKEW_WARNED: Duration = Duration::from_secs(30);
/// AWS refuses requests whose time is further off.
const SKEW_MAX: Duration = Duration::from_mins(5);

const CREDENTIALS: &str = "credentials";
const CLOCK: &str = "clock";

/// Where the task meets AWS first; `None` if nothing of it is there.
enum Service<'c> {
    Kinesis(Place<'c>, &'c str),
    S3(Place<'c>, &'c str),
}

#[derive(Clone, Copy)]
struct Place<'c> {
    region: Option<&'c str>,
    endpoint: Option<&'c str>,
}

fn service(config: &Config) -> Option<Service<'_>> {
    if let TargetConfig::Kinesis {
        stream,
        region,
        endpoint,
        ..
    } = &config.target
    {
        let place = Place {
            region: region.as_deref(),
            endpoint: endpoint.as_deref(),
        };
        return Some(Service::Kinesis(place, stream));
    }
    let SourceLocation::S3 {
        bucket,
        region,
        endpoint,
        ..
    } = &config.source.location
    else {
        return None;
    };
    let place = Place {
        region: region.as_deref(),
        endpoint: endpoint.as_deref(),
    };
    Some(Service::S3(place, bucket))
}

/// Which provider the credentials come from. None of them is shown.
pub(super) async fn credentials(config: &Config) -> Finding {
    let Some(Service::Kinesis(place, _) | Service::S3(place, _)) = service(config) else {
        return Finding::not_applicable(CREDENTIALS, "neither source nor target is in AWS");
    };
    let shared = match backends::sdk(place.region).await {
        Ok(shared) => shared,
        Err(fault) => return Finding::failed(CREDENTIALS, &fault),
    };
    let unreachable =
        |detail: String| Finding::failed(CREDENTIALS, &Fault::new(FaultKind::Unreachable, detail));
    let Some(provider) = shared.credentials_provider() else {
        return unreachable("there is no provider of credentials".to_owned());
    };
    let given = match tokio::time::timeout(PATIENCE, provider.provide_credentials()).await {
        Ok(Ok(given)) => given,
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            return unreachable(format!("{error}{cause}"));
        }
        Err(_elapsed) => {
            return unreachable(format!("no provider answered within {}", span(PATIENCE)));
        }
    };
    let account = given
        .account_id()
        .map(|account| format!(", account {}", account.as_str()));
    let from = provider_name(&format!("{given:?}"));
    let detail = format!("from {from}{}", account.unwrap_or_default());
    let expiry = given
        .expiry()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let Some(expiry) = expiry.and_then(|since| i64::try_from(since.as_millis()).ok()) else {
        return Finding::ok(CREDENTIALS, format!("{detail}; they do not expire"));
    };
    let left_ms = u64::try_from(expiry.saturating_sub(SystemClock.now_ms())).unwrap_or(0);
    let detail = format!("{detail}; they expire at {}", moment(expiry));
    if Duration::from_millis(left_ms) < EXPIRES_SOON && is_fixed(from.as_str()) {
        let advice =
            "whoever set them has to renew them, and start the task again; a role or a profile renews itself";
        return Finding::warning(CREDENTIALS, detail, advice);
    }
    Finding::ok(CREDENTIALS, detail)
}

/// Whether a provider gives what it was started with, and nothing newer.
fn is_fixed(provider: &str) -> bool {
    provider.starts_with("Environment")
}

/// The name of the provider; the SDK says it in this form only, beside what it hides.
fn provider_name(shown: &str) -> String {
    let rest = shown.split_once("provider_name: \"").map(|(_, rest)| rest);
    let name = rest.and_then(|rest| rest.split_once('"')).map(|(name, _)| name);
    name.unwrap_or("an unknown provider").to_owned()
}

/// The time that an answer carries in its head, whatever else the answer is, and our own at that moment.
#[derive(Debug, Clone, Default)]
struct ClockProbe(Arc<Mutex<Option<(i64, i64)>>>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for ClockProbe {
    fn name(&self) -> &'static str {
        "ClockProbe"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let theirs = context.response().headers().get("date").and_then(date_ms);
        if let Some(theirs) = theirs {
            let both = (theirs, SystemClock.now_ms());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(both);
        }
        Ok(())
    }
}

/// `Mon, 30 Nov 2026 13:40:57 GMT`.
fn date_ms(text: &str) -> Option<i64> {
    let format = aws_smithy_types::date_time::Format::HttpDate;
    let date = aws_smithy_types::DateTime::from_str(text, format).ok()?;
    date.to_millis().ok()
}

/// How far the clock of this machine is from that of the service.
pub(super) async fn clock(config: &Config) -> Finding {
    let Some(service) = service(config) else {
        return Finding::not_applicable(CLOCK, "nothing outside of this machine is asked");
    };
    let (Service::Kinesis(place, _) | Service::S3(place, _)) = &service;
    let shared = match backends::sdk(place.region).await {
        Ok(shared) => shared,
        Err(fault) => return Finding::failed(CLOCK, &fault),
    };
    let probe = ClockProbe::default();
    let asked = tokio::time::timeout(PATIENCE, ask(&shared, &service, probe.clone())).await;
    let seen = *probe.0.lock().unwrap_or_else(PoisonError::into_inner);
    match (seen, asked) {
        (Some((theirs, ours)), _) => of_skew(theirs, ours),
        (None, Ok(Err(detail))) => unknown(&detail),
        (None, Ok(Ok(()))) => unknown("the answer has no date"),
        (None, Err(_elapsed)) => unknown(&format!("no answer within {}", span(PATIENCE))),
    }
}

fn unknown(detail: &str) -> Finding {
    let detail = format!("not compared: {detail}");
    Finding::warning(CLOCK, detail, "see what the target says, below")
}

/// Asks what a start asks first. Whether it is permitted does not matter here.
async fn ask(shared: &aws_config::SdkConfig, service: &Service<'_>, probe: ClockProbe) -> Result<(), String> {
    match service {
        Service::Kinesis(place, stream) => {
            let mut builder = aws_sdk_kinesis::config::Builder::from(shared).interceptor(probe);
            if let Some(endpoint) = place.endpoint {
                builder.set_endpoint_url(Some(endpoint.to_owned()));
            }
            let client = aws_sdk_kinesis::Client::from_conf(builder.build());
            let request = client.describe_stream_summary();
            let request = if stream.starts_with("arn:") {
                request.stream_arn(*stream)
            } else {
                request.stream_name(*stream)
            };
            let asked = request.send().await;
            asked.map(drop).map_err(|error| error.to_string())
        }
        Service::S3(place, bucket) => {
            let mut builder = aws_sdk_s3::config::Builder::from(shared).interceptor(probe);
            if let Some(endpoint) = place.endpoint {
                builder.set_endpoint_url(Some(endpoint.to_owned()));
            }
            builder.set_force_path_style(Some(place.endpoint.is_some()));
            let client = aws_sdk_s3::Client::from_conf(builder.build());
            let asked = client.head_bucket().bucket(*bucket).send().await;
            asked.map(drop).map_err(|error| error.to_string())
        }
    }
}

fn of_skew(theirs_ms: i64, ours_ms: i64) -> Finding {
    let off = Duration::from_millis(ours_ms.abs_diff(theirs_ms));
    // The date has whole seconds, and the answer was under way.
    if off < SKEW_WARNED {
        return Finding::ok(
            CLOCK,
            format!("within {} of the service", span(off + Duration::from_secs(1))),
        );
    }
    let side = if ours_ms > theirs_ms {
        "ahead of"
    } else {
        "late against"
    };
    let detail = format!("{} {side} the service", span(off));
    if off < SKEW_MAX {
        return Finding::warning(
            CLOCK,
            detail,
            "let the machine keep its time with NTP (chrony, timesyncd)",
        );
    }
    let detail = format!("{detail}: AWS refuses its requests; let the machine keep its time with NTP");
    Finding::failed(CLOCK, &Fault::new(FaultKind::Configuration, detail))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn only_the_name_of_the_provider_is_taken() {
        let shown = r#"Credentials { provider_name: "ProfileFile", access_key_id: "AKIA", .. }"#;
        assert_eq!(provider_name(shown), "ProfileFile");
        assert_eq!(provider_name("Credentials"), "an unknown provider");
    }

    #[test]
    fn a_clock_that_is_minutes_off_is_refused_and_one_that_is_seconds_off_is_not() {
        let at = date_ms("Mon, 30 Nov 2026 13:40:57 GMT").unwrap();
        assert_eq!(moment(at), "2026-11-30T13:40:57.000Z");
        assert_eq!(date_ms("soon"), None);
        for (off_ms, expected) in [
            (0, Outcome::Ok),
            (-20_000, Outcome::Ok),
            (60_000, Outcome::Warning),
            (-600_000, Outcome::Failed),
        ] {
            assert_eq!(of_skew(at, at + off_ms).outcome, expected, "{off_ms}");
        }
    }
}
