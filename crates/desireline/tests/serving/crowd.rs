//! As many connections as a server takes, which do nothing, and somebody who wants something.

use std::io::Write as _;
use std::net::TcpStream;

use crate::CHARTER;
use crate::support::Place;

/// Connections that a server takes at a time.
const MOST: usize = 10_000;

/// What server and test may have open besides, and who is to find a place.
const BESIDES: usize = 300;

/// How many files a process may have open here, the server like this one.
fn files_max() -> usize {
    let told = std::process::Command::new("sh").args(["-c", "ulimit -n"]).output().expect("a shell is there");
    String::from_utf8_lossy(&told.stdout).trim().parse().unwrap_or(MOST * 2)
}

#[test]
#[expect(clippy::print_stderr, reason = "how much was tried depends on the machine")]
fn ten_thousand_that_do_nothing_hold_up_nobody() {
    let place = Place::new(CHARTER);
    let running = place.start();
    let many = files_max().min(MOST).saturating_sub(BESIDES);
    let idle = |_| {
        let mut stream = TcpStream::connect(&running.address).expect("there is a place");
        stream.write_all(b"POST /v1/batch HTTP/1.1\r\nHost: h\r\nContent-Le").expect("it reads");
        stream
    };
    let crowd: Vec<TcpStream> = (0..many).map(idle).collect();
    for n in 0..20 {
        running.send(&format!(r#"{{"userId":"ann","event":"Visit","messageId":"m{n}"}}"#));
    }
    assert_eq!(running.admin("GET /api/v1/customers/user_id:ann", "").1["events"], 20);
    eprintln!("{} connections did nothing", crowd.len());
    drop(crowd);
    running.stop();
}
