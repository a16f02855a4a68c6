//! The certificates that servers are trusted by, where `AWS_CA_BUNDLE` names them. Other SDKs of AWS and its command line
//! read it; that of Rust does not.

use std::path::Path;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::fault::{Fault, FaultKind};

/// The name of the variable.
const VARIABLE: &str = "AWS_CA_BUNDLE";

/// A client that trusts the certificates of the bundle and no others; `None` if none is named.
///
/// # Errors
/// If it cannot be read, or is not a bundle of certificates.
pub(super) fn http_client() -> Result<Option<SharedHttpClient>, Fault> {
    let client = tls_context()?.map(|context| {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context)
            .build_https()
    });
    Ok(client)
}

/// The certificates of the bundle; `None` if none is named.
///
/// # Errors
/// If it cannot be read, or is not a bundle of certificates.
pub(super) fn tls_context() -> Result<Option<TlsContext>, Fault> {
    let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let pem = bundle(Path::new(&path))?;
    let store = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|error| fault(Path::new(&path), &error.to_string()))?;
    Ok(Some(context))
}

/// The text of a bundle; the client takes for granted that it is one.
fn bundle(path: &Path) -> Result<Vec<u8>, Fault> {
    let pem = std::fs::read(path).map_err(|error| fault(path, &error.to_string()))?;
    let mut count = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(path, &error.to_string()))?;
        let anchor = webpki::anchor_from_trusted_cert(&certificate);
        anchor.map_err(|error| fault(path, &format!("certificate {} of it: {error}", count + 1)))?;
        count += 1;
    }
    if count == 0 {
        return Err(fault(path, "it holds no certificate in PEM"));
    }
    Ok(pem)
}

fn fault(path: &Path, reason: &str) -> Fault {
    let message = format!(
        "{VARIABLE} names {}, which cannot be used: {reason}; correct the variable or the file, or unset it",
        path.display()
    );
    Fault::new(FaultKind::Configuration, message)
}
