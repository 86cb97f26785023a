//! That each fault of the proxy before an object store is what its name says, and that nothing else is changed.

use crate::object_server::{bytes, run, store};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutPayload};
use onrecord_testing::fault_proxy::Fault;
use onrecord_testing::object_server::Kind;
use onrecord_testing::{FaultProxy, ObjectServer};
use std::time::{Duration, Instant};

const KEY: &str = "segments/one.parquet";

struct Behind {
    server: ObjectServer,
    proxy: FaultProxy,
    content: Vec<u8>,
}

impl Behind {
    /// A server with one object of a hundred thousand bytes.
    fn of(kind: Kind) -> Self {
        let server = ObjectServer::start(kind);
        let proxy = FaultProxy::start(server.address());
        let content: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
        server.put(KEY, &content);
        Self { server, proxy, content }
    }

    async fn get(&self) -> object_store::Result<Vec<u8>> {
        bytes(&store(&self.server, &self.proxy.endpoint()), KEY).await
    }

    async fn put(&self, key: &str) -> object_store::Result<()> {
        let payload = PutPayload::from(self.content.clone());
        store(&self.server, &self.proxy.endpoint()).put(&Path::from(key), payload).await.map(|_| ())
    }
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn without_a_fault_it_passes_on_and_counts() {
    run(async {
        for kind in [Kind::S3sFs, Kind::Moto] {
            let behind = Behind::of(kind);
            behind.put("two").await.unwrap();
            assert_eq!(behind.server.get("two").unwrap(), behind.content);
            assert_eq!(behind.get().await.unwrap(), behind.content);
            let client = store(&behind.server, &behind.proxy.endpoint());
            let range = client.get_range(&Path::from(KEY), 10..30).await.unwrap();
            assert_eq!(range, behind.content[10..30]);
            assert_eq!(client.head(&Path::from(KEY)).await.unwrap().size, 100_000);
            let exchanges = behind.proxy.exchanges();
            let seen: Vec<_> = exchanges
                .iter()
                .map(|one| (&*one.method, one.status, one.sent, one.received, one.range.as_deref()))
                .collect();
            assert_eq!(
                seen,
                [
                    ("PUT", Some(200), 100_000, 0, None),
                    ("GET", Some(200), 0, 100_000, None),
                    ("GET", Some(206), 0, 20, Some("bytes=10-29")),
                    ("HEAD", Some(200), 0, 0, None),
                ],
                "{kind:?}"
            );
            assert_eq!(exchanges[0].target, "/archive/two");
            assert_eq!((behind.proxy.count("GET"), behind.proxy.count("DELETE")), (2, 0));
            behind.proxy.forget();
            assert_eq!(behind.proxy.exchanges(), []);
        }
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn it_answers_in_the_place_of_the_store() {
    run(async {
        let behind = Behind::of(Kind::S3sFs);
        for (status, code) in [(403, "AccessDenied"), (503, "SlowDown"), (507, "InsufficientStorage")] {
            behind.proxy.always(Fault::Answer(status), "PUT", "");
            let put = behind.put("two").await.unwrap_err();
            assert_eq!(matches!(put, Error::PermissionDenied { .. }), status == 403, "{put:?}");
            assert!(format!("{put:?}").contains(code), "{put:?}");
            assert_eq!(behind.get().await.unwrap(), behind.content);
            behind.proxy.clear();
        }
        assert_eq!(behind.server.get("two"), None);
        behind.proxy.times(1, Fault::Answer(503), "PUT", "/two");
        behind.put("three").await.unwrap();
        behind.put("two").await.unwrap_err();
        behind.put("two").await.unwrap();
        behind.proxy.always(Fault::Answer(403), "HEAD", "");
        let client = store(&behind.server, &behind.proxy.endpoint());
        let head = client.head(&Path::from("two")).await;
        assert!(matches!(head, Err(Error::PermissionDenied { .. })), "{head:?}");
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn it_loses_requests_and_answers() {
    run(async {
        let behind = Behind::of(Kind::S3sFs);
        behind.proxy.times(1, Fault::Drop, "PUT", "");
        behind.put("two").await.unwrap_err();
        assert_eq!(behind.server.get("two"), None);
        behind.proxy.times(1, Fault::LoseAnswer, "PUT", "");
        behind.put("two").await.unwrap_err();
        assert_eq!(behind.server.get("two").unwrap(), behind.content);
        assert!(behind.proxy.exchanges().iter().all(|exchange| exchange.status.is_none()));
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn it_cuts_and_changes_bodies() {
    run(async {
        let behind = Behind::of(Kind::S3sFs);
        behind.proxy.times(1, Fault::CutAfter(60_000), "GET", "one.parquet");
        behind.get().await.unwrap_err();
        assert_eq!(behind.proxy.exchanges()[0].received, 60_000);
        behind.proxy.times(1, Fault::FlipBit(70_000), "GET", "one.parquet");
        let changed = behind.get().await.unwrap();
        let differ: Vec<usize> = (0..100_000).filter(|at| changed[*at] != behind.content[*at]).collect();
        assert_eq!(differ, [70_000]);
        assert_eq!(changed[70_000] ^ behind.content[70_000], 1);
        assert_eq!(behind.get().await.unwrap(), behind.content);
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn it_is_slow() {
    run(async {
        let behind = Behind::of(Kind::S3sFs);
        for fault in [Fault::Delay(Duration::from_millis(500)), Fault::Slow(200_000)] {
            behind.proxy.times(1, fault, "GET", "");
            let started = Instant::now();
            assert_eq!(behind.get().await.unwrap(), behind.content);
            assert!(started.elapsed() >= Duration::from_millis(500), "{fault:?}: {:?}", started.elapsed());
        }
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn it_refuses_connections_and_takes_them_again() {
    run(async {
        let mut behind = Behind::of(Kind::S3sFs);
        let client = store(&behind.server, &behind.proxy.endpoint());
        bytes(&client, KEY).await.unwrap();
        behind.proxy.refuse();
        bytes(&client, KEY).await.unwrap_err();
        let refused = std::net::TcpStream::connect(behind.proxy.endpoint().trim_start_matches("http://")).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        behind.proxy.accept();
        assert_eq!(bytes(&client, KEY).await.unwrap(), behind.content);
        behind.server.kill();
        bytes(&client, KEY).await.unwrap_err();
        behind.server.restart();
        assert_eq!(bytes(&client, KEY).await.unwrap(), behind.content);
    });
}
