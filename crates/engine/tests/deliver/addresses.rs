//! To which addresses messages go, whatever names resolve to.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::deliver::{Lookup, Put, Webhooks};
use keep::Memory;

use crate::receiver::{Receiver, TAKEN};
use crate::setting::{HOUR_US, Setting};

/// Names that have other addresses every time.
#[derive(Debug, Default)]
struct Fickle(Mutex<VecDeque<Vec<&'static str>>>);

#[async_trait]
impl Lookup for Fickle {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        assert_eq!(host, "crm.example");
        let addresses = self.0.lock().unwrap().pop_front().ok_or(io::ErrorKind::NotFound)?;
        Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
    }
}

async fn setting(allow: &[&str], port: u16, answers: &[&[&'static str]]) -> (Setting, Arc<Fickle>) {
    let fickle = Arc::new(Fickle(Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect())));
    let setting =
        Setting::new(Arc::new(Memory::default()), Arc::new(Webhooks::new(Arc::clone(&fickle) as Arc<dyn Lookup>)));
    let allow = allow.iter().map(|text| (*text).to_owned()).collect();
    let url = format!("http://crm.example:{port}/hook");
    setting.outbox.put(Put { name: "crm".to_owned(), url, allow, secret: None }, &[]).await.unwrap();
    (setting, fickle)
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_attempt_and_its_address_used_for_the_connection() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    // The first attempt may go, and leaves a connection behind that could be used again. Whoever looked up the name again to
    // connect would take the address that was meant for the next attempt.
    let answers: [&[_]; 4] = [&["127.0.0.1"], &["10.0.0.1"], &[], &["127.0.0.1"]];
    let (setting, fickle) = setting(&["127.0.0.1"], receiver.port, &answers).await;
    let id = setting.post("crm", "ann").await;
    setting.deliver().await;
    let got = receiver.next().await;
    assert_eq!((got.id(), got.header("host")), (id.as_str(), format!("crm.example:{}", receiver.port).as_str()));
    assert_eq!(fickle.0.lock().unwrap().len(), 3);
    setting.post("crm", "bob").await;
    setting.deliver().await;
    let why = setting.why("crm").await;
    assert_eq!(why, "not sent: crm.example is 10.0.0.1, a private address; name it in `allow` if that is meant");
    setting.clock.advance(HOUR_US);
    setting.deliver().await;
    assert_eq!(setting.why("crm").await, "crm.example has no address");
    assert!(receiver.came().is_empty(), "not over the connection that is open either");
    setting.clock.advance(HOUR_US);
    setting.deliver().await;
    assert_eq!(receiver.came().len(), 1, "a refused attempt is a failed one, and the next is made");
    let counts = setting.outbox.counts();
    assert_eq!((counts.delivered, counts.failed, counts.refused), (2, 1, 1));
    setting.post("crm", "cleo").await;
    setting.deliver().await;
    assert!(setting.why("crm").await.starts_with("crm.example has no address ("), "{}", setting.why("crm").await);
}

#[tokio::test]
async fn of_several_addresses_only_good_ones_are_used() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let (setting, _) = setting(&["127.0.0.1"], receiver.port, &[&["127.0.0.2", "10.0.0.1", "127.0.0.1", "::1"]]).await;
    setting.post("crm", "ann").await;
    setting.deliver().await;
    assert_eq!(receiver.came().len(), 1);
}

#[tokio::test]
async fn what_a_name_hides_is_refused_unless_it_is_allowed() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let hidden: [&[_]; 9] = [
        &["127.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
        &["0.0.0.0"],
        &["169.254.169.254"],
        &["fe80::1"],
        &["192.168.0.1", "10.0.0.1"],
    ];
    let (closed, _) = setting(&[], receiver.port, &hidden).await;
    closed.post("crm", "ann").await;
    for attempt in 1..=9 {
        assert_eq!(closed.deliver().await, 1);
        closed.wait_after(attempt);
        assert!(closed.why("crm").await.starts_with("not sent: crm.example is "), "attempt {attempt}");
    }
    assert_eq!(closed.outbox.counts().refused, 9);
    assert!(receiver.came().is_empty());
    let (open, _) = setting(&["crm.example"], receiver.port, &[&["127.0.0.1"], &["169.254.169.254"]]).await;
    for about in ["ann", "bob"] {
        open.post("crm", about).await;
        open.deliver().await;
    }
    assert_eq!(receiver.came().len(), 1);
    assert!(open.why("crm").await.contains("where a cloud keeps its metadata"));
}

#[tokio::test]
async fn this_machine_by_its_name_is_refused_unless_it_is_allowed() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    let url = format!("http://localhost:{}/hook", receiver.port);
    let put = |allow| Put { name: "crm".to_owned(), url: url.clone(), allow, secret: None };
    setting.outbox.put(put(Vec::new()), &[]).await.unwrap();
    setting.post("crm", "ann").await;
    setting.deliver().await;
    assert!(setting.why("crm").await.contains(", this machine;"), "{}", setting.why("crm").await);
    assert!(receiver.came().is_empty());
    setting.outbox.put(put(vec!["localhost".to_owned()]), &[]).await.unwrap();
    setting.clock.advance(6_000_000);
    setting.deliver().await;
    assert_eq!(receiver.came().len(), 1);
}
