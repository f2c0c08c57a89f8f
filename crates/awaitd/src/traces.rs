//! Spans of requests on their way to a collector: over OTLP, as protobuf in HTTP, from a thread of their own.
//! Told by the variables that OpenTelemetry has for all programs (`OTEL_…`); without an endpoint there are
//! none. Nobody waits for them: when the collector is slow or gone, they are dropped.

use std::env;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::{Key, KeyValue, global};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, SpanExporter as Otlp,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use reqwest::blocking::Client;
use rustls::crypto::ring;
use tracing::{info, warn};

/// The last spans have so long to leave at the end, on which somebody waits.
const LAST_MAX: Duration = Duration::from_secs(3);

/// The one protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

const SERVICE: &str = "service.name";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Those that need no ratio…
const SAMPLERS: [&str; 4] =
    ["always_on", "always_off", "parentbased_always_on", "parentbased_always_off"];

/// … and those that do.
const RATIO_SAMPLERS: [&str; 2] = ["traceidratio", "parentbased_traceidratio"];

/// Whoever sends them.
pub(crate) struct Traces(SdkTracerProvider);

/// Traces requests from here on, if the environment says where to. What is wrong there is only told: it is
/// said to all programs, and no reason for this one not to serve.
pub(crate) fn begin() -> Option<Traces> {
    let off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if off || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none") {
        return None;
    }
    let endpoint = first([OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT])?;
    let protocols = [OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL];
    if let Some(other) = first(protocols).filter(|protocol| protocol != PROTOCOL) {
        warn!("nothing is traced: of the protocols of OTLP only {PROTOCOL} is spoken, not {other}");
        return None;
    }
    let otlp = match otlp(&endpoint) {
        Ok(otlp) => otlp,
        Err(error) => {
            warn!("nothing is traced: {error}");
            return None;
        }
    };
    if let Some(wrong) = wrong_sampler(said(SAMPLER).as_deref(), said(RATIO).as_deref()) {
        warn!("all is traced whose caller does not say otherwise: {wrong}");
    }
    let exporter = Watched { inner: otlp, failing: AtomicBool::new(false) };
    let provider = SdkTracerProvider::builder();
    let provider = provider.with_resource(resource()).with_batch_exporter(exporter).build();
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(provider.clone());
    info!("requests are traced");
    Some(Traces(provider))
}

/// Sends what is left, if that can be done soon.
pub(crate) fn end(traces: Option<Traces>) {
    if let Some(Traces(provider)) = traces
        && provider.shutdown_with_timeout(LAST_MAX).is_err()
    {
        warn!("the last traces did not reach their collector");
    }
}

fn otlp(endpoint: &str) -> Result<Otlp, Box<dyn Error>> {
    // Whatever else of this program speaks TLS brings its own; only this client asks for the process's.
    _ = ring::default_provider().install_default();
    let mut client = Client::builder().timeout(timeout());
    if endpoint.starts_with("http://") {
        // Then the system need not have any certificates.
        client = client.tls_certs_only([]);
    }
    Ok(Otlp::builder().with_http().with_http_client(client.build()?).build()?)
}

/// For so long a batch may be under way.
fn timeout() -> Duration {
    let said = first([OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT]);
    let said = said.and_then(|millis| millis.parse().ok());
    said.map_or(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, Duration::from_millis)
}

/// Who speaks: this program, unless it is called otherwise here.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().build().get(&Key::from_static_str(SERVICE));
    let named = named.filter(|name| !name.as_str().starts_with("unknown_service"));
    let resource = Resource::builder().with_attribute(version);
    if named.is_some() { resource } else { resource.with_service_name("awaitd") }.build()
}

/// What is wrong with what was said of sampling, which would be passed over.
fn wrong_sampler(sampler: Option<&str>, ratio: Option<&str>) -> Option<String> {
    let sampler = sampler?;
    if RATIO_SAMPLERS.contains(&sampler) {
        let ratio: Option<f64> = ratio.and_then(|ratio| ratio.parse().ok());
        let good = ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio));
        return (!good).then(|| format!("{SAMPLER}={sampler} needs a {RATIO} from 0 to 1"));
    }
    let known = SAMPLERS.contains(&sampler);
    (!known).then(|| {
        let known = [&SAMPLERS[..], &RATIO_SAMPLERS].concat().join(", ");
        format!("{SAMPLER}={sampler} is none of {known}")
    })
}

fn first(names: [&str; 2]) -> Option<String> {
    names.into_iter().find_map(said)
}

/// What a variable says; an empty one says nothing.
fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says when sending begins to fail and when it goes on, not each time.
#[derive(Debug)]
struct Watched {
    inner: Otlp,
    failing: AtomicBool,
}

impl SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.inner.export(batch).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Ok(()) if failed_before => info!("traces reach their collector again"),
            Err(error) if !failed_before => {
                warn!(
                    "traces do not reach their collector, and are dropped until they do: {error}"
                );
            }
            Ok(()) | Err(_) => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ratio that is misspelt would trace everything, on a server that has much to do.
    #[test]
    fn a_wrong_sampler_is_told() {
        for (sampler, ratio, wrong) in [
            (None, None, false),
            (Some("always_off"), None, false),
            (Some("parentbased_traceidratio"), Some("0.01"), false),
            (Some("parentbased_traceidratio"), Some("1%"), true),
            (Some("traceidratio"), None, true),
            (Some("traceidratio"), Some("NaN"), true),
            (Some("allways_on"), None, true),
        ] {
            assert_eq!(wrong_sampler(sampler, ratio).is_some(), wrong, "{sampler:?} {ratio:?}");
        }
    }
}
