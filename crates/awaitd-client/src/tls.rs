//! How a server proves who it is.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;

/// TLS for HTTP/1.1, with a server that is vouched for by whom the system trusts, or by nobody but the
/// certificates in this file.
pub(crate) fn trusting(authorities: Option<&Path>) -> Result<ClientConfig, String> {
    let Some(file) = authorities else {
        let builder = builder()?.with_platform_verifier();
        let builder = builder
            .map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
        return Ok(over_http1(builder.with_no_client_auth()));
    };
    let wrong = |error: &dyn Display| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(over_http1(builder()?.with_root_certificates(roots).with_no_client_auth()))
}

/// The same with no server at all.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, String> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())
}

fn over_http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
