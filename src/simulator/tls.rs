//! TLS as WeChat's server speaks it, and the faults of certificates.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use rustls::{
    CertificateError::{Other, UnknownIssuer},
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::url::BotUrl;
use crate::network::TlsError;

/// Verifies certificates as browsers do. If both name and issuer are wrong, it reports the name: an
/// owner told of the issuer first would get another certificate for the wrong name.
#[derive(Debug)]
struct Verifier(Arc<WebPkiServerVerifier>);

/// Begins a TLS connection; the handshake takes place with the first write.
pub(super) fn start<S: Read + Write>(
    url: &BotUrl,
    stream: S,
) -> Result<StreamOwned<ClientConnection, S>, TlsError> {
    let host = url.bare_host().to_owned();
    let name = ServerName::try_from(host).map_err(|error| TlsError::Other(error.to_string()))?;
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let verifier = WebPkiServerVerifier::builder(roots.into()).build();
    let verifier = verifier.map_err(|error| TlsError::Other(error.to_string()))?;
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
        .with_no_client_auth();
    let connection =
        ClientConnection::new(config.into(), name).map_err(|error| TlsError::from(&error))?;
    Ok(StreamOwned::new(connection, stream))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.0
                .verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        if let Err(Error::InvalidCertificate(UnknownIssuer | Other(_))) = verified {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
