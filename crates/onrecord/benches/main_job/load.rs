//! A closed-loop load generator on loopback: N clients, each with one connection, each waiting for its receipt before
//! it sends the next decision. Threads and blocking sockets: it costs little beside what it measures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What a run of single writes gave.
pub(crate) struct Outcome {
    pub(crate) writes_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Sends `bodies` from `clients` connections until `lasting` is over; every answer must be 201 with a receipt.
pub(crate) fn single_writes(
    address: SocketAddr,
    token: &str,
    clients: usize,
    lasting: Duration,
    bodies: &[String],
) -> Outcome {
    let started = Instant::now();
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                scope.spawn(move || converse(address, token, bodies, client * bodies.len() / clients, started, lasting))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client failed")).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Outcome { writes_per_second: latencies.len() as f64 / seconds, p50: at(0.5), p99: at(0.99) }
}

fn converse(
    address: SocketAddr,
    token: &str,
    bodies: &[String],
    first: usize,
    started: Instant,
    lasting: Duration,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).expect("the server takes connections");
    stream.set_nodelay(true).expect("a TCP stream");
    let mut reader = BufReader::new(stream.try_clone().expect("a TCP stream"));
    let (mut latencies, mut request, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    for body in bodies.iter().cycle().skip(first) {
        if started.elapsed() > lasting {
            break;
        }
        request.clear();
        write!(
            request,
            "POST /v1/decisions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("writing to memory cannot fail");
        let sent = Instant::now();
        stream.write_all(&request).expect("the server reads");
        let status = read_answer(&mut reader, &mut answer);
        latencies.push(sent.elapsed());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
        assert!(answer.windows(17).any(|window| window == b"\"inclusion_proof\""), "an answer without a receipt");
    }
    latencies
}

fn read_answer(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> u16 {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        reader.read_line(&mut line).expect("the server answers");
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().expect("a status");
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
    }
    body.resize(length, 0);
    reader.read_exact(body).expect("the whole answer");
    status
}
