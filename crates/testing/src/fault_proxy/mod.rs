//! A proxy before an object store that fails on purpose, and that counts what passes.
//!
//! It passes requests on byte by byte as they came, `Host` included: the client signed them for the proxy's address. Every
//! fault is of one kind of request, by method and path, and happens as often as it is told.

mod connection;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store never sees it; this status is the answer, with an S3 error of that meaning: 403 not allowed, 503 slow
    /// down, 507 full, others an internal error.
    Answer(u16),
    /// The store never sees it, and the connection closes without an answer.
    Drop,
    /// The store carries it out, and the connection closes without an answer.
    LoseAnswer,
    /// The answer's head is whole, its body ends after that many bytes, and the connection closes.
    CutAfter(usize),
    /// The answer's body has one bit changed, in the byte at that place, counted from 0. A shorter one passes unchanged.
    FlipBit(usize),
    /// The answer comes that much later.
    Delay(Duration),
    /// The answer's body comes with that many bytes per second.
    Slow(u64),
}

/// A request that passed, or that a fault was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `GET`, `PUT` and so on.
    pub method: String,
    /// Path and query as they were sent, percent-encoded.
    pub target: String,
    /// The header `Range`, if one was sent.
    pub range: Option<String>,
    /// Bytes of the request's body.
    pub sent: usize,
    /// The status that the client got; none if it got no answer.
    pub status: Option<u16>,
    /// Bytes of the answer's body that the proxy sends to the client.
    pub received: usize,
}

struct Rule {
    fault: Fault,
    method: String,
    path: String,
    times: usize,
}

struct State {
    /// None while connections are refused: nothing listens on the port.
    listener: Option<TcpListener>,
    open: Vec<TcpStream>,
    rules: Vec<Rule>,
    exchanges: Vec<Exchange>,
    stopped: bool,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The fault that this request meets; uses it up by one.
    fn fault(&self, method: &str, target: &str) -> Option<Fault> {
        let mut state = self.lock();
        let meets = |rule: &&mut Rule| {
            rule.times > 0 && (rule.method.is_empty() || rule.method == method) && target.contains(&rule.path)
        };
        let rule = state.rules.iter_mut().find(meets)?;
        rule.times = rule.times.saturating_sub(usize::from(rule.times != usize::MAX));
        Some(rule.fault)
    }
}

/// The proxy; it ends with its value.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Shared,
    accepting: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Listens on a free loopback port and passes everything on to that address.
    pub fn start(store: SocketAddr) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap());
        let address = listener.local_addr().unwrap();
        let state = State {
            listener: Some(listener),
            open: Vec::new(),
            rules: Vec::new(),
            exchanges: Vec::new(),
            stopped: false,
        };
        let shared = Shared(Arc::new(Mutex::new(state)));
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&shared, store)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// Where a client finds it: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request of that method whose path and query hold that text meets the fault, until `clear`. An empty method
    /// or text stands for all. Of several faults the first that was told counts.
    pub fn always(&self, fault: Fault, method: &str, path: &str) {
        self.times(usize::MAX, fault, method, path);
    }

    /// As `always`, for the next so many of them.
    pub fn times(&self, times: usize, fault: Fault, method: &str, path: &str) {
        self.shared.lock().rules.push(Rule { fault, method: method.to_owned(), path: path.to_owned(), times });
    }

    /// Ends all faults but `refuse`.
    pub fn clear(&self) {
        self.shared.lock().rules.clear();
    }

    /// Closes every connection and the port itself: who connects is refused, as where no machine answers.
    pub fn refuse(&self) {
        let mut state = self.shared.lock();
        state.listener = None;
        for stream in state.open.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again, on the same port.
    pub fn accept(&self) {
        let mut state = self.shared.lock();
        if state.listener.is_none() {
            state.listener = Some(listen(self.address));
        }
    }

    /// All requests up to now, in the order of their answers.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.lock().exchanges.clone()
    }

    /// Requests of that method up to now.
    pub fn count(&self, method: &str) -> usize {
        self.shared.lock().exchanges.iter().filter(|exchange| exchange.method == method).count()
    }

    /// Forgets the requests up to now.
    pub fn forget(&self) {
        self.shared.lock().exchanges.clear();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.refuse();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// Takes connections until the proxy ends. The lock is held for an instant each time, so that `refuse` takes effect before
/// it returns.
fn accept(shared: &Shared, store: SocketAddr) {
    loop {
        let mut state = shared.lock();
        if state.stopped {
            return;
        }
        let accepted = state.listener.as_ref().and_then(|listener| listener.accept().ok());
        let Some((stream, _)) = accepted else {
            drop(state);
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        state.open.push(stream.try_clone().unwrap());
        drop(state);
        let shared = shared.clone();
        std::thread::spawn(move || {
            // An error is a connection that one side closed: there is nobody to tell.
            let _ = connection::serve(&stream, store, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}
