//! The versions of an object, where a bucket keeps what was deleted: what must be erased is in none of them.
//!
//! A plain deletion in a bucket with versions only hides the object. The client has no call for more, so that
//! `ListObjectVersions` and `DeleteObject` of a version are made here
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>).

use super::s3::{Answer, S3};
use http::{Method, StatusCode};
use object_store::path::Path as Key;
use serde::Deserialize;
use std::io::{self, ErrorKind};
use url::Url;

/// Deletes every version of an object, and every mark that it was deleted. Returns whether the server knows of versions: one
/// that does not must be asked to delete the object itself.
///
/// # Errors
/// That versions stay: [`ErrorKind::PermissionDenied`] if the server refuses, as it does while one is locked.
pub(super) async fn delete_all(s3: &S3, key: &Key) -> io::Result<bool> {
    let object = s3.url_of(key).await?;
    let bucket = bucket_of(&object, key)?;
    let mut after: Option<(String, String)> = None;
    loop {
        let mut url = bucket.clone();
        url.query_pairs_mut().append_pair("prefix", key.as_ref()).append_pair("versions", "");
        if let Some((key, version)) = &after {
            url.query_pairs_mut().append_pair("key-marker", key).append_pair("version-id-marker", version);
        }
        let listed = s3.send(Method::GET, &url, String::new()).await?;
        if after.is_none() && knows_no_versions(&listed) {
            return Ok(false);
        }
        let page = Page::of(&listed)?;
        for version in page.versions.iter().chain(&page.marks).filter(|version| version.key == key.as_ref()) {
            let mut url = object.clone();
            url.query_pairs_mut().append_pair("versionId", &version.version_id);
            let deleted = s3.send(Method::DELETE, &url, String::new()).await?;
            if !deleted.status.is_success() && deleted.status != StatusCode::NOT_FOUND {
                return Err(refused("delete a version of it", &deleted));
            }
        }
        match (page.is_truncated, page.next_key_marker, page.next_version_id_marker) {
            (true, Some(key), version) => after = Some((key, version.unwrap_or_default())),
            _ => return Ok(true),
        }
    }
}

/// The address of the bucket of an object: path or host, as the client has it.
fn bucket_of(object: &Url, key: &Key) -> io::Result<Url> {
    let mut url = object.clone();
    match url.path_segments_mut() {
        Ok(mut segments) => key.parts().for_each(|_| {
            segments.pop();
        }),
        Err(()) => return Err(io::Error::new(ErrorKind::InvalidInput, "the address of the object has no path")),
    }
    Ok(url)
}

fn knows_no_versions(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED)
        || answer.code() == "NotImplemented"
}

fn refused(what: &str, answer: &Answer) -> io::Error {
    let kind = match answer.status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, format!("the server does not {what}: {} {}", answer.status, answer.code()))
}

/// A page of `ListObjectVersions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Page {
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_version_id_marker: Option<String>,
    #[serde(rename = "Version")]
    versions: Vec<Version>,
    #[serde(rename = "DeleteMarker")]
    marks: Vec<Version>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    key: String,
    version_id: String,
}

impl Page {
    fn of(answer: &Answer) -> io::Result<Self> {
        if !answer.status.is_success() {
            return Err(refused("list its versions (s3:ListBucketVersions)", answer));
        }
        let text = String::from_utf8_lossy(&answer.body);
        quick_xml::de::from_str(&text)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "the server's list of versions cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whatever_the_order_of_its_members() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
            <ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><IsTruncated>true</IsTruncated>\
            <Version><Key>a/x</Key><VersionId>1</VersionId><IsLatest>false</IsLatest></Version>\
            <DeleteMarker><Key>a/x</Key><VersionId>2</VersionId></DeleteMarker>\
            <Version><Key>a/xy</Key><VersionId>null</VersionId></Version>\
            <NextKeyMarker>a/xy</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker></ListVersionsResult>";
        let page = Page::of(&Answer { status: StatusCode::OK, body: body.into() }).unwrap();
        let found: Vec<_> =
            page.versions.iter().chain(&page.marks).map(|version| (&*version.key, &*version.version_id)).collect();
        assert_eq!(found, [("a/x", "1"), ("a/xy", "null"), ("a/x", "2")]);
        assert!(page.is_truncated && page.next_key_marker.as_deref() == Some("a/xy"));
    }

    #[test]
    fn the_bucket_is_what_is_left_without_the_key() {
        for (object, bucket) in [
            ("http://127.0.0.1:9/b/p/q%20r/x.json", "http://127.0.0.1:9/b"),
            ("https://b.s3.eu-central-1.amazonaws.com/p/q%20r/x.json", "https://b.s3.eu-central-1.amazonaws.com/"),
        ] {
            let key = Key::from("p/q r/x.json");
            assert_eq!(bucket_of(&Url::parse(object).unwrap(), &key).unwrap().as_str(), bucket);
        }
    }
}
