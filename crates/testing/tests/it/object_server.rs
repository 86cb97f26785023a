//! What the servers of `onrecord_testing::object_server` really do, seen by the client that onrecord uses.

use futures::StreamExt;
use object_store::aws::{AmazonS3, Checksum};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig,
};
use onrecord_testing::ObjectServer;
use onrecord_testing::object_server::Kind;

/// Runs one asynchronous test to its end.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A client that says at once what it met.
pub(crate) fn store(server: &ObjectServer, endpoint: &str) -> AmazonS3 {
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    server.builder(endpoint).with_retry(retry).build().unwrap()
}

fn direct(server: &ObjectServer) -> AmazonS3 {
    store(server, &server.endpoint())
}

pub(crate) async fn bytes(store: &AmazonS3, key: &str) -> object_store::Result<Vec<u8>> {
    Ok(store.get(&Path::from(key)).await?.bytes().await?.to_vec())
}

async fn a_store_of_objects(kind: Kind) {
    let server = ObjectServer::start(kind);
    let store = direct(&server);
    let key = Path::from("segments/one.parquet");
    let create = || PutOptions::from(PutMode::Create);
    store.put_opts(&key, PutPayload::from_static(b"0123456789"), create()).await.unwrap();
    let again = store.put_opts(&key, PutPayload::from_static(b"other"), create()).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{kind:?}: {again:?}");
    assert_eq!(bytes(&store, key.as_ref()).await.unwrap(), b"0123456789", "{kind:?}");
    assert_eq!(store.get_range(&key, 2..5).await.unwrap(), &b"234"[..], "{kind:?}");
    let last = GetOptions { range: Some(GetRange::Suffix(3)), ..GetOptions::default() };
    assert_eq!(store.get_opts(&key, last).await.unwrap().bytes().await.unwrap(), &b"789"[..], "{kind:?}");
    assert_eq!(store.head(&key).await.unwrap().size, 10, "{kind:?}");
    let missing = store.get(&Path::from("none")).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{kind:?}: {missing:?}");

    server.put("segments/two.parquet", b"two");
    server.put("elsewhere", b"three");
    let mut keys: Vec<String> =
        store.list(Some(&Path::from("segments"))).map(|object| object.unwrap().location.to_string()).collect().await;
    keys.sort();
    assert_eq!(keys, ["segments/one.parquet", "segments/two.parquet"], "{kind:?}");
    assert_eq!(server.get("segments/one.parquet").unwrap(), b"0123456789", "{kind:?}");
    server.delete("segments/two.parquet");
    assert_eq!(server.get("segments/two.parquet"), None, "{kind:?}");

    let large = vec![7; 11 << 20];
    let mut upload = store.put_multipart(&Path::from("large")).await.unwrap();
    for part in large.chunks(6 << 20) {
        upload.put_part(part.to_vec().into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    assert_eq!(bytes(&store, "large").await.unwrap(), large, "{kind:?}");

    for wrong in [
        server.builder(&server.endpoint()).with_secret_access_key("wrong"),
        server.builder(&server.endpoint()).with_access_key_id("AKNOBODY"),
    ] {
        let wrong = wrong.build().unwrap();
        let read = wrong.get(&key).await;
        assert!(matches!(read, Err(Error::PermissionDenied { .. })), "{kind:?}: {read:?}");
        let written = wrong.put(&Path::from("wrong"), PutPayload::from_static(b"x")).await;
        assert!(matches!(written, Err(Error::PermissionDenied { .. })), "{kind:?}: {written:?}");
    }
    assert_eq!(server.get("wrong"), None, "{kind:?}");
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn each_keeps_objects_and_refuses_wrong_keys() {
    run(async {
        for kind in [Kind::S3sFs, Kind::Moto, Kind::MotoObjectLock] {
            a_store_of_objects(kind).await;
        }
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn objects_of_s3s_fs_are_files_that_outlive_it() {
    run(async {
        let mut server = ObjectServer::start(Kind::S3sFs);
        let key = Path::from("segments/one.parquet");
        direct(&server).put(&key, PutPayload::from_static(b"0123456789")).await.unwrap();
        let file = server.data_dir().join(key.as_ref());
        assert_eq!(std::fs::read(&file).unwrap(), b"0123456789");
        server.kill();
        assert!(bytes(&direct(&server), key.as_ref()).await.is_err());
        server.restart();
        assert_eq!(bytes(&direct(&server), key.as_ref()).await.unwrap(), b"0123456789");
        std::fs::write(&file, b"01234").unwrap();
        assert_eq!(bytes(&direct(&server), key.as_ref()).await.unwrap(), b"01234");
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(bytes(&direct(&server), key.as_ref()).await, Err(Error::NotFound { .. })));
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_small_store_fills_up_and_has_room_again() {
    run(async {
        let server = ObjectServer::start_small(1 << 20);
        let store = direct(&server);
        let part = PutPayload::from(vec![1; 700_000]);
        store.put(&Path::from("one"), part.clone()).await.unwrap();
        let full = store.put(&Path::from("two"), part.clone()).await;
        assert!(full.is_err(), "{full:?}");
        assert_eq!(server.get("two"), None);
        assert_eq!(bytes(&store, "one").await.unwrap().len(), 700_000);
        server.delete("one");
        store.put(&Path::from("two"), part).await.unwrap();
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn duckdb_reads_parquet_from_each() {
    for kind in [Kind::S3sFs, Kind::Moto, Kind::MotoObjectLock] {
        let server = ObjectServer::start(kind);
        for (name, rows) in [("one", "range(100)"), ("two", "range(100, 1000)")] {
            server
                .duckdb(&format!("COPY (SELECT i, i % 7 AS r FROM {rows} t(i)) TO 's3://archive/a/b/{name}.parquet'"));
        }
        assert_eq!(server.get("a/b/one.parquet").unwrap()[..4], *b"PAR1");
        for pattern in ["a/b/*.parquet", "a/**/*.parquet"] {
            let answer = server.duckdb(&format!(
                "SELECT r, count(*) AS n, sum(i)::BIGINT AS total FROM read_parquet('s3://archive/{pattern}') \
                 WHERE r < 2 GROUP BY r ORDER BY r"
            ));
            let expected = "[{\"r\": 0, \"n\": 143, \"total\": 71071}, {\"r\": 1, \"n\": 143, \"total\": 71214}]\n";
            assert_eq!(answer, expected, "{kind:?}");
        }
    }
}

/// A put that asks for encryption and for a storage class.
async fn put_archived(server: &ObjectServer, class: Option<&'static str>) -> object_store::Result<()> {
    let store = server
        .builder(&server.endpoint())
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_config("aws_server_side_encryption".parse().unwrap(), "AES256")
        .build()
        .unwrap();
    let mut attributes = Attributes::new();
    if let Some(class) = class {
        attributes.insert(Attribute::StorageClass, class.into());
    }
    store.put_opts(&Path::from("archived"), PutPayload::from_static(b"x"), attributes.into()).await.map(|_| ())
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn moto_says_how_an_object_is_encrypted_and_classed_and_s3s_fs_does_not() {
    run(async {
        let moto = ObjectServer::start(Kind::Moto);
        put_archived(&moto, Some("STANDARD_IA")).await.unwrap();
        let head = moto.request("HEAD", "/archived", &[], b"");
        assert_eq!(head.header("x-amz-server-side-encryption"), Some("AES256"), "{head:?}");
        assert_eq!(head.header("x-amz-storage-class"), Some("STANDARD_IA"), "{head:?}");

        let files = ObjectServer::start(Kind::S3sFs);
        let refused = put_archived(&files, Some("STANDARD_IA")).await;
        assert!(format!("{refused:?}").contains("InvalidStorageClass"), "{refused:?}");
        put_archived(&files, None).await.unwrap();
        let head = files.request("HEAD", "/archived", &[], b"");
        assert_eq!((head.status, head.header("x-amz-server-side-encryption")), (200, None), "{head:?}");
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_bucket_of_moto_can_be_made_read_only() {
    run(async {
        let server = ObjectServer::start(Kind::Moto);
        server.put("one", b"1");
        server.read_only();
        let store = direct(&server);
        for key in ["one", "two"] {
            let written = store.put(&Path::from(key), PutPayload::from_static(b"2")).await;
            assert!(matches!(written, Err(Error::PermissionDenied { .. })), "{written:?}");
        }
        let deleted = store.delete(&Path::from("one")).await;
        assert!(deleted.is_err(), "{deleted:?}");
        assert_eq!(bytes(&store, "one").await.unwrap(), b"1");
    });
}

/// The versions of an object, the newest first, as the server's list has them.
fn versions(server: &ObjectServer, key: &str) -> Vec<String> {
    let list = server.request("GET", &format!("?prefix={key}&versions="), &[], b"").text();
    let versions = list.split("<Version>").skip(1).map(|version| version.split("<VersionId>").nth(1).unwrap());
    versions.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_locked_version_stays() {
    run(async {
        let server = ObjectServer::start(Kind::MotoObjectLock);
        let store = direct(&server);
        let key = Path::from("one");
        store.put(&key, PutPayload::from_static(b"first")).await.unwrap();
        let first = versions(&server, "one").remove(0);
        let until =
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>";
        let locked = server.request("PUT", &format!("/one?retention=&versionId={first}"), &[], until.as_bytes());
        assert_eq!(locked.status, 200, "{}", locked.text());
        let head = server.request("HEAD", "/one", &[], b"");
        assert_eq!(head.header("x-amz-object-lock-mode"), Some("COMPLIANCE"), "{head:?}");
        assert!(head.header("x-amz-object-lock-retain-until-date").unwrap().starts_with("2099-01-01"), "{head:?}");

        let version = format!("/one?versionId={first}");
        assert_eq!(server.request("DELETE", &version, &[], b"").status, 403);
        let bypass = [("x-amz-bypass-governance-retention", "true")];
        assert_eq!(server.request("DELETE", &version, &bypass, b"").status, 403);
        // A put and a delete without a version succeed, and leave the locked one below.
        store.put(&key, PutPayload::from_static(b"second")).await.unwrap();
        assert_eq!(bytes(&store, "one").await.unwrap(), b"second");
        store.delete(&key).await.unwrap();
        assert!(matches!(bytes(&store, "one").await, Err(Error::NotFound { .. })));
        assert_eq!(versions(&server, "one").len(), 2);
        let of_version = GetOptions { version: Some(first), ..GetOptions::default() };
        assert_eq!(store.get_opts(&key, of_version).await.unwrap().bytes().await.unwrap(), &b"first"[..]);
    });
}

#[test]
#[ignore = "needs s3s-fs and moto; ./test sets them up and runs it"]
fn a_put_may_carry_its_lock_and_a_bucket_may_have_one_for_all() {
    run(async {
        let server = ObjectServer::start(Kind::MotoObjectLock);
        let mut headers = http::HeaderMap::new();
        headers.insert("x-amz-object-lock-mode", "GOVERNANCE".parse().unwrap());
        headers.insert("x-amz-object-lock-retain-until-date", "2099-01-01T00:00:00Z".parse().unwrap());
        headers.insert("x-amz-sdk-checksum-algorithm", "SHA256".parse().unwrap());
        let locking = server
            .builder(&server.endpoint())
            .with_client_options(object_store::ClientOptions::new().with_allow_http(true).with_default_headers(headers))
            .with_checksum_algorithm(Checksum::SHA256)
            .build()
            .unwrap();
        locking.put(&Path::from("one"), PutPayload::from_static(b"first")).await.unwrap();
        let head = server.request("HEAD", "/one", &[], b"");
        assert_eq!(head.header("x-amz-object-lock-mode"), Some("GOVERNANCE"), "{head:?}");

        let server = ObjectServer::start(Kind::MotoObjectLock);
        let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        let set = server.request("PUT", "?object-lock", &[], rule.as_bytes());
        assert_eq!(set.status, 200, "{}", set.text());
        // As S3 does, it wants a checksum of what it is to keep unchanged.
        assert_eq!(server.request("PUT", "/one", &[], b"first").status, 400);
        let put = server.request("PUT", "/one", &[("x-amz-sdk-checksum-algorithm", "SHA256")], b"first");
        assert_eq!(put.status, 200, "{}", put.text());
        let head = server.request("HEAD", "/one", &[], b"");
        assert_eq!(head.header("x-amz-object-lock-mode"), Some("COMPLIANCE"), "{head:?}");
    });
}
