//! How a server proves who it is, and who asks it, if it wants to know.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;

/// TLS for HTTP/1.1, with a server that is vouched for by whom the system trusts, or by nobody but the
/// certificates in a file; whoever asks shows the certificate in another file, if there is one.
pub(crate) fn trusting(
    authorities: Option<&Path>,
    own: Option<&Path>,
) -> Result<ClientConfig, String> {
    let builder = match authorities {
        Some(file) => builder()?.with_root_certificates(roots(file)?),
        None => builder()?
            .with_platform_verifier()
            .map_err(|error| format!("the system's certificates cannot be read: {error}"))?,
    };
    let Some(file) = own else { return Ok(over_http1(builder.with_no_client_auth())) };
    let key = PrivateKeyDer::from_pem_file(file).map_err(|error| wrong(file, &error))?;
    let config = builder.with_client_auth_cert(certificates(file)?, key);
    Ok(over_http1(config.map_err(|error| wrong(file, &error))?))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| wrong(file, &error))?;
    }
    Ok(roots)
}

/// All certificates of a file, which has one at least.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| wrong(file, &error))?;
    if all.is_empty() { Err(wrong(file, &"there is no certificate in it")) } else { Ok(all) }
}

fn wrong(file: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", file.display())
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
