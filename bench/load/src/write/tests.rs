//! Against a server of a few lines that stalls when told.

use super::*;
use std::io::{Read, Write as _};
use std::net::TcpListener;

const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-length: 24\r\n\r\n{\"inclusion_proof\": []}\n";
const REFUSAL: &[u8] = b"HTTP/1.1 503 Unavailable\r\ncontent-length: 2\r\n\r\nno";

/// Answers one connection's requests with `answer`; the first after `stall`.
fn serve(answer: &'static [u8], stall: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        for count in 0.. {
            if stream.read(&mut request).unwrap_or(0) == 0 {
                return;
            }
            if count == 0 {
                std::thread::sleep(stall);
            }
            stream.write_all(answer).unwrap();
        }
    });
    url
}

fn measure(url: String, rate: Option<f64>) -> Report {
    let bodies = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bodies.path(), "{}\n").unwrap();
    let (file, token, seconds) = (bodies.path().to_owned(), "t".to_owned(), 0.5);
    Write { file, url, token, clients: 1, seconds, rate, key_file: None, check_receipts: 0 }.measure().unwrap()
}

#[test]
fn an_open_loop_counts_the_wait_of_all_that_a_stall_held_up() {
    let report = measure(serve(ANSWER, Duration::from_millis(250)), Some(200.0));
    assert_eq!((report.writes, report.errors), (100, 0), "all that was due was sent");
    // Half of the requests were due during the stall: they waited between 0 and 250 ms.
    assert!(report.p90_ms > 150.0, "{}", report.p90_ms);
}

#[test]
fn a_closed_loop_asks_a_slow_server_less() {
    let report = measure(serve(ANSWER, Duration::from_millis(250)), None);
    assert!(report.max_ms >= 250.0 && report.p50_ms < 50.0, "{} {}", report.max_ms, report.p50_ms);
}

#[test]
fn what_is_not_recorded_is_an_error() {
    let report = measure(serve(REFUSAL, Duration::ZERO), Some(50.0));
    assert_eq!((report.writes, report.errors), (0, 25));
}
