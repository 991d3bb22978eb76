//! The client against answers that a broker would not give: each becomes the error that says so.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use futures::StreamExt;
use postroad_admin_api::{ApplyRequest, Client, ClientError, ErrorKind, Kind, Owner, ResourceKey};

/// Answers one request with these bytes, then closes; gives the request's head.
fn answer_once(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, server)
}

fn client(address: SocketAddr) -> Client {
    Client::new(&format!("http://{address}"), Some("secret-token")).unwrap()
}

#[tokio::test]
async fn a_refusal_keeps_its_kind_and_words() {
    let (address, server) = answer_once(
        "HTTP/1.1 409 Conflict\r\nconnection: close\r\n\r\n{\"error\":{\"kind\":\"FailedPrecondition\",\"message\":\"no\"}}",
    );
    let error = client(address).status().await.unwrap_err();
    let ClientError::Refused {
        kind,
        message,
        status,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (*kind, message.as_str(), *status),
        (ErrorKind::FailedPrecondition, "no", 409)
    );
    assert!(!error.is_retryable());
    let request = server.join().unwrap().to_lowercase();
    assert!(
        request.starts_with("get /v1/status ") && request.contains("authorization: bearer secret-token"),
        "{request}"
    );
}

#[tokio::test]
async fn what_is_no_admin_api_is_told_from_a_refusal() {
    for answer in [
        "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (address, server) = answer_once(answer);
        let error = client(address).status().await.unwrap_err();
        assert!(
            matches!(error, ClientError::BadAnswer { .. }),
            "{answer:?}: {error:?}"
        );
        server.join().unwrap();
    }
}

#[tokio::test]
async fn a_batch_answer_without_a_result_for_each_resource_is_bad() {
    let (address, _server) =
        answer_once("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"results\":[{\"outcome\":\"created\"}]}");
    let error = client(address)
        .apply(&ApplyRequest {
            owner: Owner::File,
            resources: vec![],
        })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("1 results for 0 resources"), "{error}");
}

#[tokio::test]
async fn a_watch_reports_its_disconnect_once() {
    let (address, _server) = answer_once(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         : heartbeat\n\nevent: revision\ndata: {\"revision\":7}\n\nevent: revision\ndata: {\"revision\":9}\n\n",
    );
    let items: Vec<_> = client(address).watch(3).await.unwrap().collect().await;
    let (seen, end) = items.split_at(2);
    assert_eq!(
        seen.iter()
            .map(|item| *item.as_ref().unwrap())
            .collect::<Vec<_>>(),
        [7, 9]
    );
    assert!(matches!(end, [Err(ClientError::Unreachable { .. })]), "{end:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_worth_a_retry() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(address).status().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }) && error.is_retryable(),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("refused"),
        "the cause is told: {error}"
    );
}

#[tokio::test]
async fn names_are_one_segment_of_the_path_whatever_they_hold() {
    let (address, server) = answer_once("HTTP/1.1 500 X\r\nconnection: close\r\n\r\n{}");
    let key = ResourceKey {
        kind: Kind::Topic,
        namespace: "a".into(),
        name: "b%2F/../c d".into(),
    };
    client(address).describe(&key).await.unwrap_err();
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /v1/resources/Topic/a/b%252F%2F..%2Fc%20d HTTP"),
        "{request}"
    );
}

#[test]
fn an_address_that_is_none_is_refused_and_the_token_stays_secret() {
    for address in [
        "",
        "localhost:8080",
        "https://broker:8080",
        "ftp://broker",
        "http://",
    ] {
        let error = Client::new(address, None).unwrap_err();
        assert!(
            matches!(error, ClientError::BadAddress { .. }),
            "{address}: {error}"
        );
    }
    let client = Client::new("http://broker:8080/", Some("secret-token")).unwrap();
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
}
