//! What nobody should send, and some do.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::segment::gzip;
use crate::support::{ADMIN, Running, WRITE, basic, request, start, start_with};

#[tokio::test]
async fn a_body_that_is_too_large_is_read_before_it_is_refused() {
    let server = start().await;
    let basic = basic(WRITE);
    let answer = server.ask("POST", "/v1/batch", &[("Authorization", &basic)], vec![b'x'; 6 << 20]).await;
    assert_eq!((answer.said().as_str(), answer.header("connection")), ("413 too_large", "close"));
    let bomb = gzip(&vec![b' '; 50 << 20]);
    assert!(bomb.len() < 100_000);
    let answer = server.ask("POST", "/v1/batch", &[("Authorization", &basic)], bomb).await;
    assert_eq!(answer.said(), "413 too_large");
    let head = "POST /v1/batch HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n";
    let answer = server.send(head.as_bytes()).await;
    assert_eq!(answer.said(), "413 too_large", "who asks first is told first");
    server.stop().await;
}

#[tokio::test]
async fn what_all_messages_of_a_batch_get_does_not_make_much_of_a_little() {
    let server = start().await;
    let many = |shared: &str, count| {
        let messages = vec![r#"{"type":"page","userId":"u"}"#; count].join(",");
        gzip(format!(r#"{{{shared},"batch":[{messages}]}}"#).as_bytes())
    };
    let long = "x".repeat(12_000);
    for shared in [format!(r#""context":{{"x":"{long}"}}"#), format!(r#""sentAt":"{long}""#)] {
        let body = many(&shared, 5_000);
        assert!(body.len() < 10_000, "{}", body.len());
        assert_eq!(server.post("/v1/batch", &body).await.said(), "413 too_large");
        assert_eq!(server.post("/v1/batch", many(&shared, 300)).await.json()["accepted"], 300);
    }
    let sent_at = format!(r#""sentAt":"{}""#, "x".repeat(1_000_000));
    assert_eq!(server.post("/v1/batch", many(&sent_at, 1)).await.said(), "413 too_large");
    assert_eq!(server.post("/batch", many(&sent_at, 1)).await.said(), "413 too_large");
    assert_eq!(server.ask("GET", "/readyz", &[], "").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn nothing_that_is_sent_breaks_it() {
    let server = start().await;
    let mut bodies: Vec<Vec<u8>> = vec![
        b"\xff\xfe{\0}\0".to_vec(),
        b"{\"batch\":[\"\xc3\x28\"]}".to_vec(),
        b"\xef\xbb\xbf{\"batch\":[]}".to_vec(),
        b"\x1f\x8b".to_vec(),
        "[".repeat(1 << 20).into_bytes(),
        format!("{{\"batch\":[{}]}}", "{\"a\":".repeat(10_000)).into_bytes(),
        format!("{{\"batch\":[{}{}]}}", "[".repeat(1_000), "]".repeat(1_000)).into_bytes(),
        br#"{"batch":[{"type":"track","event":"'; DROP TABLE events; --","userId":"\u0000"}]}"#.to_vec(),
        br#"{"batch":[{"type":"track","event":"\ud800","userId":"u"}]}"#.to_vec(),
        br#"{"batch":[{"type":"page","userId":1e999,"timestamp":1e400}]}"#.to_vec(),
        br#"{"batch":[{"type":"page","userId":"u","timestamp":"99999-99-99T99:99:99Z","sentAt":-1}]}"#.to_vec(),
        format!(r#"{{"batch":[{{"type":"page","userId":"{}"}}]}}"#, "u".repeat(300_000)).into_bytes(),
        format!(r#"{{"batch":[{{"type":"page","userId":"{}"}}]}}"#, "u".repeat(5_000)).into_bytes(),
        format!(r#"{{"batch":[{{"type":"page","userId":"u","messageId":"{}"}}]}}"#, "m".repeat(10_000)).into_bytes(),
        b"null".to_vec(),
        b"\"\"".to_vec(),
        Vec::new(),
    ];
    let good = br#"{"batch":[{"type":"identify","userId":"u","traits":{"email":"a@b.test"}}],"sentAt":"2026-01-01T00:00:00Z"}"#;
    bodies.extend((0..good.len()).map(|end| good[..end].to_vec()));
    for body in bodies {
        let answer = server.post("/v1/batch", &body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert!([200, 400].contains(&answer.status), "{shown}: {answer:?}");
        assert!(answer.json().is_object(), "{shown}");
    }
    for path in [
        "/v1/%ff",
        "/api/v1/keys/%ff",
        "/api/v1/keys/%00",
        "/v1/track/../keys",
        "//",
        "/v1//track",
        "/%2e%2e/etc/passwd",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = server.ask(method, path, &[("X-API-Key", ADMIN)], "").await;
            assert!((400..500).contains(&answer.status) && answer.json().is_object(), "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200, "it goes on");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_http_ends_there() {
    let server = start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(bytes).await.expect("it reads");
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "{:?} is left waiting", String::from_utf8_lossy(bytes));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&answer));
    }
    let long = format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    // It may close before all of it is sent.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{:?}", String::from_utf8_lossy(&answer));
    assert_eq!(server.ask("GET", "/healthz", &[], "").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn who_goes_away_in_the_middle_is_forgotten() {
    let server = start().await;
    let whole = request("POST", "/v1/page", &[("Authorization", &basic(WRITE))], br#"{"userId":"u"}"#);
    for end in 0..whole.len() {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(&whole[..end]).await.expect("it reads");
    }
    assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200);
    assert_eq!(server.entries().await, 1, "half a request is none");
    server.stop().await;
}

#[tokio::test]
async fn thousands_of_connections_that_do_nothing_hold_up_nobody() {
    let server = start().await;
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        match TcpStream::connect(server.address).await {
            Ok(mut stream) => {
                stream.write_all(b"POST /v1/batch HTTP/1.1\r\nHost: h\r\nContent-Le").await.expect("it reads");
                idle.push(stream);
            }
            // This process may have no more files open: both ends of a connection count.
            Err(error) => {
                assert!(idle.len() > 300, "{error} after {}", idle.len());
                break;
            }
        }
    }
    idle.truncate(idle.len().saturating_sub(20));
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn beyond_the_connections_that_may_be_new_ones_wait() {
    let server = start_with(charter::Charter::without_file(), |options| options.connections_max = 2).await;
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.expect("it reads");
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.expect("it answers");
        held.push(stream);
    }
    let mut waiting = Box::pin(server.ask("GET", "/healthz", &[], ""));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "there is no place for a third");
    held.pop();
    assert_eq!(waiting.await.status, 200, "there is one now");
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn it_finishes_what_it_has_begun_before_it_stops() {
    let server = start().await;
    let whole = request("POST", "/v1/page", &[("Authorization", &basic(WRITE))], br#"{"userId":"u"}"#);
    let mut begun = TcpStream::connect(server.address).await.expect("it listens");
    let (early, late) = whole.split_at(whole.len() - 5);
    begun.write_all(early).await.expect("it reads");
    assert_eq!(server.ask("GET", "/healthz", &[], "").await.status, 200, "by now it has begun");
    let mut idle = TcpStream::connect(server.address).await.expect("it listens");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.expect("it reads");
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.expect("it answers");
    server.tell_to_stop();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("an idle connection is closed");
    begun.write_all(late).await.expect("it still reads");
    let mut answer = String::new();
    begun.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.entries().await, 1);
    assert!(TcpStream::connect(server.address).await.is_err(), "it does not listen any more");
    server.stop().await;
}

/// Reads until the other side closes; whoever is left waiting for a minute is not closed.
async fn closed(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await;
    // A connection that is cut is closed, too.
    let _ = read.expect("it is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_sends_byte_by_byte_is_let_go_of_and_holds_up_nobody() {
    let server = start_with(charter::Charter::without_file(), |options| {
        options.head_time_max = Duration::from_secs(1);
        options.body_time_max = Duration::from_secs(1);
    })
    .await;
    let heads = ["POST /v1/batch HTTP/1.1\r\nHost: h\r\nX: ", "POST /v1/batch HTTP/1.1\r\nContent-Length: 999\r\n\r\n"];
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        let head = heads[n % 2];
        slow.push(tokio::spawn(async move {
            stream.write_all(head.as_bytes()).await.expect("it reads");
            // A byte now and then does not make it last longer.
            while stream.write_all(b"x").await.is_ok() {
                let mut byte = [0];
                if let Ok(read) = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut byte)).await {
                    return if read.is_ok_and(|read| read == 1) { closed(stream).await } else { String::new() };
                }
            }
            String::new()
        }));
    }
    for _ in 0..20 {
        assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200);
    }
    for (n, slow) in slow.into_iter().enumerate() {
        let answer = tokio::time::timeout(Duration::from_mins(1), slow).await.expect("it is closed");
        let answer = answer.expect("it does not panic");
        // The first byte of the answer was read before.
        assert!(answer.is_empty() || (n % 2 == 1 && answer.starts_with("TTP/1.1 408")), "{n}: {answer}");
    }
    assert_eq!(server.post("/v1/page", r#"{"userId":"u"}"#).await.status, 200);
    assert_eq!(server.entries().await, 21);
    server.stop().await;
}

#[tokio::test]
async fn a_length_that_is_wrong_makes_no_second_request() {
    let server = start_with(charter::Charter::without_file(), |options| {
        options.body_time_max = Duration::from_secs(1);
    })
    .await;
    let page = r#"{"type":"page","userId":"u"}"#;
    let within = request("POST", "/v1/page", &[("Authorization", &basic(WRITE))], page.as_bytes());
    let inner = String::from_utf8(within).expect("text");
    let head = format!("POST /v1/page HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\n", basic(WRITE));
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (of, what) in [
        ("longer than it says", format!("{head}Content-Length: 5\r\n\r\n{page}")),
        ("shorter than it says", format!("{head}Content-Length: 500\r\n\r\n{page}")),
        ("below nothing", format!("{head}Content-Length: -5\r\n\r\n{page}")),
        ("beyond numbers", format!("{head}Content-Length: 99999999999999999999999\r\n\r\n{page}")),
        ("in two ways", format!("{head}Content-Length: 28, 29\r\n\r\n{page}")),
        ("chunks that are none", format!("{head}{chunked}\r\nzz\r\n{page}\r\n0\r\n\r\n")),
        ("a chunk beyond numbers", format!("{head}{chunked}\r\nffffffffffffffffff\r\n{page}\r\n0\r\n\r\n")),
        ("chunks within a length", format!("{head}Content-Length: 4\r\n{chunked}\r\n0\r\n\r\n{inner}")),
        ("another coding last", format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}")),
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(what.as_bytes()).await.expect("it reads");
        let answer = closed(stream).await;
        assert!(!answer.contains("HTTP/1.1 200") && !answer.contains("HTTP/1.1 5"), "{of}: {answer}");
        assert_eq!(server.entries().await, 0, "{of}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_loses_its_place() {
    let server = start_with(charter::Charter::without_file(), |options| {
        (options.connections_max, options.head_time_max) = (2, Duration::from_millis(500));
    })
    .await;
    let ask = "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1_000);
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("before it is connected");
        let mut stream = socket.connect(server.address).await.expect("it listens");
        // It stops reading when it cannot write.
        let _ = tokio::time::timeout(Duration::from_millis(200), stream.write_all(ask.as_bytes())).await;
        deaf.push(stream);
    }
    let third = tokio::time::timeout(Duration::from_secs(15), server.ask("GET", "/healthz", &[], "")).await;
    assert_eq!(third.expect("there is a place again").status, 200);
    drop(deaf);
    server.stop().await;
}

/// Connects from another address of this machine.
async fn connect_from(address: [u8; 4], server: &Running) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((address, 0).into()).expect("it is an address of this machine");
    socket.connect(server.address).await.expect("it listens")
}

#[tokio::test]
async fn who_has_no_key_takes_no_room_from_those_who_have() {
    let server = start().await;
    let mut strangers = Vec::new();
    let half = vec![b' '; 7 << 19];
    for n in 0..80 {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        let key = if n % 2 == 0 { "" } else { "Authorization: Basic d3Jvbmc6\r\n" };
        let head = format!("POST /v1/batch HTTP/1.1\r\nHost: h\r\n{key}Content-Length: 4194304\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        stream.write_all(&half).await.expect("it reads");
        strangers.push(stream);
    }
    let large = |more: &str| format!(r#"{{{more}"batch":[{{"type":"page","userId":"u"}}]}}{}"#, " ".repeat(1 << 20));
    for _ in 0..10 {
        assert_eq!(server.post("/v1/batch", large("")).await.said(), "200 -");
    }
    // Browsers have theirs in the body.
    let with_key = large(&format!(r#""writeKey":"{WRITE}","#));
    for _ in 0..10 {
        let mut browser = connect_from([127, 0, 0, 2], &server).await;
        browser.write_all(&request("POST", "/v1/batch", &[], with_key.as_bytes())).await.expect("it reads");
        let answer = closed(browser).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    drop(strangers);
    server.stop().await;
}
