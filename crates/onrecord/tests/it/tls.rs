//! A server over TLS, asked by the program itself.

use crate::program::{Directory, Server, failed, text};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::process::Output;

/// A certificate for `localhost` and its key, as files beside the directory.
fn certificate(directory: &Directory, name: &str) -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |ending: &str, pem: String| directory.write(&format!("{name}.{ending}"), pem);
    (write("crt", cert.pem()), write("key", signing_key.serialize_pem()))
}

#[test]
fn a_server_with_a_certificate_speaks_tls_and_nothing_else() {
    let directory = Directory::init();
    let (trusted, key) = certificate(&directory, "server");
    let (other, _) = certificate(&directory, "other");
    // An address that is not loopback needs no --plaintext then.
    let tls = ["--listen", "0.0.0.0:0", "--tls-cert", &trusted, "--tls-key", &key];
    let serve = || Server::start(&mut directory.command(&[&["serve"], &tls[..]].concat()), &directory.token);
    let server = serve();
    let port = server.address.rsplit(':').next().unwrap();
    let ask = |scheme: &str, roots: &str| -> Output {
        let url = format!("{scheme}://localhost:{port}");
        let mut command = directory.command(&["--url", &url, "sql", "SELECT 40 + 2 AS n", "--format", "jsonl"]);
        command.env("ONRECORD_TOKEN", &directory.token).env("SSL_CERT_FILE", roots).output().unwrap()
    };
    let answered = ask("https", &trusted);
    assert_eq!((answered.status.code(), text(&answered.stdout).as_str()), (Some(0), "{\"n\":42}\n"), "{answered:?}");
    let untrusted = failed(&ask("https", &other), "a certificate that nobody vouches for");
    assert!(untrusted.contains("certificate"), "{untrusted}");
    failed(&ask("http", &trusted), "plain HTTP to a TLS port");
    assert_eq!(text(&ask("https", &trusted).stdout), "{\"n\":42}\n", "it goes on");
    assert_eq!(server.stop().0, Some(0));
    assert!(serve().stop().1.contains("https://0.0.0.0"));
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_by_name() {
    let directory = Directory::init();
    let (certificate_file, key) = certificate(&directory, "server");
    let (_, other_key) = certificate(&directory, "other");
    let absent = directory.beside("absent.crt");
    let absent = absent.to_str().unwrap();
    let garbage = directory.write("garbage.crt", "no certificate");
    for (certificate_file, key, named) in [
        (absent, key.as_str(), "absent.crt"),
        (&garbage, &key, "certificate"),
        (&certificate_file, &garbage, "garbage.crt"),
        (&certificate_file, &other_key, "do not fit each other"),
    ] {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", certificate_file, "--tls-key", key];
        let said = directory.fails(&arguments);
        assert!(said.contains(named), "{named}: {said}");
    }
    let output = directory.run(&["serve", "--tls-cert", &certificate_file]);
    assert_eq!(output.status.code(), Some(2), "a certificate without its key is misuse");
}
