//! Errors of connections as data, which can be compared and said in every language.

pub(crate) mod address;

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Error of the system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct SystemError {
    pub(crate) kind: ErrorKind,
    pub(crate) text: String,
}

/// Error of TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the certificate is self-signed, or its chain is incomplete")]
    Untrusted,
    #[error("the certificate has expired")]
    Expired,
    #[error("the certificate isn't valid yet")]
    NotYetValid,
    #[error("the certificate is for another name")]
    OtherName,
    /// The port of an https URL speaks http.
    #[error("this port speaks http, not https")]
    NotTls,
    #[error("the TLS connection failed: the server speaks only an old TLS")]
    Old,
    #[error("the server refused the TLS connection: it takes none of the ciphers offered")]
    NoCipher,
    /// The server ended the handshake with another alert.
    #[error("the server refused the TLS connection")]
    Refused,
    #[error("the TLS connection failed: {0}")]
    Other(String),
}

impl From<&io::Error> for SystemError {
    fn from(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
        }
    }
}

impl From<&Error> for TlsError {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
            | Error::AlertReceived(AlertDescription::ProtocolVersion) => Self::Old,
            Error::AlertReceived(AlertDescription::HandshakeFailure) => Self::NoCipher,
            Error::AlertReceived(_) => Self::Refused,
            Error::InvalidCertificate(fault) => match fault {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
                CertificateError::UnknownIssuer | CertificateError::Other(_) => Self::Untrusted,
                fault => Self::Other(fault.to_string()),
            },
            error => Self::Other(error.to_string()),
        }
    }
}

impl TlsError {
    /// Returns the error of TLS that an error of a stream carries, if it does not come from the
    /// connection below.
    pub(crate) fn carried_by(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(error.into())
    }
}
