//! HTTPS. The certificate and its key are for these tests alone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use charter::Charter;
use keep::Memory;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use crate::support::{READ, open, request, start_with};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls").join(name)
}

#[tokio::test]
async fn what_is_sent_is_sealed() {
    let pair = (file("cert.pem"), file("key.pem"));
    let server = start_with(Charter::without_file(), |options| options.tls = Some(pair)).await;
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from_pem_file(file("cert.pem")).expect("it is there")).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("there are some").with_root_certificates(known).with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("it is a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("it speaks TLS");
    let settings = request("GET", "/v1/projects/wk_accept/settings", &[], b"");
    stream.write_all(&settings).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""protocol":"https""#), "{answer}");
    let mut plain = TcpStream::connect(server.address).await.expect("it listens");
    plain.write_all(&request("GET", "/healthz", &[("X-API-Key", READ)], b"")).await.expect("it reads");
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), plain.read_to_end(&mut answer)).await;
    assert!(closed.is_ok() && !answer.starts_with(b"HTTP"), "who speaks no TLS is not answered");
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let keep = || Arc::new(Memory::new(keep::limits::MESSAGES_KNOWN_US));
    for (certificate, key, named) in [
        ("none.pem", "key.pem", "none.pem"),
        ("cert.pem", "none.pem", "none.pem"),
        ("key.pem", "key.pem", "key.pem: there is no certificate in it"),
        ("cert.pem", "cert.pem", "cert.pem"),
    ] {
        let (_, stopped) = watch::channel(false);
        let pair = (file(certificate), file(key));
        let change = |options: &mut serve::Options| options.tls = Some(pair);
        let log = Arc::new(Mutex::new(Vec::new()));
        let error = open(keep(), Charter::without_file(), change, stopped, log).await.expect_err("it cannot start");
        assert!(error.to_string().contains(named), "{error}");
    }
}
