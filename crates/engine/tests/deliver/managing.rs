//! Targets as operators see and change them.

use std::sync::Arc;

use engine::deliver::limits::TARGETS_MAX;
use engine::deliver::{Error, Put, Secret};
use keep::{Commit, Keep, Memory, RecordChange};

use crate::receiver::{Receiver, TAKEN};
use crate::setting::{HOUR_US, Setting};

fn put(name: &str, url: &str) -> Put {
    Put { name: name.to_owned(), url: url.to_owned(), ..Put::default() }
}

#[tokio::test]
async fn targets_are_put_shown_and_changed() {
    let setting = Setting::real();
    let outbox = &setting.outbox;
    let secret = outbox
        .put(Put { allow: vec!["CRM.internal".to_owned()], ..put("crm", "http://crm.internal/hook") }, &[])
        .await
        .unwrap();
    outbox.put(put("mail", "https://mail.example"), &[]).await.unwrap();
    setting.post("nobody", "ann").await;
    let shown = outbox.targets().await.unwrap();
    let expected = serde_json::json!([
        {"name": "crm", "url": "http://crm.internal/hook", "allow": ["crm.internal"], "secrets": 1, "hold": null,
         "failing_since": null, "problem": null, "waiting": 0, "first_due_at": null, "dead": 0},
        {"name": "mail", "url": "https://mail.example/", "allow": [], "secrets": 1, "hold": null,
         "failing_since": null, "problem": null, "waiting": 0, "first_due_at": null, "dead": 0},
        {"name": "nobody", "url": null, "allow": [], "secrets": 0, "hold": null,
         "failing_since": null, "problem": null, "waiting": 1, "first_due_at": "2026-03-01T09:00:00Z", "dead": 0},
    ]);
    assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
    // Its address changes, its secret stays.
    assert_eq!(outbox.put(put("crm", "https://crm.example"), &[]).await.unwrap(), secret);
    let target = outbox.target("crm").await.unwrap();
    assert_eq!((target.url.as_str(), target.allow.len(), target.secrets.len()), ("https://crm.example/", 0, 1));
    let given = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    for _ in 0..2 {
        assert_eq!(
            outbox.put(Put { secret: Some(given.clone()), ..put("crm", "https://crm.example") }, &[]).await.unwrap(),
            given
        );
    }
    assert_eq!(outbox.target("crm").await.unwrap().secrets.len(), 2);
    let everything = format!("{outbox:?} {shown:?} {:?}", outbox.target("crm").await);
    assert!(
        !everything.contains("MfKQ9r8") && !everything.contains(secret.reveal().trim_start_matches("whsec_")),
        "{everything}"
    );
}

#[tokio::test]
async fn while_a_secret_changes_both_sign() {
    let mut receiver = Receiver::start(|_, _| TAKEN).await;
    let setting = Setting::real();
    let old = setting.target("crm", &receiver.url()).await;
    let new = setting.outbox.rotate("crm", None, &[]).await.unwrap();
    for (hours, is_old) in [(0, true), (23, true), (2, false)] {
        setting.clock.advance(hours * HOUR_US);
        setting.post("crm", &hours.to_string()).await;
        setting.deliver().await;
        let got = receiver.next().await;
        assert_eq!((got.is_signed_by(&new), got.is_signed_by(&old)), (true, is_old), "{hours} hours later");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let setting = Setting::real();
    let outbox = &setting.outbox;
    for name in ["", " crm", "crm ", "c\nrm", "c\0rm", &"x".repeat(201)] {
        let error = outbox.put(put(name, "https://crm.example"), &[]).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{name:?}: {error}");
    }
    let error = outbox.put(put("crm", "http://[::ffff:127.0.0.1]:80/"), &[]).await.unwrap_err().to_string();
    assert_eq!(error, "the address of a target is 127.0.0.1, this machine: name it in `allow` if that is meant");
    for error in [
        outbox.target("crm").await.unwrap_err(),
        outbox.pause("crm", "", &[]).await.unwrap_err(),
        outbox.go_on("crm", &[]).await.unwrap_err(),
        outbox.remove("crm", &[]).await.unwrap_err(),
        outbox.rotate("crm", None, &[]).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "there is no target `crm`");
    }
    for n in 0..TARGETS_MAX {
        outbox.put(put(&n.to_string(), "https://crm.example"), &[]).await.unwrap();
    }
    let error = outbox.put(put("crm", "https://crm.example"), &[]).await.unwrap_err().to_string();
    assert_eq!(error, "there are 256 targets, and no more are possible: remove one");
    outbox.put(put("7", "https://other.example"), &[]).await.unwrap();
}

#[tokio::test]
async fn a_target_that_cannot_be_read_is_shown_and_can_be_put_again() {
    let keep = Arc::new(Memory::default());
    let setting = Setting::new(Arc::clone(&keep) as Arc<dyn Keep>, Arc::new(engine::deliver::Webhooks::default()));
    let bytes = Some(br#"{"v":99}"#.to_vec());
    let records = vec![RecordChange { name: "target/crm".to_owned(), expected: None, bytes }];
    keep.commit(Commit { records, ..Commit::default() }).await.unwrap();
    let [shown] = setting.outbox.targets().await.unwrap().try_into().unwrap();
    assert_eq!(shown.problem.unwrap(), "it has format 99, this program knows up to 1");
    assert!(setting.outbox.deliver_due().await.is_err());
    setting.outbox.put(put("crm", "https://crm.example"), &[]).await.unwrap();
    assert!(setting.outbox.target("crm").await.is_ok());
    assert_eq!(setting.deliver().await, 0);
}
