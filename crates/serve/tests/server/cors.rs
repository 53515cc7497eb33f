//! What browsers on other sites need.

use crate::support::{READ, WRITE, basic, start};

const ORIGIN: (&str, &str) = ("Origin", "https://shop.test");

#[tokio::test]
async fn a_browser_may_ask_first() {
    let server = start().await;
    for path in ["/v1/t", "/v1/b", "/v1/track/", "/beacon/v1/batch", "/sourceConfig/", "/ofrep/v1/evaluate/flags"] {
        let asked = "anonymousid,authorization,content-type,sentat,rsa-retry-attempt";
        let headers = [ORIGIN, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", asked)];
        let answer = server.ask("OPTIONS", path, &headers, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.test");
        assert_eq!(answer.header("access-control-allow-headers"), asked);
        assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, POST, OPTIONS");
        assert_eq!((answer.header("access-control-max-age"), answer.header("vary")), ("7200", "Origin"));
    }
    server.stop().await;
}

#[tokio::test]
async fn every_answer_can_be_read_errors_too() {
    let server = start().await;
    let basic = basic(WRITE);
    for (method, path, key, body, status) in [
        ("POST", "/v1/t", basic.as_str(), r#"{"userId":"u","event":"e"}"#, 200),
        ("POST", "/v1/t", "", "{", 400),
        ("POST", "/v1/t", "", "{}", 401),
        ("POST", "/v1/nothing", "", "{}", 404),
        ("GET", "/v1/t", "", "", 405),
        ("GET", "/v1/projects/no/settings", "", "", 404),
    ] {
        let answer = server.ask(method, path, &[ORIGIN, ("Authorization", key)], body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.test", "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "ETag, Retry-After", "{path}");
        assert_eq!(answer.header("vary"), "Origin", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
    let too_large = vec![b' '; 6 << 20];
    let answer = server.ask("POST", "/v1/t", &[ORIGIN], too_large).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (413, "https://shop.test"));
    server.stop().await;
}

#[tokio::test]
async fn our_own_api_is_not_for_other_sites() {
    let server = start().await;
    let answer = server.ask("GET", "/api/v1/keys", &[ORIGIN, ("X-API-Key", READ)], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let asked = server.ask("OPTIONS", "/api/v1/keys", &[ORIGIN, ("Access-Control-Request-Method", "GET")], "").await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (405, ""));
    server.stop().await;
}
