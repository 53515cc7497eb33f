//! What the server tells those who look after it: lines for programs, and spans for a collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::CHARTER;
use crate::support::{Place, ask, desireline};

/// Takes what is posted, and answers that all is well; gives each head and body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens").to_string();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let mut head = String::new();
            while reader.read_line(&mut head).expect("text") > 2 {}
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).expect("it reads");
            let _ = tell.send((head, body));
        }
    });
    (address, told)
}

#[test]
fn requests_are_spans_and_remarks_are_json_where_that_is_asked_for_and_neither_names_anybody() {
    let place = Place::new(CHARTER);
    let (address, told) = collector();
    let mut server = desireline()
        .arg("--home")
        .arg(&place.home)
        .args(["serve", "--listen", "127.0.0.1:0", "--write-key", "wk_test", "--api-key", "ak_test", "--log", "json"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(server.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    let mut remarks = Vec::new();
    let listening = loop {
        let line = lines.next().expect("it says where it listens");
        let remark: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        remarks.push(remark.clone());
        if remark["what"] == "listening" {
            break remark["address"].as_str().expect("an address").trim_start_matches("http://").to_owned();
        }
    };
    // Ids of a trace and a span, as W3C Trace Context writes them.
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = format!(
        "GET /api/v1/customers/user_id:ann?of=ann HTTP/1.1\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\nX-Rest:"
    );
    assert_eq!(ask(&listening, &request, "ak_test", "").expect("it answers").0, 400, "it has no such parameter");

    let wanted = u128::from_str_radix(trace, 16).expect("hexadecimal").to_be_bytes();
    let holds = |body: &[u8], part: &[u8]| body.windows(part.len()).any(|window| window == part);
    let (head, body) = loop {
        let (head, body) = told.recv_timeout(Duration::from_secs(30)).expect("a span arrives");
        if holds(&body, &wanted) {
            break (head.to_lowercase(), body);
        }
    };
    assert!(head.starts_with("post /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
    assert!(holds(&body, b"GET /api/v1/customers/{key}") && holds(&body, b"desireline"), "{body:?}");
    assert!(!holds(&body, b"ann"), "nobody is named");
    let pid = server.id().to_string();
    assert!(std::process::Command::new("sh").args(["-c", "kill -INT $0", &pid]).status().expect("kill").success());
    assert!(server.wait().expect("it ends").success());
    remarks.extend(lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))));
    assert_eq!(remarks.last().expect("it said so")["what"], "stopped");
}
