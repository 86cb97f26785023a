//! Requests to a server beside those that a client of objects can make: signed by `object_store`, sent over a connection of
//! their own.

use super::{ObjectServer, REGION};
use crate::http_message::{BodyOf, Message};
use http::{HeaderName, HeaderValue};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use std::io::{self, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpStream};

/// What a server answered.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names as they were sent.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(super) fn signed(
    server: &ObjectServer,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut request = HttpRequest::new(HttpRequestBody::from(body.to_vec()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = format!("{}{target}", server.endpoint()).parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    }
    let (key_id, secret_key) = (server.access_key().to_owned(), server.secret_key().to_owned());
    let credential = AwsCredential { key_id, secret_key, token: None };
    AwsAuthorizer::new(&credential, "s3", REGION).authorize(&mut request, None);
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    send(server.address(), Message { start: format!("{method} {target} HTTP/1.1"), headers, body: body.to_vec() })
}

fn send(address: SocketAddr, request: Message) -> Response {
    let length = request.body.len().to_string();
    let request = request.with_header("content-length", &length).with_header("connection", "close");
    // A server that has just started may end a connection without an answer.
    match exchange(address, &request) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => exchange(address, &request),
        answered => answered,
    }
    .unwrap()
}

fn exchange(address: SocketAddr, request: &Message) -> io::Result<Response> {
    let mut connection = TcpStream::connect(address)?;
    request.write(&mut connection)?;
    let mut from_server = BufReader::new(connection);
    let head = Message::read_head(&mut from_server)?.expect("an answer");
    let of = if request.word(0) == "HEAD" { BodyOf::Head } else { BodyOf::Response };
    let answer = head.read_body(&mut from_server, of)?;
    Ok(Response { status: answer.status(), headers: answer.headers, body: answer.body })
}

/// Makes a user who may do everything with S3, and has moto refuse requests that no such user signed: as it starts it
/// takes all. Returns the user's key and secret.
pub(super) fn require_signatures_of_moto(address: SocketAddr) -> (String, String) {
    iam(address, "Action=CreateUser&UserName=onrecord");
    iam(
        address,
        "Action=PutUserPolicy&UserName=onrecord&PolicyName=s3&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C\
         %22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A\
         %22%7D%5D%7D",
    );
    let made = iam(address, "Action=CreateAccessKey&UserName=onrecord");
    let between = |tag: &str| {
        let rest = made.split_once(&format!("<{tag}>")).expect("a key").1;
        rest.split_once('<').unwrap().0.to_owned()
    };
    let headers = vec![host(address), ("Content-Type".to_owned(), "text/plain".to_owned())];
    let start = "POST /moto-api/reset-auth HTTP/1.1".to_owned();
    let answer = send(address, Message { start, headers, body: b"0".to_vec() });
    assert_eq!(answer.status, 200, "{}", answer.text());
    (between("AccessKeyId"), between("SecretAccessKey"))
}

/// A call to moto's IAM, which the header's scope leads to and which nobody has to sign yet.
fn iam(address: SocketAddr, form: &str) -> String {
    let scope = "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
    let headers = vec![
        host(address),
        ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("Authorization".to_owned(), scope.to_owned()),
    ];
    let body = format!("{form}&Version=2010-05-08").into_bytes();
    let answer = send(address, Message { start: "POST / HTTP/1.1".to_owned(), headers, body });
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn host(address: SocketAddr) -> (String, String) {
    ("Host".to_owned(), address.to_string())
}
